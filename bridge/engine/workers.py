"""The loop every kind of due row is worked through with.

A worker claims rows as they become due, as many at a time as it may work on at once, and hands
each with its lease to a function. That function does one step and ends the lease with a fenced
write of its own (``leases.finish`` or ``leases.fail``). What it raises instead is dealt with here:
logged, and the row is due again later, or set aside when it failed too often.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, Table

from bridge.domain.errors import LeaseLostError, OverloadedError, TemporaryRemoteError
from bridge.domain.guarding import guarded
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.leases import Held

log = structlog.get_logger()

MAX_FAILURES: Final = 8
"""After so many the row is set aside."""

POLL: Final = 1.0
"""Seconds after which a worker looks without a hint."""

_LONGEST_BACKOFF: Final = 300.0


def backoff(attempts: int) -> float:
    """Seconds to wait after so many attempts: 1, 2, 4... up to five minutes."""
    return min(2.0 ** min(max(attempts, 1) - 1, 10), _LONGEST_BACKOFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker does with the rows of one table.

    Attributes:
        table: One with the columns of ``schema._leased``; its name is the topic of its hints.
        work: Does one step and ends the lease.
        give_up: A query that sets a row aside for good, ending its lease; it is told the row as
            claimed, why, and the time. Dead letters must be visible somewhere.
        concurrency: Most rows at once.
        max_failures: After so many the row is set aside.
        where: Only these rows.
    """

    table: Table
    work: Callable[[RowMapping, Lease], Awaitable[None]]
    give_up: Callable[[Connection, Held, RowMapping, str, int], object]
    concurrency: int = 8
    max_failures: int = MAX_FAILURES
    where: ColumnElement[bool] | None = None


class Worker:
    """Works through one table's due rows until it is stopped."""

    def __init__(self, database: Database, keeper: LeaseKeeper, job: Job) -> None:
        self._database = database
        self._keeper = keeper
        self._job = job
        self._tasks: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    @property
    def name(self) -> str:
        """The table's name."""
        return self._job.table.name

    @property
    def busy(self) -> int:
        """How many rows are being worked on."""
        return len(self._tasks)

    async def run(self) -> None:
        """Claim and work until :meth:`stop`; errors are logged, never raised."""
        self._woken = self._database.subscribe(self.name)
        try:
            while not self._stopping:
                self._woken.clear()
                await self._sleep(await self._round())
        finally:
            self._database.unsubscribe(self.name, self._woken)

    def stop(self) -> None:
        """Claim nothing more."""
        self._stopping = True
        self._woken.set()

    async def drain(self, grace: float) -> None:
        """Wait up to *grace* seconds for what is being worked on, then cancel it."""
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _round(self) -> float:
        """Start what is due; return how long to sleep unless woken."""
        try:
            free = self._job.concurrency - len(self._tasks)
            if free <= 0:
                return POLL
            now = self._database.now()
            due = await self._database.read(leases.next_due, self._job.table, now, self._job.where)
            if due is None:
                return POLL
            if due > now:
                return min(POLL, (due - now) / 1000)
            await self._claim(free)
        except OverloadedError as error:
            log.warning("worker.waits", table=self.name, error=str(error))
            return POLL
        except Exception:
            log.exception("worker.stumbled", table=self.name)
            return POLL
        return 0.0

    async def _claim(self, limit: int) -> None:
        claimed = await self._keeper.claim(self._job.table, limit=limit, where=self._job.where)
        if self._stopping:
            return  # the keeper gives them back
        for row, lease in claimed:
            task = asyncio.create_task(self._work(row, lease), name=f"{self.name} {lease.held.id}")
            self._tasks.add(task)
            task.add_done_callback(self._on_done)

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        self._woken.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("worker.task_died", table=self.name, exc_info=task.exception())

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0 and not self._stopping:
            try:
                async with asyncio.timeout(seconds):
                    await self._woken.wait()
            except TimeoutError:
                pass

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        with structlog.contextvars.bound_contextvars(attempt=row["attempts"]):
            try:
                if row["failures"] >= self._job.max_failures:
                    await self._set_aside(row, lease, row["last_error"] or "its worker died")
                else:
                    with guarded(lease.check):
                        await self._job.work(row, lease)
            except Exception as error:  # noqa: BLE001 - a row's trouble is never the worker's
                await self._recover(row, lease, error)
            else:
                self._keeper.let_go(lease)

    async def _recover(self, row: RowMapping, lease: Lease, error: Exception) -> None:
        try:
            await self._deal_with(row, lease, error)
        except (LeaseLostError, OverloadedError) as second:
            # Nothing can be written: the lease runs out, and whoever claims the row next goes on.
            log.warning("row.left", table=self.name, row=lease.held.id, error=str(second))
        finally:
            self._keeper.let_go(lease)

    async def _deal_with(self, row: RowMapping, lease: Lease, error: Exception) -> None:
        described = {"table": self.name, "row": lease.held.id, "error": describe(error)}
        match error:
            case LeaseLostError():
                log.warning("row.lost", **described)
            case TemporaryRemoteError():
                wait = max(error.retry_after or 0.0, backoff(row["attempts"]))
                log.warning("row.postponed", seconds=wait, **described)
                await self._fail(lease, error, wait, counted=False)
            case OverloadedError():
                log.warning("row.postponed", seconds=error.retry_after, **described)
                await self._fail(lease, error, float(error.retry_after), counted=False)
            case _ if row["failures"] + 1 >= self._job.max_failures:
                log.error("row.dead", exc_info=error, **described)
                await self._set_aside(row, lease, describe(error))
            case _:
                log.error("row.failed", exc_info=error, **described)
                await self._fail(lease, error, backoff(row["attempts"]), counted=True)

    async def _fail(self, lease: Lease, error: Exception, wait: float, *, counted: bool) -> None:
        await self._database.write(
            _fail,
            self._job.table,
            lease.held,
            due_at=self._database.now() + int(wait * 1000),
            error=describe(error),
            counted=counted,
        )

    async def _set_aside(self, row: RowMapping, lease: Lease, reason: str) -> None:
        log.error("row.set_aside", table=self.name, row=lease.held.id, reason=reason)
        await self._database.write(self._job.give_up, lease.held, row, reason, self._database.now())


def describe(error: Exception) -> str:
    """Say what happened in one line, for ``last_error`` and the log."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _fail(
    connection: Connection, table: Table, held: Held, *, due_at: int, error: str, counted: bool
) -> None:
    leases.fail(connection, table, held, due_at=due_at, error=error, counted=counted)
