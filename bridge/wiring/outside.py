"""Clients for what is outside, and what they have in common: redaction and counting."""

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from bridge.chat.calls import open_caller
from bridge.chat.client import open_client
from bridge.domain.redaction import Redactor
from bridge.forges import CheckedForge, OpenForge, OptionsError
from bridge.http import Exchange, Timeouts
from bridge.metrics import Metrics
from bridge.settings import InvalidSettingsError, Mistake, Settings
from bridge.store.database import Database
from bridge.store.queries.settings import SECRET_KEY, stored_or
from bridge.terrakube import TerrakubeServer, connect
from bridge.wiring.introducing import SlackClients

_KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Everything that is reached over the network.

    Attributes:
        forges: By their name in the settings.
        slack: None while its door stays shut.
    """

    forges: Mapping[str, OpenForge]
    server: TerrakubeServer
    slack: SlackClients | None = None


@asynccontextmanager
async def open_outside(
    settings: Settings,
    *,
    key: bytes | None,
    redactor: Redactor,
    metrics: Metrics | None = None,
    timeouts: Timeouts | None = None,
) -> AsyncIterator[Outside]:
    """Make the clients, and close them in the end; nothing is asked yet.

    Args:
        settings: As checked.
        key: The bridge's secret key, from which installed hooks have their secrets.
        redactor: Learns every token that is minted.
        metrics: Counts requests; None counts nothing.
        timeouts: Of requests to Terrakube; None for the usual ones.

    Raises:
        InvalidSettingsError: An App's private key is none.
    """
    observe = _Counter(metrics) if metrics else None
    async with AsyncExitStack() as stack:
        forges: dict[str, OpenForge] = {}
        for name, checked in settings.forges.items():
            try:
                forges[name] = _keyed(checked, key).build(
                    redact=redactor.redact, learned=redactor.learn, observe=observe
                )
            except OptionsError as error:
                raise InvalidSettingsError([_blame(settings, name, error)]) from error
            stack.push_async_callback(forges[name].aclose)
        server = connect(
            url=settings.terrakube.url,
            token=settings.terrakube.token.get_secret_value(),
            organizations=settings.terrakube.organizations,
            ui_url=settings.terrakube.ui_url,
            ca_file=settings.terrakube.ca_file,
            redact=redactor.redact,
            observe=observe,
            timeouts=timeouts,
        )
        stack.push_async_callback(server.aclose)
        slack = await _slack(stack, settings, redactor, observe)
        yield Outside(forges=forges, server=server, slack=slack)


async def _slack(
    stack: AsyncExitStack,
    settings: Settings,
    redactor: Redactor,
    observe: Callable[[Exchange], None] | None,
) -> SlackClients | None:
    section = settings.slack
    if section is None or section.bot_token is None or not section.opens:
        return None
    client = await stack.enter_async_context(
        open_client(
            section.bot_token.get_secret_value(),
            api_url=section.api_url,
            redact=redactor.redact,
            observe=observe,
        )
    )
    if section.mode == "http" or section.app_token is None:
        return SlackClients(client=client)
    caller = await stack.enter_async_context(
        open_caller(
            section.app_token.get_secret_value(),
            api_url=section.api_url,
            redact=redactor.redact,
            observe=observe,
        )
    )
    return SlackClients(client=client, app_caller=caller)


def _blame(settings: Settings, name: str, error: OptionsError) -> Mistake:
    # Only a key is looked into when a forge is made; everything else was checked before.
    path = ("forges", name, error.key or "private_key")
    origin = settings.origin(*path)
    key = origin.key if origin and origin.key.isupper() else ".".join(path)
    return Mistake(key=key, text=str(error).removeprefix(f"forge {name!r}: "), origin=origin)


async def secret_key(settings: Settings, database: Database) -> str:
    """Return the configured key, or the one the database keeps for lack of it."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return await database.write(stored_or, SECRET_KEY, secrets.token_hex(_KEY_BYTES))


def _keyed(checked: CheckedForge, key: bytes | None) -> CheckedForge:
    # The key may have been made after the settings were checked.
    return replace(checked, hook_secrets=replace(checked.hook_secrets, key=key))


@dataclass(frozen=True, slots=True)
class _Counter:
    metrics: Metrics

    def __call__(self, exchange: Exchange) -> None:
        status = str(exchange.status or 0)
        self.metrics.remote_requests.labels(exchange.service, exchange.method, status).inc()
        self.metrics.remote_seconds.labels(exchange.service).observe(exchange.seconds)
