"""Accepted but lost: every 2xx is written down, the process dies, and the rows are compared.

Senders repeat what was not answered, under the same id, as a forge's redelivery does.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, func, select, text

from bridge.store.database import Database
from bridge.store.schema import delivery, delivery_body, subject
from tests.bench.load import Connection as Wire
from tests.bench.load import connect
from tests.bench.payloads import request
from tests.chaos.victims import Victim

SENDERS: Final = 20
SUBJECTS: Final = 40
SIZE: Final = 4_000


@dataclass(kw_only=True)
class Senders:
    """Sends deliveries as fast as they are answered.

    Attributes:
        acknowledged: Ids of those that were answered with 2xx.
        refused: How many answers said to come back later.
    """

    victim: Victim
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Send while the block runs; then let every delivery that was begun be answered."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(SENDERS):
                tasks.create_task(self._send(over))
            try:
                yield
            finally:
                over.set()

    async def _send(self, over: asyncio.Event) -> None:
        wire: Wire | None = None
        while not over.is_set():
            number = next(self._numbers)
            data = request(number, "chaos", SIZE, pull=1 + number % SUBJECTS)
            wire = await self._until_accepted(wire, number, data)
        if wire is not None:
            wire.close()

    async def _until_accepted(self, wire: Wire | None, number: int, data: bytes) -> Wire:
        while True:
            await self.victim.alive.wait()
            try:
                wire = wire or await connect(self.victim.port)
                status = await wire.ask(data)
            except OSError:
                wire = None
                await asyncio.sleep(0.01)
                continue
            if status < 300:
                self.acknowledged.add(f"chaos-{number}")
                return wire
            if status != 503:
                msg = f"a delivery was answered with {status}"
                raise AssertionError(msg)
            self.refused += 1
            await asyncio.sleep(0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What came out.

    Attributes:
        acknowledged: How many deliveries were answered with 2xx.
        missing: Those of them that are not in the database.
        wrong: What else is not as it should be, in words.
    """

    blows: int
    acknowledged: int
    missing: tuple[str, ...]
    wrong: tuple[str, ...]


async def accept_under(
    url: str,
    folder: Path,
    *,
    blows: int,
    strike: Callable[[Victim], Awaitable[None]],
    seed: int,
) -> Tally:
    """Accept deliveries, *strike* at random moments, and compare what was promised to what is."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    program = ("-m", "tests.bench.server", "bridge", url)
    victim = Victim(arguments=program, log=folder / "victim.log")
    await victim.start()
    senders = Senders(victim=victim)
    try:
        async with senders.at_work():
            for _ in range(blows):
                await asyncio.sleep(chance.uniform(0.1, 0.5))
                await strike(victim)
            await asyncio.sleep(0.2)
    finally:
        await victim.kill()
    async with await Database.open(url) as database:
        kept, wrong = await database.read(_look)
    return Tally(
        blows=blows,
        acknowledged=len(senders.acknowledged),
        missing=tuple(sorted(senders.acknowledged - kept)),
        wrong=wrong,
    )


async def kill_and_restart(victim: Victim) -> None:
    """The usual blow: kill -9."""
    await victim.kill()
    await victim.start()


def _look(connection: Connection) -> tuple[set[str], tuple[str, ...]]:
    keys = set(connection.scalars(select(delivery.c.key)))
    bodies = connection.scalar(
        select(func.count())
        .select_from(delivery)
        .join(delivery_body, delivery_body.c.delivery_id == delivery.c.id)
    )
    counted = connection.execute(
        select(delivery.c.subject, func.count())
        .where(delivery.c.outcome == "none")
        .group_by(delivery.c.subject)
    )
    waiting = {row[0]: row[1] for row in counted}
    queues = connection.execute(select(subject.c.id, subject.c.pending, subject.c.due_at)).all()
    wrong = [] if bodies == len(keys) else [f"{len(keys)} deliveries have {bodies} bodies"]
    wrong += [
        f"{one.id} counts {one.pending}, {waiting.get(one.id, 0)} wait, due at {one.due_at}"
        for one in queues
        if one.pending < waiting.get(one.id, 0) or (waiting.get(one.id) and one.due_at is None)
    ]
    if connection.dialect.name == "sqlite":
        said = connection.scalar(text("PRAGMA integrity_check"))
        wrong += [] if said == "ok" else [f"integrity check: {said}"]
    return keys, tuple(wrong)
