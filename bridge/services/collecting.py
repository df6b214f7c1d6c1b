"""Reading what an ended job left behind, and making it fit to be stored and shown.

The digest is made from what came, before redaction: two plans that differ only in a secret must
differ. Everything else that leaves here is redacted, each text as a whole.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import structlog

from bridge.decisions import plans
from bridge.decisions.following import is_expired
from bridge.decisions.outputs import StepLog, outputs_of, reason_of
from bridge.decisions.reviewing import has_sensitive
from bridge.decisions.sensitive import changes_json, sensitive_values
from bridge.decisions.step_logs import Role, applied_counts, plain
from bridge.domain.errors import RemoteError, TemporaryRemoteError
from bridge.domain.redaction import Redactor
from bridge.domain.runs import Collected, Output, OutputKind, Run
from bridge.domain.terrakube import (
    Job,
    JobContext,
    JobStatus,
    PlanCounts,
    ResourceChange,
    Step,
)
from bridge.ports import JobServer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a job that waits is going to do.

    Attributes:
        sensitive: Whether what changes holds sensitive values.
        begun: Whether it has changed something already.
    """

    collected: Collected
    sensitive: bool
    begun: bool = False


@dataclass(frozen=True, slots=True)
class CollectService:
    """Reads logs and structured output of ended jobs.

    Attributes:
        redactor: Knows the configured secrets.
        digest_key: Keys the plan digests, so that nobody can guess a plan from one.
    """

    server: JobServer
    redactor: Redactor
    digest_key: bytes = field(repr=False)

    async def collect(self, run: Run, job: Job) -> Collected:
        """Read what *job* left behind.

        What cannot be read is named in the reason; the rest is not lost by it.

        Raises:
            TemporaryRemoteError: Nothing at all could be read, so another try makes sense.
        """
        read = await self._read(job)
        # Megabytes of plans with thousands of values to mask take seconds: deliveries are
        # answered meanwhile.
        return await asyncio.to_thread(self._collected, run, job, read)

    async def review(self, run: Run, job: Job) -> Planned:
        """Read the plan of a job that waits for an approval.

        Raises:
            TemporaryRemoteError: Something could not be read, so another try makes sense.
        """
        read = await self._read(job)
        for error in read.errors:
            if isinstance(error, TemporaryRemoteError):
                raise error
        return await asyncio.to_thread(self._planned, run, job, read)

    def _planned(self, run: Run, job: Job, read: "_Read") -> Planned:
        plan = _planned(read)
        sensitive = has_sensitive(plan.rows, plan.text)
        begun = read.last(Role.APPLY) is not None
        collected = self._collected(run, job, read)
        return Planned(collected=collected, sensitive=sensitive, begun=begun)

    def _collected(self, run: Run, job: Job, read: "_Read") -> Collected:
        plan = _planned(read)
        outputs = outputs_of(job, read.logs, read.context)
        applied, not_applied = _applied(job, read, plan)
        return Collected(
            counts=_counts(job, read, plan),
            digest=self._digest(job, plan),
            outputs=self._redacted(outputs, plan, read),
            reason=self._redact(_reason(run, job, read), read),
            destroyed=self._redacted_lines(plans.destroyed_by(plan.rows, plan.text), read),
            applied=self._redacted_lines(applied, read),
            not_applied=self._redacted_lines(not_applied, read),
        )

    async def _read(self, job: Job) -> "_Read":
        errors: list[RemoteError] = []
        context = await self._context(job, errors)
        logs: list[StepLog] = []
        troubles: list[str] = []
        steps = plans.steps_with_logs(job.steps)
        for step in steps:
            text = await self._log(job, step, errors)
            if text is None:
                troubles.append(f"The log of step {step.name!r} could not be read: {errors[-1]}.")
            role = plans.role_of_step(step, text or "", context)
            logs.append(StepLog(step=step, role=role, text=text or ""))
        if len(errors) == len(steps) + 1:
            _raise_temporary(errors)
        return _Read(
            context=context,
            logs=tuple(logs),
            troubles=tuple(troubles),
            errors=tuple(errors),
            sensitive=sensitive_values(plans.all_rows(context)),
        )

    async def _context(self, job: Job, errors: list[RemoteError]) -> JobContext:
        try:
            return await self.server.context(job.id)
        except RemoteError as error:
            log.warning("context.lost", job_id=job.id, error=str(error))
            errors.append(error)
            return JobContext(plans={}, applies={}, diagnostics={})

    async def _log(self, job: Job, step: Step, errors: list[RemoteError]) -> str | None:
        try:
            return plain(await self.server.step_log(job.organization_id, job.id, step.id))
        except RemoteError as error:
            log.warning("log.lost", job_id=job.id, step=step.number, error=str(error))
            errors.append(error)
            return None

    def _digest(self, job: Job, plan: "_Planned") -> str:
        if plan.step is None or plan.step.status != "completed":
            return ""
        return plans.digest_of_plan(job, plan.rows, plan.text, key=self.digest_key)

    def _redacted(
        self, outputs: Sequence[Output], plan: "_Planned", read: "_Read"
    ) -> tuple[Output, ...]:
        texts = [replace(output, text=self._redact(output.text, read)) for output in outputs]
        if plan.rows:
            changes = changes_json(plan.rows, lambda text: self._redact(text, read))
            texts.append(Output(kind=OutputKind.CHANGES, text=changes))
        return tuple(texts)

    def _redacted_lines(self, lines: Sequence[str], read: "_Read") -> tuple[str, ...]:
        # As one text: the key in an address may be a secret, too.
        return tuple(self._redact("\n".join(lines), read).splitlines())

    def _redact(self, text: str, read: "_Read") -> str:
        return self.redactor.redact(text, read.sensitive)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What could be read of a job.

    Attributes:
        logs: Of the steps that have one, in order; empty text where it could not be read.
        troubles: What could not be read, a sentence each.
        errors: What reading met.
        sensitive: Values that the structured output marks as sensitive.
    """

    context: JobContext
    logs: tuple[StepLog, ...]
    troubles: tuple[str, ...]
    errors: tuple[RemoteError, ...]
    sensitive: frozenset[str]

    def last(self, role: Role) -> StepLog | None:
        """Return the last step of a kind."""
        return next((one for one in reversed(self.logs) if one.role is role), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """What a step was to change.

    Attributes:
        step: The last one that planned; None when the job has none.
        rows: Those that change something, as far as the step's text confirms them.
        text: Plain log; empty when there is none.
    """

    step: Step | None
    rows: tuple[ResourceChange, ...]
    text: str


def _planned(read: _Read) -> _Planned:
    planned = read.last(Role.PLAN)
    if planned is not None:
        rows = plans.confirmed(read.context.plans.get(planned.step.id, ()), planned.text)
        return _Planned(step=planned.step, rows=rows, text=planned.text)
    # A template may destroy or apply without a plan of its own.
    applied = read.last(Role.APPLY)
    if applied is None:
        return _Planned(step=None, rows=(), text="")
    rows = plans.changing(read.context.applies.get(applied.step.id, ()))
    return _Planned(step=None, rows=rows, text=applied.text)


def _counts(job: Job, read: _Read, plan: _Planned) -> PlanCounts | None:
    """Count what was applied when all of it was, else what was to be."""
    applied = read.last(Role.APPLY)
    if applied is not None and job.status == JobStatus.COMPLETED:
        done = applied_counts(applied.text)
        if done is not None:
            return done
    return plans.counts_of_plan(job, plan.rows, plan.text)


def _applied(job: Job, read: _Read, plan: _Planned) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say what an apply that did not come to its end did; nothing when it did, or never began."""
    applied = read.last(Role.APPLY)
    if applied is None or job.status == JobStatus.COMPLETED:
        return (), ()
    rows = read.context.applies.get(applied.step.id, ())
    return plans.applied_by(plan.rows, rows, applied.text)


def _reason(run: Run, job: Job, read: _Read) -> str:
    began = int(run.created_at.timestamp() * 1000)
    expired = is_expired(job, posted_at=began, now=began)
    unread = bool(read.troubles)
    reason = reason_of(job, read.logs, read.context, expired=expired, unread=unread)
    return " ".join(part for part in (reason, *read.troubles) if part)


def _raise_temporary(errors: Sequence[RemoteError]) -> None:
    for error in errors:
        if isinstance(error, TemporaryRemoteError):
            raise error
