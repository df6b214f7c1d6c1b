"""A chat publisher on its own, with a strict Slack and a store that says what it is told."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from structlog.typing import EventDict

from bridge.chat.client import SlackClient, open_client
from bridge.domain.chat import ChannelSettings, ChatReportKey
from bridge.domain.errors import BudgetSpentError
from bridge.domain.posts import ChatTarget, Post, PostKind, RemotePart
from bridge.domain.redaction import Redactor
from bridge.domain.reports import ChatReport, ChatRun
from bridge.ports import Published
from bridge.sandbox.slack import StandIn, start
from bridge.sandbox.slack.methods import SCOPES
from bridge.sandbox.slack.model import Channel, Hook, Message, User
from bridge.services.chatting import ChatPublisher
from tests.bridge.rendering.slack.chats import a_chat_report
from tests.fakes.chats import FakeChatStore
from tests.fakes.clock import FakeClock

SECRET = "tok-3-sword&fish"


@dataclass(slots=True)
class Stored(FakeChatStore):
    """Set the fields to say what is stored.

    Attributes:
        report: Of whatever is asked about.
        parent: ``ts`` of its live message.
        awaited: When that will be written.
    """

    report: ChatReport | None = None
    parent: str | None = None
    awaited: datetime | None = None

    async def chat_report(self, key: str, about: str = "") -> ChatReport | None:
        return self.report

    async def chat_parent(self, key: str) -> str | None:
        return self.parent

    async def awaits_parent(self, key: str) -> datetime | None:
        return self.awaited


@dataclass(slots=True)
class Held:
    """A lease that writes down what it is told; *saved* is what another process would find."""

    saved: list[RemotePart] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    spent: set[str] = field(default_factory=set)

    def check(self) -> None:
        """It is held."""

    async def save(self, parts: Sequence[RemotePart]) -> None:
        self.saved = list(parts)

    async def pay(self, purpose: str, place: str = "", *, gap: float = 0.0) -> None:
        if purpose in self.spent:
            raise BudgetSpentError(1)
        self.paid.append(purpose)


@dataclass(slots=True)
class Desk:
    """A publisher, and the channel it writes to."""

    slack: StandIn
    publisher: ChatPublisher
    store: Stored
    clock: FakeClock
    ada: User
    channel: Channel
    lease: Held = field(default_factory=Held)

    @property
    def messages(self) -> list[Message]:
        return self.slack.messages(self.channel)

    @property
    def whispers(self) -> list[str]:
        return [one.text for one in self.slack.whispers(self.ada, self.channel)]

    def show(self, *runs: ChatRun, **changes: Any) -> None:  # noqa: ANN401 - fields of a report
        """Let runs be shown."""
        key = ChatReportKey(team=self.slack.world.team, channel=self.channel.id, group="push:1")
        self.store.report = a_chat_report(*runs, **{"key": key, **changes})

    def want_files(self) -> None:
        """Let complete plans be put there."""
        self.store.settings[self.channel.id] = ChannelSettings(
            team=self.slack.world.team, channel=self.channel.id, files=True
        )

    def hook(self, message: Message | None = None) -> tuple[Hook, str]:
        """Let Ada do something that may be answered; return the address for that."""
        made = self.slack.world.add_hook(self.ada, self.channel, message)
        return made, f"{self.slack.world.url}/hook/{made.id}"

    def post(self, kind: PostKind, content: str | None = None, **target: Any) -> Post:  # noqa: ANN401 - fields of a target
        """Make a post."""
        values: dict[str, Any] = {"slot": "push:1|push:1", "user": "", **target}
        place = ChatTarget(**{"team": self.slack.world.team, "channel": self.channel.id, **values})
        return Post(
            id="01JD0000000000000000000001",
            kind=kind,
            target=place,
            report=f"chat:{place.team}:{place.channel}::push:1",
            content=content,
            revision=1,
            parts=tuple(self.lease.saved),
            attempt=1,
        )

    async def publish(self, post: Post) -> Published:
        """Send a post; it finds again what it left."""
        return await self.publisher.publish(
            replace(post, parts=tuple(self.lease.saved)), self.lease
        )


def told(logs: Sequence[EventDict]) -> list[str]:
    """What was logged for people: the requests themselves are not."""
    return [entry["event"] for entry in logs if entry["log_level"] != "debug"]


@asynccontextmanager
async def a_desk(
    *, scopes: frozenset[str] = frozenset(SCOPES), with_bot: bool = True, private: bool = False
) -> AsyncIterator[Desk]:
    clock = FakeClock()
    async with (
        start(clock=lambda: clock.now().timestamp(), scopes=scopes) as slack,
        open_client(slack.bot_token, api_url=slack.url, team=slack.world.team) as client,
    ):
        ada = slack.add_user("ada")
        channel = slack.add_channel("ops", ada, private=private, with_bot=with_bot)
        store = Stored()
        yield Desk(slack, a_publisher(client, store, clock), store, clock, ada, channel)
        slack.assert_no_surprises()


def a_publisher(client: SlackClient, store: Stored, clock: FakeClock) -> ChatPublisher:
    return ChatPublisher(
        chat=client, store=store, clock=clock, redact=Redactor([SECRET]).redact_known
    )
