"""``posts``: what the bridge says on the forges, what waits to be sent, and what was set aside."""

from typing import Annotated

import typer

COLUMNS = ("id", "created_at", "kind", "target", "outcome", "sent_at", "reason")


def posts(
    *,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that wait to be sent.")
    ] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only those set aside: the forge refused them.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most that are listed.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, as in a pipe.")] = False,
) -> None:
    """List comments, statuses, replies and reactions of the bridge, newest first.

    The id of one that was set aside is what replay takes.
    """
    import asyncio  # noqa: PLC0415 - see the package
    from dataclasses import asdict  # noqa: PLC0415

    from bridge.cli.opening import ask_database, read_settings  # noqa: PLC0415
    from bridge.cli.tables import write_rows  # noqa: PLC0415
    from bridge.domain.errors import UserError  # noqa: PLC0415
    from bridge.store.queries import posts as queries  # noqa: PLC0415

    if waiting and failed:
        msg = "a post waits or was set aside: give --waiting or --failed"
        raise UserError(msg)
    query, empty = queries.recent_posts, "Nothing was to be said."
    if waiting:
        query, empty = queries.waiting_posts, "No post waits."
    if failed:
        query, empty = queries.failed_posts, "No post was set aside."
    found = asyncio.run(ask_database(read_settings(), query, limit))
    write_rows([asdict(one) for one in found], COLUMNS, as_json=as_json, empty=empty)
