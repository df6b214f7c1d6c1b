"""``POST /slack/events``: everything Slack sends in HTTP mode, at one address.

What it is and what becomes of it is somebody else's business; here bytes are read within limits,
and what was refused is counted. Nothing of a body is ever logged.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

from aiohttp import web

from bridge.domain.errors import OverloadedError
from bridge.metrics import Metrics
from bridge.web.bodies import MIB, BodyReader
from bridge.web.deliveries import Outcome, RefusalLog

_MOST: Final = 1 * MIB
"""Bytes of a body; Slack sends some ten thousand."""

_NAME: Final = "slack"
_OUTCOMES: Final = {
    401: Outcome.UNSIGNED,
    408: Outcome.TOO_SLOW,
    413: Outcome.TOO_LARGE,
    415: Outcome.WRONG_TYPE,
    503: Outcome.OVERLOADED,
}


class Answered(Protocol):
    """What a request is answered with."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> str:
        """May be empty."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in any case."""
        ...


class ChatDoor(Protocol):
    """Verifies what comes in, keeps it, and says what is answered."""

    async def take(self, headers: Mapping[str, str], body: bytes, /) -> Answered:
        """Answer one request.

        Args:
            headers: Their names in any case.
            body: As received: the signature is over exactly these bytes.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRoute:
    """Answers what Slack sends."""

    door: ChatDoor
    bodies: BodyReader
    metrics: Metrics
    refusals: RefusalLog = field(default_factory=RefusalLog)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        started = asyncio.get_running_loop().time()
        response = await self._answer(request)
        outcome = _outcome(response.status)
        self.metrics.deliveries.labels(_NAME, outcome).inc()
        self.metrics.delivery_seconds.observe(asyncio.get_running_loop().time() - started)
        if outcome is not Outcome.ACCEPTED:
            self.refusals.note(_NAME, outcome)
        return response

    async def nothing(self, request: web.Request) -> web.Response:
        """Say that somebody is here, to whoever looks."""
        return web.Response(text="ok\n")

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            with self.bodies.claim(most=_MOST) as claim:
                answered = await self.door.take(request.headers, await claim.read(request))
        except OverloadedError as error:
            headers = {"Retry-After": str(error.retry_after)}
            return web.Response(status=503, text="overloaded\n", headers=headers)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=f"{error.reason}\n")
        return web.Response(
            status=answered.status, body=answered.body.encode(), headers=answered.headers
        )


def _outcome(status: int) -> Outcome:
    if status < HTTPStatus.BAD_REQUEST:
        return Outcome.ACCEPTED
    return _OUTCOMES.get(status, Outcome.INVALID)
