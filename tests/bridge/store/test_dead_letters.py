"""Dead letters can be seen and put back; the generated key is found again."""

import asyncio
from collections.abc import Mapping

import pytest
from sqlalchemy import Connection, delete, update

from bridge.domain.errors import UserError
from bridge.store import hints
from bridge.store.database import Database
from bridge.store.queries.deliveries import (
    failed_deliveries,
    replay_delivery,
    waiting_deliveries,
)
from bridge.store.queries.settings import SECRET_KEY, stored_or
from bridge.store.schema import delivery, delivery_body, subject
from tests.bridge.store.rows import PULL_REQUEST, a_row, rows_of


async def bury(database: Database) -> None:
    await database.write(_set, {"outcome": "dead", "reason": "KeyError: 'ref'", "attempts": 8})


def _set(connection: Connection, values: Mapping[str, object]) -> None:
    connection.execute(update(delivery).where(delivery.c.key == "d-1").values(values))
    connection.execute(update(subject).values(pending=1, due_at=None))


async def test_what_was_set_aside_is_listed_with_its_reason(database: Database) -> None:
    await asyncio.gather(*(database.accept(a_row(key), 10) for key in ("d-1", "d-2")))
    await bury(database)

    (dead,) = await database.read(failed_deliveries)
    (waiting,) = await database.read(waiting_deliveries)

    assert (dead.key, dead.outcome, dead.attempts, dead.reason, dead.replayable) == (
        "d-1",
        "dead",
        8,
        "KeyError: 'ref'",
        True,
    )
    assert (waiting.key, waiting.outcome, waiting.attempts) == ("d-2", "none", 0)


async def test_replaying_queues_it_at_the_end_of_its_subject(database: Database) -> None:
    for key in ("d-1", "d-2"):
        await database.accept(a_row(key), 10)
    await bury(database)
    (dead,) = await database.read(failed_deliveries)
    woken = database.subscribe(hints.SUBJECT)

    replayed = await database.write(replay_delivery, dead.id, database.now())

    assert replayed == PULL_REQUEST.key
    rows = await rows_of(database, delivery)
    assert [row["key"] for row in sorted(rows, key=lambda row: int(row["seq"]))] == ["d-2", "d-1"]
    (queue,) = await rows_of(database, subject)
    assert (queue["pending"], queue["due_at"] is None) == (2, False)
    assert woken.is_set()


async def test_what_cannot_be_replayed_says_why(database: Database) -> None:
    await database.accept(a_row("d-1"), 10)
    (row,) = await rows_of(database, delivery)
    for delivery_id, said in ((row["id"] + 1, "there is no"), (row["id"], "waiting")):
        with pytest.raises(UserError, match=said):
            await database.write(replay_delivery, delivery_id, 1)

    await bury(database)
    await database.write(_drop_bodies)

    with pytest.raises(UserError, match="no longer kept"):
        await database.write(replay_delivery, row["id"], 1)
    (dead,) = await database.read(failed_deliveries)
    assert not dead.replayable


def _drop_bodies(connection: Connection) -> None:
    connection.execute(delete(delivery_body))


async def test_everybody_agrees_on_the_generated_key(database: Database) -> None:
    keys = await asyncio.gather(
        *(database.write(stored_or, SECRET_KEY, f"key {at}") for at in range(5))
    )
    assert len(set(keys)) == 1
    assert await database.write(stored_or, SECRET_KEY, "another") == keys[0]
