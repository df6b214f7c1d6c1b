"""What a Terrakube server knows: organizations, teams, templates, workspaces, jobs and steps.

State and nothing else. Attribute names are the API's in snake case, so that one table
(``schema.py``) can read and write them. Marks like "contract 6.2" point to the description of the
server as observed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

Value: TypeAlias = Any
"""Of an attribute, or in JSON: whoever takes it checks it."""


class Version(StrEnum):
    """Which server is played: 2.32 or 2.33 beta."""

    STABLE = "stable"
    BETA = "beta"


class Status(StrEnum):
    """Of a job or a step, as Terrakube spells it."""

    PENDING = "pending"
    QUEUE = "queue"
    RUNNING = "running"
    WAITING = "waitingApproval"
    APPROVED = "approved"
    COMPLETED = "completed"
    NO_CHANGES = "noChanges"
    NOT_EXECUTED = "notExecuted"
    FAILED = "failed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.REJECTED, Status.CANCELLED})
NEVER = "NeverExecuted"
"""``lastJobStatus`` of a workspace that never had a job."""


@dataclass(slots=True, kw_only=True, eq=False)
class Entity:
    """Anything with an id; who made and changed it, and when (UTC)."""

    id: str | int
    created_by: str
    created_date: datetime
    updated_by: str
    updated_date: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Organization(Entity):
    """An organization; its collections are in order of creation."""

    name: str
    description: str | None = None
    execution_mode: str = "remote"
    disabled: bool = False
    icon: str | None = None
    teams: dict[str | int, "Team"] = field(default_factory=dict)
    templates: dict[str | int, "Template"] = field(default_factory=dict)
    workspaces: dict[str | int, "Workspace"] = field(default_factory=dict)
    jobs: dict[str | int, "Job"] = field(default_factory=dict)
    notifiers: dict[str | int, "Notifier"] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Team(Entity):
    """A group of tokens in an organization; *role* is admin, write, plan, read or custom."""

    organization: Organization
    name: str
    role: str
    approve_job: bool = False
    manage_collection: bool = False
    manage_job: bool = False
    manage_module: bool = False
    manage_provider: bool = False
    manage_state: bool = False
    manage_template: bool = False
    manage_vcs: bool = False
    manage_workspace: bool = False
    plan_job: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Template(Entity):
    """A stored flow; *tcl* is Base64 of YAML."""

    organization: Organization
    name: str
    tcl: str
    description: str | None = None
    version: str | None = "1.0.0"


@dataclass(slots=True, kw_only=True, eq=False)
class Workspace(Entity):
    """A configuration in a repository, and its state.

    Attributes:
        last_job_status: Of the job *touched* last, not of the newest (contract 4.5).
        clone_from: Where the executor really clones from; None means *source*.
        variables: Terraform variables by name, for the real executor.
        incomplete: Names of sensitive variables without a value: they fail every job.
        webhook: The native webhook, if the workspace has one.
        structured: Whether plans and applies leave their rows in the context: 2.32 sometimes
            leaves it empty (contract 8).
    """

    organization: Organization
    name: str
    source: str
    branch: str
    folder: str = "/"
    description: str | None = None
    allow_remote_apply: bool = False
    default_template: str | None = None
    deleted: bool = False
    execution_mode: str = "remote"
    global_remote_state: bool = True
    iac_type: str = "terraform"
    last_job_date: datetime | None = None
    last_job_status: str = NEVER
    lock_description: str | None = None
    locked: bool = False
    module_ssh_key: str | None = None
    shared_ids: str | None = None
    terraform_version: str = "1.11.4"
    jobs: dict[str | int, "Job"] = field(default_factory=dict)
    notifiers: dict[str | int, "Notifier"] = field(default_factory=dict)
    webhook: "Webhook | None" = None
    clone_from: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    incomplete: tuple[str, ...] = ()
    structured: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class Webhook(Entity):
    """A workspace's native webhook: Terrakube starts jobs by itself on the events of the forge."""

    workspace: Workspace
    remote_hook_id: str | None = None
    migrated: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Job(Entity):
    """A run of a template in a workspace.

    Attributes:
        tcl: Base64; a snapshot of the template from the first scheduler run on.
        steps: None exist before that.
        prepared: Whether the scheduler has seen the job.
        context: The structured plan as ``/context/v1`` gives it.
        plan_path: The saved plan of the last plan step, on the executor's disk.
    """

    organization: Organization
    workspace: Workspace
    status: Status = Status.PENDING
    approval_team: str | None = None
    comments: str | None = None
    commit_id: str | None = None
    output: str | None = None
    override_branch: str | None = None
    override_source: str | None = None
    plan_changes: bool | None = True
    pr_comment_error: str | None = None
    pr_number: int | None = None
    refresh: bool | None = True
    refresh_only: bool | None = False
    replace_addrs: Sequence[str] | None = None
    target_addrs: Sequence[str] | None = None
    tcl: str | None = None
    template_reference: str | None = None
    terraform_plan: str | None = None
    via: str | None = "UI"
    steps: dict[str | int, "Step"] = field(default_factory=dict)
    prepared: bool = False
    stuck: bool = False
    context: dict[str, dict[str, object]] = field(default_factory=dict)
    plan_path: str | None = None
    flicker_until: datetime | None = None

    @property
    def number(self) -> int:
        """The id; jobs count up over the whole instance."""
        return int(self.id)

    @property
    def is_open(self) -> bool:
        """Whether the job may still change by itself."""
        return self.status not in TERMINAL

    def next_step(self) -> "Step | None":
        """The pending step with the lowest number."""
        pending = [step for step in self.steps.values() if step.status is Status.PENDING]
        return min(pending, key=lambda step: step.step_number, default=None)


@dataclass(slots=True, kw_only=True, eq=False)
class Step(Entity):
    """A step of a job; *output* is the URL of its log, absent until it runs."""

    job: Job
    name: str
    step_number: int
    status: Status = Status.PENDING
    output: str | None = None
    log: list[str] = field(default_factory=list)
    onreject: Sequence[str] = ()

    @property
    def text(self) -> str:
        """The log so far, with its ANSI escapes."""
        return "".join(self.log)


@dataclass(slots=True, kw_only=True, eq=False)
class Notifier(Entity):
    """A notification configuration: where changes of jobs are posted to (beta only)."""

    organization: Organization
    name: str
    channel_type: str
    destination_url: str
    workspace: Workspace | None = None
    description: str | None = None
    active: bool = True
    message_style: str | None = "DETAILED"
    signing_secret: str | None = None
    triggers: dict[str | int, "Trigger"] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Trigger(Entity):
    """A status that a notifier speaks about."""

    configuration: Notifier
    job_status: Status


@dataclass(slots=True, kw_only=True, eq=False)
class Sent:
    """A delivery of a notifier, kept in the server's log.

    Attributes:
        status: SENT, PENDING or FAILED.
        body: The raw JSON.
    """

    id: str
    job_id: int
    notifier: Notifier
    body: bytes
    created_date: datetime
    status: str = "PENDING"
    attempts: int = 0
    last_error: str | None = None
