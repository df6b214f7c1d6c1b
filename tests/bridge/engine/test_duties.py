"""Periodic work: one replica does it, at its interval, whatever happened last time."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.typing import EventDict

from bridge.engine.duties import Duties, Duty
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.workers import MAX_FAILURES
from bridge.store.database import Database
from bridge.store.schema import duty
from tests.bridge.store.rows import rows_of
from tests.fakes.clock import FakeClock
from tests.waiting import until


async def play(database: Database, duties: Duties, condition: Callable[[], bool]) -> None:
    """Work until *condition* holds."""
    await duties.register()
    task = asyncio.create_task(duties.worker.run())
    await until(condition)
    duties.worker.stop()
    await task
    await duties.worker.drain(1.0)


class Counter:
    def __init__(self, error: Exception | None = None) -> None:
        self.rounds = 0
        self._error = error

    async def __call__(self, lease: Lease) -> None:
        self.rounds += 1
        lease.check()
        if self._error is not None:
            raise self._error


async def test_a_round_is_done_and_the_next_comes_after_the_interval(database_url: str) -> None:
    clock = FakeClock()
    counter = Counter()
    async with await Database.open(database_url, clock=clock) as database:
        duties = Duties(
            database, LeaseKeeper(database), [Duty(name="sweep", interval=60.0, call=counter)]
        )
        await play(database, duties, lambda: counter.rounds == 1)
        (row,) = await rows_of(database, duty)
        assert (row["id"], row["due_at"], row["owner"]) == (
            "sweep",
            database.now() + 60_000,
            None,
        )


async def test_an_error_is_logged_and_the_next_round_comes_all_the_same(
    database_url: str, logs: list[EventDict]
) -> None:
    counter = Counter(ValueError("a bug"))
    async with await Database.open(database_url, clock=FakeClock()) as database:
        duties = Duties(
            database, LeaseKeeper(database), [Duty(name="sweep", interval=60.0, call=counter)]
        )
        await play(database, duties, lambda: counter.rounds == 1)
        (row,) = await rows_of(database, duty)
        assert (row["due_at"], row["failures"]) == (database.now() + 60_000, 0)
    assert ("duty.failed", "error") in [(entry["event"], entry["log_level"]) for entry in logs]


@pytest.mark.parametrize(("at_start", "rounds"), [(True, 2), (False, 1)])
async def test_a_restart_does_at_once_only_what_it_should(
    database_url: str,
    at_start: bool,  # noqa: FBT001 - a case
    rounds: int,
) -> None:
    counter, other = Counter(), Counter()
    clock = FakeClock()
    async with await Database.open(database_url, clock=clock) as database:
        for _ in range(2):
            duties = Duties(
                database,
                LeaseKeeper(database),
                [
                    Duty(name="look", interval=60.0, call=counter, at_start=at_start),
                    Duty(name="other", interval=0.001, call=other),
                ],
            )
            before = other.rounds
            clock.advance(1)
            await play(database, duties, lambda before=before: other.rounds > before)  # type: ignore[misc]  # bound now
    assert counter.rounds == rounds


async def test_two_replicas_do_one_round(postgres_url: str) -> None:
    clock, counter = FakeClock(), Counter()
    wanted = [Duty(name="sweep", interval=60.0, call=counter)]
    async with await Database.open(postgres_url, clock=clock) as one:
        async with await Database.open(postgres_url, clock=clock) as two:
            both = [Duties(database, LeaseKeeper(database), wanted) for database in (one, two)]
            await asyncio.gather(
                play(one, both[0], lambda: counter.rounds == 1),
                play(two, both[1], lambda: counter.rounds == 1),
            )
    assert counter.rounds == 1


async def test_a_duty_that_kills_its_holders_is_tried_again_an_hour_later(
    database_url: str,
) -> None:
    counter = Counter()
    async with await Database.open(database_url, clock=FakeClock()) as database:
        duties = Duties(
            database, LeaseKeeper(database), [Duty(name="sweep", interval=60.0, call=counter)]
        )
        await duties.register()
        await database.write(
            lambda connection: connection.execute(duty.update().values(failures=MAX_FAILURES))
        )
        task = asyncio.create_task(duties.worker.run())

        async def has_failed() -> bool:
            return bool((await rows_of(database, duty))[0]["last_error"])

        await until(has_failed)
        (row,) = await rows_of(database, duty)
        duties.worker.stop()
        await task
        assert (row["due_at"], counter.rounds) == (database.now() + 3_600_000, 0)


async def test_rows_of_duties_nobody_has_any_more_are_left_alone(database_url: str) -> None:
    counter = Counter()
    async with await Database.open(database_url, clock=FakeClock()) as database:
        await database.write(
            lambda connection: connection.execute(duty.insert().values(id="old", due_at=1))
        )
        duties = Duties(
            database, LeaseKeeper(database), [Duty(name="sweep", interval=60.0, call=counter)]
        )
        await play(database, duties, lambda: counter.rounds == 1)
        assert {row["id"]: row["fence"] for row in await rows_of(database, duty)} == {
            "old": 0,
            "sweep": 1,
        }
