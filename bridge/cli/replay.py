"""``replay``: handle a delivery again, or send a post that was set aside."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.store.database import Database

_ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")


def replay(
    wanted: Annotated[
        str, typer.Argument(metavar="ID", help="As deliveries or posts --failed list it.")
    ],
) -> None:
    """Queue a delivery again, at the end of its subject, or a post that was set aside.

    A running bridge takes it at once. Jobs a delivery led to before are not started twice.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.domain.errors import UserError  # noqa: PLC0415
    from bridge.store.database import Database  # noqa: PLC0415

    url = read_settings().database.url.get_secret_value()

    async def queue() -> str:
        async with await Database.open(url, exclusive=False) as database:
            if re.fullmatch(r"[1-9][0-9]{0,17}", wanted):
                return await _queue_delivery(database, int(wanted))
            if _ULID.fullmatch(wanted.upper()):
                return await _queue_post(database, wanted.upper())
            msg = f"{wanted!r} is no id: a delivery's is a number, a post's has 26 signs"
            raise UserError(msg)

    typer.echo(asyncio.run(queue()))


async def _queue_delivery(database: "Database", delivery: int) -> str:
    from bridge.store.queries.deliveries import replay_delivery  # noqa: PLC0415 - see the package

    subject = await database.write(replay_delivery, delivery, database.now())
    return f"delivery {delivery} is queued again, after what waits for {subject}"


async def _queue_post(database: "Database", post: str) -> str:
    from bridge.store.queries.posts import revive_post  # noqa: PLC0415 - see the package

    await database.write(revive_post, post, database.now())
    return f"post {post} is sent again"
