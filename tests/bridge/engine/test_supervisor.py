"""Starting and stopping: roles that die come back, and nothing is left behind."""

import asyncio
from dataclasses import dataclass, field

from sqlalchemy import Connection, insert
from structlog.typing import EventDict

from bridge.domain.errors import OverloadedError
from bridge.engine.leases import LeaseKeeper
from bridge.engine.supervisor import Supervisor
from bridge.store.database import Database
from bridge.store.schema import duty
from tests.bridge.store.rows import rows_of
from tests.waiting import until


@dataclass(slots=True)
class FakeRole:
    name: str = "role"
    deaths: int = 0
    runs: int = 0
    drained: list[float] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.deaths:
            msg = "a bug"
            raise ValueError(msg)
        await self.stopped.wait()

    def stop(self) -> None:
        self.stopped.set()

    async def drain(self, grace: float) -> None:
        self.drained.append(grace)


async def test_roles_run_until_they_are_stopped_and_are_drained(database_url: str) -> None:
    database = await Database.open(database_url)
    roles = [FakeRole("one"), FakeRole("two")]
    supervisor = Supervisor(database, LeaseKeeper(database), roles, grace=0.3)
    assert not supervisor.healthy
    async with supervisor:
        await until(lambda: all(role.runs for role in roles))
        assert supervisor.healthy
    assert [(role.runs, role.drained) for role in roles] == [(1, [0.3]), (1, [0.3])]
    assert not supervisor.healthy
    await supervisor.stop()
    assert roles[0].drained == [0.3]
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert left == []


async def test_a_role_that_dies_is_logged_and_started_again(
    sqlite_url: str, logs: list[EventDict]
) -> None:
    database = await Database.open(sqlite_url)
    role = FakeRole(deaths=1)
    async with Supervisor(database, LeaseKeeper(database), [role]):
        await until(lambda: role.runs == 2)
    assert ("role.died", "role") in [(entry["event"], entry.get("role")) for entry in logs]


async def test_leases_are_given_back_at_once(database_url: str) -> None:
    database = await Database.open(database_url)
    keeper = LeaseKeeper(database)
    async with Supervisor(database, keeper, []):
        await database.write(_add, database.now())
        await keeper.claim(duty, limit=1)
    async with await Database.open(database_url) as again:
        (row,) = await rows_of(again, duty)
        assert (row["owner"], row["lease_until"], row["attempts"]) == (None, None, 0)


async def test_a_database_that_is_away_does_not_keep_it_from_stopping(
    sqlite_url: str, logs: list[EventDict]
) -> None:
    database = await Database.open(sqlite_url)
    keeper = LeaseKeeper(database)

    async def refuse() -> None:
        msg = "the database is away"
        raise OverloadedError(msg)

    keeper.release_all = refuse  # type: ignore[method-assign]  # a database that is away
    async with Supervisor(database, keeper, []):
        pass
    assert "leases.not_released" in [entry["event"] for entry in logs]


def _add(connection: Connection, now: int) -> None:
    connection.execute(insert(duty).values(id="a", due_at=now))
