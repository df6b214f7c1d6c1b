"""What is told about a job that is followed, one thing at a time."""

from dataclasses import dataclass

from bridge.domain.runs import RunState
from bridge.domain.terrakube import Job, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The job does something else than before; the first update of all says what it does now."""

    state: RunState
    job: Job


@dataclass(frozen=True, slots=True, kw_only=True)
class StepChanged:
    """A step has another status; for one that ended, this comes after all of its log."""

    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGrew:
    """A step's log has new text, with ANSI sequences as served.

    Attributes:
        text: Whole lines, until the step has ended; never empty.
        anew: Whether the server has another text than before: this is all of it.
    """

    step: Step
    text: str
    anew: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LogUnread:
    """A step's log cannot be read; the job is followed without it."""

    step: Step
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """Terrakube does not answer; it is asked again for a while."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """Terrakube answers again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The job has ended; the last update.

    Attributes:
        expired: Whether Terrakube's own time limit ended it.
    """

    job: Job
    conclusion: RunState
    expired: bool = False


Update = StateChanged | StepChanged | LogGrew | LogUnread | Interrupted | Resumed | Ended
