"""``jobs create``: start a job, once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.endings import Exit
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

    form = _form(output, as_json=as_json, follow=follow)
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
    ending = asyncio.run(_create(order, form, follow=follow))
    if ending:
        raise typer.Exit(ending)


def _form(output: Output | None, *, as_json: bool, follow: bool) -> Output:
    """Choose the form; what is followed is told as text unless JSON is asked for."""
    from bridge.cli.outputs import chosen  # noqa: PLC0415 - see the package
    from bridge.domain.errors import UserError  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    if not follow:
        return form
    if form is Output.IDS:
        msg = "--follow tells more than an id: leave out --output ids"
        raise UserError(msg)
    return Output.JSON if as_json or output is Output.JSON else Output.TABLE


async def _create(order: "Order", form: Output, *, follow: bool) -> Exit:
    """Create the job, tell it, and perhaps what comes of it."""
    from bridge.cli.jobs.ordering import place  # noqa: PLC0415 - see the package
    from bridge.cli.terrakube import open_server  # noqa: PLC0415

    async with open_server() as server:
        job, row = await place(server, order)
        if not follow:
            _tell(row, form)
            return Exit.OK
        from bridge.cli.jobs.following import Manner, follow_to_end  # noqa: PLC0415

        _tell_first(row, form)
        manner = Manner(as_json=form is Output.JSON)
        return await follow_to_end(server, job.organization_id, job.id, manner=manner)


def _tell(row: "Row", form: Output) -> None:
    from bridge.cli.jobs.rows import write_job  # noqa: PLC0415 - see the package

    if form is Output.TABLE:
        typer.echo(_sentence(row))
        typer.echo(row["url"])
    else:
        write_job(row, output=form)


def _tell_first(row: "Row", form: Output) -> None:
    """Say as jobs follow does what it does not know: how the job came about."""
    from bridge.cli.outputs import masked  # noqa: PLC0415 - see the package
    from bridge.cli.tables import write_line  # noqa: PLC0415

    if form is Output.TABLE:
        typer.echo(f"{_sentence(row)}\n{row['url']}", err=True)
    else:
        write_line({"type": "created", **masked([row])[0]})


def _sentence(row: "Row") -> str:
    from bridge.cli.texts import one_line  # noqa: PLC0415 - see the package

    done = "was there already" if row["existed"] else "is created"
    what = f"template {row['template']}" if row["template_id"] else "a template of its own"
    return one_line(f"Job {row['id']} {done}: {row['status']}, in {row['workspace']} with {what}.")
