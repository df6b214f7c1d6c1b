"""One call of Slack's Web API: sent once, counted, and its refusals in the bridge's own words.

slack_sdk repeats a request whose connection broke unless it is told not to, and what it repeats may
be a message: here nothing is ever sent a second time. A session that is shared makes its own
timeout void, so the session has one; and it takes a proxy from the environment whatever NO_PROXY
says, so the proxy is chosen here.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, TypeAlias
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bridge.chat.errors import Answer, limited, refused, unanswered, unreadable
from bridge.domain.access import SLACK
from bridge.domain.errors import RemoteError
from bridge.domain.guarding import check_guard
from bridge.http import Exchange

log = structlog.get_logger(__name__)

TIMEOUT: Final = 10.0
"""Seconds an answer of Slack's may take, its connection included."""

_CONNECT: Final = 5.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Form: TypeAlias = Literal["json", "query", "get"]
"""How a method takes its arguments (slack.md section 6)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer that is a yes.

    Attributes:
        headers: Names in lower case.
    """

    data: Answer
    headers: Mapping[str, str]


class Caller:
    """Calls methods of the Web API, with one token; made by :func:`open_caller`."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        client: AsyncWebClient,
        *,
        timeout: float,
        redact: Callable[[str], str],
        observe: Callable[[Exchange], None] | None,
    ) -> None:
        self.session = session
        self.client = client
        self._timeout = timeout
        self._redact = redact
        self._observe = observe

    async def read(self, method: str, form: Form = "get", /, **arguments: object) -> Answered:
        """Ask something; without an answer nothing is lost, and it may be asked again."""
        return await self._call(method, form, arguments, writes=False)

    async def write(
        self, method: str, arguments: Mapping[str, object], form: Form = "json"
    ) -> Answered:
        """Do something, once.

        Raises:
            TemporaryRemoteError: It was not done.
            MaybeDoneError: Nobody knows.
            PermanentRemoteError: It was refused.
        """
        return await self._call(method, form, arguments, writes=True)

    async def _call(
        self, method: str, form: Form, arguments: Mapping[str, object], *, writes: bool
    ) -> Answered:
        given = {name: value for name, value in arguments.items() if value not in (None, "")}
        started, status = time.monotonic(), None
        try:
            if writes:
                check_guard()
            response = await self.client.api_call(
                method,
                http_verb="GET" if form == "get" else "POST",
                **{"json" if form == "json" else "params": given},
            )
            status = response.status_code
        except SlackApiError as error:
            status = _status(error)
            # What Slack was sent hangs on its error, the token too: neither is passed on.
            raise self._masked(_translate(method, error, writes=writes)) from None
        except AttributeError:  # slack_sdk, over an answer that is no JSON object
            status = HTTPStatus.OK
            raise self._masked(unreadable(method, status, writes=writes)) from None
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise self._masked(
                unanswered(method, error, writes=writes, seconds=self._timeout)
            ) from None
        finally:
            self._report(method, status, time.monotonic() - started)
        headers = {name.lower(): value for name, value in response.headers.items()}
        data = response.data
        return Answered(data=data if isinstance(data, dict) else {}, headers=headers)

    async def send(
        self,
        name: str,
        url: str,
        *,
        json: object | None = None,
        data: bytes | None = None,
        writes: bool,
    ) -> tuple[int, str]:
        """Post to an address Slack gave, without the token; return status and text.

        Args:
            name: What it is called in errors and counts.
            url: The address; it is a secret of its own and told nowhere.
            json: What is sent; or *data*.
            data: Bytes that are sent.
            writes: Whether it may have been done when there is no answer.

        Raises:
            TemporaryRemoteError: It was not done: no connection, or it was too often.
            MaybeDoneError: Nobody knows.
        """
        started, status = time.monotonic(), None
        try:
            check_guard()
            async with self.session.post(
                url, json=json, data=data, proxy=proxy_for(url), allow_redirects=False
            ) as response:
                status = response.status
                said = await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError, ValueError, OSError) as error:
            raise self._masked(
                unanswered(name, error, writes=writes, seconds=self._timeout)
            ) from None
        finally:
            self._report(name, status, time.monotonic() - started)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise limited(name, response.headers.get("Retry-After", ""))
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise unreadable(name, status, writes=writes)
        return status, said

    def _masked(self, error: RemoteError) -> RemoteError:
        text = str(error)
        if self.client.token:
            text = text.replace(self.client.token, "***")
        error.args = (self._redact(text), *error.args[1:])
        return error

    def _report(self, method: str, status: int | None, seconds: float) -> None:
        # Unconfigured, structlog prints to standard output, which is a script's own.
        if structlog.is_configured():
            log.debug(
                "request.sent",
                service=SLACK,
                method=method,
                status=status,
                duration_ms=round(seconds * 1000, 1),
            )
        if self._observe:
            self._observe(Exchange(service=SLACK, method=method, status=status, seconds=seconds))


@asynccontextmanager
async def open_caller(
    token: str,
    *,
    api_url: str,
    redact: Callable[[str], str] = str,
    observe: Callable[[Exchange], None] | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each call, not of this
) -> AsyncIterator[Caller]:
    """Make what calls Slack with a token, and close its connections in the end."""
    limits = aiohttp.ClientTimeout(total=timeout, connect=min(_CONNECT, timeout))
    async with aiohttp.ClientSession(timeout=limits) as session:
        client = AsyncWebClient(
            token,
            base_url=api_url,
            session=session,
            retry_handlers=[],
            logger=_quiet_logger(),
        )
        client.proxy = proxy_for(api_url)
        yield Caller(session, client, timeout=timeout, redact=redact, observe=observe)


def proxy_for(url: str) -> str | None:
    """Return the proxy the environment names for an address; never one for this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if host in _LOOPBACK or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = getproxies().get(parts.scheme)
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _quiet_logger() -> logging.Logger:
    """Make a logger that keeps what slack_sdk tells of payloads to itself."""
    logger = logging.getLogger("slack_sdk.bridge")
    logger.setLevel(logging.WARNING)
    return logger


def _status(error: SlackApiError) -> int | None:
    response = error.response
    status = getattr(response, "status_code", None) or getattr(response, "status", None)
    return int(status) if status else None


def _translate(method: str, error: SlackApiError, *, writes: bool) -> RemoteError:
    response, status = error.response, _status(error)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return limited(method, response.headers.get("Retry-After", ""))
    data = getattr(response, "data", None)
    broke = status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR
    if isinstance(data, dict) and "error" in data and not broke:
        return refused(method, data, writes=writes)
    is_page = "html" in response.headers.get("Content-Type", "")
    return unreadable(method, status, writes=writes, is_page=is_page)
