"""What may be done to a job in its state, and what a race made of it.

The server checks no transition (contract section 5): what it accepts may mean nothing, or leave a
job that is open for ever and blocks its workspace.
"""

from dataclasses import replace
from typing import Final

from bridge.domain.errors import JobStateError
from bridge.domain.terrakube import TERMINAL, Job, JobChange, JobStatus

_STILL_TO_RUN: Final = frozenset({"pending", "queue", "running"})


def is_open(job: Job) -> bool:
    """Tell whether a job may still be cancelled."""
    return job.status not in TERMINAL


def waits_early(job: Job) -> bool:
    """Tell whether a job waits for an approval before anything else: it may be seconds old.

    One that has completed a step is past the seconds in which a change gets lost.
    """
    waits = job.status == JobStatus.WAITING_APPROVAL
    return waits and not any(step.status == "completed" for step in job.steps)


def check_waiting(job: Job) -> None:
    """Refuse to answer for a job that does not ask.

    Raises:
        JobStateError: It does not wait for an approval.
    """
    if job.status != JobStatus.WAITING_APPROVAL:
        msg = f"job {job.id} is {job.status}: it does not wait for an approval"
        raise JobStateError(msg)


def check_change(job: Job, change: JobChange) -> None:
    """Refuse a change that would have no effect.

    Raises:
        JobStateError: The job has ended and more than its comments is to be changed; or it has
            begun, and so has copied the flow of its template.
    """
    if job.status in TERMINAL and replace(change, comments=None) != JobChange():
        msg = f"job {job.id} is {job.status}: only its comments can still be changed"
        raise JobStateError(msg)
    if job.steps and change.template_id is not None:
        msg = f"job {job.id} has begun: it keeps the template it began with"
        raise JobStateError(msg)


def race_of(job: Job, wanted: JobStatus) -> str:
    """Say how a job that was just approved or rejected was also changed by somebody else.

    Args:
        job: As read after the answer was accepted.
        wanted: What it was set to.

    Returns:
        A sentence for people; empty when the answer stands, or nothing contradicts it.
    """
    return _approval_race(job) if wanted == JobStatus.APPROVED else _rejection_race(job)


def _approval_race(job: Job) -> str:
    if job.status in {JobStatus.REJECTED, JobStatus.CANCELLED}:
        return f"job {job.id} was {job.status} at the same moment: the approval came too late"
    stuck = job.steps and not any(step.status in _STILL_TO_RUN for step in job.steps)
    if job.status == JobStatus.APPROVED and stuck:
        return (
            f"job {job.id} had ended at the same moment: it reads approved, but nothing of it is "
            "left to run, and its workspace waits for it: cancel it"
        )
    return ""


def _rejection_race(job: Job) -> str:
    if job.status != JobStatus.REJECTED:
        return f"job {job.id} is {job.status}: somebody else decided at the same moment"
    running = next((step for step in job.steps if step.status == "running"), None)
    if running:
        return (
            f"job {job.id} reads rejected, but somebody approved it at the same moment: step "
            f"{running.name} runs, and no rejection stops Terraform"
        )
    return ""
