"""What the inbox's statements promise, on both dialects."""

import asyncio
from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, Table, text, update

from bridge.store.database import Database
from bridge.store.queries.inbox import Acceptance, Row
from bridge.store.schema import delivery, delivery_body, subject
from tests.bridge.store.rows import a_row, rows_of

NEW, DUPLICATE, REVIVED = Acceptance


async def accept(database: Database, *rows: Row) -> list[Acceptance]:
    """Accept rows at once, so that they share batches."""
    return await asyncio.gather(*(database.accept(row, 10) for row in rows))


async def test_a_delivery_is_kept_as_it_came(database: Database) -> None:
    moment = datetime(2026, 11, 24, 12, 0, 0, 123_000, tzinfo=UTC)
    row = a_row(
        "d-ü",
        body=bytes(range(256)),
        semantic_key="push:1",
        received_at=moment,
        headers={"x-event": "push"},
    )._replace(traceparent="00-1-2-01")

    assert await accept(database, row) == [NEW]

    (kept,) = await rows_of(database, delivery)
    (body,) = await rows_of(database, delivery_body)
    stored = Row(*(kept[name] for name in Row._fields[:-1]), body["body"])  # type: ignore[call-arg]
    assert stored == row
    assert (kept["id"], kept["seq"], kept["outcome"]) == (body["delivery_id"], 1, "none")
    (queue,) = await rows_of(database, subject)
    assert (queue["next_seq"], queue["pending"], queue["due_at"] is None) == (2, 1, False)


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(a_row("d-1", body=b"other"), id="same key"),
        pytest.param(a_row("d-2", body=b"d-1" * 10), id="same body"),
        pytest.param(a_row("d-3", semantic_key="meaning"), id="same meaning"),
        pytest.param(a_row("d-2", body=b"d-1" * 10, subject="pr:code:7:9"), id="other subject"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "later"])
async def test_a_repeat_is_kept_once(
    database: Database,
    again: Row,
    at_once: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    first = a_row("d-1", semantic_key="meaning")
    if at_once:
        answers = await accept(database, first, again)
        assert Counter(answers) == {NEW: 1, DUPLICATE: 1}
    else:
        assert await accept(database, first) == [NEW]
        assert await accept(database, again, again) == [DUPLICATE, DUPLICATE]

    assert len(await rows_of(database, delivery)) == 1
    assert len(await rows_of(database, delivery_body)) == 1
    queues = await rows_of(database, subject)
    assert sum(row["pending"] for row in queues) == 1
    assert [row["id"] for row in queues if row["due_at"] is not None] == [
        row["subject"] for row in await rows_of(database, delivery)
    ]


async def test_the_same_key_of_another_source_is_another_delivery(database: Database) -> None:
    rows = [a_row("d-1"), a_row("d-1", source="other")]
    assert await accept(database, *rows) == [NEW, NEW]


async def test_repeats_among_many_leave_bodies_with_their_deliveries(database: Database) -> None:
    await accept(database, *(a_row(f"d-{at}") for at in range(0, 90, 3)))

    answers = await accept(
        database, *(a_row(f"d-{at}", subject=f"s-{at % 7}") for at in range(130))
    )

    assert Counter(answers) == {DUPLICATE: 30, NEW: 100}
    bodies = {row["delivery_id"]: row["body"] for row in await rows_of(database, delivery_body)}
    kept = await rows_of(database, delivery)
    assert {row["key"]: bodies[row["id"]] for row in kept} == {
        f"d-{at}": f"d-{at}".encode() * 10 for at in range(130)
    }
    counted = Counter(row["subject"] for row in kept)
    assert {row["id"]: row["pending"] for row in await rows_of(database, subject)} == counted


async def test_numbers_of_a_subject_grow_in_the_order_of_keeping(database: Database) -> None:
    for at in range(5):
        await accept(database, *(a_row(f"d-{at}-{also}") for also in range(3)), a_row("d-0-0"))

    kept = await rows_of(database, delivery)
    numbers = [row["seq"] for row in sorted(kept, key=lambda row: int(row["id"]))]
    assert len(set(numbers)) == 15
    assert numbers == sorted(numbers)


async def test_keeping_does_not_shorten_a_subjects_backoff(database: Database) -> None:
    await accept(database, a_row("d-1"))
    later = database.now() + 60_000
    await database.write(_set, subject, {"due_at": later})

    await accept(database, a_row("d-2"))

    assert [row["due_at"] for row in await rows_of(database, subject)] == [later]


class TestDeadDeliveries:
    async def test_one_that_ended_dead_is_handled_again_with_its_new_body(
        self, database: Database
    ) -> None:
        await accept(database, a_row("d-1"), a_row("d-2"))
        await database.write(_bury)

        assert await accept(database, a_row("d-1", body=b"better")) == [REVIVED]

        first, _ = await rows_of(database, delivery)
        assert (first["outcome"], first["reason"], first["seq"] > 2) == ("none", "", True)
        assert first["body_hash"] == a_row("d-1", body=b"better").body_hash
        assert (await rows_of(database, delivery_body))[0]["body"] == b"better"
        (queue,) = await rows_of(database, subject)
        assert (queue["pending"], queue["due_at"] is None) == (1, False)

    async def test_a_repeat_of_one_that_was_handled_is_not_handled_again(
        self, database: Database
    ) -> None:
        await accept(database, a_row("d-1"))
        await database.write(_set, delivery, {"outcome": "done"})

        assert await accept(database, a_row("d-1")) == [DUPLICATE]

        assert [row["outcome"] for row in await rows_of(database, delivery)] == ["done"]

    async def test_a_dead_one_does_not_take_the_body_of_another(self, database: Database) -> None:
        await accept(database, a_row("d-1", body=b"one"))
        await database.write(_bury)
        await accept(database, a_row("d-2", body=b"two"))

        assert await accept(database, a_row("d-1", body=b"two")) == [DUPLICATE]

        assert [row["outcome"] for row in await rows_of(database, delivery)] == ["dead", "none"]


async def test_a_poisoned_delivery_fails_alone(database: Database) -> None:
    poison = a_row("poison")._replace(body="no bytes", kind=object())  # type: ignore[arg-type]
    rows = [*(a_row(f"d-{at}") for at in range(5)), poison]

    answers = await asyncio.gather(
        *(database.accept(row, 10) for row in rows), return_exceptions=True
    )

    assert answers[:5] == [NEW] * 5
    assert isinstance(answers[5], Exception)
    assert len(await rows_of(database, delivery)) == 5
    assert sum(row["pending"] for row in await rows_of(database, subject)) == 5


async def test_what_shares_its_batch_with_other_writes_is_counted_exactly(
    database: Database,
) -> None:
    """Deliveries alone are a statement of their own; among other writes they are not."""
    await accept(database, a_row("d-0"))
    answers = await asyncio.gather(
        database.write(_set, delivery, {"reason": "seen"}),
        *(database.accept(a_row(f"d-{at}"), 10) for at in range(3)),
        database.accept(a_row("d-2", body=b"other"), 10),
    )
    assert answers[1:] == [DUPLICATE, NEW, NEW, DUPLICATE]
    (queue,) = await rows_of(database, subject)
    assert queue["pending"] == 3
    assert len(await rows_of(database, delivery_body)) == 3


@pytest.mark.postgres
async def test_numbers_follow_the_order_of_commits_across_replicas(postgres_url: str) -> None:
    """The first to insert commits last: the other waits for its number."""
    async with await Database.open(postgres_url) as one, await Database.open(postgres_url) as two:
        await accept(one, a_row("d-0"))
        slow = asyncio.create_task(_accept_slowly(one))
        await asyncio.sleep(0.1)
        fast = asyncio.create_task(two.accept(a_row("d-fast"), 10))
        await asyncio.sleep(0.1)
        assert not fast.done()
        await asyncio.gather(slow, fast)

        kept = await rows_of(one, delivery)
        assert [row["key"] for row in sorted(kept, key=lambda row: int(row["seq"]))] == [
            "d-0",
            "d-slow",
            "d-fast",
        ]


async def _accept_slowly(database: Database) -> None:
    """Accept a delivery in one transaction with a statement that takes long."""
    await asyncio.gather(
        database.accept(a_row("d-slow"), 10), database.write(_sleep_in_transaction)
    )


def _sleep_in_transaction(connection: Connection) -> None:
    connection.execute(text("SELECT pg_sleep(0.5)"))


def _set(connection: Connection, table: Table, values: dict[str, object]) -> None:
    connection.execute(update(table).values(values))


def _bury(connection: Connection) -> None:
    connection.execute(update(delivery).values(outcome="dead", reason="it would not parse"))
    connection.execute(update(subject).values(pending=0, due_at=None))
