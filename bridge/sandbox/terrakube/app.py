"""The application: what every request passes before it is answered."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from aiohttp import web
from multidict import CIMultiDict

from bridge.sandbox.terrakube.answers import (
    HEADERS,
    Refused,
    SpringRefused,
    TomcatRefused,
    UnexpectedRequest,
    refusal,
)
from bridge.sandbox.terrakube.api import CALLER, JsonApi
from bridge.sandbox.terrakube.faults import Faults, Handler
from bridge.sandbox.terrakube.others import Others
from bridge.sandbox.terrakube.people import Tokens

LONGEST = 8192
"""Most bytes of request line and headers: Tomcat's default."""

_CLOSING = frozenset({400, 500, 501, 503})
"""Statuses after which Tomcat closes the connection."""

_OPEN = ("/actuator/", "/app/")
# What exists on a real server, and nobody has observed closely enough to play.
_UNPLAYED = ("/graphql/", "/tfstate/", "/notification/", "/subscriptions", "/api/v1/operations")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that was answered.

    Attributes:
        status: 0 when the connection was dropped.
        at: Seconds on the monotonic clock when it came.
    """

    method: str
    path: str
    query: str
    status: int
    email: str
    at: float = field(compare=False)


class Gate:
    """Records, breaks, authenticates and answers errors, from the outside in."""

    def __init__(self, tokens: Tokens, faults: Faults, note: Callable[[Seen], None]) -> None:
        self._tokens = tokens
        self._faults = faults
        self._note = note
        self.unexpected: list[str] = []

    async def record(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request pass the faults and note how it went."""
        status, at = 0, monotonic()
        try:
            response = await self._faults.around(request, handler)
            gone = request.transport is None or request.transport.is_closing()
            status = 0 if gone else response.status
            return response
        finally:
            caller = request.get(CALLER)
            email = caller.email if caller else ""
            query = request.rel_url.query_string
            self._note(Seen(request.method, request.path, query, status, email, at))

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Turn refusals into answers and add what every answer has."""
        try:
            self._admit(request)
            response = await handler(request)
        except UnexpectedRequest as refused:
            self.unexpected.append(f"{request.method} {request.path_qs}: {refused.what}")
            response = refusal(request, refused)
        except Refused as refused:
            response = refusal(request, refused)
        except web.HTTPException as error:
            response = refusal(request, SpringRefused(error.status))
        response.headers.extend(CIMultiDict(HEADERS))
        if response.status in _CLOSING:
            response.force_close()
        return response

    def _admit(self, request: web.Request) -> None:
        line = len(request.raw_path) + sum(len(k) + len(v) + 4 for k, v in request.raw_headers)
        if line > LONGEST:
            raise TomcatRefused
        if "//" in request.path:
            raise SpringRefused(400)
        if request.path.startswith(_OPEN):
            return
        authorization = request.headers.get("Authorization", "")
        request[CALLER] = self._tokens.read(authorization, request.method)
        if request.path.startswith(_UNPLAYED) or request.path.endswith("/stream"):
            raise UnexpectedRequest(request.path)


def build(gate: Gate, api: JsonApi, others: Others) -> web.Application:
    """The application with its routes."""

    @web.middleware
    async def record(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await gate.record(request, handler)

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await gate.answer(request, handler)

    application = web.Application(middlewares=[record, answer], client_max_size=2**24)
    application.router.add_route("*", "/api/v1/{path:.+}", api.answer)
    application.router.add_routes(list(others.routes()))
    return application
