"""``audit``: who did what."""

from typing import Annotated

import typer

COLUMNS = ("at", "actor", "action", "door", "subject", "result", "detail")


def audit(
    actor: Annotated[str, typer.Option(help="Only of this login.")] = "",
    subject: Annotated[str, typer.Option(help="Only about this run, pull request or branch.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most that are listed.")] = 100,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """Print the record of who did what through which door with which result, newest first."""
    import asyncio  # noqa: PLC0415 - see the package
    from dataclasses import asdict  # noqa: PLC0415

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415
    from bridge.store.queries.audits import read_audits  # noqa: PLC0415

    found = asyncio.run(
        ask_database(read_settings(), read_audits, actor=actor, subject=subject, limit=limit)
    )
    rows = [{"at": at, **asdict(entry)} for at, entry in found]
    write_rows(rows, COLUMNS, as_json=as_json, empty="Nothing is recorded.")
