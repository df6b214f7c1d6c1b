"""Answering to jobs that wait for an approval: never blindly, and never twice.

Terrakube checks no transition: an approval of a job that went on meanwhile leaves it stuck, and
anybody may answer there, too (contract section 5). So the job is read again each time, what is
about to be said is written down first, and whoever takes up after a crash looks before it says
anything: a job that still waits is told again, one that does not was told, by us or by others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from sqlalchemy import Connection, RowMapping

from bridge.decisions.endings import PATIENCE, TERRAKUBE, TROUBLE_AFTER, Ending, lost
from bridge.decisions.reviewing import (
    Stop,
    has_passed,
    not_allowed,
    rejected_by,
    unanswered,
    unlocked,
    waiting_step,
)
from bridge.domain.errors import (
    JobStateError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.runs import Collected, Run, RunState
from bridge.domain.terrakube import Job, JobStatus
from bridge.domain.work import Answer, AuditEntry, DecisionPhase
from bridge.engine.ending import Ender
from bridge.engine.leases import Lease
from bridge.engine.workers import backoff, describe
from bridge.ports import JobServer
from bridge.store.database import Database
from bridge.store.queries import answers
from bridge.store.queries import reviews as queries
from bridge.store.queries.holds import is_unlocked
from bridge.store.queries.leases import Held
from bridge.store.queries.reviews import BRIDGE, Answered, Question
from bridge.store.queries.runs import read

log = structlog.get_logger()

SHOW_TRIES: Final = 5
"""How often the plan of a job is asked for that people answer to, before they do without it."""

LONGEST_PAUSE: Final = 60.0
"""Seconds between two tries, unless somebody asks for more."""


class Looked(Protocol):
    """What looking at a job that waits led to; see services.reviewing.Looked."""

    @property
    def collected(self) -> Collected:
        """What is shown while it waits."""
        ...

    @property
    def stop(self) -> Stop | None:
        """Why it must not go on."""
        ...

    @property
    def delta(self) -> str:
        """How the plan differs from the reviewed one."""
        ...

    @property
    def question(self) -> str:
        """What a person is asked; empty when none is needed."""
        ...


class Looker(Protocol):
    """What is needed of services.reviewing.ReviewService."""

    async def stop(self, run: Run) -> Stop | None:
        """Say why the pull request as it is now forbids a run."""
        ...

    async def look(self, run: Run, job: Job) -> Looked:
        """Compare the plan of a job that waits with the one that was reviewed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Brings a job that waits to its answer, and its run back to those who follow it.

    Attributes:
        command: How people address the bridge, for "say ... again".
    """

    database: Database
    server: JobServer
    service: Looker
    ender: Ender
    command: str

    async def review(self, row: RowMapping, run: Run, lease: Lease) -> None:
        """Do what is to be done next about a job that waits."""
        try:
            await self._review(row, run, lease)
        except NotFoundError:
            # Whoever follows it says that it was deleted.
            await self._write(run, queries.go_on, lease)
        except RemoteError as error:
            await self._put_off(row, run, lease, error)

    async def _review(self, row: RowMapping, run: Run, lease: Lease) -> None:
        if run.cancel_requested and not await self._may_be_told(run):
            await self._write(run, queries.go_on, lease)
            return
        job = await self.server.job(run.request.workspace.organization_id, run.job_id)
        if run.cancel_requested or job.status != JobStatus.WAITING_APPROVAL:
            await self._went_on(run, lease, job)
            return
        step = waiting_step(job.steps)
        await self._leave_behind(run, lease, job, step)
        decision = await self.database.read(answers.at_step, run.id, step)
        if decision is not None:
            await self._answer(row, run, lease, decision)
        elif run.request.reviewed is None:
            await self._show(row, run, lease, job)
        else:
            await self._compare(row, run, lease, job)

    async def _may_be_told(self, run: Run) -> bool:
        """Tell whether Terrakube may have been told something nobody knows the outcome of."""
        decision = await self.database.read(answers.unsettled, run.id)
        return decision is not None and decision["phase"] == DecisionPhase.SENT

    async def _leave_behind(self, run: Run, lease: Lease, job: Job, step: str) -> None:
        """Settle what was said at a step that the job has passed, whoever let it pass."""
        earlier = await self.database.read(answers.unsettled, run.id)
        if earlier is None or earlier["step"] == step:
            return
        told = earlier["phase"] == DecisionPhase.SENT and earlier["answer"] == Answer.APPROVE
        passed = told and has_passed(job, earlier["step"])
        await self.database.write_for(
            run.id,
            queries.leave_behind,
            lease.held,
            step,
            passed=earlier["step"] if passed else None,
            audits=[_approval(run, earlier)] if passed else [],
            now=self.database.now(),
        )

    async def _compare(self, row: RowMapping, run: Run, lease: Lease, job: Job) -> None:
        """Find the answer nobody has given yet, and write it down."""
        step, now = waiting_step(job.steps), self.database.now
        if stop := await self._stop(run):
            answer, collected = Answered(step=step, actor=BRIDGE, stop=stop), None
        else:
            looked = await self.service.look(run, job)
            collected = looked.collected
            if looked.question:
                log.info("run.asked", reason=looked.question)
                question = Question(looked.question, collected, job, row["due_at"])
                await self.database.write_for(run.id, queries.ask, lease.held, question, now())
                return
            answer = _own_answer(run, step, looked)
        await self.database.write_for(run.id, queries.claim, lease.held, answer, collected, now())
        decision = await self.database.read(answers.at_step, run.id, answer.step)
        if decision is not None:  # perhaps somebody else's, who was faster
            await self._answer(row, run, lease, decision)

    async def _show(self, row: RowMapping, run: Run, lease: Lease, job: Job) -> None:
        """Show what a job is going to do, to those who answer it; without that they can, too."""
        collected = None
        try:
            collected = (await self.service.look(run, job)).collected
        except RemoteError as error:
            if isinstance(error, TemporaryRemoteError) and row["attempts"] < SHOW_TRIES:
                raise
            log.warning("output.lost", error=describe(error))
        now = self.database.now()
        await self.database.write_for(run.id, queries.leave_to_people, lease.held, collected, now)

    async def _answer(self, row: RowMapping, run: Run, lease: Lease, decision: RowMapping) -> None:
        """Tell Terrakube what was decided, unless the pull request forbids it by now."""
        answer, step = Answer(decision["answer"]), decision["step"]
        if answer is Answer.APPROVE:
            stop = await self._stop(run)
            if stop is not None:
                await self._overrule(row, run, lease, step, stop)
                return
        sent = await self.database.write_for(run.id, queries.send, lease.held, step, answer)
        if sent:
            await self._tell(row, run, lease, decision)
            return
        current = await self.database.read(read, run.id)
        if current is None or current.cancel_requested or answer is Answer.REJECT:
            await self._write(run, queries.go_on, lease)
        else:
            stop = await self._stop(current) or unlocked(run, command=self.command)
            await self._overrule(row, run, lease, step, stop)

    async def _overrule(
        self, row: RowMapping, run: Run, lease: Lease, step: str, stop: Stop
    ) -> None:
        now = self.database.now()
        await self.database.write_for(run.id, queries.overrule, lease.held, step, stop, now)
        decision = await self.database.read(answers.at_step, run.id, step)
        if decision is not None:
            await self._answer(row, run, lease, decision)

    async def _tell(self, row: RowMapping, run: Run, lease: Lease, decision: RowMapping) -> None:
        answer = Answer(decision["answer"])
        approves = answer is Answer.APPROVE
        call = self.server.approve_job if approves else self.server.reject_job
        organization_id = run.request.workspace.organization_id
        lease.check()
        try:
            job = await call(organization_id, run.job_id)
        except JobStateError:
            job = await self.server.job(organization_id, run.job_id)
        except NotFoundError:
            raise
        except PermanentRemoteError as error:
            trouble = not_allowed(run.job_id, error, answer=answer)
            await self._put_off(row, run, lease, error, trouble=trouble, unsaid=decision["step"])
            return
        if job.status == JobStatus.WAITING_APPROVAL and not has_passed(job, decision["step"]):
            msg = f"job {run.job_id} still waits for an approval"
            raise TemporaryRemoteError(msg, service=TERRAKUBE)
        await self._went_on(run, lease, job)

    async def _went_on(self, run: Run, lease: Lease, job: Job) -> None:
        """Note what became of a job that does not wait any more."""
        decision = await self.database.read(answers.unsettled, run.id)
        told = decision is not None and decision["phase"] == DecisionPhase.SENT
        if decision is None or not told:
            await self._write(run, queries.go_on, lease)
            return
        if decision["answer"] == Answer.APPROVE and has_passed(job, decision["step"]):
            await self._note_approved(run, lease, job, decision)
        elif decision["answer"] == Answer.REJECT and job.status == JobStatus.REJECTED:
            await self._note_rejected(run, lease, decision)
        else:
            await self._write(run, queries.go_on, lease)

    async def _note_approved(self, run: Run, lease: Lease, job: Job, decision: RowMapping) -> None:
        log.info("job.approved", actor=decision["actor"], reason=_why(decision))
        await self.database.write_for(
            run.id,
            queries.approved,
            lease.held,
            decision["step"],
            job,
            audit=_approval(run, decision),
            now=self.database.now(),
        )

    async def _note_rejected(self, run: Run, lease: Lease, decision: RowMapping) -> None:
        ending = Ending(
            state=RunState(decision["state"] or RunState.REJECTED),
            reason=decision["reason"] or rejected_by(decision["actor"]).reason,
        )
        audit = _audit(run, decision, "rejected", f"Job {run.job_id}: {ending.reason}")
        await self.database.write_for(
            run.id,
            queries.rejected,
            lease.held,
            decision["step"],
            ending,
            audit=audit,
            now=self.database.now(),
        )
        self.ender.note(run, ending)

    async def _stop(self, run: Run) -> Stop | None:
        if await self.database.read(is_unlocked, run.id):
            return unlocked(run, command=self.command)
        current = await self.database.read(read, run.id)  # it may have been superseded
        try:
            return await self.service.stop(current or run)
        except PermanentRemoteError as error:
            # Fails closed: whoever cannot see the pull request approves nothing.
            raise TemporaryRemoteError(str(error), service=error.service) from error

    async def _put_off(
        self,
        row: RowMapping,
        run: Run,
        lease: Lease,
        error: RemoteError,
        *,
        trouble: str = "",
        unsaid: str | None = None,
    ) -> None:
        now = self.database.now()
        since = now if row["trouble_since"] is None else row["trouble_since"]
        # Without the forge the job waits until Terrakube ends it.
        if now - since >= PATIENCE and error.service == TERRAKUBE:
            await self.ender.end(run, lease, lost(str(error)))
            return
        asked = error.retry_after or 0.0 if isinstance(error, TemporaryRemoteError) else 0.0
        pause = max(min(backoff(row["attempts"]), LONGEST_PAUSE), asked)
        # A refusal does not pass by itself: people are told at once.
        at_once = isinstance(error, PermanentRemoteError)
        lasting = at_once or now - since >= TROUBLE_AFTER
        told = trouble or (unanswered(error.service, str(error)) if lasting else "")
        log.warning("review.postponed", seconds=pause, error=describe(error))
        await self.database.write_for(
            run.id,
            queries.postpone,
            lease.held,
            due_at=now + int(pause * 1000),
            error=describe(error),
            trouble="" if told == row["trouble"] else told,
            now=now,
            unsaid=unsaid,
        )

    async def _write(
        self, run: Run, query: Callable[[Connection, Held, int], None], lease: Lease
    ) -> None:
        await self.database.write_for(run.id, query, lease.held, self.database.now())


def _own_answer(run: Run, step: str, looked: Looked) -> Answered:
    return Answered(
        step=step,
        actor=BRIDGE if looked.stop else run.request.actor,
        digest=looked.collected.digest,
        stop=looked.stop,
        delta=looked.delta,
    )


def _approval(run: Run, decision: RowMapping) -> AuditEntry:
    return _audit(run, decision, "approved", f"Job {run.job_id} goes on: {_why(decision)}.")


def _why(decision: RowMapping) -> str:
    own = decision["door"] == queries.DOOR
    return "its plan is the one that was reviewed" if own else "a person decided"


def _audit(run: Run, decision: RowMapping, result: str, detail: str) -> AuditEntry:
    return AuditEntry(
        actor=decision["actor"],
        action=f"{run.request.verb}.{result}",
        door=decision["door"],
        subject=run.id,
        result=result,
        detail=detail,
    )
