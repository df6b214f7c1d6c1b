"""A chat the bridge takes part in: who is there, what is said, and what channels want to hear."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from bridge.domain.access import SLACK

Blocks: TypeAlias = tuple[Mapping[str, Any], ...]
View: TypeAlias = Mapping[str, Any]

_ACTOR: Final = re.compile(r"\(slack:([A-Z0-9]+)\)$")
_UNFIT: Final = re.compile(r"[^\w .'-]+")
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatUser:
    """Somebody in the chat, as it says just now.

    Attributes:
        team: Id of the workspace of Slack that is theirs; another one than ours for strangers of
            shared channels.
        id: ``U...`` or ``W...``.
        name: For people; never what they are known by.
        deleted: Whether the account is switched off.
        is_bot: Whether it is a program's.
        is_guest: Whether it is restricted to some channels (single- and multi-channel guests).
        is_stranger: Whether Slack marks them as being of another organization.
    """

    team: str
    id: str
    name: str
    deleted: bool = False
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False

    @property
    def actor(self) -> str:
        """What they are recorded as: ``Ada Lovelace (slack:U0123)``, safe to show anywhere."""
        shown = " ".join(_UNFIT.sub(" ", self.name).split())[:_LONGEST_NAME].strip()
        return f"{shown or 'somebody'} ({SLACK}:{self.id})"


def slack_user_of(actor: str) -> str:
    """Return the id of the Slack user an actor stands for; empty when it is a forge's login."""
    found = _ACTOR.search(actor)
    return found[1] if found else ""


def nobody_of_slack(name: str) -> str:
    """Write a name that somebody else gave so that it stands for no user of Slack."""
    return name.replace(f"({SLACK}:", f"({SLACK} ")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAccount:
    """Who the bridge is in the chat.

    Attributes:
        team: Id of the workspace of Slack.
        team_name: For people.
        user: Id of the bridge's own user.
        scopes: What the token may do, as Slack grants it.
    """

    team: str
    team_name: str
    user: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessage:
    """What is sent: blocks for those who see them, and the same as text for those who do not.

    Attributes:
        text: Fallback in Slack's own markup, escaped; shown in notifications.
        blocks: Block Kit, as plain dicts; empty for text alone.
    """

    text: str
    blocks: Blocks = ()


class Interest(StrEnum):
    """What a channel wants to be told."""

    STARTED = "started"
    """Everything from the start on."""
    APPROVAL = "approval"
    """A job waits for somebody."""
    FAILED = "failed"
    APPLIED = "applied"
    """An apply, a destroy or a push came to its end."""


ALL_INTERESTS: Final = frozenset(Interest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What a channel wants to hear of some workspaces.

    Attributes:
        pattern: Glob of ``organization/workspace``.
        quiet: Whether nothing is broadcast and no result is said beside the live message.
        actor: Who subscribed; empty for the configured default channel.
    """

    team: str
    channel: str
    pattern: str
    interests: frozenset[Interest] = ALL_INTERESTS
    quiet: bool = False
    actor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What holds in one channel.

    Attributes:
        organization: That is meant where none is named; empty for none.
        files: Whether complete plans are put there as files.
        parked: Why nothing is sent there at present, for people; empty while all is well.
    """

    team: str
    channel: str
    organization: str = ""
    files: bool = False
    parked: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A person of the chat who is the same as an account of a forge.

    Attributes:
        name: Of the person in the chat, when they were linked.
        forge: Name of a configured forge.
        login: There, as it was written.
    """

    team: str
    user: str
    name: str
    forge: str
    login: str
    linked_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOffer:
    """Somebody in the chat wants to be linked; whoever says the code first is.

    Attributes:
        code_hash: HMAC of the code; the code itself stands only in what tells it, for a day.
        team_name: Of the workspace of Slack, for people.
        expires_at: Aware, UTC.
        used: Whether somebody said it already.
    """

    code_hash: str
    team: str
    team_name: str
    user: str
    name: str
    expires_at: datetime
    used: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPlace:
    """Where something is said.

    Attributes:
        channel: Id; empty for a place without one (a modal opened from nowhere).
        thread: ``ts`` of the message whose thread it is; empty for the channel itself.
    """

    team: str
    channel: str
    thread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReportKey:
    """Names what one live message is about; see Post.report.

    Attributes:
        group: ``pr:<forge>:<repository id>:<n>`` for all runs of a pull request, or a trigger
            for all that it started; or ``burst:<slot>``.
        thread: In which it is kept; empty for the channel itself.
    """

    team: str
    channel: str
    group: str
    thread: str = ""

    def __str__(self) -> str:
        """``chat:<team>:<channel>:<thread>:<group>``, as stored."""
        return f"{CHAT_REPORT}{self.team}:{self.channel}:{self.thread}:{self.group}"

    @classmethod
    def parse(cls, text: str) -> "ChatReportKey | None":
        """Read a stored key; None for the report of something else."""
        if not text.startswith(CHAT_REPORT):
            return None
        team, channel, thread, group = text.removeprefix(CHAT_REPORT).split(":", maxsplit=3)
        return cls(team=team, channel=channel, thread=thread, group=group)


CHAT_REPORT: Final = "chat:"
"""What the keys of reports in a chat begin with."""


def merged(found: Sequence[Subscription]) -> tuple[frozenset[Interest], bool]:
    """Put together what several subscriptions of a channel want: interests, and whether quietly."""
    interests = frozenset(one for each in found for one in each.interests)
    return interests, bool(found) and all(each.quiet for each in found)
