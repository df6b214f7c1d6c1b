"""``replay``: handle a delivery again."""

from typing import Annotated

import typer


def replay(
    delivery: Annotated[int, typer.Argument(metavar="ID", help="As deliveries lists it.", min=1)],
) -> None:
    """Queue a delivery again, at the end of its subject; a running bridge takes it at once.

    Jobs it led to before are not started twice.
    """
    import asyncio  # noqa: PLC0415 - see the package

    from bridge.cli.opening import read_settings  # noqa: PLC0415
    from bridge.store.database import Database  # noqa: PLC0415
    from bridge.store.queries.deliveries import replay_delivery  # noqa: PLC0415

    settings = read_settings()

    async def queue() -> str:
        url = settings.database.url.get_secret_value()
        async with await Database.open(url, exclusive=False) as database:
            return await database.write(replay_delivery, delivery, database.now())

    subject = asyncio.run(queue())
    typer.echo(f"delivery {delivery} is queued again, after what waits for {subject}")
