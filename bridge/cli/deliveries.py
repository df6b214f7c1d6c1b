"""``deliveries``: what waits, and what was set aside."""

from typing import Annotated

import typer

COLUMNS = ("id", "source", "kind", "subject", "received_at", "attempts", "outcome", "reason")


def deliveries(
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="Those set aside after they failed too often.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most that are listed.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """List deliveries that wait to be handled or, with --failed, were set aside.

    The id is what replay takes.
    """
    import asyncio  # noqa: PLC0415 - see the package
    from dataclasses import asdict  # noqa: PLC0415

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415
    from bridge.store.queries.deliveries import (  # noqa: PLC0415
        failed_deliveries,
        waiting_deliveries,
    )

    query = failed_deliveries if failed else waiting_deliveries
    found = asyncio.run(ask_database(read_settings(), query, limit))
    rows = [asdict(one) | {"received_at": one.received_at.isoformat()} for one in found]
    empty = "No delivery was set aside." if failed else "No delivery waits."
    write_rows(rows, COLUMNS, as_json=as_json, empty=empty)
