"""``jobs update``: change what a job is to do, before it does it."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.jobs.getting import JobArgument, OrganizationOption
from bridge.cli.outputs import JsonOption, OutputOption

if TYPE_CHECKING:
    from bridge.cli.jobs.rows import Row
    from bridge.domain.terrakube import JobChange


@app.command()
def update(
    job: JobArgument,
    organization: OrganizationOption = "",
    *,
    comment: Annotated[
        str | None,
        typer.Option(help="Instead of the one it has; its key stays. May always be changed."),
    ] = None,
    refresh: Annotated[
        bool | None,
        typer.Option("--refresh/--no-refresh", help="Whether plans look at what is really there."),
    ] = None,
    refresh_only: Annotated[
        bool | None,
        typer.Option(
            "--refresh-only/--no-refresh-only", help="Whether it only takes over what is there."
        ),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="Name or id; only before the job has begun.")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="Branch or bare tag; '' for the workspace's own.")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="'' for the newest of the branch.")] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Instead of those it has; '' for none; repeatable.")
    ] = None,
    replace: Annotated[
        list[str] | None, typer.Option(help="Instead of those it has; '' for none; repeatable.")
    ] = None,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a job. It takes effect with the steps that have not begun yet.

    Terrakube accepts any change at any time and ignores what comes too late; such a change is
    refused here: everything but the comment once the job has ended, the template once it has
    begun. A job is left alone in its first 5 seconds, in which changes get lost.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.jobs.rows import write_job  # noqa: PLC0415
    from bridge.cli.outputs import chosen  # noqa: PLC0415
    from bridge.domain.terrakube import JobChange  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    change = JobChange(
        comments=comment,
        refresh=refresh,
        refresh_only=refresh_only,
        template_id=template,
        override_branch=branch,
        commit_id=commit,
        target_addrs=None if target is None else tuple(filter(None, target)),
        replace_addrs=None if replace is None else tuple(filter(None, replace)),
    )
    write_job(asyncio.run(_update(job, organization, change)), output=form)


async def _update(job_id: str, where: str, change: "JobChange") -> "Row":
    from dataclasses import replace  # noqa: PLC0415 - see the package

    from bridge.cli.jobs.rows import read_row  # noqa: PLC0415
    from bridge.cli.terrakube import find_job, find_template, open_server  # noqa: PLC0415

    async with open_server() as server:
        organization, job = await find_job(server, job_id, where or None)
        if change.template_id is not None:
            found = await find_template(server, organization, change.template_id)
            change = replace(change, template_id=found.id)
        if change.comments is not None:
            change = replace(change, comments=_with_key(job.comments, change.comments))
        await server.update_job(organization.id, job.id, change)
        return await read_row(server, organization, job.id)


def _with_key(before: str, comment: str) -> str:
    """Keep the key that the comments of a job begin with: it is how the job is found again."""
    from bridge.cli.jobs.finding import WHOLE_KEYS  # noqa: PLC0415 - see the package

    key = before.split(" ", 1)[0]
    return f"{key} {comment}".strip() if key.startswith(WHOLE_KEYS) else comment
