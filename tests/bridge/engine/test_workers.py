"""The loop around due rows: what is claimed, what trouble leads to, how it stops."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Connection, RowMapping, insert
from structlog.typing import EventDict

from bridge.domain.errors import LeaseLostError, OverloadedError, TemporaryRemoteError
from bridge.engine import workers
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.workers import MAX_FAILURES, Job, Worker, backoff, describe
from bridge.store import hints
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.leases import Held
from bridge.store.schema import duty
from tests.bridge.store.rows import rows_of
from tests.fakes.clock import FakeClock
from tests.waiting import SOON, until


@dataclass(slots=True)
class Bench:
    """A worker on the table of duties, with work that is told what to do."""

    database: Database
    clock: FakeClock
    keeper: LeaseKeeper
    done: list[str] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    during: Callable[[str], Awaitable[None]] | None = None
    most: int = 0
    worker: Worker = field(init=False)
    task: "asyncio.Task[None] | None" = None

    def __post_init__(self) -> None:
        job = Job(table=duty, work=self._work, give_up=_give_up, concurrency=4)
        self.worker = Worker(self.database, self.keeper, job)

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        self.most = max(self.most, self.worker.busy)
        if self.during is not None:
            await self.during(row["id"])
        if self.failures:
            raise self.failures.pop(0)
        self.done.append(row["id"])
        await self.database.write(_finish, lease.held)

    async def add(self, *names: str) -> None:
        await self.database.write(_add, names, self.database.now())

    def start(self) -> None:
        self.task = asyncio.create_task(self.worker.run())

    async def until(self, condition: Callable[[], bool]) -> None:
        await until(condition)

    async def row(self) -> RowMapping:
        (row,) = await rows_of(self.database, duty)
        return row

    async def settled_row(self, *, with_error: bool = False) -> RowMapping:
        """The row once nobody holds it."""
        async with asyncio.timeout(SOON):
            while True:
                row = await self.row()
                if row["owner"] is None and (row["last_error"] or not with_error):
                    return row
                await asyncio.sleep(0.002)


@pytest.fixture
async def bench(database_url: str) -> AsyncIterator[Bench]:
    clock = FakeClock()
    async with await Database.open(database_url, clock=clock) as database:
        bench = Bench(database, clock, LeaseKeeper(database))
        yield bench
        bench.worker.stop()
        if bench.task is not None:
            await bench.task
        await bench.worker.drain(0.1)


async def test_due_rows_are_worked_on_as_many_at_once_as_allowed(bench: Bench) -> None:
    await bench.add(*(f"d-{at}" for at in range(20)))

    async def take_a_while(name: str) -> None:
        await asyncio.sleep(0.01)

    bench.during = take_a_while
    bench.start()
    await bench.until(lambda: len(bench.done) == 20)
    assert sorted(bench.done) == sorted(f"d-{at}" for at in range(20))
    assert bench.most == 4


async def test_a_hint_wakes_it_at_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "POLL", 10 * SOON)  # without the hint it sleeps on
    bench.start()
    await asyncio.sleep(0.05)
    await bench.add("a")
    await bench.until(lambda: bench.done == ["a"])


async def test_without_a_hint_it_looks_again_by_itself(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLL", 0.1)
    bench.start()
    await asyncio.sleep(0.05)
    await bench.database.write(_add_silently, ("a",), bench.database.now())
    await bench.until(lambda: bench.done == ["a"])


async def test_a_failure_counts_and_is_tried_again_later(
    bench: Bench, logs: list[EventDict]
) -> None:
    bench.failures = [ValueError("a bug")]
    await bench.add("a")
    bench.start()
    await bench.until(lambda: not bench.failures)
    row = await bench.settled_row()
    assert (row["failures"], row["last_error"]) == (1, "ValueError: a bug")
    assert row["due_at"] == bench.database.now() + 1_000
    assert ("row.failed", "error") in [(entry["event"], entry["log_level"]) for entry in logs]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (TemporaryRemoteError("down", service="x"), 1),
        (TemporaryRemoteError("busy", service="x", retry_after=77.0), 77),
        (OverloadedError("full", retry_after=9), 9),
    ],
)
async def test_trouble_elsewhere_does_not_count(
    bench: Bench, error: Exception, seconds: int
) -> None:
    bench.failures = [error]
    await bench.add("a")
    bench.start()
    await bench.until(lambda: not bench.failures)
    row = await bench.settled_row()
    assert (row["failures"], row["attempts"]) == (0, 1)
    assert row["due_at"] == bench.database.now() + seconds * 1_000


async def test_after_too_many_failures_a_row_is_set_aside_and_its_neighbours_go_on(
    bench: Bench,
) -> None:
    async def poison(name: str) -> None:
        if name == "poison":
            msg = "dies at once"
            raise ValueError(msg)

    bench.during = poison
    await bench.add("poison", "a", "b")
    bench.start()
    for _ in range(MAX_FAILURES):
        await asyncio.sleep(0.02)
        bench.clock.advance(400)
        await bench.database.write(_wake)
    async with asyncio.timeout(SOON):
        while "given up" not in str(await rows_of(bench.database, duty)):
            await asyncio.sleep(0.002)
            bench.clock.advance(400)
            await bench.database.write(_wake)
    rows = {row["id"]: row for row in await rows_of(bench.database, duty)}
    assert rows["poison"]["last_error"] == "given up: ValueError: dies at once"
    assert sorted(bench.done) == ["a", "b"]


async def test_a_row_whose_holders_died_too_often_is_not_worked_on(
    bench: Bench, logs: list[EventDict]
) -> None:
    """As work may be what kills them, it is counted at the claim."""
    await bench.add("a")
    await bench.database.write(_kill_holders)
    bench.start()
    row = await bench.settled_row(with_error=True)
    assert row["last_error"] == "given up: its worker died"
    assert bench.done == []
    assert "row.set_aside" in [entry["event"] for entry in logs]


async def test_a_lost_lease_writes_nothing(bench: Bench, logs: list[EventDict]) -> None:
    bench.failures = [LeaseLostError("another holder has it")]
    await bench.add("a")
    bench.start()
    await bench.until(lambda: not bench.failures)
    await bench.until(lambda: "row.lost" in [entry["event"] for entry in logs])
    row = await bench.row()
    assert (row["owner"], row["failures"], row["last_error"]) == (bench.database.owner, 0, "")


async def test_a_claim_that_fails_does_not_end_the_worker(
    bench: Bench, logs: list[EventDict], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "POLL", 0.02)
    claim = bench.keeper.claim
    broken = [OverloadedError("the database is away"), ValueError("a bug")]

    async def stumble(*arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - as the keeper's
        if broken:
            raise broken.pop(0)
        return await claim(*arguments, **more)

    bench.keeper.claim = stumble  # type: ignore[method-assign]  # a database that is away
    await bench.add("a")
    bench.start()
    await bench.until(lambda: bench.done == ["a"])
    assert {"worker.waits", "worker.stumbled"} <= {entry["event"] for entry in logs}


async def test_stopping_lets_work_end_and_claims_nothing_more(bench: Bench) -> None:
    going_on = asyncio.Event()

    async def take_a_while(name: str) -> None:
        await going_on.wait()

    bench.during = take_a_while
    await bench.add("a")
    bench.start()
    await bench.until(lambda: bench.worker.busy == 1)
    bench.worker.stop()
    await bench.add("b")
    going_on.set()
    await bench.worker.drain(1.0)
    assert bench.done == ["a"]
    assert bench.worker.busy == 0


async def test_what_takes_too_long_is_cancelled_and_its_lease_given_back(bench: Bench) -> None:
    async def hang(name: str) -> None:
        await asyncio.Event().wait()

    bench.during = hang
    await bench.add("a")
    bench.start()
    await bench.until(lambda: bench.worker.busy == 1)
    bench.worker.stop()
    await bench.worker.drain(0.01)
    await bench.keeper.release_all()
    row = await bench.row()
    assert (row["owner"], row["lease_until"], row["attempts"], row["failures"]) == (
        None,
        None,
        0,
        0,
    )


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(0, 1), (1, 1), (2, 2), (5, 16), (9, 256), (10, 300), (1_000, 300)]
)
def test_waits_double_up_to_five_minutes(attempts: int, seconds: float) -> None:
    assert backoff(attempts) == seconds


def test_an_error_without_a_text_is_named() -> None:
    assert (describe(KeyError()), describe(ValueError("x"))) == ("KeyError", "ValueError: x")


def _add(connection: Connection, names: tuple[str, ...], now: int) -> None:
    _add_silently(connection, names, now)
    _wake(connection)


def _add_silently(connection: Connection, names: tuple[str, ...], now: int) -> None:
    for name in names:
        connection.execute(insert(duty).values(id=name, due_at=now))


def _wake(connection: Connection) -> None:
    hints.hint(connection, duty.name)


def _finish(connection: Connection, held: Held) -> None:
    leases.finish(connection, duty, held)


def _give_up(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    leases.finish(connection, duty, held, last_error=f"given up: {reason}")


def _kill_holders(connection: Connection) -> None:
    connection.execute(
        duty.update().values(owner="dead", lease_until=1, failures=MAX_FAILURES - 1, fence=9)
    )
