"""Two bridges on one PostgreSQL: together they do everything once, also when one is frozen."""

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Connection, select

from bridge.forges.gitea.hooks import WANTED_EVENTS
from bridge.sandbox.forge import Flavour
from bridge.store.database import Database
from bridge.store.schema import post, run
from tests.e2e.conftest import SetStage
from tests.e2e.impatient import LEASE
from tests.e2e.stage import BRIDGE, INSTANCE_SECRET, SLUG, Stage
from tests.e2e.test_repeats import assert_once

pytestmark = pytest.mark.postgres

ROOT: Final = Path(__file__).parents[2]


def assert_said_once(stage: Stage, number: int) -> None:
    """One comment was created, and no status was reported twice in a row."""
    created = [
        seen.status
        for seen in stage.forge.requests
        if seen.method == "POST" and seen.path.endswith(f"/issues/{number}/comments")
    ]
    assert created == [201]
    for reports in stage.forge.world.repository(SLUG).statuses.values():
        said = Counter((one.context, one.state, one.description, one.target_url) for one in reports)
        assert set(said.values()) == {1}


async def test_two_replicas_that_are_both_told_do_everything_once(
    set_stage: SetStage, postgres_url: str
) -> None:
    stage = await set_stage(flavour=Flavour.GITHUB, database_url=postgres_url, replicas=2)
    pull_request = await stage.propose("network", "app")
    await stage.quiet()
    merged = await stage.merge(pull_request)
    await stage.quiet()

    told = stage.deliveries("pull_request", "opened")
    assert [one.status_code for one in told] == [202, 202]
    assert len({one.hook.url for one in told}) == 2
    assert len(stage.jobs()) == 4
    assert_once(stage, pull_request.head_sha)
    assert_once(stage, merged, "push")
    assert_said_once(stage, pull_request.number)
    assert "**After the merge:** 2 applied" in stage.comment(pull_request)


async def test_two_replicas_share_much_work(set_stage: SetStage, postgres_url: str) -> None:
    names = tuple(f"ws-{number}" for number in range(10))
    stage = await set_stage(database_url=postgres_url, replicas=2, workspaces=names)
    opened = [await stage.propose(*names[at : at + 5], branch=f"b-{at}") for at in range(0, 10, 5)]
    await stage.quiet()
    assert len(stage.jobs()) == 10
    for pull_request in opened:
        assert_once(stage, pull_request.head_sha)
        assert_said_once(stage, pull_request.number)


class Replica:
    """A bridge in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    def freeze(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def replica(stage: Stage) -> AsyncIterator[Replica]:
    """Run another replica with short leases, told by the forge instead of the stage's own."""
    ready, log = stage.folder / "ready.json", stage.folder / "replica.log"
    inherited = {name: value for name, value in os.environ.items() if name[:7] != "BRIDGE_"}
    with log.open("wb") as written:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.e2e.impatient", "serve", "--ready-file", str(ready)),
            cwd=stage.folder,
            env={**inherited, **stage.environment, "PYTHONPATH": str(ROOT)},
            stdout=written,
            stderr=written,
        )
    try:
        async with asyncio.timeout(20):
            while not ready.exists() and process.returncode is None:  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.02)
        assert process.returncode is None, log.read_text()
        yield Replica(process, json.loads(ready.read_text())["port"])
        stage.log.write(log.read_text())  # it is looked through at the end, too
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _job_is_being_posted(connection: Connection) -> bool:
    return connection.scalar(select(run.c.id).where(run.c.phase == "posting")) is not None


def _comment_is_being_posted(connection: Connection) -> bool:
    held = (post.c.kind == "report") & post.c.lease_until.is_not(None) & (post.c.parts != "[]")
    return connection.scalar(select(post.c.id).where(held)) is not None


def _slow_jobs(stage: Stage, seconds: float) -> None:
    stage.server.faults.seconds_slow = seconds


def _slow_comments(stage: Stage, seconds: float) -> None:
    if seconds:
        stage.forge.faults.slow(seconds, match=rf"POST /repos/{SLUG}/issues/\d+/comments")


@pytest.mark.crash
@pytest.mark.parametrize(
    ("slow", "begun"),
    [(_slow_jobs, _job_is_being_posted), (_slow_comments, _comment_is_being_posted)],
    ids=["job", "comment"],
)
async def test_a_replica_frozen_in_the_middle_and_woken_after_its_lease_does_nothing_twice(
    set_stage: SetStage,
    postgres_url: str,
    slow: Callable[[Stage, float], None],
    begun: Callable[[Connection], bool],
) -> None:
    stage = await set_stage(database_url=postgres_url, replicas=0)
    # The forge may see the head of a request whose body is held back.
    stage.tolerated.add("Error handling request from 127.0.0.1")
    async with (
        replica(stage) as frozen,
        await Database.open(postgres_url, exclusive=False) as database,
    ):
        hook = stage.forge.add_hook(
            SLUG,
            f"http://127.0.0.1:{frozen.port}/webhooks/code",
            secret=INSTANCE_SECRET,
            events=WANTED_EVENTS,
        )
        slow(stage, 0.3)
        pull_request = await stage.propose("network")
        async with asyncio.timeout(10):
            while not await database.read(begun):  # noqa: ASYNC110 - rows
                await asyncio.sleep(0.005)
        frozen.freeze()
        slow(stage, 0)
        await asyncio.sleep(LEASE + 0.3)
        await stage.start()
        await stage.until(lambda: stage.statuses(pull_request.head_sha))
        frozen.thaw()
        await asyncio.sleep(0.5)  # it finishes what it had begun, or thinks so
        frozen.process.terminate()
        async with asyncio.timeout(15):
            assert await frozen.process.wait() == 0
        hook.url = hook.url.replace(f":{frozen.port}/", f":{stage.bridge.addresses.port}/")
        await stage.quiet()

    assert_once(stage, pull_request.head_sha)
    assert len(stage.jobs()) == 1
    assert_said_once(stage, pull_request.number)
    assert [who for who, _ in stage.all_comments(pull_request)] == [BRIDGE]
