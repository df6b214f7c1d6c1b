"""The gauges say how much waits, since when, and what was set aside."""

import asyncio

from sqlalchemy import Connection, update

from bridge.domain.work import Work
from bridge.engine.gauges import Gauges
from bridge.metrics import Metrics
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.schema import delivery, run, subject
from tests.bridge.store.rows import a_request, a_row
from tests.waiting import SOON


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_what_waits_is_counted(database: Database) -> None:
    metrics = Metrics()
    await database.accept(a_row("d-1"), 10)
    await database.accept(a_row("d-2", subject="branch:code:7:main"), 10)
    await database.write(apply_work, Work(runs=[a_request(), a_request("apps")]), database.now())
    await database.write(_age, database.now())

    await Gauges(database, metrics).count()

    assert value(metrics, "bridge_due", table="subject") == 1
    assert value(metrics, "bridge_due", table="run") == 2
    assert value(metrics, "bridge_due", table="post") == 0
    assert value(metrics, "bridge_due_lag_seconds", table="post") == 0
    assert 60 <= (value(metrics, "bridge_due_lag_seconds", table="subject") or 0) < 120
    assert value(metrics, "bridge_dead", table="delivery") == 1
    assert value(metrics, "bridge_runs_open", state="queued") == 1
    assert value(metrics, "bridge_runs_open", state="running") == 0
    assert value(metrics, "bridge_writer_queue") == 0


async def test_every_commit_is_measured(database: Database) -> None:
    metrics = Metrics()
    Gauges(database, metrics)
    await asyncio.gather(*(database.accept(a_row(f"d-{number}"), 10) for number in range(5)))
    commits = value(metrics, "bridge_commit_seconds_count")
    assert commits
    assert value(metrics, "bridge_writer_batch_sum") == 5
    assert value(metrics, "bridge_writer_batch_count") == commits
    assert 0 < (value(metrics, "bridge_commit_seconds_sum") or 0) < 10


def _age(connection: Connection, now: int) -> None:
    connection.execute(update(subject).where(subject.c.id.like("pr:%")).values(due_at=now - 60_000))
    connection.execute(
        update(subject).where(subject.c.id.like("branch:%")).values(lease_until=now + 60_000)
    )
    connection.execute(update(delivery).where(delivery.c.key == "d-1").values(outcome="dead"))
    finished = {"phase": "finished", "state": "succeeded"}
    connection.execute(update(run).where(run.c.workspace_id == "w-apps").values(finished))


async def test_counting_ends_at_once_when_it_is_told_to(database: Database) -> None:
    gauges = Gauges(database, Metrics(), every=10 * SOON)
    running = asyncio.create_task(gauges.run())
    await asyncio.sleep(0.05)
    gauges.stop()
    async with asyncio.timeout(SOON):
        await running
