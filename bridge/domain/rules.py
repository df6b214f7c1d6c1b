"""Rules: which events start which template, what an apply needs, and the limits of it all."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bridge.domain.access import AccessRule
from bridge.domain.vcs import MergeMethod

DEFAULT_TEMPLATE = "default"
"""Stands for the workspace's own ``defaultTemplate``."""

BUILT_IN = "built-in"
"""Stands for an inline template the bridge sends."""


class On(StrEnum):
    """What kind of event a rule is about."""

    PUSH = "push"
    PULL_REQUEST = "pull_request"
    TAG = "tag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which template an event starts in which workspaces; the first that matches decides.

    Attributes:
        template: A template's name or id, ``default`` or ``built-in``.
        branches: Globs of the pushed branch, or of a pull request's base; empty for any that the
            workspace follows.
        tags: Globs of bare tag names (tag rules only); empty for any.
        workspaces: Globs of ``organization/workspace``; empty for all.
        also: Globs of repository paths that concern the workspace besides its own folder.
        name: Where it stands, for explanations: ``rule 2 (bridge.yaml line 14)``.
    """

    on: On
    template: str
    branches: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    workspaces: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    name: str = ""


DEFAULT_RULES = (
    Rule(on=On.PULL_REQUEST, template="Plan", name="the built-in rule for pull requests"),
    Rule(on=On.PUSH, template=DEFAULT_TEMPLATE, name="the built-in rule for pushes"),
)
"""What happens without configured rules: pull requests plan, pushes run the default template."""


class Gate(StrEnum):
    """What must hold before something is applied."""

    APPROVED = "approved"
    """By the forge's own rules, and by somebody other than the author."""
    MERGEABLE = "mergeable"
    """The forge would merge it, the bridge's own statuses left out."""
    PLANNED = "planned"
    """Each workspace has a plan of this head with the same options; it holds always."""
    UNDIVERGED = "undiverged"
    """The head holds everything that is on the base branch."""
    NOT_DRAFT = "not_draft"
    STATUSES = "statuses"
    """The commit statuses that are named have succeeded."""
    OPEN = "open"
    """It is neither closed nor merged; it holds always."""
    NOT_FORK = "not_fork"
    """The head lies in the repository itself; it holds always."""


ALWAYS = (Gate.OPEN, Gate.NOT_FORK, Gate.PLANNED)
"""Gates that no setting takes away."""

DEFAULT_GATES = (Gate.APPROVED, Gate.MERGEABLE, Gate.PLANNED)
"""What is asked where the settings do not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyPolicy:
    """How something is applied, or destroyed.

    Attributes:
        template: As in a rule; it asks before it applies, unless *allow_unasked*.
        require: Besides those that hold ALWAYS.
        statuses: Names of commit statuses that must have succeeded; exact.
        allow_unasked: Whether a template may be used that applies without asking first: then
            nothing makes sure that what is applied is what was reviewed.
        ask_when_sensitive: Whether a person decides when a changed row holds sensitive values.
        auto_merge: Whether the pull request is merged once all its plans are applied.
        follow_up: Whether a workspace is planned again when its apply failed.
    """

    template: str = BUILT_IN
    require: tuple[Gate, ...] = DEFAULT_GATES
    statuses: tuple[str, ...] = ()
    allow_unasked: bool = False
    ask_when_sensitive: bool = False
    auto_merge: bool = False
    merge_method: MergeMethod = MergeMethod.MERGE
    follow_up: bool = False


class Locks(StrEnum):
    """From when on a pull request has a workspace for itself, until it is merged or closed."""

    NONE = "none"
    """Never beyond the job itself."""
    APPLY = "apply"
    """From its first apply there."""
    PLAN = "plan"
    """From its first plan there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Rules and limits of the configuration.

    Attributes:
        command_names: Words a command begins with in a comment; the first is shown to people.
        plan_template: Template of the ``plan`` command.
        plan_drafts: Whether draft pull requests are planned by themselves.
        max_workspaces: A pull request that affects more is asked about instead of planned.
        max_comments: Comments a report may spread over.
        status_prefix: ``<prefix>/plan`` is the aggregate status of plans.
        status_limit: Most workspaces that get a status of their own; above that none does.
        ssh_hosts: Host of ssh URLs to host (and port) of the forge they belong to.
        apply: How ``apply`` goes.
        destroy: How ``destroy`` goes; None where nobody may destroy anything.
        approval_team: Team that the built-in approval step names: the bridge's own, which nobody
            need be in.
        locks: From when on a pull request has a workspace for itself.
        access: Who may do what; None where write permission decides.
        cancelled_hold: How long a cancelled apply keeps its workspace when nobody sees it end.
        queue_patience: How long an apply waits for its workspace before it is given up.
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    command_names: tuple[str, ...] = ("terrakube",)
    plan_template: str = "Plan"
    plan_drafts: bool = True
    max_workspaces: int = 40
    max_comments: int = 3
    status_prefix: str = "terrakube"
    status_limit: int = 10
    ssh_hosts: Mapping[str, str] = field(default_factory=dict)
    apply: ApplyPolicy = ApplyPolicy()
    destroy: ApplyPolicy | None = None
    approval_team: str = "terrakube-bridge"
    locks: Locks = Locks.APPLY
    access: tuple[AccessRule, ...] | None = None
    cancelled_hold: timedelta = timedelta(minutes=60)
    queue_patience: timedelta = timedelta(hours=6)
