"""``jobs list``: the jobs that fit."""

from typing import TYPE_CHECKING, Annotated

import typer

from bridge.cli.jobs import app
from bridge.cli.outputs import JsonOption, OutputOption

if TYPE_CHECKING:
    from bridge.cli.jobs.finding import Wanted
    from bridge.cli.jobs.rows import Row

NEWEST = 30


@app.command("list")
def list_(
    where: Annotated[
        str,
        typer.Argument(
            metavar="[ORGANIZATION[/WORKSPACE]]",
            help="Names or globs: acme, acme/network, 'acme/prod-*'; without: everywhere.",
        ),
    ] = "",
    *,
    status: Annotated[
        list[str] | None,
        typer.Option(help="As Terrakube says it, or open for all that have not ended; repeatable."),
    ] = None,
    template: Annotated[
        list[str] | None, typer.Option(help="Name or id of their template; repeatable.")
    ] = None,
    branch: Annotated[
        list[str] | None,
        typer.Option(help="Branch or tag they were created with, if any; repeatable."),
    ] = None,
    key: Annotated[
        str, typer.Option(help="Key they were created with, or the first word of their comments.")
    ] = "",
    text: Annotated[str, typer.Option(help="Part of their comments.")] = "",
    commit: Annotated[str, typer.Option(help="Commit, or how it begins.")] = "",
    since: Annotated[str, typer.Option(help="Created since: 30m, 2h, 7d, 2026-11-01.")] = "",
    until: Annotated[str, typer.Option(help="Created until, as --since.")] = "",
    by: Annotated[str, typer.Option(help="Created by, as Terrakube shows it.")] = "",
    limit: Annotated[
        int | None,
        typer.Option(min=1, show_default=str(NEWEST), help="The newest, at most so many."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them, however many.")] = False,
    output: OutputOption = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first: all that is asked for must fit."""
    import asyncio  # noqa: PLC0415 - see the package
    from datetime import UTC, datetime  # noqa: PLC0415

    from bridge.cli.jobs.finding import Wanted  # noqa: PLC0415
    from bridge.cli.jobs.moments import read_moment  # noqa: PLC0415
    from bridge.cli.jobs.rows import write_jobs  # noqa: PLC0415
    from bridge.cli.outputs import chosen  # noqa: PLC0415
    from bridge.cli.places import Place  # noqa: PLC0415
    from bridge.domain.errors import UserError  # noqa: PLC0415

    form = chosen(output, as_json=as_json)
    if every and limit is not None:
        msg = "--all and --limit contradict each other: give one of them"
        raise UserError(msg)
    now = datetime.now(UTC)
    wanted = Wanted(
        place=Place.of(where),
        statuses=tuple(status or ()),
        templates=tuple(template or ()),
        branches=tuple(branch or ()),
        key=key,
        text=text,
        commit=commit,
        since=read_moment(since, now=now) if since else None,
        until=read_moment(until, now=now, ends=True) if until else None,
        by=by,
        limit=None if every else limit or NEWEST,
    )
    write_jobs(asyncio.run(_read(wanted)), output=form, empty="There is no such job.")


async def _read(wanted: "Wanted") -> "list[Row]":
    from bridge.cli.jobs.finding import find_jobs  # noqa: PLC0415 - see the package
    from bridge.cli.terrakube import open_server  # noqa: PLC0415

    async with open_server() as server:
        return await find_jobs(server, wanted)
