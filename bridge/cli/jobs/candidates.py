"""Jobs that are to be approved, rejected or cancelled: what may be done, and what became of it.

Only functions import this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import typer

from bridge.cli.endings import Exit, tell
from bridge.cli.terrakube import find_job, open_server
from bridge.cli.texts import one_line
from bridge.decisions.following import is_expired
from bridge.decisions.plans import changing, counts_of_rows, steps_with_logs
from bridge.decisions.step_logs import plain, planned_counts
from bridge.domain.errors import JobStateError, NotFoundError, TemporaryRemoteError
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, Organization, PlanCounts
from bridge.terrakube import TerrakubeServer

STOPPED: Final = frozenset({JobStatus.REJECTED, JobStatus.CANCELLED})

_MOST_STEPS: Final = 20  # whose logs are looked through for a summary


class Verb(StrEnum):
    """What is to be done."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why it is not done, as a sentence, and the exit code that says so."""

    why: str
    code: Exit


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A job as it was when the command began.

    Attributes:
        workspace: For people; empty when it is gone.
        counts: What its plan changes; None when that is not known, or was not asked for.
    """

    organization: Organization
    job: Job
    workspace: str
    counts: PlanCounts | None = None

    @property
    def name(self) -> str:
        """``job 7 (acme/network)``."""
        return f"job {self.job.id} ({self.workspace})" if self.workspace else f"job {self.job.id}"

    @property
    def is_open(self) -> bool:
        """Whether it may still change by itself."""
        return self.job.status not in TERMINAL

    def refusal(self, verb: Verb) -> Refusal | None:
        """Say why *verb* would mean nothing; None when it may be tried."""
        if verb is not Verb.CANCEL:
            return _refusal_to_decide(self.job)
        if self.is_open or self.job.status in STOPPED:
            return None
        why = f"job {self.job.id} has ended already: it is {self.job.status}"
        return Refusal(why, Exit.USAGE)

    def plan_sentence(self) -> str:
        """Say what an approval is about."""
        counts = self.counts
        if counts is None:
            return f"{_begun(self.name)} waits for an approval; what it changes is not known."
        planned = f"{counts.add} to add, {counts.change} to change, {counts.destroy} to destroy"
        return f"{_begun(self.name)} waits for an approval: {planned}."

    def cancel_sentence(self) -> str:
        """Say what cancelling does, and what it does not do."""
        running = next((step for step in self.job.steps if step.status == "running"), None)
        begin = f"This cancels {self.name}, which is {one_line(self.job.status)}."
        if running is None:
            return f"{begin} No step of it runs right now."
        step = one_line(f"{running.number} {running.name}")
        return (
            f"{begin} It does not stop Terraform: step {step} goes on and may still change "
            "infrastructure, while the workspace's next job may start."
        )


def _refusal_to_decide(job: Job) -> Refusal | None:
    """Say why a job cannot be approved or rejected; None when it waits for that."""
    if job.status == JobStatus.WAITING_APPROVAL:
        return None
    if job.status in TERMINAL:
        return _has_ended(job)
    now = one_line(job.status)
    # The name of the team gives way to an empty text (contract section 6.2).
    if job.status == JobStatus.APPROVED or job.approval_team == "":
        return Refusal(f"job {job.id} was approved already: it is {now}", Exit.USAGE)
    return Refusal(
        f"job {job.id} is {now}: it does not wait for an approval yet; this ends when it does: "
        f"terrakube-bridge jobs follow {job.id} --stop-at-approval",
        Exit.USAGE,
    )


def _has_ended(job: Job) -> Refusal:
    if job.status in STOPPED:
        return Refusal(f"job {job.id} was {job.status}: it waits no more", Exit.JOB_STOPPED)
    if job.status != JobStatus.FAILED:
        return Refusal(f"job {job.id} is {job.status}: it waits for nothing", Exit.USAGE)
    expired = is_expired(job, posted_at=0, now=0)
    why = "Terrakube ends every job after 6 hours: create a new one" if expired else ""
    return Refusal(f"job {job.id} has failed{': ' if why else ''}{why}", Exit.JOB_FAILED)


async def find(numbers: Sequence[str], where: str, verb: Verb) -> list[Candidate]:
    """Read the jobs, and for an approval what their plans change."""
    async with open_server() as server:
        return [await _find_one(server, number, where, verb) for number in numbers]


async def decide(found: Sequence[Candidate], verb: Verb) -> Exit:
    """Do it to one after the other; the exit code is the highest."""
    async with open_server() as server:
        return max([await _decide_one(server, one, verb) for one in found], default=Exit.OK)


async def _find_one(server: TerrakubeServer, number: str, where: str, verb: Verb) -> Candidate:
    organization, job = await find_job(server, number, where or None)
    details = await server.get_job(organization.id, job.id, include=["workspace"])
    waits = details.job.status == JobStatus.WAITING_APPROVAL
    counted = verb is Verb.APPROVE and waits
    return Candidate(
        organization=organization,
        job=details.job,
        workspace=one_line(str(details.workspace.ref)) if details.workspace else "",
        counts=await _counts(server, details.job) if counted else None,
    )


async def _counts(server: TerrakubeServer, job: Job) -> PlanCounts | None:
    """Count by the structured plan, or by the last summary in a log (contract section 8)."""
    context = await server.context(job.id)
    rows = [row for step in job.steps for row in changing(context.plans.get(step.id, ()))]
    if rows:
        return counts_of_rows(rows)
    for step in reversed(steps_with_logs(job.steps)[:_MOST_STEPS]):
        text = await server.step_log(job.organization_id, job.id, step.id)
        counts = planned_counts(plain(text))
        if counts is not None:
            return counts
    return None


async def _decide_one(server: TerrakubeServer, one: Candidate, verb: Verb) -> Exit:
    try:
        match verb:
            case Verb.APPROVE:
                await server.approve_job(one.organization.id, one.job.id)
                return _done(f"{one.name} is approved.")
            case Verb.REJECT:
                await server.reject_job(one.organization.id, one.job.id)
                return _done(f"{one.name} is rejected.")
            case Verb.CANCEL:
                return await _cancel(server, one)
    except NotFoundError:
        return _refused(Refusal(f"job {one.job.id} was deleted meanwhile", Exit.NOT_FOUND))
    except JobStateError as error:
        return await _lost_race(server, one, error)
    except TemporaryRemoteError as error:
        msg = f"{error}\nit may be done all the same: terrakube-bridge jobs get {one.job.id}"
        raise TemporaryRemoteError(msg, service=error.service, status=error.status) from error


async def _cancel(server: TerrakubeServer, one: Candidate) -> Exit:
    if not one.is_open:
        return _done(f"{one.name} was {one.job.status} already.")
    job = await server.cancel_job(one.organization.id, one.job.id)
    if job.status == JobStatus.CANCELLED:
        return _done(f"{one.name} is cancelled.")
    why = f"job {job.id} could not be cancelled any more: it is {one_line(job.status)}"
    return _refused(Refusal(why, Exit.USAGE))


async def _lost_race(server: TerrakubeServer, one: Candidate, error: JobStateError) -> Exit:
    """Say what somebody else decided in the meantime."""
    job = await server.job(one.organization.id, one.job.id)
    return _refused(_refusal_to_decide(job) or Refusal(str(error), Exit.USAGE))


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _done(sentence: str) -> Exit:
    typer.echo(_begun(sentence))
    return Exit.OK


def _refused(refusal: Refusal) -> Exit:
    tell(JobStateError(refusal.why))
    return refusal.code
