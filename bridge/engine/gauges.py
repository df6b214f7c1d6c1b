"""Keeps the gauges of what waits up to date; every replica shows the same, as it counts rows."""

import asyncio
from contextlib import suppress
from typing import Final

import structlog

from bridge.domain.errors import OverloadedError
from bridge.domain.runs import RunState
from bridge.metrics import Metrics
from bridge.store.database import Database
from bridge.store.queries.gauges import backlog

log = structlog.get_logger()

EVERY: Final = 15.0
"""Seconds: as often as Prometheus usually asks."""


class Gauges:
    """A role for the supervisor; see supervisor.Role."""

    name = "gauges"

    def __init__(self, database: Database, metrics: Metrics, *, every: float = EVERY) -> None:
        self._database = database
        self._metrics = metrics
        self._every = every
        self._stopped = asyncio.Event()
        metrics.writer_queue.set_function(lambda: database.waiting)
        database.observe(self._note_commit)

    async def run(self) -> None:
        """Count until :meth:`stop`."""
        while not self._stopped.is_set():
            await self.count()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._stopped.wait()

    def stop(self) -> None:
        """Count no more."""
        self._stopped.set()

    async def drain(self, grace: float) -> None:
        """Nothing is under way."""

    def _note_commit(self, units: int, seconds: float) -> None:
        self._metrics.writer_batch.observe(units)
        self._metrics.commit_seconds.observe(seconds)

    async def count(self) -> None:
        """Count once."""
        try:
            found = await self._database.read(backlog, self._database.now())
        except OverloadedError as error:
            log.warning("gauges.not_counted", error=str(error))
            return
        for table, count in found.due.items():
            self._metrics.due.labels(table).set(count)
            self._metrics.due_lag_seconds.labels(table).set(found.lag[table] / 1000)
        for table, count in found.dead.items():
            self._metrics.dead.labels(table).set(count)
        for state in RunState:
            self._metrics.runs_open.labels(state.value).set(found.open_runs.get(state.value, 0))
