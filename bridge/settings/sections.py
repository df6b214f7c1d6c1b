"""The sections of the settings: every key with its kind, its default and a sentence about it.

The sentences are the documentation: ``.env.example`` is made from them, and a test compares
docs/configuration.md with them.
"""

from datetime import timedelta
from pathlib import Path as FilePath
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)

from bridge.decisions.paths import check_glob
from bridge.domain.rules import On, Policy
from bridge.logs import LogFormat
from bridge.settings.values import (
    DatabaseUrl,
    Unit,
    WebAddress,
    Words,
    check_channel,
    check_slash_command,
    split_words,
)

_POLICY = Policy()


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

    @field_validator("url")
    @classmethod
    def _cut_path(cls, url: str) -> str:
        # Terrakube's own settings name the address with it.
        return url.rstrip("/").removesuffix("/api/v1")


class TerrakubeAccess(TerrakubeSettings):
    """What a command needs that only talks to Terrakube."""

    organizations: Words = ()
    """Names of the organizations that are looked at; without: all the token may see."""

    def secrets(self) -> tuple[str, ...]:
        """Return what must not be shown."""
        given = (self.token, self.webhook_secret)
        return tuple(one.get_secret_value() for one in given if one is not None)


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
    queue_hours: Annotated[int, Field(ge=1, le=720), Unit("hours")] = (
        _POLICY.queue_patience // timedelta(hours=1)
    )
    """How long an apply waits for a workspace that another pull request has."""
    cancelled_hold_minutes: Annotated[int, Field(ge=1, le=1_440), Unit("minutes")] = (
        _POLICY.cancelled_hold // timedelta(minutes=1)
    )
    """How long a cancelled apply keeps its workspace when nobody sees Terraform end."""


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
    """Slack as a second door; without a bot token it stays shut."""

    mode: Literal["socket", "http"] = "socket"
    """socket needs no public address; http is reached under public_url."""
    command: Annotated[str, AfterValidator(check_slash_command)] = "/terrakube"
    """Slash command; another one for each bridge in the same workspace of Slack."""
    default_channel: Annotated[str, AfterValidator(check_channel)] | None = None
    """Id of the channel that hears of everything, such as C0123."""
    bot_token: SecretStr | None = None
    """xoxb-...: what the bridge writes with."""
    app_token: SecretStr | None = None
    """xapp-..., for socket mode."""
    signing_secret: SecretStr | None = None
    """Of the app, for http mode: without it nothing that comes in is believed."""
    confirm_deletions: Annotated[int, Field(ge=0)] = 10
    """An approval that deletes more than this needs the workspace's name typed in."""
    api_url: WebAddress = "https://slack.com/api/"
    """Slack's API; https://slack-gov.com/api/ for GovSlack."""

    @property
    def opens(self) -> bool:
        """Whether there is a token, without which the door stays shut."""
        return bool(self.bot_token and self.bot_token.get_secret_value())


class AppAccess(Section):
    """What a command needs that only makes the manifest of a Slack app."""

    slack: SlackSettings = SlackSettings()
    public_url: WebAddress | Literal[""] = ""
    """Address under which Slack would reach the bridge."""
