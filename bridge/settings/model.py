"""Everything an operator may set, and what the rest of the program takes from it."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    InstanceOf,
    PrivateAttr,
    SecretStr,
    field_validator,
)

from bridge.domain.access import AccessRule
from bridge.domain.rules import DEFAULT_RULES, Policy, Rule
from bridge.forges import CheckedForge
from bridge.settings.commands import AccessSettings, CommandSettings
from bridge.settings.origins import Origin, Path, dotted
from bridge.settings.sections import (
    DatabaseSettings,
    LimitSettings,
    ListenSettings,
    LogSettings,
    MetricsSettings,
    RetentionSettings,
    RuleSettings,
    Section,
    SlackSettings,
    TerrakubeSettings,
)
from bridge.settings.values import (
    Pairs,
    WebAddress,
    database_passwords,
    read_json,
)

_POLICY = Policy()
_HOST = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_FEWEST_KEY_CHARACTERS = 32
_NAMES = {"rules": "rule", "access": "access rule"}


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
    access: Annotated[tuple[AccessSettings, ...] | None, BeforeValidator(read_json)] = None
    """Who may say what; without it write permission decides."""

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
            apply=self.commands.apply.policy(),
            destroy=self.commands.destroy.policy() if self.commands.destroy else None,
            approval_team=self.commands.apply.approval_team,
            locks=self.commands.apply.locks,
            access=self._access(),
            cancelled_hold=timedelta(minutes=self.limits.cancelled_hold_minutes),
            queue_patience=timedelta(hours=self.limits.queue_hours),
        )

    def without_effect(self) -> tuple[str, ...]:
        """Say what is set and changes nothing, a sentence each."""
        shut = "Slack's door stays shut: slack.bot_token is missing"
        return (shut,) if self.slack and not self.slack.opens else ()

    def _access(self) -> tuple[AccessRule, ...] | None:
        if self.access is None:
            return None
        return tuple(
            one.rule(self._name("access", number)) for number, one in enumerate(self.access)
        )

    def _rule(self, number: int, rule: RuleSettings) -> Rule:
        return Rule(
            on=rule.on,
            template=rule.template,
            branches=rule.branches,
            tags=rule.tags,
            workspaces=rule.workspaces,
            also=rule.also,
            name=self._name("rules", number),
        )

    def _name(self, section: str, number: int) -> str:
        place = (section, str(number))
        return f"{_NAMES[section]} {number + 1} ({self.origin(*place) or dotted(place)})"


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
