"""Following a job: a fold over what each look at it showed.

A look is not the truth. ``pending`` comes back between steps and after the last one; a job that
was just created may read ``failed`` and then run (contract section 5); a poller sees a subset of
the short-lived statuses. So a state is derived from status, steps and what was known before, an
early end counts when it is seen twice, and a missing job counts when it was asked for by itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from bridge.domain.runs import RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, Step

YOUNG: Final = 10_000
"""Milliseconds after its POST in which a job's end must be seen twice (contract section 5)."""

SECOND_LOOK: Final = 2_000
"""Least milliseconds between the two sights of an early end, or of an absence."""

LIMIT: Final = 6 * 3_600_000
"""Milliseconds after which Terrakube fails an open job without a word (contract section 6.4)."""

TICK: Final = 3_000
"""Every interval is a multiple of it, so that looks at one organization fall together."""

WAITING_INTERVAL: Final = 60_000
OLD_INTERVAL: Final = 300_000
_OLD: Final = 24 * 3_600_000
_SETTLED_INTERVAL: Final = 15_000
# Milliseconds since the last change, and the interval until then: about a third of it, so that
# an end is noticed late in proportion to how long it took.
_STAIRS: Final = ((12_000, 3_000), (30_000, 6_000), (60_000, 9_000))

_CONCLUSIONS: Final = {
    JobStatus.COMPLETED: RunState.SUCCEEDED,
    JobStatus.NO_CHANGES: RunState.SUCCEEDED,
    JobStatus.FAILED: RunState.FAILED,
    JobStatus.REJECTED: RunState.REJECTED,
    JobStatus.CANCELLED: RunState.CANCELLED,
}
_NOT_STARTED: Final = frozenset({"pending", "queue", "notExecuted", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """What is remembered of a job between two looks; times are milliseconds since 1970.

    Attributes:
        status: Terrakube's word as last seen; empty before the first look.
        steps: As last seen.
        state: What people were told: queued, running or waiting; error while Terrakube was away.
        posted_at: When the POST was begun; the job is no older by the bridge's clock.
        changed_at: When a look last showed something new.
        started_at: When a step was first seen to have started.
        ended_seen_at: When the end that does not count yet was seen.
        absent_seen_at: When the job was first missing from an answer.
    """

    status: str
    steps: tuple[Step, ...]
    state: RunState
    posted_at: int
    changed_at: int
    started_at: int | None = None
    ended_seen_at: int | None = None
    absent_seen_at: int | None = None


class Sight(StrEnum):
    """What a look means."""

    OPEN = "open"
    """The job goes on."""
    DOUBTFUL = "doubtful"
    """It seems to have ended, or to be gone: look again soon."""
    ENDED = "ended"
    """It has ended as its status says."""
    MISSING = "missing"
    """It was missing twice: ask for it by itself; a 404 means that somebody deleted it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look led to.

    Attributes:
        followed: To be remembered now.
        told: Whether the state is another one, so that people hear of it.
        again_at: When to look out of turn; None when the next tick is early enough.
    """

    followed: Followed
    sight: Sight
    told: bool = False
    again_at: int | None = None


def follow(seen: Followed, job: Job | None, now: int) -> Look:
    """Fold one look into what is remembered; *job* None means that the answer did not have it."""
    if job is None:
        return _missing(seen, now)
    moved = job.status != seen.status or job.steps != seen.steps
    current = replace(
        seen,
        status=job.status,
        steps=job.steps,
        changed_at=now if moved else seen.changed_at,
        absent_seen_at=None,
    )
    if job.status in TERMINAL:
        return _ended(seen, current, now)
    started = has_started(job.steps) or job.status == JobStatus.RUNNING
    current = replace(
        current,
        state=state_of(job.status, job.steps, before=seen.state),
        started_at=now if started and seen.started_at is None else seen.started_at,
        ended_seen_at=None,
    )
    return Look(followed=current, sight=Sight.OPEN, told=current.state != seen.state)


def state_of(status: str, steps: Iterable[Step], *, before: RunState) -> RunState:
    """Say what an open job does; a word of a newer server counts as ``pending``."""
    if status == JobStatus.WAITING_APPROVAL:
        return RunState.WAITING
    if status in {JobStatus.RUNNING, JobStatus.APPROVED} or has_started(steps):
        return RunState.RUNNING
    # Between two steps a job reads pending again, as if nothing had happened yet.
    went_on = before in {RunState.RUNNING, RunState.WAITING}
    return RunState.RUNNING if went_on else RunState.QUEUED


def conclusion_of(status: str) -> RunState:
    """Say how a job with a terminal status ended."""
    return _CONCLUSIONS[JobStatus(status)]


def has_started(steps: Iterable[Step]) -> bool:
    """Tell whether any step was ever begun."""
    return any(step.status not in _NOT_STARTED for step in steps)


def changes_of(job: Job) -> bool | None:
    """Say whether the plan changes anything; None unless the job completed (section 6.2)."""
    match job.status:
        case JobStatus.COMPLETED:
            return job.plan_changes
        case JobStatus.NO_CHANGES:
            return False
        case _:
            return None


def is_expired(job: Job, *, posted_at: int, now: int) -> bool:
    """Tell whether Terrakube's own time limit ended the job: failed, late, and without a word."""
    if job.status != JobStatus.FAILED or text_of_output(job.output):
        return False
    created = int(job.created_at.timestamp() * 1000) if job.created_at else posted_at
    ended = int(job.updated_at.timestamp() * 1000) if job.updated_at else now
    # Dates are precise to the minute.
    return ended - created >= LIMIT - 60_000


def text_of_output(output: str) -> str:
    """Return what a job's ``output`` says to people; usually nothing.

    Only the marker of each completed step is no text (contract section 6.2).
    """
    lines = (line.strip() for line in output.splitlines())
    return "".join(
        line for line in lines if line and not (line.startswith("Step ") and "completed" in line)
    )


def look_interval(state: RunState, *, posted_at: int, changed_at: int, now: int) -> int:
    """Milliseconds between looks at an open job, as far as one can tell now."""
    if now - posted_at >= _OLD:
        return OLD_INTERVAL
    if state is RunState.WAITING:
        return WAITING_INTERVAL
    quiet = now - changed_at
    return next((interval for until, interval in _STAIRS if quiet < until), _SETTLED_INTERVAL)


def next_tick(interval: int, now: int, *, offset: int = 0) -> int:
    """Return the first tick of *interval* after *now*; *offset* spreads organizations."""
    return now - (now - offset) % interval + interval


def has_ticked(interval: int, since: int, now: int, *, offset: int = 0) -> bool:
    """Tell whether a tick of *interval* lies in [*since*, *now*]."""
    return next_tick(interval, since - 1, offset=offset) <= now


def _ended(seen: Followed, current: Followed, now: int) -> Look:
    again = seen.ended_seen_at is not None and current.status == seen.status
    first_seen = seen.ended_seen_at if again and seen.ended_seen_at is not None else now
    early = now - seen.posted_at < YOUNG
    if (early or again) and now - first_seen < SECOND_LOOK:
        doubtful = replace(current, ended_seen_at=first_seen)
        return Look(followed=doubtful, sight=Sight.DOUBTFUL, again_at=first_seen + SECOND_LOOK)
    state = conclusion_of(current.status)
    ended = replace(current, state=state, ended_seen_at=first_seen)
    return Look(followed=ended, sight=Sight.ENDED, told=True)


def _missing(seen: Followed, now: int) -> Look:
    first_seen = now if seen.absent_seen_at is None else seen.absent_seen_at
    absent = replace(seen, absent_seen_at=first_seen)
    if now - first_seen < SECOND_LOOK:
        return Look(followed=absent, sight=Sight.DOUBTFUL, again_at=first_seen + SECOND_LOOK)
    return Look(followed=absent, sight=Sight.MISSING)
