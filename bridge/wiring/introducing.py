"""What is asked of Slack at start: whether its tokens are good, and what the app may not do."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from bridge.chat.calls import Caller
from bridge.chat.client import SlackClient
from bridge.chat.socket import ask_for_address
from bridge.chat.starting import channel_shortcoming, shortcomings
from bridge.domain.chat import ChatAccount
from bridge.domain.errors import BridgeError, PermanentRemoteError, RemoteError
from bridge.logs import REASON
from bridge.settings import Settings
from bridge.settings.sections import SlackSettings
from bridge.store.database import Database
from bridge.store.queries.chat import set_default_subscription
from bridge.store.queries.settings import remember, remembered
from bridge.wiring.starting import Findings

log = structlog.get_logger(__name__)

TEAM: Final = "slack_team"
"""Row that keeps which workspace of Slack the bridge is in, for a start while Slack is away."""

PATIENCE: Final = 4.0
"""Seconds the start waits for Slack's answers; then the bridge starts without them."""

T = TypeVar("T")

_AGAIN: Final = 30.0


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
        channel = settings.slack.default_channel if settings.slack else None
        for text in await _shortcomings(slack.client, account, channel):
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
    client: SlackClient, account: ChatAccount, channel: str | None
) -> Sequence[str]:
    found = list(shortcomings(account))
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
        channel = self._settings.default_channel
        for text in await _shortcomings(self._client, account, channel):
            log.warning("slack.lacking", **{REASON: text})
        return True

    async def _rest(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
