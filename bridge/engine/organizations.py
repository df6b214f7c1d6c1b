"""Following: one row and one request for all the open jobs of an organization.

Terrakube tells of no change reliably, so jobs are asked for, as many as possible at once and only
those whose interval has ticked; what did not change costs no write. An organization that answers
badly is left alone until its ``not_before``, on every replica and across restarts. A notification
is a hint: it brings the next look forward and says nothing else.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog
from sqlalchemy import RowMapping

from bridge.decisions.endings import (
    DELETED,
    PATIENCE,
    TROUBLE_AFTER,
    Ending,
    lost,
    unreachable,
)
from bridge.decisions.following import (
    OLD_INTERVAL,
    TICK,
    WAITING_INTERVAL,
    Sight,
    has_started,
    has_ticked,
)
from bridge.domain.errors import (
    NotFoundError,
    OverloadedError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.runs import Diagnosis, Run, RunState, Verb
from bridge.domain.terrakube import Job as TerrakubeJob
from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.looks import Sighting, look_at
from bridge.engine.workers import Job, Worker, backoff, describe
from bridge.metrics import Metrics
from bridge.ports import JobServer
from bridge.store.codecs import from_ms
from bridge.store.database import Database
from bridge.store.queries import adopting_jobs, runs
from bridge.store.queries import organizations as queries
from bridge.store.schema import organization

log = structlog.get_logger()

CONCURRENCY: Final = 8

IDS: Final = 400
"""Most ids in one request: longer lists are cut or refused (contract section 4.4)."""

ALONE: Final = 20
"""Most jobs asked for by themselves in one poll."""

INSPECTED: Final = 10
"""Most jobs of which one poll finds out why they do not move."""

INSPECT_EVERY: Final = 120_000
"""Milliseconds; a multiple of the interval such jobs are looked at with."""

LONGEST_PAUSE: Final = 60.0
"""Seconds between polls of an organization that answers badly, unless it asks for more."""

_INTERVALS: Final = (TICK, 2 * TICK, 3 * TICK, 5 * TICK, WAITING_INTERVAL, OLD_INTERVAL)


class Inspector(Protocol):
    """What the poller needs of services.runs.RunService."""

    async def inspect(self, run: Run, job: TerrakubeJob) -> Diagnosis:
        """Say why a job stays pending, before its first step or between two."""
        ...


class Organizations:
    """Follows the jobs of all organizations."""

    def __init__(
        self,
        database: Database,
        keeper: LeaseKeeper,
        server: JobServer,
        service: Inspector,
        *,
        metrics: Metrics | None = None,
        concurrency: int = CONCURRENCY,
    ) -> None:
        self._database = database
        self._server = server
        self._service = service
        self._metrics = metrics or Metrics()
        self._hinted: set[tuple[str, str]] = set()
        self._hinting: asyncio.Task[None] | None = None
        self.worker = Worker(
            database,
            keeper,
            Job(
                table=organization,
                work=self._work,
                give_up=queries.put_off,
                concurrency=concurrency,
            ),
        )

    def hint(self, organization_name: str, workspace_name: str) -> None:
        """Look soon at the jobs of a workspace, by its names; a repeat costs nothing."""
        self._hinted.add((organization_name, workspace_name))
        if self._hinting is None or self._hinting.done():
            self._hinting = asyncio.create_task(self._pass_on(), name="hints")

    async def _pass_on(self) -> None:
        while self._hinted:
            names, self._hinted = self._hinted, set()
            try:
                await self._database.write(adopting_jobs.hint, names, self._database.now())
            except OverloadedError as error:
                # The next tick comes without it.
                log.warning("hint.lost", count=len(names), error=str(error))

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        with structlog.contextvars.bound_contextvars(organization=row["name"]):
            await self._poll(row, lease)

    async def _poll(self, row: RowMapping, lease: Lease) -> None:
        started, now = time.perf_counter(), self._database.now()
        due = await self._database.read(queries.due_runs, lease.held.id, now, _ticked(row, now))
        try:
            jobs = await self._ask(lease.held.id, [one["job_id"] for one in due])
        except RemoteError as error:
            await self._note_failure(row, lease, error, now)
            outcome = "failed"
        else:
            sightings = [look_at(one, jobs.get(one["job_id"]), now) for one in due]
            await self._find_missing(lease, sightings, now)
            if _is_time_to_inspect(row, now):
                await self._inspect(lease, sightings, now)
            await self._write(lease, sightings, now)
            outcome = "asked" if due else "idle"
        self._metrics.polls.labels(outcome).inc()
        self._metrics.poll_seconds.observe(time.perf_counter() - started)

    async def _ask(self, organization_id: str, ids: Sequence[str]) -> Mapping[str, TerrakubeJob]:
        found: dict[str, TerrakubeJob] = {}
        for start in range(0, len(ids), IDS):
            chunk = ids[start : start + IDS]
            found |= {job.id: job for job in await self._server.jobs(organization_id, chunk)}
        return found

    async def _find_missing(self, lease: Lease, sightings: Sequence[Sighting], now: int) -> None:
        """Ask for each missing job by itself: only a 404 means that somebody deleted it."""
        missing = [one for one in sightings if one.look.sight is Sight.MISSING]
        for one in missing[ALONE:]:
            one.doubt(now)
        for one in missing[:ALONE]:
            try:
                one.see(await self._server.job(lease.held.id, one.row["job_id"]), now)
            except NotFoundError:
                one.ending = DELETED
            except RemoteError as error:
                log.warning("job.missing", job_id=one.row["job_id"], error=str(error))
                one.doubt(now)

    async def _inspect(self, lease: Lease, sightings: Sequence[Sighting], now: int) -> None:
        """Find out why jobs do not go on: those nobody knows of yet come first."""
        stuck = sorted(
            (one for one in sightings if one.is_stuck(now)),
            key=lambda one: (bool(one.trouble), one.run_id),
        )
        for one in stuck[:INSPECTED]:
            try:
                await self._diagnose(lease, one)
            except RemoteError as error:
                log.warning("job.not_inspected", job_id=one.row["job_id"], error=str(error))

    async def _diagnose(self, lease: Lease, one: Sighting) -> None:
        run = await self._database.read(runs.read, one.run_id)
        if run is None or one.job is None:
            return
        diagnosis = await self._service.inspect(run, one.job)
        one.trouble = diagnosis.cause
        if diagnosis.hopeless and one.row["verb"] != Verb.JOB:  # which is not the bridge's own
            # It would hold up younger jobs for six hours (contract section 6.4).
            note = await self._drop(lease, one)
            one.ending = Ending(state=RunState.ERROR, reason=f"{diagnosis.cause} {note}")

    async def _drop(self, lease: Lease, one: Sighting) -> str:
        lease.check()
        job_id = one.row["job_id"]
        try:
            await self._server.cancel_job(lease.held.id, job_id)
        except PermanentRemoteError as error:
            log.warning("job.not_cancelled", job_id=job_id, error=str(error))
            return f"The bridge may not cancel job {job_id}; it may hold up others until you do."
        log.warning("job.cancelled", job_id=job_id, reason=one.trouble)
        could_not = "go on" if one.job and has_started(one.job.steps) else "start"
        return f"Job {job_id} was cancelled, as it could not {could_not} and may hold up others."

    async def _write(self, lease: Lease, sightings: Sequence[Sighting], now: int) -> None:
        changes = [(one, columns) for one in sightings if (columns := one.columns(now))]
        await self._database.write_for(
            lease.held.id,
            queries.finish,
            lease.held,
            going_on=[columns for one, columns in changes if not one.ends],
            ended=[columns for one, columns in changes if one.ends],
            told=[one.run_id for one, _ in changes if one.is_told],
            audits=[entry for one, _ in changes if (entry := one.audit())],
            now=now,
        )
        for one, _ in changes:
            self._report(one)

    def _report(self, one: Sighting) -> None:
        if one.is_told or one.ends:
            log.info(
                "run.changed",
                run_id=one.run_id,
                job_id=one.row["job_id"],
                job_status=one.look.followed.status,
                trouble=one.trouble,
            )
        if one.ending is not None:
            self._metrics.runs_concluded.labels(one.row["verb"], one.ending.state.value).inc()

    async def _note_failure(
        self, row: RowMapping, lease: Lease, error: RemoteError, now: int
    ) -> None:
        since = now if row["failing_since"] is None else row["failing_since"]
        pause = min(backoff(row["attempts"]), LONGEST_PAUSE)
        if isinstance(error, TemporaryRemoteError):
            pause = max(pause, error.retry_after or 0.0)
        lasting = now - since >= TROUBLE_AFTER
        # A refusal does not pass by itself: people are told at once.
        told = lasting or isinstance(error, PermanentRemoteError)
        log.warning("poll.failed", seconds=pause, error=describe(error))
        given_up = await self._database.write_for(
            lease.held.id,
            queries.fail,
            lease.held,
            not_before=now + int(pause * 1000),
            since=since,
            error=describe(error),
            trouble=unreachable(str(error), from_ms(since)) if told else "",
            ending=lost(str(error)),
            posted_before=now - PATIENCE if now - since >= PATIENCE else None,
            now=now,
        )
        if given_up:
            log.error("run.given_up", count=len(given_up))


def _since(row: RowMapping) -> int:
    """When the poll was due: nothing has ticked between the last poll and then."""
    due_at: int = row["due_at"]
    return due_at


def _ticked(row: RowMapping, now: int) -> Sequence[int] | None:
    """Return the intervals that have ticked since the last poll; None for all of them."""
    if row["failing_since"] is not None or row["attempts"] > 1:
        return None  # ticks went by unheard
    offset = queries.tick_offset(row["id"])
    return [one for one in _INTERVALS if has_ticked(one, _since(row), now, offset=offset)]


def _is_time_to_inspect(row: RowMapping, now: int) -> bool:
    return has_ticked(INSPECT_EVERY, _since(row), now, offset=queries.tick_offset(row["id"]))
