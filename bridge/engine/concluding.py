"""What happens to a run whose job exists: it is cancelled on wish, and read when it has ended."""

from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy import RowMapping

from bridge.decisions.again import how_again
from bridge.decisions.endings import (
    Ending,
    ending_at_commit,
    ending_of_job,
    ending_of_other_plan,
    not_cancelled,
)
from bridge.decisions.following import has_started, is_expired
from bridge.decisions.holding import Gate, may_have_applied
from bridge.decisions.reviewing import SOMEBODY, Comparison, compare, delta
from bridge.domain.errors import NotFoundError, PermanentRemoteError, TemporaryRemoteError
from bridge.domain.runs import Collected, Review, Run, Verb
from bridge.domain.terrakube import TERMINAL, Job, JobStatus
from bridge.domain.work import AuditEntry
from bridge.engine.ending import Ender
from bridge.engine.leases import Lease
from bridge.engine.looks import approved_elsewhere
from bridge.engine.workers import describe
from bridge.ports import JobServer
from bridge.store.codecs import STEPS
from bridge.store.database import Database
from bridge.store.queries import answers
from bridge.store.queries import runs as queries
from bridge.store.queries.runs import CANCEL_AGE, Bypass
from bridge.store.queries.told import record_unless_known
from bridge.store.runs import read_outputs

log = structlog.get_logger()

COLLECT_PATIENCE: Final = 600_000
"""Milliseconds after a job's end in which its output must be read."""

_CANCEL_AGAIN: Final = 5_000


class Collector(Protocol):
    """What is needed of services.collecting.CollectService."""

    async def collect(self, run: Run, job: Job) -> Collected:
        """Read what an ended job left behind, redacted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluder:
    """Cancels jobs nobody wants any more, and reads those that ended.

    Attributes:
        command: How people address the bridge, for "say ... again".
        unasked: Verbs whose template need not wait for an approval before it applies.
    """

    database: Database
    server: JobServer
    collector: Collector
    ender: Ender
    command: str
    unasked: frozenset[Verb] = frozenset()

    async def cancel(self, row: RowMapping, run: Run, lease: Lease) -> None:
        """Cancel a job once it is old enough to be changed; the poll sees what came of it."""
        if not run.cancel_requested:
            await self.database.write_for(run.id, queries.rest, lease.held)
            return
        old_enough_at = (row["posted_at"] or 0) + CANCEL_AGE
        if self.database.now() < old_enough_at:
            await self.database.write_for(run.id, queries.wait, lease.held, old_enough_at)
            return
        lease.check()
        try:
            job = await self.server.cancel_job(run.request.workspace.organization_id, run.job_id)
        except NotFoundError:
            await self._note_cancel(run, lease, "gone")
        except PermanentRemoteError as error:
            log.warning("job.not_cancelled", error=str(error))
            await self._note_cancel(run, lease, "refused", trouble=not_cancelled(run.job_id, error))
        else:
            if job.status in TERMINAL:
                await self._note_cancel(run, lease, job.status)
            else:
                again_at = self.database.now() + _CANCEL_AGAIN
                await self.database.write_for(run.id, queries.wait, lease.held, again_at)

    async def collect(self, row: RowMapping, run: Run, lease: Lease) -> None:
        """Read what an ended job left behind, and conclude its run with it."""
        if run.cancel_requested and row["job_status"] == JobStatus.CANCELLED:
            # Whoever told Terrakube may have died before it was written down.
            audit, since = _cancelled(run, JobStatus.CANCELLED), row["created_at"]
            now = self.database.now()
            await self.database.write_for(run.id, record_unless_known, audit, since, now)
        try:
            job = await self.server.job(run.request.workspace.organization_id, run.job_id)
            collected = await self.collector.collect(run, job)
        except PermanentRemoteError as error:
            await self._conclude_without(row, run, lease, error)
        except TemporaryRemoteError as error:
            ended_at = row["ended_seen_at"] or row["created_at"]
            if self.database.now() - ended_at < COLLECT_PATIENCE:
                raise
            await self._conclude_without(row, run, lease, error)
        else:
            ending = self._ending(row, run, job, collected)
            bypass = await self._bypass(row, run, collected)
            if bypass and bypass.delta:
                ending = ending_of_other_plan(ending, command=self.command)
            await self.ender.end(run, lease, ending, collected, bypass)

    async def _conclude_without(
        self, row: RowMapping, run: Run, lease: Lease, error: Exception
    ) -> None:
        log.error("output.lost", error=describe(error))
        await self.ender.end(run, lease, queries.ending_without_output(row, str(error)))

    async def _note_cancel(self, run: Run, lease: Lease, result: str, *, trouble: str = "") -> None:
        log.info("job.cancelled", result=result)
        await self.database.write_for(
            run.id,
            queries.note_cancel,
            lease.held,
            run.request.workspace.organization_id,
            _cancelled(run, result),
            self.database.now(),
            trouble=trouble,
        )

    async def _bypass(self, row: RowMapping, run: Run, collected: Collected) -> Bypass | None:
        """Find out whether an apply went on without the bridge; None when it did not."""
        reviewed = run.request.reviewed
        asks = bool(run.request.template.tcl)
        applied = may_have_applied(Gate(row["gate"]), STEPS.load(row["steps"]), asks=asks)
        if reviewed is None or not applied or await self._was_answered(run):
            return None
        # Who was seen to approve it there has been told of.
        told = run.review is Review.APPROVED or run.request.verb in self.unasked
        audit = None if told else approved_elsewhere(run.id, run.job_id)
        if compare(reviewed.digest, collected.digest) is not Comparison.DIFFERENT:
            return Bypass(audit=audit)
        before = await self.database.read(read_outputs, reviewed.run_id) or ()
        return Bypass(audit=audit, delta=delta(before, collected.outputs))

    async def _was_answered(self, run: Run) -> bool:
        """Tell whether every approval of a job came through the bridge."""
        if run.decided_by == SOMEBODY:
            return False
        return await self.database.read(answers.is_approved, run.id)

    def _ending(self, row: RowMapping, run: Run, job: Job, collected: Collected) -> Ending:
        # As it was seen to end: anybody may give a job that ended another status (contract
        # section 5).
        ending = ending_of_job(
            row["job_status"],
            superseded_by=row["superseded_by"],
            cancel_requested=bool(row["cancel_requested"]),
            started=has_started(STEPS.load(row["steps"])),
            expired=is_expired(job, posted_at=row["posted_at"], now=row["ended_seen_at"]),
            by=run.decided_by,
            waited=how_again(run.request, self.command) if row["gate"] == Gate.WAITED else "",
        )
        asked = run.request
        # A tag is cloned by its name, whatever becomes of the commit.
        ran = None if asked.tag and not job.commit_id else job.commit_id
        ending = ending_at_commit(ending, asked.verb, asked=asked.commit_id, ran=ran)
        reason = " ".join(part for part in (ending.reason, collected.reason) if part)
        return Ending(state=ending.state, reason=reason)


def _cancelled(run: Run, result: str) -> AuditEntry:
    return AuditEntry(
        actor="terrakube-bridge",
        action="job.cancelled",
        door="bridge",
        subject=run.id,
        result=result,
        detail=f"Job {run.job_id} of {run.request.workspace} was not wanted any more.",
    )
