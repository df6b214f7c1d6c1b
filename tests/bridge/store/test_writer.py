"""The group-commit writer: what shares a transaction, what fails alone, what is refused."""

import asyncio
import time
from collections.abc import Callable

import pytest
from sqlalchemy import Connection, insert, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.domain.errors import LeaseLostError, OverloadedError
from bridge.store import hints
from bridge.store.database import Database
from bridge.store.queries.inbox import Acceptance
from bridge.store.schema import delivery, setting, subject
from bridge.store.sqlite_writer import Handover
from bridge.store.writer import Unit
from tests.bridge.store.rows import a_row, rows_of
from tests.waiting import SOON


def put(connection: Connection, name: str) -> str:
    connection.execute(insert(setting).values(name=name, value=""))
    return name


def put_and_fail(connection: Connection, name: str, error: Exception) -> None:
    put(connection, name)
    raise error


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await rows_of(database, setting)]


async def test_a_write_returns_what_its_query_returned_after_the_commit(
    database: Database,
) -> None:
    assert await database.write(put, "a") == "a"
    assert await names(database) == ["a"]


@pytest.mark.parametrize(
    "error", [ValueError("no"), LeaseLostError("gone")], ids=["bug", "lost lease"]
)
async def test_a_write_that_raises_is_undone_alone(database: Database, error: Exception) -> None:
    answers = await asyncio.gather(
        *(database.write(put, f"n-{at}") for at in range(5)),
        database.write(put_and_fail, "poison", error),
        *(database.accept(a_row(f"d-{at}"), 10) for at in range(5)),
        return_exceptions=True,
    )

    assert answers == [*(f"n-{at}" for at in range(5)), error, *[Acceptance.NEW] * 5]
    assert await names(database) == [f"n-{at}" for at in range(5)]
    assert len(await rows_of(database, delivery)) == 5


def put_nowhere(connection: Connection, value: str) -> None:
    connection.execute(text("INSERT INTO nowhere VALUES (:value)"), {"value": value})


def look_nowhere(connection: Connection, value: str) -> None:
    connection.execute(text("SELECT * FROM nowhere WHERE value = :value"), {"value": value})


async def test_an_error_does_not_quote_what_was_being_written(database: Database) -> None:
    """Its text goes into the log, and into columns that say what went wrong."""
    with pytest.raises(SQLAlchemyError) as writing:
        await database.write(put_nowhere, "somebody's comment")
    with pytest.raises(SQLAlchemyError) as reading:
        await database.read(look_nowhere, "somebody's comment")
    told = f"{writing.value} {reading.value}"
    assert told.count("nowhere") >= 2
    assert "comment" not in told


async def test_a_constraint_refuses_one_write_and_not_its_neighbours(database: Database) -> None:
    answers = await asyncio.gather(
        *(database.write(put, name) for name in ("a", "b", "a", "c")), return_exceptions=True
    )
    assert [type(answer) for answer in answers].count(str) == 3
    assert await names(database) == ["a", "b", "c"]


async def test_what_came_in_one_turn_of_the_loop_is_handed_to_the_thread_together() -> None:
    handover = Handover(asyncio.get_running_loop())
    units = [Unit(asyncio.get_running_loop().create_future(), "") for _ in range(450)]
    for unit in units[:3]:
        handover.put(unit)
    assert handover.waiting == 3
    await asyncio.sleep(0)
    assert await asyncio.to_thread(handover.take) == units[:3]
    assert handover.waiting == 0

    for unit in units[3:]:
        handover.put(unit)
    handover.close()
    taken = [await asyncio.to_thread(handover.take) for _ in range(4)]
    assert taken == [units[3:203], units[203:403], units[403:], None]


async def test_more_than_a_batch_is_written_in_several(database: Database) -> None:
    await asyncio.gather(*(database.write(put, f"n-{at:03}") for at in range(450)))
    assert len(await names(database)) == 450


async def test_a_full_queue_refuses_at_once(database_url: str, block: "Block") -> None:
    async with await Database.open(database_url, queue=3) as database:
        async with block(database):
            waiting = [
                asyncio.create_task(database.accept(a_row(f"d-{at}"), 10)) for at in range(3)
            ]
            await asyncio.sleep(0)
            started = time.monotonic()
            with pytest.raises(OverloadedError):
                await database.accept(a_row("d-9"), 10)
            with pytest.raises(OverloadedError):
                await database.write(put, "a")
            assert time.monotonic() - started < 2  # of the ten that it might have waited
        assert await asyncio.gather(*waiting) == [Acceptance.NEW] * 3
        assert len(await rows_of(database, delivery)) == 3


async def test_who_waits_too_long_is_refused_and_nothing_is_half_written(
    database: Database, block: "Block"
) -> None:
    async with block(database):
        with pytest.raises(OverloadedError):
            await database.accept(a_row("d-1"), 0.05)
    await database.write(put, "a")
    assert await rows_of(database, delivery) == []


async def test_what_was_queued_is_written_before_the_database_closes(database_url: str) -> None:
    database = await Database.open(database_url)
    waiting = [asyncio.create_task(database.write(put, f"n-{at:03}")) for at in range(300)]
    await asyncio.sleep(0)
    await database.close()

    assert await asyncio.gather(*waiting) == [f"n-{at:03}" for at in range(300)]
    with pytest.raises(OverloadedError):
        await database.write(put, "late")
    async with await Database.open(database_url) as again:
        assert len(await names(again)) == 300


async def test_a_hint_wakes_after_the_commit_and_only_whom_it_is_for(database: Database) -> None:
    subjects, runs = database.subscribe(hints.SUBJECT), database.subscribe(hints.RUN)

    await database.accept(a_row("d-1"), 10)
    async with asyncio.timeout(SOON):
        await subjects.wait()
    assert not runs.is_set()

    subjects.clear()
    await database.accept(a_row("d-1"), 10)
    await asyncio.sleep(0.05)
    assert not subjects.is_set(), "a repeat makes nothing due"

    await database.write(hints.hint, hints.RUN)
    async with asyncio.timeout(SOON):
        await runs.wait()


@pytest.mark.postgres
async def test_a_hint_reaches_other_replicas(postgres_url: str) -> None:
    async with await Database.open(postgres_url) as one, await Database.open(postgres_url) as two:
        woken = two.subscribe(hints.SUBJECT)
        async with asyncio.timeout(SOON):
            while not woken.is_set():  # the listener may still be connecting
                await one.write(hints.hint, hints.SUBJECT)
                await asyncio.sleep(0.05)


@pytest.mark.postgres
async def test_two_replicas_that_lock_in_opposite_order_both_get_through(
    postgres_url: str,
) -> None:
    """PostgreSQL ends one of them; it is repeated."""

    def crosswise(connection: Connection, first: str, second: str) -> None:
        for name in (first, second):
            connection.execute(
                text("UPDATE setting SET value = value || 'x' WHERE name = :n"), {"n": name}
            )
            connection.execute(text("SELECT pg_sleep(0.2)"))

    async with await Database.open(postgres_url) as one, await Database.open(postgres_url) as two:
        await one.write(put, "a")
        await one.write(put, "b")
        await asyncio.gather(one.write(crosswise, "a", "b"), two.write(crosswise, "b", "a"))
        assert [row["value"] for row in await rows_of(one, setting)] == ["xx", "xx"]


@pytest.mark.postgres
class TestALostConnection:
    async def test_what_was_not_committed_is_repeated(self, postgres_url: str) -> None:
        async with (
            await Database.open(postgres_url) as database,
            await Database.open(postgres_url) as other,
        ):
            slow = asyncio.create_task(database.write(_put_slowly, "slow"))
            beside = asyncio.create_task(database.accept(a_row("d-1"), 10))
            await asyncio.sleep(0.2)
            await other.write(_end_others)

            assert await slow == "slow"
            assert await beside is Acceptance.NEW
            assert await names(database) == ["slow"]

    async def test_deliveries_alone_are_given_again(self, postgres_url: str) -> None:
        async with (
            await Database.open(postgres_url) as database,
            await Database.open(postgres_url) as other,
        ):
            await database.accept(a_row("d-0"), 10)
            holding = asyncio.create_task(other.write(_hold_subjects))
            await asyncio.sleep(0.1)
            answers = asyncio.gather(*(database.accept(a_row(f"d-{at}"), 10) for at in range(3)))
            await asyncio.sleep(0.2)
            await holding

            assert await answers == [Acceptance.DUPLICATE, Acceptance.NEW, Acceptance.NEW]
            (queue,) = await rows_of(database, subject)
            assert queue["pending"] == 3

    async def test_reads_go_on(self, postgres_url: str) -> None:
        async with (
            await Database.open(postgres_url) as database,
            await Database.open(postgres_url) as other,
        ):
            await database.write(put, "a")
            assert await names(database) == ["a"]
            await other.write(_end_others)
            assert await names(database) == ["a"]

    async def test_a_transaction_that_idles_is_ended_by_the_server(self, postgres_url: str) -> None:
        """What a frozen replica does; its rows must not stay locked."""
        async with await Database.open(postgres_url, lease=0.6) as database:
            tries: list[float] = []

            def idle(connection: Connection) -> None:
                put(connection, "a")
                tries.append(time.monotonic())
                if len(tries) == 1:
                    time.sleep(0.6)  # the event loop stands still, as the process would

            await database.write(idle)
            assert len(tries) == 2
            assert await names(database) == ["a"]


def _put_slowly(connection: Connection, name: str) -> str:
    put(connection, name)
    connection.execute(text("SELECT pg_sleep(0.6)"))
    return name


def _hold_subjects(connection: Connection) -> None:
    """Keep a batch of deliveries waiting in its statement, and end it there."""
    connection.execute(text("SELECT 1 FROM subject FOR UPDATE"))
    connection.execute(text("SELECT pg_sleep(0.2)"))
    _end_others(connection)


def _end_others(connection: Connection) -> None:
    connection.execute(
        text(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    )


Block = Callable[[Database], "Blocking"]


class Blocking:
    """Keeps the writer inside a transaction for as long as the block runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._over = False

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._database.write(self._hold))
        await asyncio.sleep(0.05)

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await self._task

    def _hold(self, connection: Connection) -> None:
        deadline = time.monotonic() + 5
        while not self._over and time.monotonic() < deadline:
            if connection.dialect.name == "sqlite":
                time.sleep(0.01)  # in the writer's thread
            else:
                connection.execute(text("SELECT pg_sleep(0.01)"))


@pytest.fixture
def block() -> Block:
    return Blocking
