"""The settings themselves: every key with its kind, its default and a sentence about it.

The sentences are the documentation: ``.env.example`` is made from them, and a test compares
docs/configuration.md with them.
"""

import re
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)

from bridge.decisions.paths import check_glob
from bridge.domain.rules import DEFAULT_RULES, On, Policy, Rule
from bridge.forges import CheckedForge
from bridge.logs import LogFormat
from bridge.settings.origins import Origin, Path, dotted
from bridge.settings.values import (
    DatabaseUrl,
    Pairs,
    Unit,
    WebAddress,
    Words,
    database_passwords,
    read_json,
    split_words,
)

_POLICY = Policy()
_WORD = re.compile(r"[A-Za-z0-9][\w-]*")
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_FEWEST_KEY_CHARACTERS = 32


def _check_pattern(pattern: str) -> str:
    problem = check_glob(pattern)
    if problem is not None:
        msg = f"the pattern {pattern!r} {problem}"
        raise ValueError(msg)
    return pattern


Glob = Annotated[str, AfterValidator(_check_pattern)]
Globs = Annotated[tuple[Glob, ...], BeforeValidator(split_words)]
PositiveDays = Annotated[int, Field(ge=1, le=36_500), Unit("days")]
Port = Annotated[int, Field(ge=0, le=65_535)]
Requirement = Literal["approved", "mergeable", "planned"]


class Section(BaseModel):
    """A part of the settings; an unknown key in it is a mistake."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


class TerrakubeSettings(Section):
    """The Terrakube installation whose jobs are started."""

    url: WebAddress
    """Address of Terrakube's API, without /api/v1."""
    token: SecretStr
    """API token of the bridge's own account, of a team or a person."""
    organizations: Annotated[Words, Field(min_length=1)]
    """Names of the organizations whose workspaces the bridge looks after."""
    ui_url: WebAddress | Literal[""] = ""
    """Address of Terrakube's pages, for links; without it links go by way of the API."""
    ca_file: FilePath | None = None
    """Certificates to trust besides the usual ones, as a PEM file."""
    webhook_secret: SecretStr | None = None
    """Signing secret of Terrakube's notifications; without it there is no /webhooks/terrakube."""


class RuleSettings(Section):
    """Which template an event starts; the first rule that matches a workspace decides."""

    on: On
    """What happened: push, pull_request or tag."""
    template: Annotated[str, Field(min_length=1)]
    """A Terrakube template's name or id; default: the workspace's own; built-in: sent along."""
    branches: Globs = ()
    """Patterns of the pushed branch, or a pull request's base; empty: any the workspace follows."""
    tags: Globs = ()
    """Patterns of tag names, for tag rules; empty: any."""
    workspaces: Globs = ()
    """Patterns of organization/workspace; empty: all."""
    also: Globs = ()
    """Patterns of paths that concern the workspace besides its own folder (shared modules)."""

    @model_validator(mode="after")
    def _check_event(self) -> Self:
        if self.tags and self.on is not On.TAG:
            msg = "tags belong to a rule with on: tag"
            raise ValueError(msg)
        if self.branches and self.on is On.TAG:
            msg = "a tag is on no branch: branches do not belong to a rule with on: tag"
            raise ValueError(msg)
        return self


class PlanSettings(Section):
    """The plan command."""

    template: Annotated[str, Field(min_length=1)] = _POLICY.plan_template
    """Template the plan command starts; a stored one that only plans passes waiting jobs."""


class ApplySettings(Section):
    """The apply command: not available yet."""

    template: str = "built-in"
    """Template the apply command starts (not available yet)."""
    require: Annotated[tuple[Requirement, ...], BeforeValidator(split_words)] = ()
    """What must hold before something is applied (not available yet)."""


class CommandSettings(Section):
    """What people may say in comments."""

    names: Annotated[Words, Field(min_length=1)] = _POLICY.command_names
    """Words a command begins with; the first is the one shown to people."""
    plan: PlanSettings = PlanSettings()
    apply: ApplySettings | None = None

    @field_validator("names")
    @classmethod
    def _check_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_WORD.fullmatch(name) for name in names):
            msg = "a command's name is one word of letters, digits, - and _"
            raise ValueError(msg)
        return names


class LimitSettings(Section):
    """How much at once."""

    max_workspaces: Annotated[int, Field(ge=1, le=10_000), Unit("workspaces")] = (
        _POLICY.max_workspaces
    )
    """A pull request that affects more is asked about instead of planned."""
    max_comments: Annotated[int, Field(ge=1, le=20), Unit("comments")] = _POLICY.max_comments
    """Comments a report may spread over."""
    status_limit: Annotated[int, Field(ge=0, le=100), Unit("workspaces")] = _POLICY.status_limit
    """Most workspaces that get a commit status of their own; above that only the aggregate."""


class DatabaseSettings(Section):
    """Where the bridge remembers."""

    url: DatabaseUrl = SecretStr("sqlite:///data/bridge.db")
    """sqlite:///path (four slashes for an absolute one) or postgresql://user:password@host/name."""


class ListenSettings(Section):
    """Where webhooks are received."""

    host: str = "0.0.0.0"  # noqa: S104 - forges must reach it; narrowed behind a proxy
    """Address to listen on."""
    port: Annotated[Port, Unit("port; 0: any free one")] = 8080
    """Port for webhooks and health checks."""


class MetricsSettings(Section):
    """Where Prometheus finds the metrics."""

    host: str = "127.0.0.1"
    """Address to listen on for metrics; 0.0.0.0 in a container."""
    port: Annotated[Port, Unit("port; 0: any free one")] = 9090
    """Port for /metrics, apart from the public one."""


class RetentionSettings(Section):
    """How long things are kept after they ended."""

    bodies: PositiveDays = 7
    """Bodies of handled deliveries."""
    keys: PositiveDays = 30
    """Deliveries without their bodies: so long a repeat is recognised."""
    outputs: PositiveDays = 90
    """Plans and logs of finished runs."""
    runs: PositiveDays = 90
    """Finished runs."""
    posts: PositiveDays = 90
    """What was written to forges, except for open pull requests."""
    pull_requests: PositiveDays = 180
    """Closed pull requests."""
    audits: PositiveDays = 730
    """The record of who did what."""

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.keys < self.bodies:
            msg = "keys must be kept at least as long as bodies"
            raise ValueError(msg)
        return self


class LogSettings(Section):
    """What is logged, to standard output."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """debug, info, warning or error."""
    format: LogFormat = LogFormat.AUTO
    """json, console, or auto: console on a terminal, JSON otherwise."""


class SlackSettings(Section):
    """Slack as a second door: not available yet."""

    mode: Literal["socket", "http"] = "socket"
    """socket or http (not available yet)."""
    command: Annotated[str, Field(pattern=r"^/[a-z0-9_-]{1,31}$")] = "/terrakube"
    """Slash command (not available yet)."""
    default_channel: str | None = None
    """Id of the channel that hears of everything (not available yet)."""
    bot_token: SecretStr | None = None
    """xoxb-... (not available yet)."""
    app_token: SecretStr | None = None
    """xapp-..., for socket mode (not available yet)."""
    signing_secret: SecretStr | None = None
    """For http mode (not available yet)."""


class AccessSettings(Section):
    """Who may do what: not available yet."""

    who: Annotated[Words, Field(min_length=1)]
    """People and groups, such as github:team:acme/platform."""
    may: Annotated[Words, Field(min_length=1)]
    """Verbs."""
    workspaces: Globs = ()
    """Patterns of organization/workspace; empty: all."""


class Settings(Section):
    """Everything an operator may set."""

    terrakube: TerrakubeSettings
    forges: Mapping[str, InstanceOf[CheckedForge]]
    public_url: WebAddress | Literal[""] = ""
    """Address under which forges reach the bridge; needed to install webhooks."""
    rules: Annotated[tuple[RuleSettings, ...], BeforeValidator(read_json)] = ()
    """Which events start which template; by default pull requests plan, pushes run the default."""
    commands: CommandSettings = CommandSettings()
    plan_drafts: bool = _POLICY.plan_drafts
    """Whether draft pull requests are planned by themselves."""
    limits: LimitSettings = LimitSettings()
    status_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$")] = (
        _POLICY.status_prefix
    )
    """Commit statuses are named <prefix>/plan and so on: the exact names to require."""
    ssh_hosts: Pairs = Field(default_factory=dict)
    """Hosts of ssh clone URLs and the forge's host they stand for, as alias=host."""
    database: DatabaseSettings = DatabaseSettings()
    listen: ListenSettings = ListenSettings()
    metrics: MetricsSettings = MetricsSettings()
    secret_key: SecretStr | None = None
    """Keys hook secrets, markers, digests; 32 characters or more; made and stored when unset."""
    retention: RetentionSettings = RetentionSettings()
    log: LogSettings = LogSettings()
    slack: SlackSettings | None = None
    access: Annotated[tuple[AccessSettings, ...], BeforeValidator(read_json)] = ()
    """Who may do what (not available yet)."""

    _origins: dict[Path, Origin] = PrivateAttr(default_factory=dict)

    @field_validator("secret_key")
    @classmethod
    def _check_key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < _FEWEST_KEY_CHARACTERS:
            msg = "at least 32 characters are needed: openssl rand -hex 32"
            raise ValueError(msg)
        return key

    @field_validator("ssh_hosts")
    @classmethod
    def _check_hosts(cls, hosts: Mapping[str, str]) -> Mapping[str, str]:
        wrong = [one for pair in hosts.items() for one in pair if not _HOST.fullmatch(one)]
        if wrong:
            msg = f"{wrong[0]!r} is no host, and no host:port"
            raise ValueError(msg)
        return hosts

    def remember(self, origins: Mapping[Path, Origin]) -> None:
        """Keep where the values came from; done once, by the loader."""
        self._origins.update(origins)

    def origin(self, *path: str) -> Origin | None:
        """Say where a value was written, or the nearest thing around it; None for a default."""
        while path:
            if path in self._origins:
                return self._origins[path]
            path = path[:-1]
        return None

    def is_given(self, *path: str) -> bool:
        """Tell whether exactly this was written somewhere."""
        return path in self._origins

    def secrets(self) -> tuple[str, ...]:
        """Return everything in the settings that must not be shown."""
        found = list(_secrets_of(self))
        for forge in self.forges.values():
            found += forge.secrets
        found += database_passwords(self.database.url.get_secret_value())
        return tuple(dict.fromkeys(found))

    def policy(self) -> Policy:
        """Reduce the settings to what decides and renders."""
        rules = tuple(self._rule(number, rule) for number, rule in enumerate(self.rules))
        return Policy(
            rules=rules or DEFAULT_RULES,
            command_names=self.commands.names,
            plan_template=self.commands.plan.template,
            plan_drafts=self.plan_drafts,
            max_workspaces=self.limits.max_workspaces,
            max_comments=self.limits.max_comments,
            status_prefix=self.status_prefix,
            status_limit=self.limits.status_limit,
            ssh_hosts=dict(self.ssh_hosts),
        )

    def not_available_yet(self) -> tuple[str, ...]:
        """Name the sections that are accepted and have no effect in this version."""
        return tuple(
            name
            for name, given in (
                ("slack", self.slack),
                ("access", self.access),
                ("commands.apply", self.commands.apply),
            )
            if given
        )

    def _rule(self, number: int, rule: RuleSettings) -> Rule:
        origin = self.origin("rules", str(number))
        return Rule(
            on=rule.on,
            template=rule.template,
            branches=rule.branches,
            tags=rule.tags,
            workspaces=rule.workspaces,
            also=rule.also,
            name=f"rule {number + 1} ({origin or dotted(('rules', str(number)))})",
        )


def _secrets_of(section: BaseModel) -> list[str]:
    found: list[str] = []
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretStr):
            # The address of the database is a secret in part only.
            found += [] if isinstance(section, DatabaseSettings) else [value.get_secret_value()]
        elif isinstance(value, BaseModel):
            found += _secrets_of(value)
    return found
