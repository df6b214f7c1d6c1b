"""Socket Mode: the bridge calls Slack, and is told through the connection; no public address.

Slack's library opens a connection anew when Slack asks for it or lets it go. It does not always
find back, as when it was given an address that is used up: whoever looks after it here then begins
from the start.
"""

import asyncio
import time
from contextlib import suppress
from typing import Final

import structlog

from bridge.chat.app import Connection, SlackApp
from bridge.chat.calls import Caller, proxy_for
from bridge.domain.access import SLACK
from bridge.domain.errors import NotAllowedError, RemoteError, TemporaryRemoteError
from bridge.logs import REASON

log = structlog.get_logger(__name__)

PING: Final = 5.0
"""Seconds between two looks whether Slack is still there."""

# In pings: how long to wait for a connection, how long to be without one before everything is
# begun anew, and how long to rest before it is, since Slack wants few of them.
_OPENING: Final = 3
_LOST: Final = 6
_PAUSE: Final = 2

_LOOK: Final = 0.5
_LOCKED_OUT: Final = 60.0
_FINISH: Final = 4.0
"""Seconds what is being taken in may still take when the bridge stops."""


async def ask_for_address(caller: Caller) -> str:
    """Ask Slack where to connect; it is good for one connection, soon.

    Raises:
        NotAllowedError: The app token is wrong.
        RemoteError: Slack did not answer, or refused otherwise.
    """
    answered = await caller.read("apps.connections.open", "query")
    url = answered.data.get("url")
    if not isinstance(url, str):
        msg = "apps.connections.open: did not say where to"
        raise TemporaryRemoteError(msg, service=SLACK)
    return url


class Socket:
    """Keeps a connection open; a role of the supervisor.

    Attributes:
        name: For logs and readiness.
    """

    name = "slack socket"

    def __init__(
        self, app: SlackApp, caller: Caller, *, app_token: str, url: str = "", ping: float = PING
    ) -> None:
        """Prepare everything; nothing is opened yet.

        Args:
            app: Takes in what comes.
            caller: With the app token.
            app_token: ``xapp-...``.
            url: Where to connect at first, if it is known already.
            ping: Seconds.
        """
        self._app = app
        self._caller = caller
        self._token = app_token
        self._url = url
        self._ping = ping
        self._connection: Connection | None = None
        self._stopping = asyncio.Event()

    async def is_connected(self) -> bool:
        """Tell whether Slack can tell us something now."""
        return self._connection is not None and await self._connection.is_open()

    async def run(self) -> None:
        """See Role: keep a connection open until *stop*."""
        while not self._stopping.is_set():
            pause = await self._serve()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def stop(self) -> None:
        """See Role: take in nothing more; what is being taken in is still acknowledged."""
        if self._connection is not None:
            self._connection.turn_away()
        self._stopping.set()

    async def drain(self, grace: float) -> None:
        """See Role: everything has ended with *run*."""

    async def _serve(self) -> float:
        """Hold one connection for as long as it lives; return how long to wait for the next."""
        try:
            url, self._url = self._url or await ask_for_address(self._caller), ""
        except NotAllowedError as error:
            log.error("slack.refused", **{REASON: str(error)})  # noqa: TRY400 - no bug
            return _LOCKED_OUT
        except RemoteError as error:
            log.warning("slack.not_connected", **{REASON: str(error)})
            return _PAUSE * self._ping
        self._connection = self._app.connection(self._token, self._caller.client, ping=self._ping)
        try:
            async with asyncio.timeout(_OPENING * self._ping):
                await self._connection.open(url, proxy_for(url.replace("ws", "http", 1)))
            log.info("slack.connected")
            await self._watch(self._connection)
        except TimeoutError:
            log.warning("slack.not_connected", **{REASON: "no connection in time"})
        finally:
            await self._close(self._connection)
            self._connection = None
        return _PAUSE * self._ping

    async def _watch(self, connection: Connection) -> None:
        """Return when the bridge stops, or the library has not found back for too long."""
        seen, was_open = time.monotonic(), True
        while not self._stopping.is_set():
            is_open = await connection.is_open()
            if is_open:
                seen = time.monotonic()
            elif time.monotonic() - seen > _LOST * self._ping:
                log.warning("slack.not_connected", **{REASON: "it does not come back: anew"})
                return
            if is_open != was_open:
                log.info("slack.connected" if is_open else "slack.disconnected")
            was_open = is_open
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(_LOOK, self._ping))

    async def _close(self, connection: Connection) -> None:
        connection.turn_away()
        with suppress(TimeoutError):
            async with asyncio.timeout(_FINISH):
                while connection.busy:  # noqa: ASYNC110 - bolt tells nobody when it has ended
                    await asyncio.sleep(0.01)
        await connection.close()
