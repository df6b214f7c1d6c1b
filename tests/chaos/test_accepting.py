"""Accepted = kept, whatever dies."""

import asyncio
import signal
import time
from pathlib import Path

import pytest

from bridge.store.database import Database
from bridge.store.schema import delivery, subject
from tests.bridge.store.rows import rows_of
from tests.chaos.accepting import Senders, Tally, accept_under, kill_and_restart
from tests.chaos.victims import Victim
from tests.databases import Postgres

pytestmark = pytest.mark.crash


def assert_kept(tally: Tally) -> None:
    assert tally.acknowledged > 10 * tally.blows, "how fast it is the benchmark says"
    assert tally.missing == ()
    assert tally.wrong == ()


async def test_nothing_acknowledged_is_lost_when_the_bridge_is_killed(
    sqlite_url: str, tmp_path: Path
) -> None:
    assert_kept(await accept_under(sqlite_url, tmp_path, blows=3, strike=kill_and_restart, seed=1))


@pytest.mark.postgres
async def test_nothing_acknowledged_is_lost_when_a_replica_is_killed(
    postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.create()
    assert_kept(await accept_under(url, tmp_path, blows=3, strike=kill_and_restart, seed=2))


@pytest.mark.postgres
async def test_nothing_acknowledged_is_lost_when_postgresql_crashes(
    postgres: Postgres, tmp_path: Path
) -> None:
    """The bridge stays up, its connections return, and senders are told 503 at worst."""

    async def crash(victim: Victim) -> None:
        await asyncio.to_thread(postgres.restart_at_once)

    url = postgres.create()
    assert_kept(await accept_under(url, tmp_path, blows=2, strike=crash, seed=3))


async def test_a_bridge_told_to_stop_under_load_leaves_no_lease_behind(
    database_url: str, tmp_path: Path
) -> None:
    slow = Victim(
        arguments=("-m", "tests.chaos.handling", database_url, "30"), log=tmp_path / "victim.log"
    )
    await slow.start()
    senders = Senders(victim=slow)
    async with senders.at_work():
        await asyncio.sleep(0.5)
    started = time.monotonic()
    code = await slow.end(signal.SIGTERM)

    assert (code, time.monotonic() - started < 10) == (0, True), "handling takes 30 s"
    async with await Database.open(database_url) as database:
        queues = await rows_of(database, subject)
        kept = {row["key"] for row in await rows_of(database, delivery)}
    assert {row["owner"] for row in queues} == {None}
    assert {row["lease_until"] for row in queues} == {None}
    assert {row["failures"] for row in queues} == {0}
    assert max(row["fence"] for row in queues) == 1, "some were being handled"
    assert senders.acknowledged <= kept
