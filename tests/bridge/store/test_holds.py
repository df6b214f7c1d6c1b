"""Whose turn it is, asked out of turn."""

import asyncio
from dataclasses import replace

import asyncpg  # type: ignore[import-untyped]
import pytest
from sqlalchemy import Connection, select, update

from bridge.domain.rules import Locks
from bridge.domain.runs import RunRequest, Verb
from bridge.domain.work import FreeHolds, Work
from bridge.store.codecs import RUN_REQUEST
from bridge.store.database import Database
from bridge.store.queries import holds
from bridge.store.queries.holds import Holding
from bridge.store.queries.work import apply_work
from bridge.store.schema import hold, run
from tests.bridge.store.rows import HEAD, PULL_REQUEST, a_request, rows_of

NOW = 1_700_000_000_000


def an_apply(number: int = 3, commit_id: str = HEAD) -> RunRequest:
    return a_request(
        trigger=f"comment:{number}:{commit_id}",
        verb=Verb.APPLY,
        applies=True,
        pull_request=number,
        commit_id=commit_id,
    )


async def want(database: Database, *requests: RunRequest) -> list[str]:
    """Ask for runs, a second apart."""
    ids: list[str] = []
    for at, request in enumerate(requests):
        ids += await database.write(apply_work, Work(runs=[request]), NOW + at * 1_000)
    return ids


async def take(database: Database, run_id: str, locks: Locks = Locks.APPLY) -> bool:
    return await database.write(_take, run_id, Holding(locks=locks))


def _take(connection: Connection, run_id: str, holding: Holding) -> bool:
    row = connection.execute(select(run).where(run.c.id == run_id)).one()
    return holds.take(connection, row, RUN_REQUEST.load(row.request), holding, NOW)


def _send(connection: Connection, run_id: str) -> None:
    connection.execute(update(run).where(run.c.id == run_id).values(phase="posting"))


@pytest.mark.parametrize("numbers", [(3, 3), (3, 4), (4, 3)], ids=str)
async def test_whoever_asked_first_comes_first(
    database: Database, numbers: tuple[int, int]
) -> None:
    elder, younger = await want(
        database, an_apply(numbers[0]), an_apply(numbers[1], commit_id="c" * 40)
    )
    assert not await take(database, younger)
    assert await take(database, elder)
    await database.write(_send, elder)
    assert not await take(database, younger)
    assert await take(database, elder), "its POST may have to be repeated"
    (row,) = await rows_of(database, hold)
    assert (row["number"], row["run_id"], row["busy_run"]) == (numbers[0], elder, elder)


async def test_the_holder_passes_those_who_wait_for_it(database: Database) -> None:
    (first,) = await want(database, an_apply())
    assert await take(database, first)
    await database.write(_send, first)
    later = [an_apply(4), an_apply(commit_id="c" * 40), an_apply(commit_id="d" * 40)]
    other, mine, mine_too = await want(database, *later)
    await database.write(_idle)
    taken = [await take(database, run_id) for run_id in (other, mine_too, mine)]
    assert taken == [False, False, True]


@pytest.mark.parametrize("number", [3, 4], ids=["the same pull request", "another one"])
@pytest.mark.parametrize("verb", [Verb.APPLY, Verb.PLAN], ids=str)
async def test_whoever_takes_it_at_this_moment_has_it(
    postgres_url: str, number: int, verb: Verb
) -> None:
    async with await Database.open(postgres_url) as database:
        second = replace(an_apply(number, commit_id="c" * 40), verb=verb)
        first, other = await want(database, an_apply(), second)
        assert await take(database, first, Locks.PLAN)
        await database.write(_send, first)
        connection = await asyncpg.connect(postgres_url)
        try:
            await connection.execute("CREATE TEMP TABLE kept AS SELECT * FROM hold")
            await connection.execute("DELETE FROM hold")
            async with connection.transaction():
                await connection.execute("INSERT INTO hold SELECT * FROM kept")
                taken = asyncio.create_task(take(database, other, Locks.PLAN))
                await asyncio.sleep(0.3)
            assert await taken == (number == 3 and verb is Verb.PLAN)
        finally:
            await connection.close()
        (row,) = await rows_of(database, hold)
        assert (row["number"], row["busy_run"]) == (3, first)


async def test_who_frees_waits_for_runs_before_it_takes_holds(postgres_url: str) -> None:
    async with await Database.open(postgres_url) as database:
        (first,) = await want(database, an_apply())
        assert await take(database, first)
        await database.write(_wait)
        connection = await asyncpg.connect(postgres_url)
        try:
            async with connection.transaction():
                await connection.execute("SELECT id FROM run FOR UPDATE")
                wanted = FreeHolds(pull_request=PULL_REQUEST)
                freed = asyncio.create_task(database.write(holds.free, wanted, NOW))
                await asyncio.sleep(0.3)
                # Else whoever ends the run at this moment and who frees wait for each other.
                await connection.execute("SELECT workspace_id FROM hold FOR UPDATE NOWAIT")
            await freed
        finally:
            await connection.close()
        (row,) = await rows_of(database, run)
        assert row["phase"] == "reviewing"


def _wait(connection: Connection) -> None:
    connection.execute(update(run).values(phase="created", state="waiting"))


def _idle(connection: Connection) -> None:
    connection.execute(update(hold).values(busy_run=None))


async def test_plans_of_the_holder_go_side_by_side(database: Database) -> None:
    one, two, other = await want(
        database,
        a_request(),
        a_request(trigger="two", commit_id="c" * 40),
        a_request(trigger="other", commit_id="d" * 40, pull_request=4),
    )
    taken = [await take(database, run_id, Locks.PLAN) for run_id in (one, two, other)]
    assert taken == [True, True, False]
    (row,) = await rows_of(database, hold)
    assert (row["run_id"], row["busy_run"]) == (one, None)
