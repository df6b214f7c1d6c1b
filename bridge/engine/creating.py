"""Creating jobs: an intent, one POST, and a look before another one.

Terrakube takes no key of ours against repeats, and an answer may be lost after the job was stored
and will run. So what is about to be sent is written down first, it is sent at most once, and
after anything but a clear answer the job is looked for by the run's key before it is sent again.
"""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, Protocol

import structlog
from sqlalchemy import RowMapping

from bridge.decisions.adopting import jobs_of_run
from bridge.decisions.endings import (
    PATIENCE,
    TERRAKUBE,
    TROUBLE_AFTER,
    Ending,
    ending_of_cancelled,
    given_up,
    refused,
    unreachable,
)
from bridge.decisions.holding import waited_too_long
from bridge.decisions.reviewing import Stop
from bridge.domain.errors import (
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.runs import Refusal, Run, RunPhase, RunRequest, RunState
from bridge.domain.terrakube import Job, JobRequest
from bridge.engine.ending import Ender
from bridge.engine.leases import Lease
from bridge.engine.workers import backoff, describe
from bridge.metrics import Metrics
from bridge.ports import JobServer
from bridge.store.codecs import from_ms
from bridge.store.database import Database
from bridge.store.queries import runs as queries
from bridge.store.queries.holders import read_hold
from bridge.store.queries.holds import Holding, needs_hold
from bridge.store.queries.runs import Begun, Turn

log = structlog.get_logger()

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries, unless Terrakube asks for more."""

_LOOKS: Final = (1_000, 4_000, 12_000, 30_000)
"""Milliseconds after a POST at which its job is looked for before the grace period is over."""


class Preparer(Protocol):
    """What is needed of services.runs.RunService."""

    async def prepare(self, run: Run) -> JobRequest | Refusal:
        """Check what Terrakube does not check, and lay the job out."""
        ...


class Guard(Protocol):
    """What is needed of services.reviewing.ReviewService."""

    async def stop(self, run: Run) -> Stop | None:
        """Say why the pull request as it is now forbids a run."""
        ...

    async def objection(self, run: Run) -> str:
        """Say which gate is not open right before an apply is created."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Creator:
    """Brings a run from its intent to its job.

    Attributes:
        grace: Milliseconds after a POST in which its job may still turn up.
        guard: Asked right before an apply is sent.
        holding: Who may have a workspace, and for how long one is waited for.
        command: How people address the bridge, for "say ... again".
    """

    database: Database
    server: JobServer
    service: Preparer
    ender: Ender
    metrics: Metrics
    grace: int
    guard: Guard
    holding: Holding
    command: str

    async def start(self, row: RowMapping, run: Run, lease: Lease) -> None:
        """Check whether the job may start at all, then send it."""
        if needs_hold(run.request, self.holding.locks) and not await self._has_turn(run, lease):
            return
        try:
            prepared = await self.service.prepare(run)
        except PermanentRemoteError as error:
            await self.ender.end(run, lease, refused(error))
            return
        except TemporaryRemoteError as error:
            await self._put_off(row, run, lease, error)
            return
        match prepared:
            case Refusal(reason=reason, state=state):
                await self.ender.end(run, lease, Ending(state=state, reason=reason))
            case JobRequest():
                if await self._may_start(row, run, lease):
                    await self._send(row, run, lease, prepared)

    async def find(self, row: RowMapping, run: Run, lease: Lease) -> None:
        """Look for the job a POST without an answer may have made; without one, send again."""
        organization_id = run.request.workspace.organization_id
        try:
            found = await self.server.jobs_with_key(organization_id, run.key)
        except RemoteError as error:
            await self._put_off(row, run, lease, error)
            return
        ours = jobs_of_run(run, found)
        if len(ours) < len(found):
            log.warning("job.foreign", reason="it carries the run's key, but does something else")
        posted_at = row["posted_at"] or row["created_at"]
        elapsed = self.database.now() - posted_at
        if ours:
            await self._keep(run, lease, ours[0], how="adopted")
        elif elapsed < self.grace:
            due_at = posted_at + _next_look(elapsed, self.grace)
            await self.database.write_for(run.id, queries.wait, lease.held, due_at)
        elif run.cancel_requested:
            ending = ending_of_cancelled(run.superseded_by, by=run.decided_by)
            await self.ender.end(run, lease, ending)
        elif self._is_too_late(row):
            await self.ender.end(run, lease, given_up(row["last_error"], may_exist=True))
        else:
            await self.start(row, run, lease)

    async def doubt(self, run: Run, lease: Lease) -> None:
        """Take up a run whose holder died around its POST: it may be under way even now."""
        now = self.database.now()
        log.warning("run.doubted", reason="whoever was sending it is gone")
        await self.database.write_for(
            run.id,
            queries.put_off,
            lease.held,
            due_at=now,
            now=now,
            error="whoever was sending its job is gone",
            phase=RunPhase.UNKNOWN,
            posted_at=now,
        )

    async def _has_turn(self, run: Run, lease: Lease) -> bool:
        """Wait for the workspace, so that nothing is asked in vain; or give it up."""
        request = run.request
        turn = await self.database.write_for(
            run.id, queries.turn_of, lease.held, request, self.holding, self.database.now()
        )
        if turn is Turn.TOO_LATE:
            hold = await self.database.read(read_hold, request.workspace.id)
            hours = self.holding.patience // 3_600_000
            text = waited_too_long(hold, hours, command=self.command, verb=request.verb)
            await self.ender.end(run, lease, Ending(state=RunState.ERROR, reason=text))
        return turn is Turn.NOW

    async def _may_start(self, row: RowMapping, run: Run, lease: Lease) -> bool:
        """Read the pull request again and ask the gates: what was checked may be hours ago."""
        try:
            ending = await self._objection(run)
        except RemoteError as error:
            await self._put_off(row, run, lease, error)
            return False
        if ending is not None:
            await self.ender.end(run, lease, ending)
        return ending is None

    async def _objection(self, run: Run) -> Ending | None:
        stop = await self.guard.stop(run)
        if stop is None and (objection := await self.guard.objection(run)):
            return Ending(state=RunState.ERROR, reason=objection)
        # Last of all: asking the gates takes a while.
        stop = stop or await self.guard.stop(run)
        return None if stop is None else Ending(state=stop.state, reason=stop.reason)

    async def _send(self, row: RowMapping, run: Run, lease: Lease, prepared: JobRequest) -> None:
        begun = await self.database.write_for(
            run.id,
            queries.begin,
            lease.held,
            _resolved(run, prepared),
            self.database.now(),
            self.holding,
        )
        if begun is Begun.CANCELLED:
            self.ender.note(run, ending_of_cancelled(run.superseded_by, by=run.decided_by))
        if begun is not Begun.POST:
            return
        lease.check()
        try:
            job = await self.server.create_job(prepared)
        except PermanentRemoteError as error:
            if _is_answer_to_success(error):
                await self._note_unanswered(row, run, lease, error)
            else:
                await self.ender.end(run, lease, refused(error))
        except Exception as error:  # noqa: BLE001 - whatever it was, the job may exist
            await self._note_unanswered(row, run, lease, error)
        else:
            await self._keep(run, lease, job, how="posted")

    async def _keep(self, run: Run, lease: Lease, job: Job, *, how: str) -> None:
        self.metrics.jobs_created.labels(how).inc()
        await self.database.write_for(
            run.id,
            queries.create,
            lease.held,
            run.request.workspace.organization_id,
            job,
            self.database.now(),
        )
        log.info("run.started", job_id=job.id, how=how)

    async def _note_unanswered(
        self, row: RowMapping, run: Run, lease: Lease, error: Exception
    ) -> None:
        remote = isinstance(error, RemoteError)
        log.warning("job.unanswered", error=describe(error), exc_info=None if remote else error)
        now = self.database.now()
        pause = max(_LOOKS[0] / 1000, _asked_pause(error))
        await self.database.write_for(
            run.id,
            queries.put_off,
            lease.held,
            due_at=now + int(pause * 1000),
            now=now,
            error=describe(error),
            trouble=self._trouble(row, error, now),
            counted=not remote,
            phase=RunPhase.UNKNOWN,
        )

    async def _put_off(self, row: RowMapping, run: Run, lease: Lease, error: RemoteError) -> None:
        if self._is_too_late(row):
            posted = run.phase is not RunPhase.PLANNED
            ending = given_up(str(error), may_exist=posted, service=error.service)
            await self.ender.end(run, lease, ending)
            return
        now = self.database.now()
        pause = max(min(backoff(row["attempts"]), LONGEST_PAUSE), _asked_pause(error))
        refusal = isinstance(error, PermanentRemoteError)  # does not pass by itself
        log.warning("run.postponed", seconds=pause, error=describe(error))
        await self.database.write_for(
            run.id,
            queries.put_off,
            lease.held,
            due_at=now + int(pause * 1000),
            now=now,
            error=describe(error),
            trouble=self._trouble(row, error, now, at_once=refusal),
        )

    def _trouble(
        self, row: RowMapping, error: Exception, now: int, *, at_once: bool = False
    ) -> str:
        """Say what people are told from now on; empty when it is too early, or they know."""
        since = now if row["trouble_since"] is None else row["trouble_since"]
        if row["trouble"] or not (at_once or now - since >= TROUBLE_AFTER):
            return ""
        service = error.service if isinstance(error, RemoteError) else TERRAKUBE
        return unreachable(str(error), from_ms(since), service=service)

    def _is_too_late(self, row: RowMapping) -> bool:
        since = row["trouble_since"]
        return since is not None and self.database.now() - since >= PATIENCE


def _resolved(run: Run, prepared: JobRequest) -> RunRequest:
    """Name the template the job is sent with: it is what a job of ours is known by later."""
    template = run.request.template
    if prepared.template_id is None:
        return replace(run.request, template=replace(template, tcl=prepared.tcl or ""))
    return replace(run.request, template=replace(template, id=prepared.template_id))


def _is_answer_to_success(error: PermanentRemoteError) -> bool:
    # The job was accepted, and what was said about it could not be read.
    return error.status is not None and error.status < HTTPStatus.BAD_REQUEST


def _asked_pause(error: Exception) -> float:
    return (error.retry_after or 0.0) if isinstance(error, TemporaryRemoteError) else 0.0


def _next_look(elapsed: int, grace: int) -> int:
    return next((look for look in _LOOKS if elapsed < look < grace), grace)
