"""What a job may have changed, or may be changing: so long nobody else gets its workspace.

A cancel does not stop Terraform (contract section 5): the step that ran reads ``cancelled`` and
turns to ``completed`` or ``failed`` when Terraform has ended.
"""

from collections.abc import Sequence
from enum import IntEnum

from bridge.domain.holds import Hold
from bridge.domain.rules import Locks
from bridge.domain.runs import RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, Step

_OVER = frozenset({"completed", "failed", "rejected", "notExecuted"})
_NOT_BEGUN = frozenset({"pending", "queue", "notExecuted", ""})


class Gate(IntEnum):
    """How far a job has come to its approval, as far as it was seen."""

    AHEAD = 0
    WAITED = 1
    PASSED = 2


def may_have_applied(gate: Gate, steps: Sequence[Step], *, asks: bool) -> bool:
    """Tell whether a job may have changed infrastructure.

    Nothing is changed before the approval. One that nobody saw waiting may have a template
    without an approval: then whatever comes after the plan may apply. *asks* says that it is the
    bridge's own, with an approval after the plan.
    """
    if gate is not Gate.AHEAD:
        return gate is Gate.PASSED
    if asks:
        return any(step.status == "completed" for step in steps[1:])
    planned = bool(steps) and steps[0].status == "completed"
    return planned and any(step.status not in _NOT_BEGUN for step in steps[1:])


def unfinished_step(state: RunState, steps: Sequence[Step]) -> int | None:
    """Return the number of the step whose Terraform may go on although its run has ended.

    None when the job came to an end of its own.
    """
    if state in {RunState.SUCCEEDED, RunState.FAILED, RunState.REJECTED}:
        return None
    return next((step.number for step in steps if step.status not in _OVER), None)


def is_kept(locks: Locks, *, applied: bool) -> bool:
    """Tell whether a workspace stays locked when its run has ended."""
    return locks is Locks.PLAN or (locks is Locks.APPLY and applied)


def waited_too_long(hold: Hold | None, hours: int, *, command: str, verb: str) -> str:
    """Say why a run that waited for its workspace is given up."""
    holder = (
        f"Workspace {hold.workspace} is still locked by pull request #{hold.pull_request.number} "
        f"of {hold.pull_request.repository.slug} ({hold.actor} took it)"
        if hold
        else "Older runs of the workspace are still in the way"
    )
    return f"It waited for {hours} hours. {holder}. Say `{command} {verb}` again."


def end_of(job: Job, step: int) -> str:
    """Say how a job ended that may have been at work at a step: empty when it may be even now."""
    if job.status == JobStatus.CANCELLED:
        return next((one.status for one in job.steps if one.number == step), "")
    if job.status not in TERMINAL:
        return ""
    return "completed" if job.status == JobStatus.COMPLETED else "failed"


def went_through(verb: str, *, cancelled: bool) -> str:
    """Say what became of a job whose Terraform came to a good end."""
    if not cancelled:
        return f"The {verb} went through after all."
    return f"The cancelled {verb} went through after all: Terraform was not stopped."


def failed_later(verb: str, *, cancelled: bool) -> str:
    """Say what became of a job whose Terraform failed."""
    if not cancelled:
        return f"The {verb} failed later on."
    return f"Terraform went on with the cancelled {verb} for a while, and failed."


def not_seen(verb: str, *, cancelled: bool) -> str:
    """Say that nobody knows what became of a job."""
    what = f"cancelled {verb}" if cancelled else verb
    return (
        f"Nobody saw Terraform end the {what}; the workspace was kept as long as the "
        "settings say. Plan again to see what was changed."
    )
