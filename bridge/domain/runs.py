"""A run: one trigger for one workspace, and the job it started."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.domain.terrakube import PlanCounts, Step, WorkspaceRef
from bridge.domain.vcs import MergeMethod, RepositoryRef

CLOSED: Final = "closed"
"""Stands in ``superseded_by`` for a pull request that was closed."""

RETARGETED: Final = "retargeted"
"""Stands in ``superseded_by`` for a pull request that goes to a branch for which the run is none
of its business."""


class Verb(StrEnum):
    """What was asked for; names the aggregate status, too."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    PUSH = "push"
    """The template a push or tag rule names: it may plan or apply."""
    JOB = "job"
    """A job that somebody started in Terrakube itself, and that a channel hears of."""


class RunPhase(StrEnum):
    """How far the bridge is with a run."""

    PLANNED = "planned"
    """Intent is stored; nothing was sent."""
    POSTING = "posting"
    """A POST may be under way."""
    UNKNOWN = "unknown"
    """A POST may have gone through: look for the key before anything else."""
    CREATED = "created"
    """The job exists and is followed."""
    REVIEWING = "reviewing"
    """The job waits for an approval, and the bridge has to answer."""
    COLLECTING = "collecting"
    """The job ended; its output is being read."""
    FINISHED = "finished"


class RunState(StrEnum):
    """What people are told."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """For an approval."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Terraform failed."""
    ERROR = "error"
    """The bridge, Terrakube or the configuration failed; *reason* says which."""
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


CONCLUDED = frozenset(
    {
        RunState.SUCCEEDED,
        RunState.FAILED,
        RunState.ERROR,
        RunState.REJECTED,
        RunState.CANCELLED,
        RunState.SUPERSEDED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChoice:
    """The template a run uses.

    Attributes:
        reference: As configured: a template's name or id, ``default`` or ``built-in``.
        id: Resolved template id; empty when it is inline or could not be resolved yet.
        name: For people.
        tcl: YAML of an inline template; empty when stored.
    """

    reference: str
    id: str = ""
    name: str = ""
    tcl: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What a person may vary; defaults are Terrakube's own.

    Attributes:
        destroy: Whether it is about the destruction of everything in the workspace.
    """

    refresh: bool = True
    refresh_only: bool = False
    targets: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    destroy: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """Everything that differs from a plan without options, as Terraform spells it."""
        return (
            *(["-destroy"] if self.destroy else []),
            *(f"-target={address}" for address in self.targets),
            *(f"-replace={address}" for address in self.replaces),
            *(["-refresh-only"] if self.refresh_only else []),
            *([] if self.refresh else ["-refresh=false"]),
        )


class Review(StrEnum):
    """What becomes of a job of the bridge's own that waits for an approval."""

    NONE = ""
    """Nothing: the bridge answers for no such job."""
    DUE = "due"
    """When it waits, its plan is compared with the reviewed one."""
    ASKED = "asked"
    """The plans cannot be compared: a person has to decide."""
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """The plan that people looked at, which alone may be applied.

    Attributes:
        run_id: The run that planned.
        digest: Its typed digests; empty when there were none: then a person has to decide.
        ask_when_sensitive: Whether a person decides when a changed row holds sensitive values.
    """

    run_id: str
    digest: str
    ask_when_sensitive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run to make, unless the same trigger already made it or an equal open one can be shared.

    Attributes:
        trigger: As in design section 10.2; unique with workspace and verb.
        actor: Login of who caused it.
        commit_id: Full commit the job is pinned to; empty where no configured forge says which.
        repository: Of the code; without a forge where it is on none that is configured.
        tag: Bare tag name; None for branches and pull requests.
        pull_request: Number; None for pushes.
        reports: Report keys the run shows in.
        why: The sentence that explains it: rule, branch, folder, files.
        applies: Whether the template may change infrastructure: such runs are never dropped.
        reviewed: What an apply or a destroy of a pull request must do again; None otherwise.
        merges: Whether the pull request is to be merged once all its plans are applied.
        merge_method: How, where somebody said so; None: as configured.
        verbose: Whether its whole output is to be shown.
        follow_up: Whether the workspace is planned again by itself when it fails.
    """

    trigger: str
    actor: str
    verb: Verb
    workspace: WorkspaceRef
    template: TemplateChoice
    commit_id: str
    repository: RepositoryRef
    reports: tuple[str, ...]
    options: RunOptions = field(default_factory=RunOptions)
    branch: str = ""
    tag: str | None = None
    pull_request: int | None = None
    why: str = ""
    applies: bool = False
    reviewed: Reviewed | None = None
    merges: bool = False
    merge_method: MergeMethod | None = None
    verbose: bool = False
    follow_up: bool = False

    @property
    def override_branch(self) -> str | None:
        """What the job takes instead of the workspace's branch; None where its commit says it."""
        return self.tag or (None if self.commit_id else self.branch or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run as stored.

    Attributes:
        id: ULID; the job's key is ``bridge:<id>``.
        job_status: Terrakube's word as last seen; empty before.
        plan_changes: None until the job completed.
        counts: None until known.
        digest: Typed plan digest (``json1:...``, ``text1:...``); empty when there is none.
        trouble: What keeps it from going on right now, for people; empty when nothing does.
        reason: Why it ended as it did, for people; empty when the state says it all.
        superseded_by: Head that made it an older one, ``closed``, or RETARGETED; empty while
            current.
        review: Whether and how the bridge answers when the job waits for an approval.
        decided_by: Login of who approved, rejected or cancelled it, or asked for what the bridge
            then approved; empty while nobody did.
        delta: How the plan differs from the reviewed one, redacted lines of plain text that
            whoever renders them makes inert; empty when it does not.
        attempts: How often the present phase was begun.
        posted_at: When its job was asked for; Terrakube ends every job 6 hours later.
    """

    id: str
    request: RunRequest
    phase: RunPhase
    state: RunState
    job_id: str
    job_status: str
    steps: tuple[Step, ...]
    plan_changes: bool | None
    counts: PlanCounts | None
    digest: str
    trouble: str
    reason: str
    superseded_by: str
    cancel_requested: bool
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    review: Review = Review.NONE
    decided_by: str = ""
    delta: str = ""
    posted_at: datetime | None = None

    @property
    def key(self) -> str:
        """``bridge:<id>``: first word of the job's ``comments``."""
        return f"bridge:{self.id}"

    @property
    def concluded(self) -> bool:
        """Whether its outcome is final."""
        return self.phase is RunPhase.FINISHED


class OutputKind(StrEnum):
    """What a stored text is."""

    PLAN = "plan"
    APPLY = "apply"
    ERROR = "error"
    CHANGES = "changes"
    """Structured plan, JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A text of a run, redacted before it gets here."""

    kind: OutputKind
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a finished job left behind.

    Attributes:
        digest: Typed digests, separated by blanks; empty when there are none.
        destroyed: Addresses that are deleted or replaced, sorted; for the warning on top.
        applied: Addresses an apply that did not come to its end has changed, sorted.
        not_applied: Those it was to change and did not, sorted.
    """

    counts: PlanCounts | None
    digest: str
    outputs: tuple[Output, ...]
    reason: str = ""
    destroyed: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why a run's job is not created at all.

    Attributes:
        reason: For people, with what to do.
        state: How the run ends.
    """

    reason: str
    state: RunState = RunState.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """Why a job stays pending.

    Attributes:
        cause: The likely cause, for people, with what to do; empty when there is nothing to say.
        hopeless: Whether it can never run: then it is cancelled, as it may hold up others.
    """

    cause: str
    hopeless: bool = False
