"""Terrakube's nouns, as far as the bridge uses them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class JobStatus(StrEnum):
    """Statuses a job was seen in; a newer server may say others, which count as open."""

    PENDING = "pending"
    QUEUE = "queue"
    RUNNING = "running"
    WAITING_APPROVAL = "waitingApproval"
    APPROVED = "approved"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    NO_CHANGES = "noChanges"


TERMINAL = frozenset(
    {
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.REJECTED,
        JobStatus.CANCELLED,
        JobStatus.NO_CHANGES,
    }
)
"""Statuses after which nothing happens any more (contract section 6.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """An organization: id is a UUID as text."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceRef:
    """A workspace by ids and names; ids are UUIDs as text."""

    organization_id: str
    organization: str
    id: str
    name: str

    def __str__(self) -> str:
        """``organization/workspace``, as people write it."""
        return f"{self.organization}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """A workspace as Terrakube describes it.

    Attributes:
        source: Clone URL as typed by whoever made it (https, ssh or ``git@``); empty when none.
        branch: As stored: one branch, or several separated by commas.
        folder: As stored: ``/`` or empty for the root, else a path; or several separated by commas.
        locked: Whether Terrakube holds its jobs back.
        default_template: Template id; empty when none is set.
        native_webhook: Whether Terrakube itself starts jobs for pushes to it.
        last_job_status: Of the job touched last, not of the newest; for people only.
    """

    ref: WorkspaceRef
    source: str
    branch: str
    folder: str
    locked: bool = False
    lock_description: str = ""
    default_template: str = ""
    execution_mode: str = "remote"
    iac_type: str = "terraform"
    terraform_version: str = ""
    native_webhook: bool = False
    last_job_status: str = ""


class FlowType(StrEnum):
    """What a step of a template does; others exist and are kept as text."""

    PLAN = "terraformPlan"
    PLAN_DESTROY = "terraformPlanDestroy"
    APPLY = "terraformApply"
    DESTROY = "terraformDestroy"
    APPROVAL = "approval"
    SCRIPTS = "customScripts"
    DISABLE_WORKSPACE = "disableWorkspace"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowStep:
    """One step of a template's flow.

    Attributes:
        type: A FlowType, or the word of a newer server.
        number: Order of execution.
        team: Who may approve; empty for none.
    """

    type: str
    number: int
    name: str = ""
    team: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A stored template.

    Attributes:
        flow: Steps in order; None when its text was not read or cannot be.
    """

    id: str
    name: str
    organization_id: str
    description: str = ""
    version: str = ""
    flow: tuple[FlowStep, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a job.

    Attributes:
        number: Order of execution; Terrakube sends steps in none.
        status: pending, running, completed, failed, rejected, cancelled, notExecuted, or newer.
    """

    id: str
    number: int
    name: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as one answer showed it; fields that were not asked for have their defaults.

    Attributes:
        id: Number as text.
        status: A JobStatus, or the word of a newer server (then open).
        plan_changes: Meaningful only when completed.
        commit_id: None until the job runs, unless it was given.
        created_at: Aware, UTC, precise to the minute; None when not read.
        output: Step markers or the text of a variable problem; not a log.
        tcl: Base64 of the flow, once snapshotted; None before or when not read.
        steps: In order of execution; empty until the first scheduler run.
        extra: Attributes this version of the bridge does not know, as sent.
    """

    id: str
    status: str
    organization_id: str
    workspace_id: str = ""
    template_reference: str = ""
    comments: str = ""
    commit_id: str | None = None
    override_branch: str | None = None
    plan_changes: bool = True
    approval_team: str | None = None
    output: str = ""
    tcl: str | None = None
    via: str = ""
    refresh: bool = True
    refresh_only: bool = False
    target_addrs: tuple[str, ...] = ()
    replace_addrs: tuple[str, ...] = ()
    created_by: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    steps: tuple[Step, ...] = ()
    extra: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRequest:
    """A job to create; exactly one of *template_id* and *tcl* is set.

    Attributes:
        tcl: YAML text of an inline template, not encoded.
        comments: At most 512 characters; begins with the bridge's key.
        commit_id: Full commit id; None for the branch's head.
        override_branch: Branch or bare tag name; None for the workspace's own.
    """

    workspace: WorkspaceRef
    comments: str
    template_id: str | None = None
    tcl: str | None = None
    commit_id: str | None = None
    override_branch: str | None = None
    refresh: bool = True
    refresh_only: bool = False
    target_addrs: tuple[str, ...] = ()
    replace_addrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSearch:
    """Which jobs to look for: all that is given must fit; what is empty does not matter.

    Attributes:
        statuses: Any of them, as Terrakube says them.
        workspace_ids: Any of them.
        templates: Template ids, any of them; inline jobs have none.
        branches: What ``override_branch`` says, any of them: a job that took the branch of its
            workspace has none.
        key: First word of the comments.
        text: Part of the comments, upper and lower case told apart.
        commit: Commit id, or how it begins.
        created_since: Aware; Terrakube's dates are precise to the minute.
        created_until: Aware; with the minute itself.
        created_by: What ``createdBy`` says, exactly.
        via: What ``via`` says, exactly.
        ids: Any of them.
    """

    statuses: tuple[str, ...] = ()
    workspace_ids: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    key: str = ""
    text: str = ""
    commit: str = ""
    created_since: datetime | None = None
    created_until: datetime | None = None
    created_by: str = ""
    via: str = ""
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class JobChange:
    """What to change of a job; None leaves it as it is.

    Attributes:
        template_id: Has no effect once the job has begun: Terrakube copies the flow then.
        target_addrs: Only where the server knows them (see ServerFeatures); as replace_addrs.
    """

    comments: str | None = None
    refresh: bool | None = None
    refresh_only: bool | None = None
    template_id: str | None = None
    override_branch: str | None = None
    commit_id: str | None = None
    target_addrs: tuple[str, ...] | None = None
    replace_addrs: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobDetails:
    """A job and what it refers to, as far as that was asked for and exists."""

    job: Job
    workspace: Workspace | None = None
    template: Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """One row of a structured plan.

    Attributes:
        actions: As terraform orders them (replace is delete then create); from *action* when the
            server left them out. ``("no-op",)`` changes nothing.
        before: Values as the server shows them; sensitive ones are nulled by Terrakube.
    """

    address: str
    actions: tuple[str, ...]
    before: object = None
    after: object = None
    before_sensitive: object = None
    after_sensitive: object = None
    after_unknown: object = None
    module_address: str = ""
    resource_type: str = ""
    resource_name: str = ""
    status: str = ""
    diagnostics: tuple["Diagnostic", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """What terraform complained about.

    Attributes:
        address: Resource it is about; empty when it is about none.
        location: ``file:line``; empty when not known.
    """

    severity: str
    summary: str
    detail: str = ""
    address: str = ""
    location: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCounts:
    """Resources to add, change and destroy; a replacement counts as one add and one destroy."""

    add: int
    change: int
    destroy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobContext:
    """The structured output of a job; each map is by step id, empty when the server has none."""

    plans: Mapping[str, tuple[ResourceChange, ...]]
    applies: Mapping[str, tuple[ResourceChange, ...]]
    diagnostics: Mapping[str, tuple[Diagnostic, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What the bridge's token may do in an organization (the server's own self-check)."""

    plan_job: bool
    approve_job: bool
    manage_job: bool
    manage_workspace: bool
    manage_template: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFeatures:
    """What a server can, as its own description says.

    Attributes:
        targets: Whether a job takes ``targetAddrs`` and ``replaceAddrs`` (2.33 and newer).
        notifications: Whether it can send signed notifications (2.33 and newer).
    """

    targets: bool
    notifications: bool
