"""``deliveries``: what arrived, what waits, and what was set aside."""

from typing import Annotated

import typer

COLUMNS = ("id", "received_at", "source", "kind", "subject", "outcome", "attempts", "reason")

_OUTCOMES = {"none": "waiting", "dead": "failed"}
"""Words for people, where the database has others."""


def deliveries(
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that wait to be handled.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those set aside after they failed too often.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most that are listed.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """List what arrived and what became of it, newest first.

    The id is what replay takes.
    """
    import asyncio  # noqa: PLC0415 - see the package
    from dataclasses import asdict  # noqa: PLC0415

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import wants_json, write_rows  # noqa: PLC0415
    from bridge.domain.errors import UserError  # noqa: PLC0415
    from bridge.store.queries import deliveries as queries  # noqa: PLC0415

    if waiting and failed:
        msg = "a delivery waits or was set aside: give --waiting or --failed"
        raise UserError(msg)
    query, empty = queries.recent_deliveries, "No delivery arrived."
    if waiting:
        query, empty = queries.waiting_deliveries, "No delivery waits."
    if failed:
        query, empty = queries.failed_deliveries, "No delivery was set aside."
    rows = [asdict(one) for one in asyncio.run(ask_database(read_settings(), query, limit))]
    if not wants_json(as_json):
        rows = [row | {"outcome": _OUTCOMES.get(row["outcome"], row["outcome"])} for row in rows]
    write_rows(rows, COLUMNS, as_json=as_json, empty=empty)
