"""``jobs create``: start a job, once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.outputs import JsonOption, Output, OutputOption

if TYPE_CHECKING:
    from bridge.cli.jobs.ordering import Order
    from bridge.cli.jobs.rows import Row


@app.command()
def create(
    workspace: Annotated[
        str,
        typer.Argument(
            metavar="ORGANIZATION/WORKSPACE",
            help="Where it runs; the workspace alone is enough when there is one organization.",
        ),
    ],
    *,
    template: Annotated[
        str, typer.Option(help="Name or id of a template; default: the workspace's own.")
    ] = "",
    tcl: Annotated[
        Path | None,
        typer.Option(help="A template of its own: YAML in a file; - is standard input."),
    ] = None,
    branch: Annotated[
        str, typer.Option(help="Branch or tag, without refs/; without: the workspace's own.")
    ] = "",
    commit: Annotated[str, typer.Option(help="Commit; without: the newest of the branch.")] = "",
    no_refresh: Annotated[
        bool, typer.Option("--no-refresh", help="Plan without looking at what is really there.")
    ] = False,
    refresh_only: Annotated[
        bool, typer.Option("--refresh-only", help="Only take over what is really there.")
    ] = False,
    target: Annotated[
        list[str] | None, typer.Option(help="Only this resource (2.33 and newer); repeatable.")
    ] = None,
    replace: Annotated[
        list[str] | None, typer.Option(help="Replace it (2.33 and newer); repeatable.")
    ] = None,
    comment: Annotated[str, typer.Option(help="Kept with the job, after its key.")] = "",
    idempotency_key: Annotated[
        str, typer.Option(help="The same key again gives the same job; without: a new one.")
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as jobs follow does, until its end.")
    ] = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """Create a job of a stored template or of one that is sent along: say which.

    What Terrakube would accept and then leave waiting for ever is refused before it is sent: a
    locked workspace, an unknown template, a flow it does not understand.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.jobs.ordering import Order, read_tcl  # noqa: PLC0415
    from bridge.cli.outputs import chosen  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    order = Order(
        workspace=workspace,
        template=template,
        tcl=read_tcl(tcl) if tcl else None,
        branch=branch,
        commit=commit,
        refresh=not no_refresh,
        refresh_only=refresh_only,
        targets=tuple(target or ()),
        replaces=tuple(replace or ()),
        comment=comment,
        key=idempotency_key,
    )
    row = asyncio.run(_create(order))
    _tell(row, form)


async def _create(order: "Order") -> "Row":
    from bridge.cli.jobs.ordering import place  # noqa: PLC0415 - see the package
    from bridge.cli.terrakube import open_server  # noqa: PLC0415

    async with open_server() as server:
        return await place(server, order)


def _tell(row: "Row", form: Output) -> None:
    from bridge.cli.jobs.rows import write_job  # noqa: PLC0415 - see the package

    if form is not Output.TABLE:
        write_job(row, output=form)
        return
    done = "was there already" if row["existed"] else "is created"
    what = (
        f"with template {row['template']}" if row["template_id"] else "with a template of its own"
    )
    typer.echo(f"Job {row['id']} {done}: {row['status']}, in {row['workspace']} {what}.")
    typer.echo(row["url"])
