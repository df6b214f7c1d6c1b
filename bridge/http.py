"""The one adapter around httpx: timeouts, short retries, redaction, same-origin redirects.

Nothing of the library leaves this module: callers see Response and the errors of
``bridge.domain.errors``. Retries last seconds and are for requests that may be repeated; whatever
takes longer is a row with a due time. A POST is sent once, whatever happens to its answer.
"""

import asyncio
import html
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import CookieJar, DefaultCookiePolicy
from json import dumps, loads
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import httpx
import stamina
import structlog

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
    TooLargeError,
)
from bridge.domain.guarding import check_guard

log = structlog.get_logger(__name__)

MAX_BODY = 64 * 1024 * 1024
"""Largest answer that is read, in bytes after decompression."""

_MAX_REDIRECTS = 3
_MAX_EXCERPT = 300
_MAX_PATH = 160
_TEMPORARY = frozenset({408, 425, 429}) | frozenset(range(500, 600))
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ABOUT_TO_SEND = ("send_request_headers.started", "send_request_body.started")
_DIRECT_HOSTS = ("all://localhost", "all://127.0.0.1", "all://[::1]")

Authorization = Callable[[], Awaitable[str]]
"""Gives the value of the Authorization header, called once for each attempt."""

Params = Mapping[str, object] | Sequence[tuple[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer, read to its end.

    Attributes:
        service: Whom we asked, as people know it.
        path: Path and query that were asked for, without the origin.
        url: Address that answered, after redirects.
        headers: Names in lower case; repeated ones joined by a comma.
        body: After decompression.
    """

    service: str
    method: str
    path: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The body as UTF-8; what is not becomes U+FFFD."""
        return self.body.decode(errors="replace")

    @property
    def request_line(self) -> str:
        """``GET /api/v1/…``: the method and the path without its query, for error texts."""
        path = self.path.partition("?")[0]
        return f"{self.method} {path if len(path) <= _MAX_PATH else path[:_MAX_PATH] + '…'}"

    def json(self) -> object:
        """Decode the body.

        Raises:
            TemporaryRemoteError: It is no JSON. Something else than the service answered (a
                sign-in page, a proxy's notice), or the answer was cut: neither is an outcome.
        """
        try:
            return loads(self.body)
        except (ValueError, RecursionError) as error:
            what = (
                "with a web page instead of JSON: is the address right, or does a proxy or a "
                "sign-in page stand in front?"
                if looks_like_html(self)
                else f"{self.status} with something that is not JSON"
            )
            msg = f"{self.request_line}: answered {what}"
            raise TemporaryRemoteError(msg, service=self.service, status=self.status) from error

    def link(self, relation: str) -> str | None:
        """Find the URL of a ``Link`` header's *relation* (``next``), as RFC 8288 writes it."""
        for target, parameters in _LINK.findall(self.headers.get("link", "")):
            if relation in (_REL.findall(parameters) or [""])[0].split():
                return str(target)
        return None


_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^;,=\s]+\s*=\s*(?:\"[^\"]*\"|[^\",;]*))*)")
_REL = re.compile(r";\s*rel\s*=\s*\"?([^\";]*)\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each phase may take, in seconds; *total* bounds one attempt with its body."""

    connect: float = 5.0
    read: float = 30.0
    write: float = 30.0
    pool: float = 10.0
    total: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How a request that may be repeated is repeated, in seconds.

    Attributes:
        attempts: Tries in all; 1 never repeats.
        wait: First pause; doubles, with as much jitter.
        longest_wait: A Retry-After beyond this is not waited for but raised.
    """

    attempts: int = 3
    wait: float = 0.2
    longest_wait: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What happened to one attempt, for whoever counts; *status* None: there was no answer."""

    service: str
    method: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes | None
    authorization: Authorization | None
    expect: Collection[int] | None
    max_body: int

    def is_expected(self, status: int) -> bool:
        if self.expect is None:
            return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        return status in self.expect


def segment(value: str) -> str:
    """Encode *value* as one segment of a path.

    Raises:
        PermanentRemoteError: It is empty or would climb the path (``.``, ``..``).
    """
    if value in {"", ".", ".."}:
        msg = f"{value!r} cannot be part of an address"
        raise PermanentRemoteError(msg, service="http")
    return quote(value, safe="")


def looks_like_html(response: Response) -> bool:
    """Tell a web page from an API's answer, by its type or its first characters."""
    kind = response.headers.get("content-type", "").lower()
    return "html" in kind or response.body[:64].lstrip()[:1] == b"<"


def excerpt(response: Response) -> str:
    """Shorten a body to one line for an error text; a web page to its title."""
    text = response.body[:20_000].decode(errors="replace")
    if looks_like_html(response):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = html.unescape(title.group(1)) if title else "a web page"
    text = " ".join(text.split())
    return text if len(text) <= _MAX_EXCERPT else text[:_MAX_EXCERPT] + "…"


def retry_after(response: Response, *, now: datetime | None = None) -> float | None:
    """Read Retry-After (RFC 9110 section 10.2.3): seconds from now, never negative.

    None when it is absent or malformed. A date counts from the answer's own Date header, so that
    a clock that is off does not matter; *now* (aware) stands in when there is none.
    """
    value = response.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    until = _http_date(value)
    if until is None:
        return None
    since = _http_date(response.headers.get("date", "")) or now or datetime.now(UTC)
    return max(0.0, (until - since).total_seconds())


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def remote_error(
    response: Response,
    *,
    detail: str | None = None,
    temporary: bool | None = None,
    wait: float | None = None,
    account_wide: bool = False,
) -> RemoteError:
    """Make the error that fits an answer's status.

    Args:
        response: The answer nobody expected.
        detail: What the service said, for people; None takes an excerpt of the body.
        temporary: Decides between temporary and permanent; None goes by the status.
        wait: Seconds until another try makes sense; None goes by Retry-After.
        account_wide: Whether the whole credential is limited.
    """
    said = excerpt(response) if detail is None else detail
    message = f"{response.request_line}: answered {response.status}{': ' if said else ''}{said}"
    service, status = response.service, response.status
    if status in _TEMPORARY if temporary is None else temporary:
        return TemporaryRemoteError(
            message,
            service=service,
            status=status,
            retry_after=retry_after(response) if wait is None else wait,
            account_wide=account_wide,
        )
    if status in {401, 403, 407}:
        return NotAllowedError(message, service=service, status=status)
    if status in {404, 410}:
        return NotFoundError(message, service=service, status=status)
    return PermanentRemoteError(message, service=service, status=status)


class HttpClient:
    """A client of one service; safe for concurrent use, keeps no cookies.

    Args:
        service: Name in errors and logs.
        base_url: Origin and, where the service lives below one, a path prefix.
        authorization: Gives the Authorization header; it goes to the base URL's origin only.
        headers: Sent with every request.
        refine: A driver's own reading of an answer that was not expected: the error to raise, or
            None for the usual one. It sees account-wide limits, which only the driver can tell.
        redact: Applied to every error text, on top of the masking of the credential in use.
        follow_write_redirects: Whether 307 and 308 are followed for writes, too (a renamed
            repository); a 301 or 302 never is, as it would turn the write into a read.
        ca_file: Certificates to trust besides the usual ones.
        transport: For tests.
        observe: Told about every attempt; must not raise.
    """

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        authorization: Authorization | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retries: Retries | None = None,
        refine: Callable[[Response], RemoteError | None] | None = None,
        redact: Callable[[str], str] | None = None,
        follow_write_redirects: bool = False,
        max_body: int = MAX_BODY,
        connections: int = 20,
        ca_file: Path | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.service = service
        self.base_url = base_url.rstrip("/")
        self._authorization = authorization
        self._timeouts = timeouts or Timeouts()
        self._retries = retries or Retries()
        self._refine = refine or _no_opinion
        self._redact = redact or str
        self._follow_write_redirects = follow_write_redirects
        self._max_body = max_body
        self._observe = observe
        self._origin = _origin(httpx.URL(self.base_url))
        self._client = httpx.AsyncClient(
            headers={"User-Agent": "terrakube-bridge", "Accept": "application/json"}
            | dict(headers or {}),
            timeout=httpx.Timeout(
                connect=self._timeouts.connect,
                read=self._timeouts.read,
                write=self._timeouts.write,
                pool=self._timeouts.pool,
            ),
            # Terrakube closes idle connections after 60 s (contract section 1): one that is
            # about to close must not be given a POST, which is never repeated.
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=15.0,
            ),
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            verify=_trust(self.base_url, ca_file),
            # A proxy from the environment is for the outside, never for this machine.
            mounts=dict.fromkeys(_DIRECT_HOSTS),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        authorization: Authorization | None = None,
        expect: Collection[int] | None = None,
        idempotent: bool | None = None,
        max_body: int | None = None,
    ) -> Response:
        """Send a request and read its answer.

        Args:
            method: In capitals.
            path: Below the base URL, beginning with ``/``, its segments encoded (see segment);
                or a whole URL of the same origin, as Link headers have them.
            params: Query; a sequence as a value repeats the name; None values are left out.
            json: Sent as ASCII JSON, as ``application/json`` unless *headers* say otherwise.
            content: Sent as it is, instead of *json*.
            headers: Added to the client's own.
            authorization: Instead of the client's own.
            expect: Statuses to return; None: every 2xx. A redirect that is expected is not
                followed.
            idempotent: Whether it may be repeated; None: GET and HEAD only. Ignored for POST.
            max_body: Largest answer in bytes, instead of the client's own limit.

        Raises:
            TemporaryRemoteError: No answer, 408, 425, 429 or 5xx, after the retries.
            TooLargeError: The answer is too large.
            PermanentRemoteError: Any other status that was not expected, a redirect elsewhere.
        """
        call = _Call(
            method=method,
            path=self._target(path, params),
            headers=_with_json_type(headers or {}, json=json is not None),
            content=_encode(json) if json is not None else content,
            authorization=authorization or self._authorization,
            expect=expect,
            max_body=max_body or self._max_body,
        )
        repeat = method in {"GET", "HEAD"} if idempotent is None else idempotent
        if method == "POST" or not repeat:
            return await self._attempt(call)
        return await self._repeated(call)

    async def _repeated(self, call: _Call) -> Response:
        attempts = stamina.retry_context(
            on=self._pause,
            attempts=self._retries.attempts,
            timeout=self._timeouts.total,
            wait_initial=self._retries.wait,
            wait_jitter=self._retries.wait,
            wait_max=self._retries.longest_wait,
        )
        async for attempt in attempts:
            with attempt:
                return await self._attempt(call)
        raise AssertionError  # pragma: no cover -- the loop returns or raises

    def _pause(self, error: Exception) -> bool | float:
        """Decide whether, and how long after, a failed attempt is repeated."""
        if not isinstance(error, TemporaryRemoteError) or error.account_wide:
            return False
        if error.retry_after is None:
            return True
        return error.retry_after if error.retry_after <= self._retries.longest_wait else False

    async def _attempt(self, call: _Call) -> Response:
        """Ask once, following redirects, and turn an unexpected status into its error."""
        credential = await call.authorization() if call.authorization else ""
        mask = _Mask(credential, self._redact)
        url = self._absolute(call)
        for _ in range(_MAX_REDIRECTS + 1):
            response = await self._exchange(call, url, credential, mask)
            if call.is_expected(response.status):
                return response
            target = self._redirect(call, response)
            if target is None:
                raise mask.error(self._refine(response) or remote_error(response))
            url = target
        msg = f"{_line(call)}: redirected more than {_MAX_REDIRECTS} times"
        raise PermanentRemoteError(msg, service=self.service)

    async def _exchange(
        self, call: _Call, url: httpx.URL, credential: str, mask: "_Mask"
    ) -> Response:
        started = time.monotonic()
        status: int | None = None
        try:
            async with asyncio.timeout(self._timeouts.total):
                response = await self._send(call, url, credential)
            status = response.status
        except (httpx.HTTPError, httpx.StreamError, TimeoutError, UnicodeError) as error:
            raise mask.error(self._translate(call, error)) from (
                # What cannot be sent is quoted in the library's text, credential included.
                None if isinstance(error, (httpx.LocalProtocolError, UnicodeError)) else error
            )
        finally:
            self._report(call, status, time.monotonic() - started)
        return response

    async def _send(self, call: _Call, url: httpx.URL, credential: str) -> Response:
        headers = dict(call.headers)
        if credential:
            headers["Authorization"] = credential
        request = self._client.build_request(
            call.method,
            url,
            headers=headers,
            content=call.content,
            extensions={"trace": _guard} if call.method in _WRITES else None,
        )
        answer = await self._client.send(request, stream=True)
        try:
            body = await self._read(call, answer)
        finally:
            await answer.aclose()
        return Response(
            service=self.service,
            method=call.method,
            path=call.path,
            url=str(answer.url),
            status=answer.status_code,
            headers={name.lower(): value for name, value in answer.headers.items()},
            body=body,
        )

    async def _read(self, call: _Call, answer: httpx.Response) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async for chunk in answer.aiter_bytes():
            size += len(chunk)
            if size > call.max_body:
                chunks.clear()  # the error's traceback would keep them
                msg = f"{_line(call)}: the answer is larger than {call.max_body} bytes"
                raise TooLargeError(msg, service=self.service, status=answer.status_code)
            chunks.append(chunk)
        return b"".join(chunks)

    def _translate(self, call: _Call, error: Exception) -> RemoteError:
        """Say in our own words why there is no answer."""
        line, where = _line(call), self.base_url
        if isinstance(error, (httpx.LocalProtocolError, UnicodeError)):
            msg = f"{line}: cannot be sent: is there a line break or a letter in the credential?"
            return PermanentRemoteError(msg, service=self.service)
        match error:
            case TimeoutError():
                what = f"no complete answer within {self._timeouts.total:g} s"
            case httpx.ConnectTimeout():
                what = f"no connection to {where} within {self._timeouts.connect:g} s"
            case httpx.PoolTimeout():
                what = "no free connection: too many requests at once"
            case httpx.TimeoutException():
                what = f"no answer within {self._timeouts.read:g} s"
            case httpx.ConnectError():
                what = f"no connection to {where}: {_cause(error)}"
            case _:
                what = f"the connection broke: {_cause(error)}"
        return TemporaryRemoteError(f"{line}: {what}", service=self.service)

    def _redirect(self, call: _Call, response: Response) -> httpx.URL | None:
        """Return where to go on; None when the answer is no redirect to follow."""
        location = response.headers.get("location")
        if response.status not in {301, 302, 303, 307, 308} or not location:
            return None
        if call.method in _WRITES and not (
            self._follow_write_redirects and response.status in {307, 308}
        ):
            return None
        try:
            target = httpx.URL(response.url).join(location)
        except httpx.InvalidURL:
            return None
        if _origin(target) != self._origin:
            elsewhere = f"{target.scheme}://{target.host}"
            msg = f"{response.request_line}: redirected to {elsewhere}: is the address right?"
            raise PermanentRemoteError(msg, service=self.service, status=response.status)
        return target

    def _target(self, path: str, params: Params | None) -> str:
        if "://" in path:
            path = self._same_origin(path)
        steps = path.partition("?")[0].lower().replace("%2e", ".").split("/")
        if not path.startswith("/") or "." in steps or ".." in steps:
            msg = f"{path!r} is not a path below {self.base_url}"
            raise PermanentRemoteError(msg, service=self.service)
        pairs = params.items() if isinstance(params, Mapping) else params or ()
        query = urlencode(
            [(name, value) for name, value in pairs if value is not None],
            doseq=True,
            quote_via=quote,
        )
        return f"{path}{('&' if '?' in path else '?') + query if query else ''}"

    def _same_origin(self, address: str) -> str:
        """Cut a whole URL to what follows the base URL."""
        prefix = httpx.URL(self.base_url).raw_path.decode("ascii").rstrip("/")
        try:
            url = httpx.URL(address)
        except httpx.InvalidURL:
            url = httpx.URL("")
        path = url.raw_path.decode("ascii")
        if _origin(url) != self._origin or not path.startswith(f"{prefix}/"):
            msg = f"an address outside {self.base_url} is not asked"
            raise PermanentRemoteError(msg, service=self.service)
        return path.removeprefix(prefix)

    def _absolute(self, call: _Call) -> httpx.URL:
        try:
            return httpx.URL(self.base_url + call.path)
        except httpx.InvalidURL as error:
            msg = f"{_line(call)}: is not an address"
            raise PermanentRemoteError(msg, service=self.service) from error

    def _report(self, call: _Call, status: int | None, seconds: float) -> None:
        # Unconfigured, structlog prints to standard output, which is a script's own.
        if structlog.is_configured():
            log.debug(
                "request.sent",
                service=self.service,
                method=call.method,
                path=call.path.partition("?")[0],
                status=status,
                duration_ms=round(seconds * 1000, 1),
            )
        if self._observe:
            self._observe(
                Exchange(service=self.service, method=call.method, status=status, seconds=seconds)
            )


class _Mask:
    """Takes the credential in use, and what the wiring's redactor knows, out of error texts."""

    def __init__(self, credential: str, redact: Callable[[str], str]) -> None:
        self._secrets = [part for part in (credential, credential.partition(" ")[2]) if part]
        self._redact = redact

    def error(self, error: RemoteError) -> RemoteError:
        text = str(error)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        error.args = (self._redact(text), *error.args[1:])
        return error


async def _guard(event: str, _: object) -> None:
    """Ask for the last time whether a request may be sent, right before its bytes are."""
    if event.endswith(_ABOUT_TO_SEND):
        check_guard()


def _no_opinion(response: Response) -> RemoteError | None:
    return None


def _line(call: _Call) -> str:
    path = call.path.partition("?")[0]
    return f"{call.method} {path if len(path) <= _MAX_PATH else path[:_MAX_PATH] + '…'}"


def _cause(error: Exception) -> str:
    text = " ".join(str(error).split())[:_MAX_EXCERPT] or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" in text:
        return f"its certificate is not trusted ({text})"
    return text


def _encode(value: object) -> bytes:
    # ASCII only: a body that no proxy and no server's default encoding can misread.
    return dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")


def _with_json_type(headers: Mapping[str, str], *, json: bool) -> Mapping[str, str]:
    if not json or any(name.lower() == "content-type" for name in headers):
        return headers
    return {**headers, "Content-Type": "application/json"}


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    port = url.port or {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, port


def _trust(base_url: str, ca_file: Path | None) -> ssl.SSLContext | bool:
    """Trust the usual certificates, the system's own and *ca_file*."""
    if base_url.startswith("http://"):
        return False  # nothing to verify; building a context costs tens of milliseconds
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context
