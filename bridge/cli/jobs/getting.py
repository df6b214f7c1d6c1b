"""``jobs get``: one job."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.outputs import JsonOption, OutputOption

if TYPE_CHECKING:
    from collections.abc import Collection

    from bridge.cli.jobs.rows import Row

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Its number.")]
OrganizationOption = Annotated[
    str,
    typer.Option("--organization", "-o", help="Where it is; without: wherever the token may look."),
]


class Included(StrEnum):
    """What may come with a job."""

    WORKSPACE = "workspace"
    TEMPLATE = "template"


@app.command()
def get(
    job: JobArgument,
    organization: OrganizationOption = "",
    include: Annotated[
        list[Included] | None,
        typer.Option(help="JSON tells it in full, too; may be repeated."),
    ] = None,
    output: OutputOption = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show a job with its steps."""
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.jobs.rows import write_job  # noqa: PLC0415
    from bridge.cli.outputs import chosen  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    write_job(asyncio.run(_read(job, organization, include or ())), output=form)


async def _read(job_id: str, where: str, include: "Collection[Included]") -> "Row":
    from bridge.cli.jobs.rows import details_row  # noqa: PLC0415 - see the package
    from bridge.cli.templates import template_row  # noqa: PLC0415
    from bridge.cli.terrakube import find_job, open_server  # noqa: PLC0415
    from bridge.cli.workspaces import workspace_row  # noqa: PLC0415

    async with open_server() as server:
        organization, job = await find_job(server, job_id, where or None)
        found = await server.get_job(organization.id, job.id, include=[*Included])
        row = details_row(server, organization, found)
        if Included.WORKSPACE in include:
            names = {one.id: one.name for one in await server.templates(organization.id)}
            own = found.workspace
            row["included_workspace"] = workspace_row(own, names) if own else None
        if Included.TEMPLATE in include:
            template = found.template
            row["included_template"] = template_row(organization, template) if template else None
        return row
