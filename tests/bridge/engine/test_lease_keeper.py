"""The right to work on a row, and the task that prolongs it."""

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection, insert, update

from bridge.domain.errors import LeaseLostError
from bridge.engine.leases import Lease, LeaseKeeper, boot_time
from bridge.store.database import Database
from bridge.store.queries.leases import Held
from bridge.store.schema import duty
from tests.bridge.store.rows import rows_of


@dataclass(slots=True)
class BootClock:
    seconds: float = 1_000.0
    reads: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        self.reads.append(self.seconds)
        return self.seconds


async def claimed(database: Database, clock: BootClock) -> tuple[LeaseKeeper, Lease]:
    keeper = LeaseKeeper(database, boot_time=clock)
    await database.write(_add, database.now())
    ((_, lease),) = await keeper.claim(duty, limit=5)
    return keeper, lease


def test_the_clock_runs_on_while_the_process_is_stopped() -> None:
    assert boot_time() == pytest.approx(time.clock_gettime(time.CLOCK_BOOTTIME), abs=1.0)


def test_a_lease_ends_at_its_deadline() -> None:
    clock = BootClock()
    lease = Lease(duty, Held("a", 1), 1_030.0, clock)
    clock.seconds = 1_029.9
    lease.check()
    clock.seconds = 1_030.0
    with pytest.raises(LeaseLostError, match="duty a has ended"):
        lease.check()


def test_a_lease_that_was_seen_lost_has_ended_at_once() -> None:
    lease = Lease(duty, Held("a", 1), 1_030.0, BootClock())
    lease.lost = True
    with pytest.raises(LeaseLostError):
        lease.check()


async def test_the_deadline_counts_from_before_the_claim(database: Database) -> None:
    """A claim that took long must not make the lease seem longer than it is."""
    clock = BootClock()
    _, lease = await claimed(database, clock)
    assert clock.reads[0] == 1_000.0
    assert lease.deadline == 1_000.0 + database.lease


async def test_renewing_moves_the_deadline_here_and_in_the_database(database: Database) -> None:
    clock = BootClock()
    keeper, lease = await claimed(database, clock)
    before = (await rows_of(database, duty))[0]["lease_until"]
    clock.seconds += 10
    await asyncio.sleep(0.01)
    await keeper.renew()
    assert lease.deadline == 1_010.0 + database.lease
    assert (await rows_of(database, duty))[0]["lease_until"] > before


async def test_a_lease_taken_by_another_is_found_out_when_it_is_renewed(
    database: Database,
) -> None:
    keeper, lease = await claimed(database, BootClock())
    await database.write(_take_over)
    await keeper.renew()
    with pytest.raises(LeaseLostError):
        lease.check()


async def test_what_was_let_go_is_not_renewed(database: Database) -> None:
    keeper, lease = await claimed(database, BootClock())
    before = (await rows_of(database, duty))[0]["lease_until"]
    keeper.let_go(lease)
    await keeper.renew()
    assert (await rows_of(database, duty))[0]["lease_until"] == before


async def test_leases_are_renewed_three_times_in_their_length(database_url: str) -> None:
    async with await Database.open(database_url, lease=0.3) as database:
        keeper, lease = await claimed(database, BootClock())
        task = asyncio.create_task(keeper.run())
        await asyncio.sleep(0.45)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (row,) = await rows_of(database, duty)
        assert row["lease_until"] > database.now()
        assert not lease.lost


async def test_giving_back_frees_the_row_at_once(database: Database) -> None:
    keeper, _ = await claimed(database, BootClock())
    await keeper.release_all()
    (row,) = await rows_of(database, duty)
    assert (row["owner"], row["lease_until"], row["attempts"]) == (None, None, 0)
    await keeper.release_all()


def _add(connection: Connection, now: int) -> None:
    connection.execute(insert(duty).values(id="a", due_at=now))


def _take_over(connection: Connection) -> None:
    connection.execute(update(duty).values(fence=duty.c.fence + 1, owner="another"))
