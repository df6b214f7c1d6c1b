"""Slack: its door, and what has to run beside it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog

from bridge.chat.app import SlackApp
from bridge.chat.door import HttpDoor
from bridge.chat.gate import Gate, verifier_of
from bridge.chat.listening import Check, Listeners
from bridge.chat.socket import Socket
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import RemoteError
from bridge.domain.posts import CHAT_KINDS, Post
from bridge.domain.terrakube import Template, Workspace
from bridge.engine.inbox import Inbox
from bridge.engine.supervisor import Role
from bridge.logs import REASON
from bridge.metrics import Metrics
from bridge.ports import Clock, PostLease, Published, Publisher
from bridge.services.catalog import Catalog
from bridge.settings.sections import SlackSettings
from bridge.store.database import Database
from bridge.web.health import Readiness
from bridge.wiring.introducing import Introduction, Look, SlackClients

log = structlog.get_logger(__name__)

_REFRESH: Final = 300.0
_READING: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackDoor:
    """How Slack comes in, and what runs for that.

    Attributes:
        http: None in socket mode.
        socket: None in http mode.
    """

    http: HttpDoor | None
    socket: Socket | None
    roles: Sequence[Role]


def open_door(
    settings: SlackSettings,
    database: Database,
    slack: SlackClients,
    *,
    look: Look,
    lists: "Lists",
    check: Check,
    clock: Clock,
    metrics: Metrics,
) -> SlackDoor:
    """Make the door of the configured mode; nothing comes in yet.

    Args:
        settings: With what the mode needs: that is checked.
        database: Keeps what comes in.
        slack: What asks.
        look: What the start found out.
        lists: What searched lists offer.
        check: Looks into forms before they are acknowledged.
        clock: Dates what comes in, and says how old a signature is.
        metrics: Counts.
    """
    listeners = Listeners(
        inbox=CountedInbox(Inbox(database), metrics),
        clock=clock,
        known=lists,
        check=check,
        forget_groups=slack.client.forget_groups,
        command_name=settings.command,
    )
    signing = settings.signing_secret.get_secret_value() if settings.signing_secret else ""
    is_http = slack.app_caller is None
    app = SlackApp(
        listeners,
        bot_token=settings.bot_token.get_secret_value() if settings.bot_token else "",
        api_url=settings.api_url,
        verifier=verifier_of(signing, clock) if is_http else None,
    )
    roles: list[Role] = [lists]
    if look.account is None:
        roles.append(Introduction(settings, database, slack.client))
    if slack.app_caller is None:
        return SlackDoor(http=HttpDoor(Gate(signing, clock), app), socket=None, roles=roles)
    token = settings.app_token.get_secret_value() if settings.app_token else ""
    socket = Socket(app, slack.app_caller, app_token=token, url=look.address)
    return SlackDoor(http=None, socket=socket, roles=[*roles, socket])


@dataclass(frozen=True, slots=True)
class CountedInbox:
    """Keeps what comes in, and counts that: whoever is not heard is told so with a 200, too."""

    inbox: Inbox
    metrics: Metrics

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        """See chat.listening.Inbox."""
        outcome = "not_kept"
        try:
            kept = await self.inbox.accept(delivery, seconds)
            outcome = "kept"
        finally:
            self.metrics.slack_deliveries.labels(outcome).inc()
        return kept


class Lists:
    """What searched lists offer: what was read last, read again when somebody looks; a role.

    Attributes:
        name: For logs and readiness.
    """

    name = "slack lists"

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._wanted = asyncio.Event()
        self._stopping = False

    def workspaces(self) -> Sequence[Workspace]:
        """See options.Known."""
        self._wanted.set()
        return self._catalog.known_workspaces()

    def templates(self) -> Mapping[str, Sequence[Template]]:
        """See options.Known."""
        self._wanted.set()
        return self._catalog.known_templates()

    async def run(self) -> None:
        """See Role: read what is there now and then, and soon after somebody looked."""
        while not self._stopping:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), _REFRESH)
            self._wanted.clear()
            if not self._stopping:
                await self._read()

    def stop(self) -> None:
        """See Role."""
        self._stopping = True
        self._wanted.set()

    async def drain(self, grace: float) -> None:
        """See Role: nothing is under way that must end."""

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(_READING):
                await self._catalog.workspaces()
                await self._catalog.all_templates()
        except (RemoteError, TimeoutError) as error:
            log.info("slack.lists_old", **{REASON: str(error) or "no answer in time"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """Ready only while Slack can reach the bridge; see web.health.Readiness."""

    rest: Readiness
    socket: Socket

    async def problems(self) -> Sequence[str]:
        """Ask the others, and the socket."""
        found = list(await self.rest.problems())
        return found if await self.socket.is_connected() else [*found, "Slack is not connected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publishers:
    """Hands a post to whoever publishes where it goes.

    Attributes:
        chat: None where there is no chat: then what would go there rests until it changes.
    """

    forges: Publisher
    chat: Publisher | None

    async def publish(self, post: Post, lease: PostLease) -> Published:
        """See ports.Publisher."""
        if post.kind not in CHAT_KINDS:
            return await self.forges.publish(post, lease)
        if self.chat is None:
            return Published(parts=post.parts, writes=0)
        return await self.chat.publish(post, lease)
