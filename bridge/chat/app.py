"""Where slack-bolt is: both ways in, HTTP and Socket Mode, end in one app of it.

Bolt reads what comes in, verifies it once more, answers Slack's question for the address, and
finds the listener. What a listener does is in ``listening``. No bolt object leaves this module.

Three of its habits are kept out. With Slack's own variables in the environment it would take other
credentials than the configured ones and write them to files: ``authorize`` decides alone. It
acknowledges events before their listener has run: so they are kept in a middleware. And it forgets
its tasks, so nothing here goes on after the acknowledgement but a word to whoever did something.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncBoltRequest, AsyncRespond
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware.request_verification.async_request_verification import (
    AsyncRequestVerification,
)
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.web.async_client import AsyncWebClient

from bridge.chat.listening import Acknowledgement, Listeners
from bridge.chat.payloads import Payload
from bridge.logs import STATUS

log = structlog.get_logger(__name__)

_ANY: Final = re.compile(".*", re.DOTALL)
_AGAIN: Final = HTTPStatus.SERVICE_UNAVAILABLE.value
_LOGGER: Final = "slack_bolt.bridge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a request is answered with."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class SlackApp:
    """Takes in what Slack sends, whichever way it came."""

    def __init__(
        self,
        listeners: Listeners,
        *,
        bot_token: str,
        api_url: str,
        verifier: SignatureVerifier | None = None,
    ) -> None:
        """Make the app; Slack is not asked.

        Args:
            listeners: What is done.
            bot_token: The configured one; nothing is asked with it here.
            api_url: Of the Web API.
            verifier: Of requests; None where there are none, in socket mode.
        """
        token = bot_token

        async def authorize(team_id: str | None, enterprise_id: str | None) -> AuthorizeResult:
            # Who it is for is decided where it is handled; here Slack would have to be asked.
            return AuthorizeResult(
                enterprise_id=enterprise_id, team_id=team_id, bot_token=token, bot_id="", user_id=""
            )

        logger = logging.getLogger(_LOGGER)
        # It warns of what it does not know by quoting it, and at info logs whatever it refuses.
        logger.setLevel(logging.ERROR)
        self._app = AsyncApp(
            name="terrakube-bridge",
            logger=logger,
            client=AsyncWebClient(base_url=api_url, retry_handlers=[], logger=logger),
            authorize=authorize,
            signing_secret="",
            request_verification_enabled=False,  # its own goes by another clock; see below
            ssl_check_enabled=False,  # answers anybody, and compares its token the wrong way round
            ignoring_self_events_enabled=False,  # told apart where events are read
            attaching_function_token_enabled=False,
        )
        if verifier is not None:
            self._app.use(_Verification(verifier, logger))
        _register(self._app, listeners)

    async def take(self, headers: Mapping[str, str], text: str) -> Answered:
        """Answer a request that has passed the gate."""
        try:
            response = await self._app.async_dispatch(_request(headers, text))
        except Exception:
            log.exception("slack.failed")
            return Answered(status=HTTPStatus.INTERNAL_SERVER_ERROR.value)
        found = response.first_headers_without_set_cookie()
        return Answered(status=response.status, body=response.body, headers=found)

    def connection(self, app_token: str, client: AsyncWebClient, *, ping: float) -> "Connection":
        """Make a connection of Socket Mode; needs a running loop, and is not open yet.

        Args:
            app_token: ``xapp-...``.
            client: Asks for further addresses when the connection is to be opened anew.
            ping: Seconds between two looks whether the other side is there.
        """
        return Connection(self._app, app_token, client, ping)


def _request(headers: Mapping[str, str], text: str) -> AsyncBoltRequest:
    """Make bolt's kind of request.

    It finds nothing in a command whose text says ``payload``, since it takes it for what people
    press: in a form the same may be written otherwise. What was signed stays as it came.
    """
    request = AsyncBoltRequest(body=text, headers=dict(headers))
    if not request.body:
        written = text.replace("payload", "%70ayload")
        request = AsyncBoltRequest(body=written, headers=dict(headers))
        request.raw_body = text
    return request


class _Verification(AsyncRequestVerification):
    """Bolt's own look at signatures, by the bridge's clock: a second one does no harm."""

    def __init__(self, verifier: SignatureVerifier, logger: logging.Logger) -> None:
        super().__init__(verifier.signing_secret, base_logger=logger)
        self._verifier = verifier


class Connection:
    """One connection of Socket Mode; what comes through it takes the same way as a request."""

    def __init__(self, app: AsyncApp, app_token: str, client: AsyncWebClient, ping: float) -> None:
        self._handler = _Handler(
            app, app_token, logger=_quiet(), web_client=client, ping_interval=ping
        )

    @property
    def busy(self) -> bool:
        """Whether something is being taken in that is not acknowledged yet."""
        return self._handler.under_way > 0

    async def open(self, url: str, proxy: str | None) -> None:
        """Connect to an address that Slack gave; tries for ever, so it needs a timeout."""
        client = self._handler.client
        client.wss_uri, client.proxy = url, proxy
        await client.connect()  # type: ignore[no-untyped-call]  # slack_sdk has no types here

    async def is_open(self) -> bool:
        """Tell whether something could come through it now."""
        return await self._handler.client.is_connected()

    def turn_away(self) -> None:
        """Take in nothing more; Slack tells somebody else, or again."""
        self._handler.client.socket_mode_request_listeners.clear()

    async def close(self) -> None:
        """End it."""
        client = self._handler.client
        client.closed = True  # so that a connect that is under way ends
        await client.close()  # type: ignore[no-untyped-call]  # slack_sdk has no types here


class _Handler(AsyncSocketModeHandler):
    """Counts what is under way."""

    under_way = 0

    async def handle(self, client: AsyncBaseSocketModeClient, req: SocketModeRequest) -> None:
        """Take something in and acknowledge it."""
        self.under_way += 1
        try:
            await super().handle(client, req)  # type: ignore[arg-type]  # as bolt itself hands it on
        finally:
            self.under_way -= 1


def _register(app: AsyncApp, listeners: Listeners) -> None:
    """Let everything end in a listener: people see an error over what is not acknowledged."""
    app.command(_ANY)(_answering(listeners.command))
    app.action(_ANY)(_answering(listeners.action))
    app.view(_ANY)(_answering(listeners.form))
    app.options(_ANY)(_answering(listeners.options))
    app.view_closed(_ANY)(_acknowledge)
    app.shortcut(_ANY)(_acknowledge)
    app.event(_ANY, middleware=[_keeping(listeners.event)])(_nothing)


Listener = Callable[[Payload], Awaitable[Acknowledgement]]


def _answering(listen: Listener) -> Callable[..., Awaitable[None]]:
    """Make bolt's kind of listener of ours: it acknowledges once everything is done."""

    async def listener(body: dict[str, Any], ack: AsyncAck, respond: AsyncRespond) -> None:
        said = await listen(body)
        if not said.taken:
            ack.response = BoltResponse(status=_AGAIN)
            return
        await ack(said.body if isinstance(said.body, str) else dict(said.body))
        if said.whisper and body.get("response_url"):
            await _whisper(respond, said.whisper)

    return listener


async def _whisper(respond: AsyncRespond, text: str) -> None:
    """Tell whoever did something, and leave the message alone they did it in."""
    try:
        told = await respond(text=text, response_type="ephemeral", replace_original=False)
    except Exception as error:  # noqa: BLE001 - it may fail in every way a request can
        log.warning("slack.not_told", error=type(error).__name__)
        return
    if told.status_code != HTTPStatus.OK:
        log.warning("slack.not_told", **{STATUS: told.status_code})


def _keeping(listen: Listener) -> Callable[..., Awaitable[BoltResponse | None]]:
    """Make a middleware of a listener: bolt acknowledges events as soon as it runs a listener."""

    async def middleware(
        body: dict[str, Any],
        next: Callable[[], Awaitable[None]],  # noqa: A002 - bolt's name
    ) -> BoltResponse | None:
        if not (await listen(body)).taken:
            return BoltResponse(status=_AGAIN)
        await next()
        return None

    return middleware


async def _acknowledge(ack: AsyncAck) -> None:
    await ack()


async def _nothing() -> None:
    """Leave it at the acknowledgement."""


class _Calm(logging.Filter):
    """Keeps addresses, each of which opens a connection, and tracebacks out of the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = re.sub(r"wss?://[^\s'\"]+", "ws://...", record.getMessage())[:300]
        record.args, record.exc_info, record.exc_text = (), None, None
        return True


_CALM: Final = _Calm()


def _quiet() -> logging.Logger:
    logger = logging.getLogger("slack_bolt.bridge.socket")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_CALM)  # once, however often
    return logger
