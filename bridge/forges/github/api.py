"""Asking GitHub: credentials, pages, and what its refusals mean.

Sources: docs.github.com, "Best practices for using the REST API", "Rate limits for the REST API",
"Using pagination in the REST API", "Authenticating as a GitHub App installation".
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from json import dumps, loads
from typing import Protocol, TypeVar

from cachetools import LRUCache, TTLCache
from gidgethub.apps import get_jwt
from jwt.exceptions import PyJWTError
from pydantic import BaseModel, ConfigDict, Field

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.forges.wire import Answer, parse, repository_path
from bridge.http import (
    Authorization,
    HttpClient,
    Params,
    Response,
    remote_error,
    retry_after,
    segment,
)

HEADERS = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
}
PAGE = 100  # the most any list gives at once

_MAX_PAGES = 1000
_TOKEN_SLACK = 300.0  # seconds; a token must outlive the longest chain of requests begun with it
_INSTALLATION_TTL = 600.0
_JWT_SECONDS = 540  # GitHub refuses more than 600 after a clock that may be ahead
_JWT_SLACK = 60
_UNEXPLAINED_LIMIT = 60.0  # "wait for at least one minute", when no header says how long
_KNOWN_BYTES = 16 * 1024 * 1024  # of answers that are kept to be asked for with their ETag
_MAYBE_KNOWN = frozenset({*range(200, 300), HTTPStatus.NOT_MODIFIED})

T = TypeVar("T")


class Credentials(Protocol):
    """Where Authorization headers come from."""

    async def of_repository(self, slug: str) -> str:
        """Return the header for requests about a repository, or an organization (no slash)."""
        ...

    async def of_bridge(self) -> str:
        """Return the header for requests about the bridge's own account or App."""
        ...

    def refused(self, header: str) -> bool:
        """Take note that *header* was answered 401; True when another may do better."""
        ...


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A personal or fine-grained token."""

    header: str

    async def of_repository(self, slug: str) -> str:
        """See Credentials.of_repository."""
        return self.header

    async def of_bridge(self) -> str:
        """See Credentials.of_bridge."""
        return self.header

    def refused(self, header: str) -> bool:
        """See Credentials.refused."""
        return False


class _InstallationToken(BaseModel):
    token: str
    expires_at: datetime


class _Installation(BaseModel):
    id: int


class AppCredentials:
    """A GitHub App: signs for itself, and fetches a token for each installation.

    Args:
        http: Client of the API.
        app_id: Id or client id of the App.
        private_key: PEM.
        learned: Told about every token, so that it can be redacted.
        now: Seconds since the epoch.

    Raises:
        ValueError: The key cannot sign.
    """

    def __init__(
        self,
        http: HttpClient,
        *,
        app_id: str,
        private_key: str,
        learned: Callable[[str], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._http = http
        self._app_id = app_id
        self._key = private_key
        self._learned = learned
        self._now = now
        self._installations: TTLCache[str, int] = TTLCache(10_000, _INSTALLATION_TTL, timer=now)
        self._tokens: dict[int, _InstallationToken] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._jwt = ("", 0.0)
        self._sign()

    async def of_repository(self, slug: str) -> str:
        """See Credentials.of_repository.

        Raises:
            NotAllowedError: The App is not installed there.
        """
        installation = await self._installation(slug)
        async with self._locks.setdefault(installation, asyncio.Lock()):
            token = self._tokens.get(installation)
            if token is None or token.expires_at.timestamp() - self._now() < _TOKEN_SLACK:
                token = await self._fetch(installation)
        return f"Bearer {token.token}"

    async def of_bridge(self) -> str:
        """See Credentials.of_bridge."""
        return f"Bearer {self._sign()}"

    def refused(self, header: str) -> bool:
        """See Credentials.refused."""
        for installation, token in self._tokens.items():
            if header == f"Bearer {token.token}":
                del self._tokens[installation]
                return True
        # It may have been replaced by another request that was refused at the same time.
        return header != f"Bearer {self._jwt[0]}"

    async def _installation(self, slug: str) -> int:
        known = self._installations.get(slug.lower())
        if known is not None:
            return known
        below = repository_path(slug) if "/" in slug else f"/orgs/{segment(slug)}"
        path = f"{below}/installation"
        try:
            response = await self._http.request("GET", path, authorization=self.of_bridge)
        except NotFoundError as error:
            msg = f"the GitHub App is not installed in {slug}"
            raise NotAllowedError(msg, service=error.service, status=error.status) from error
        found = parse(_Installation, response).id
        self._installations[slug.lower()] = found
        return found

    async def _fetch(self, installation: int) -> _InstallationToken:
        path = f"/app/installations/{installation}/access_tokens"
        try:
            response = await self._http.request("POST", path, authorization=self.of_bridge)
        except NotFoundError:
            self._installations.clear()  # it was removed, perhaps installed anew
            raise
        token = parse(_InstallationToken, response)
        self._learned(token.token)
        self._tokens[installation] = token
        return token

    def _sign(self) -> str:
        token, until = self._jwt
        if self._now() >= until:
            try:
                token = get_jwt(app_id=self._app_id, private_key=self._key, expiration=_JWT_SECONDS)
            except (ValueError, TypeError, PyJWTError) as error:
                msg = "the App's private key is no RSA key in PEM form"
                raise ValueError(msg) from error
            self._jwt = (token, self._now() + _JWT_SECONDS - 2 * _JWT_SLACK)
        return token


def _weight(response: Response) -> int:
    return len(response.body) + 1024  # with its headers, about


class GitHubApi:
    """Requests with the right credential, pages, and one more try when a token ran out."""

    def __init__(
        self, http: HttpClient, credentials: Credentials, *, graphql: HttpClient | None = None
    ) -> None:
        self.http = http
        self._graphql = graphql or http
        self._credentials = credentials
        self._known: LRUCache[tuple[str, str], Response] = LRUCache(_KNOWN_BYTES, _weight)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.http.aclose()
        await self._graphql.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        slug: str | None,
        params: Params | None = None,
        json: object | None = None,
        expect: Collection[int] | None = None,
    ) -> Response:
        """Ask about the repository (or organization) *slug*, or about the bridge itself (None).

        *expect* names the statuses a write is content with; None: every 2xx.

        Raises:
            TemporaryRemoteError: See HttpClient.request; account-wide when a rate limit was hit.
            PermanentRemoteError: See HttpClient.request.
        """

        async def once(authorization: Authorization) -> Response:
            if method == "GET":
                return await self._get(path, params, authorization)
            return await self.http.request(
                method, path, params=params, json=json, authorization=authorization, expect=expect
            )

        return await self._authorized(slug, once)

    async def graphql(
        self, kind: type[T], query: str, variables: Mapping[str, object], *, slug: str
    ) -> T:
        """Ask the GraphQL API about the repository *slug*, and read its data as *kind*.

        Raises:
            TemporaryRemoteError: See HttpClient.request; account-wide when a rate limit was hit.
            PermanentRemoteError: See HttpClient.request; or GitHub answers with errors.
        """

        async def once(authorization: Authorization) -> Response:
            body = {"query": query, "variables": variables}
            return await self._graphql.request(
                "POST", "/graphql", json=body, authorization=authorization
            )

        response = await self._authorized(slug, once)
        found = parse(_Data, response)
        if found.errors:
            raise _graphql_error(found.errors[0], response)
        return parse(kind, replace(response, body=dumps(found.data).encode()))

    async def _authorized(
        self, slug: str | None, once: Callable[[Authorization], Awaitable[Response]]
    ) -> Response:
        """Ask with the right credential, once more where it was refused and another may do."""
        used: list[str] = []

        async def authorization() -> str:
            credentials = self._credentials
            header = await (
                credentials.of_bridge() if slug is None else credentials.of_repository(slug)
            )
            used.append(header)
            return header

        try:
            return await once(authorization)
        except NotAllowedError as error:
            # A 401 means that nothing was done, so even a write may be sent again, once.
            if error.status != HTTPStatus.UNAUTHORIZED or not used:
                raise
            if not self._credentials.refused(used[-1]):
                raise
        return await once(authorization)

    async def _get(
        self, path: str, params: Params | None, authorization: Authorization
    ) -> Response:
        """Read what may be known already: "not modified" takes nothing from the rate limit."""
        key = (path, repr(params))
        known = self._known.get(key)
        response = await self.http.request(
            "GET",
            path,
            params=params,
            authorization=authorization,
            headers={"If-None-Match": known.headers["etag"]} if known else None,
            expect=_MAYBE_KNOWN if known else None,
        )
        if response.status == HTTPStatus.NOT_MODIFIED and known:
            return known
        if "etag" in response.headers and _weight(response) <= _KNOWN_BYTES:
            self._known[key] = response
        return response

    async def pages(
        self, path: str, *, slug: str | None, params: Mapping[str, object] | None = None
    ) -> AsyncIterator[Response]:
        """Ask for a list, page after page, as ``Link: rel="next"`` leads.

        The client refuses to follow it to another origin.
        """
        response = await self.request(
            "GET", path, slug=slug, params={**(params or {}), "per_page": PAGE}
        )
        for _ in range(_MAX_PAGES):
            yield response
            following = response.link("next")
            if following is None:
                return
            response = await self.request("GET", following, slug=slug)
        msg = f"GET {path}: more than {_MAX_PAGES} pages"
        raise PermanentRemoteError(msg, service=self.http.service)


class _GraphqlError(Answer):
    type: str = ""
    message: str = ""


class _Data(Answer):
    data: dict[str, object] | None = None
    errors: list[_GraphqlError] = Field(default_factory=list)


def _graphql_error(error: _GraphqlError, response: Response) -> RemoteError:
    """Make the error that fits what GraphQL says with a 200; null data comes with one."""
    line, service = response.request_line, response.service
    msg = f"{line}: answered: {' '.join(error.message.split())[:300]}"
    match error.type:
        case "RATE_LIMITED":
            return TemporaryRemoteError(
                msg, service=service, retry_after=_UNEXPLAINED_LIMIT, account_wide=True
            )
        case "FORBIDDEN" | "INSUFFICIENT_SCOPES":
            return NotAllowedError(msg, service=service, status=HTTPStatus.FORBIDDEN)
        case "NOT_FOUND":
            return NotFoundError(msg, service=service, status=HTTPStatus.NOT_FOUND)
        case _:
            return PermanentRemoteError(msg, service=service, status=response.status)


class _Problem(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: str = ""
    errors: list[object] = []


def refine(response: Response, *, now: Callable[[], float] = time.time) -> RemoteError | None:
    """Tell a rate limit, which holds for the whole credential, from a refusal."""
    detail = detail_of(response)
    limited = response.status in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}
    wait = _limit(response, detail, now()) if limited else None
    if wait is not None:
        return remote_error(response, detail=detail, temporary=True, wait=wait, account_wide=True)
    return remote_error(response, detail=detail) if detail else None


def _limit(response: Response, detail: str, now: float) -> float | None:
    """Return the seconds to wait; None when the answer is no rate limit.

    Secondary limits come as 403 or 429, with Retry-After or without; the primary one says
    ``x-ratelimit-remaining: 0`` and when it is over.
    """
    asked = retry_after(response)
    if asked is not None:
        return asked
    headers = response.headers
    if headers.get("x-ratelimit-remaining") == "0":
        reset = headers.get("x-ratelimit-reset", "")
        return max(1.0, float(reset) - now) if reset.isdecimal() else _UNEXPLAINED_LIMIT
    said = "rate limit" in detail.lower() or "abuse" in detail.lower()
    if said or response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _UNEXPLAINED_LIMIT
    return None


def detail_of(response: Response) -> str:
    """Return what GitHub says is wrong, with the first field it names; empty when it says not."""
    try:
        problem = _Problem.model_validate(loads(response.body))
    except (ValueError, RecursionError):
        return ""
    first = problem.errors[0] if problem.errors else None
    if isinstance(first, dict):
        words = [str(first[key]) for key in ("field", "code", "message") if first.get(key)]
        first = " ".join(words)
    text = f"{problem.message} ({first})" if first else problem.message
    return " ".join(text.split())[:300]
