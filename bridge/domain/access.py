"""Who may say what in which workspaces, as values: one set of rules for every door."""

from dataclasses import dataclass
from enum import StrEnum

from bridge.domain.commands import Word
from bridge.domain.vcs import Permission

SLACK = "slack"
"""The door that is no forge; no forge may be named so."""


class PrincipalKind(StrEnum):
    """What kind of people a rule names."""

    USER = "user"
    TEAM = "team"
    """Of an organization on a forge: ``acme/platform``."""
    GROUP = "group"
    """A user group of Slack."""
    ANYBODY = "*"
    """Whoever the floor lets in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """One person, or one set of people, that a rule names.

    Attributes:
        door: Name of a configured forge, or ``slack``; empty for anybody.
        name: A login, ``organization/team``, or an id of Slack's; empty for anybody.
    """

    door: str
    kind: PrincipalKind
    name: str

    def __str__(self) -> str:
        """``github:team:acme/platform``, as it is configured; ``*`` for anybody."""
        if self.kind is PrincipalKind.ANYBODY:
            return self.kind.value
        return f"{self.door}:{self.kind.value}:{self.name}"

    @property
    def key(self) -> str:
        """What is compared: no forge tells upper case from lower in names."""
        return str(self).lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRule:
    """Whom a rule lets say what; whatever no rule allows is denied.

    Attributes:
        may: The words themselves; all of them where the settings say ``*``.
        workspaces: Globs of ``organization/workspace``; empty for all.
        quorum: How many different people must approve a job in a workspace the rule is about.
        four_eyes: Whether whoever asked for a job must not be among those who approve it.
        name: Where it stands, for explanations: ``access rule 2 (bridge.yaml line 14)``.
    """

    who: tuple[Principal, ...]
    may: frozenset[Word]
    workspaces: tuple[str, ...] = ()
    quorum: int = 1
    four_eyes: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who asks for something, as far as it is known just now.

    Attributes:
        forge: Name of the forge they write on, or that their account of Slack's is linked to.
        login: There; empty for somebody on Slack whose account is linked to none.
        permission: In the repository it is about; None when the forge could not be asked.
        teams: Keys of the teams and groups they were confirmed to be in.
        unsure: Keys of those that could not be asked about, which is a no.
        slack_user: Id of the Slack user who asks; empty when it is not Slack they ask through.
        has_repository: Whether it is about a repository the bridge knows; else there is nothing
            to have a permission in.
    """

    forge: str
    login: str
    permission: Permission | None
    teams: frozenset[str] = frozenset()
    unsure: frozenset[str] = frozenset()
    slack_user: str = ""
    has_repository: bool = True
