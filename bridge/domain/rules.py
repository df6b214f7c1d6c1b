"""Rules: which events start which template, and the limits that go with them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

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
