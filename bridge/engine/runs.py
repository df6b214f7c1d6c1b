"""The run worker: from intent to job, and from the job's end to the run's own.

A run is due while there is something to do about its job besides looking at it, which is the
organizations' business: to send it, to find out whether it was sent, to answer to it while it waits
for an approval, to cancel it, to read it.
"""

from typing import Final, Protocol

import structlog
from sqlalchemy import RowMapping

from bridge.domain.runs import Run, RunPhase, Verb
from bridge.engine.concluding import Collector, Concluder
from bridge.engine.creating import Creator, Guard, Preparer
from bridge.engine.ending import Ender
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.reviewing import Looker, Reviewer
from bridge.engine.workers import Job, Worker
from bridge.metrics import Metrics
from bridge.ports import JobServer
from bridge.store.codecs import run_from_row
from bridge.store.database import Database
from bridge.store.queries import runs as queries
from bridge.store.queries.holds import Holding
from bridge.store.schema import run

CONCURRENCY: Final = 16

GRACE: Final = 90.0
"""Seconds after a POST in which its job may still turn up: more than the HTTP client waits for an
answer and the server needs for its commit."""


class Reviews(Guard, Looker, Protocol):
    """What is needed of services.reviewing.ReviewService."""


class Runs:
    """Works through the runs that are due."""

    def __init__(
        self,
        database: Database,
        keeper: LeaseKeeper,
        server: JobServer,
        service: Preparer,
        collector: Collector,
        *,
        reviews: Reviews,
        holding: Holding | None = None,
        command: str = "terrakube",
        unasked: frozenset[Verb] = frozenset(),
        metrics: Metrics | None = None,
        concurrency: int = CONCURRENCY,
        grace: float = GRACE,
    ) -> None:
        self._database = database
        counted = metrics or Metrics()
        ender = Ender(database=database, metrics=counted)
        self._creator = Creator(
            database=database,
            server=server,
            service=service,
            ender=ender,
            metrics=counted,
            grace=int(grace * 1000),
            guard=reviews,
            holding=holding or Holding(),
            command=command,
        )
        self._concluder = Concluder(
            database=database,
            server=server,
            collector=collector,
            ender=ender,
            command=command,
            unasked=unasked,
        )
        self._reviewer = Reviewer(
            database=database, server=server, service=reviews, ender=ender, command=command
        )
        self.worker = Worker(
            database,
            keeper,
            Job(table=run, work=self._work, give_up=queries.give_up, concurrency=concurrency),
        )

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        current = run_from_row(row)
        known = {"run_id": current.id, "workspace": str(current.request.workspace)}
        if current.job_id:
            known["job_id"] = current.job_id
        with structlog.contextvars.bound_contextvars(**known):
            await self._step(row, current, lease)

    async def _step(self, row: RowMapping, current: Run, lease: Lease) -> None:
        match current.phase:
            case RunPhase.PLANNED:
                await self._creator.start(row, current, lease)
            case RunPhase.POSTING:
                await self._creator.doubt(current, lease)
            case RunPhase.UNKNOWN:
                await self._creator.find(row, current, lease)
            case RunPhase.CREATED:
                await self._concluder.cancel(row, current, lease)
            case RunPhase.REVIEWING:
                await self._reviewer.review(row, current, lease)
            case RunPhase.COLLECTING:
                await self._concluder.collect(row, current, lease)
            case RunPhase.FINISHED:
                await self._database.write_for(current.id, queries.rest, lease.held)
