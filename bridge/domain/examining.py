"""What an examination of everything around the bridge finds, and what it is judged by."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bridge.domain.vcs import Permission


class Level(StrEnum):
    """How bad something is; ordered from fine to bad."""

    OK = "ok"
    WARNING = "warning"
    """It works; something is missing, will end soon, or could not be looked at."""
    ERROR = "error"
    """Something that was configured does not work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the table.

    Attributes:
        area: ``terrakube``, ``slack``, ``bridge``, or a forge's name.
        what: What was looked at.
        detail: What was seen, for people.
        advice: What to do; empty when there is nothing to do.
        unasked: Whether nothing was seen at all, because nobody answered.
    """

    area: str
    what: str
    level: Level
    detail: str
    advice: str = ""
    unasked: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a server says about itself to everybody.

    Attributes:
        status: HTTP status.
        is_up: Whether it says that it is well; None when it says nothing of the kind.
        is_page: Whether it answered with a web page.
        ahead: How far its clock is ahead of ours, as its answer's Date says; None without one.
    """

    status: int
    is_up: bool | None
    is_page: bool = False
    ahead: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the bridge is on a forge, as far as the forge tells.

    Attributes:
        login: Its account.
        kind: For people: ``GitHub App``, ``token``.
        rights: Scopes or permissions in the forge's own words, sorted; None where they are not
            told.
        problems: What is missing and what does not work without it, a sentence each.
        expires_at: When the credential ends; None where that is not told, or never.
        needs: What the account must be allowed in a repository to do all that the bridge does.
    """

    login: str
    kind: str
    rights: tuple[str, ...] | None = None
    problems: tuple[str, ...] = ()
    expires_at: datetime | None = None
    needs: Permission = Permission.WRITE


@dataclass(frozen=True, slots=True, kw_only=True)
class Wants:
    """What the settings ask of a forge, besides planning and telling.

    Attributes:
        checks: Whether an apply depends on what is required to merge.
        merges: Whether the bridge merges.
        teams: Teams there (``organization/team``) on which it depends who may say what.
    """

    checks: bool = False
    merges: bool = False
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many requests a forge takes until *resets_at*."""

    limit: int
    remaining: int
    resets_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SentDelivery:
    """One attempt of a forge to deliver.

    Attributes:
        status: What it was answered; 0 when nobody answered.
    """

    delivered_at: datetime
    status: int

    @property
    def succeeded(self) -> bool:
        """Whether it was accepted."""
        return 200 <= self.status < 300  # noqa: PLR2004 - every 2xx


@dataclass(frozen=True, slots=True, kw_only=True)
class HookSeen:
    """A webhook as far as it matters here.

    Attributes:
        problems: What is not as it should be, a sentence each.
        deliveries: What was sent last, the newest first; None where the forge does not tell.
    """

    url: str
    problems: tuple[str, ...] = ()
    deliveries: tuple[SentDelivery, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositorySeen:
    """A repository that matters to the bridge, as its forge shows it.

    Attributes:
        slug: As asked for; the forge's own spelling where it is known.
        sources: Addresses under which workspaces name it; empty where none does.
        id: The forge's; empty when it was not seen.
        clone_urls: As the forge spells them; empty when it was not seen.
        own: What the bridge may do there; None where that is not told.
        hooks: None when they may not be looked at.
        trouble: Why it could not be looked at; empty when it could.
        absent: Whether the forge says that there is no such repository.
    """

    slug: str
    sources: tuple[str, ...] = ()
    id: str = ""
    clone_urls: tuple[str, ...] = ()
    own: Permission | None = None
    hooks: tuple[HookSeen, ...] | None = None
    trouble: str = ""
    absent: bool = False
