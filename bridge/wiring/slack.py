"""Slack: what is found out about it at start, its door, and what has to run beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from bridge.chat.app import SlackApp
from bridge.chat.calls import Caller
from bridge.chat.client import SlackClient
from bridge.chat.door import HttpDoor
from bridge.chat.gate import Gate, verifier_of
from bridge.chat.listening import Check, Listeners
from bridge.chat.socket import Socket, ask_for_address
from bridge.chat.starting import channel_shortcoming, shortcomings
from bridge.domain.chat import ChatAccount
from bridge.domain.errors import BridgeError, PermanentRemoteError, RemoteError
from bridge.domain.posts import CHAT_KINDS, Post
from bridge.domain.terrakube import Template, Workspace
from bridge.engine.inbox import Inbox
from bridge.engine.supervisor import Role
from bridge.logs import REASON
from bridge.ports import Clock, PostLease, Published, Publisher
from bridge.services.catalog import Catalog
from bridge.settings import Settings
from bridge.settings.sections import SlackSettings
from bridge.store.database import Database
from bridge.store.queries.chat import set_default_subscription
from bridge.store.queries.settings import remember, remembered
from bridge.web.health import Readiness
from bridge.wiring.starting import Findings

log = structlog.get_logger(__name__)

TEAM: Final = "slack_team"
"""Row that keeps which workspace of Slack the bridge is in, for a start while Slack is away."""

PATIENCE: Final = 4.0
"""Seconds the start waits for Slack's answers; then the bridge starts without them."""

T = TypeVar("T")

_AGAIN: Final = 30.0
_REFRESH: Final = 300.0
_READING: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackClients:
    """What asks Slack.

    Attributes:
        client: With the bot token.
        app_caller: With the app-level token; None in http mode.
    """

    client: SlackClient
    app_caller: Caller | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found out about Slack.

    Attributes:
        account: Who the bridge is there; None when Slack did not say.
        address: Where socket mode connects at first; empty when it is not known.
    """

    findings: Findings = field(default_factory=Findings)
    account: ChatAccount | None = None
    address: str = ""


async def look_at_slack(settings: Settings, slack: SlackClients) -> Look:
    """Try the tokens, and say what does not work; that Slack is away is only a warning."""
    findings = Findings()
    account, address = await asyncio.gather(
        _asked(settings, findings, "bot_token", slack.client.account),
        _address(settings, findings, slack.app_caller),
    )
    if account is not None:
        for text in await _shortcomings(settings, slack.client, account):
            findings.warn("slack.lacking", text)
    return Look(findings=findings, account=account, address=address or "")


async def _address(settings: Settings, findings: Findings, caller: Caller | None) -> str | None:
    if caller is None:
        return None

    async def ask() -> str:
        return await ask_for_address(caller)

    return await _asked(settings, findings, "app_token", ask)


async def _asked(
    settings: Settings, findings: Findings, token: str, ask: Callable[[], Awaitable[T]]
) -> T | None:
    """Ask with a token; a refusal is the operator's mistake, no answer is not."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await ask()
    except PermanentRemoteError as error:
        findings.blame(settings, ("slack", token), str(error))
    except (RemoteError, TimeoutError) as error:
        why = str(error) or f"no answer within {PATIENCE:g} s"
        findings.warn("slack.unreachable", f"Slack could not be asked: {why}")
    return None


async def _shortcomings(
    settings: Settings, client: SlackClient, account: ChatAccount
) -> Sequence[str]:
    found = list(shortcomings(account))
    channel = settings.slack.default_channel if settings.slack else None
    if channel is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                found.append(await channel_shortcoming(client, channel, account))
    return [text for text in found if text]


async def settle_team(
    settings: SlackSettings, database: Database, client: SlackClient, account: ChatAccount | None
) -> None:
    """Keep which workspace the bridge is in, or find what was kept of it.

    With it the configured channel hears of everything from now on, and no other one does.
    """
    if account is not None:
        await database.write(remember, TEAM, account.team)
    else:
        client.team = client.team or await database.read(remembered, TEAM)
    if client.team:
        await database.write(
            set_default_subscription, client.team, settings.default_channel, database.now()
        )


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
    """
    listeners = Listeners(
        inbox=Inbox(database),
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


class Introduction:
    """Asks Slack who the bridge is until it says so; a role, where the start did not learn it.

    Attributes:
        name: For logs and readiness.
    """

    name = "slack introduction"

    def __init__(self, settings: SlackSettings, database: Database, client: SlackClient) -> None:
        self._settings = settings
        self._database = database
        self._client = client
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """See Role: ask now and then; then there is nothing more to do."""
        while not self._stopping.is_set() and not await self._ask():
            await self._rest(_AGAIN)
        await self._stopping.wait()

    def stop(self) -> None:
        """See Role."""
        self._stopping.set()

    async def drain(self, grace: float) -> None:
        """See Role: nothing is under way that must end."""

    async def _ask(self) -> bool:
        try:
            account = await self._client.account()
            await settle_team(self._settings, self._database, self._client, account)
        except BridgeError as error:
            log.warning("slack.unreachable", **{REASON: str(error)})
            return False
        for text in shortcomings(account):
            log.warning("slack.lacking", **{REASON: text})
        return True

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


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
