"""``POST /webhooks/{forge}``: verify, store, acknowledge.

The route decides the forge, never a guess from headers. 2xx is sent after COMMIT only; what a
delivery means for the product is somebody else's business. This is the one place where errors
become status codes.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import structlog
from aiohttp import web

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import OverloadedError, PayloadError, SignatureError
from bridge.logs import COUNT, FORGE, REASON
from bridge.metrics import Metrics
from bridge.ports import Clock, Forge, Ignored
from bridge.web.bodies import BodyReader

log = structlog.get_logger(__name__)

_TYPES = frozenset({"application/json", "application/x-www-form-urlencoded"})
"""What forges send; which of them a forge may use is the driver's business."""

_SENDER_WAITS = {"gitea": 5.0, "forgejo": 5.0}
"""Seconds until a sender gives up, where it is not the 10 of GitHub (forges.md section 1.1)."""

_LOG_EVERY = 60.0
"""Seconds between two log lines about the same refusal: strangers must not fill the disk."""


class Acceptor(Protocol):
    """The part of a forge's driver the edge needs."""

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """See Forge.accept_delivery."""
        ...


class Inbox(Protocol):
    """Keeps deliveries."""

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        """Store a delivery; returns after COMMIT, for a duplicate at once.

        Raises:
            OverloadedError: It could not be stored within *seconds*.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """One configured forge, as seen from outside.

    Attributes:
        answer_within: Seconds for the whole answer, less than the sender waits: a delivery that
            is answered too late counts as failed there although it was kept here.
    """

    forge: Acceptor
    answer_within: float = 8.0


def doors_of(forges: Mapping[str, Forge]) -> Mapping[str, Door]:
    """Give every forge a door that closes before its sender gives up."""
    return {
        name: Door(forge=forge, answer_within=0.8 * _SENDER_WAITS.get(forge.driver, 10.0))
        for name, forge in forges.items()
    }


class Outcome(StrEnum):
    """What became of a delivery at the edge; label of the metric."""

    ACCEPTED = "accepted"
    IGNORED = "ignored"
    UNSIGNED = "unsigned"
    INVALID = "invalid"
    WRONG_TYPE = "wrong_type"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    OVERLOADED = "overloaded"


_STATUS = {
    Outcome.ACCEPTED: 202,
    Outcome.IGNORED: 200,
    Outcome.UNSIGNED: 401,
    Outcome.INVALID: 400,
    Outcome.WRONG_TYPE: 415,
    Outcome.TOO_LARGE: 413,
    Outcome.TOO_SLOW: 408,
    Outcome.OVERLOADED: 503,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the sender is told."""

    outcome: Outcome
    text: str
    retry_after: int | None = None

    def response(self) -> web.Response:
        """Build the response; the library wants a new one per request."""
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else None
        return web.Response(status=_STATUS[self.outcome], text=f"{self.text}\n", headers=headers)


_ACCEPTED = Answer(outcome=Outcome.ACCEPTED, text="accepted")
_UNSIGNED = Answer(outcome=Outcome.UNSIGNED, text="the signature is missing or wrong")
_WRONG_TYPE = Answer(outcome=Outcome.WRONG_TYPE, text=f"send one of {', '.join(sorted(_TYPES))}")


@dataclass(slots=True)
class RefusalLog:
    """Logs refusals, but the same one only now and then, with how many there were."""

    _seen: dict[tuple[str, str], tuple[float, int]] = field(default_factory=dict)

    def note(self, forge: str, outcome: str) -> None:
        """Count one refusal and perhaps log it; both words are of closed sets."""
        now = asyncio.get_running_loop().time()
        last, count = self._seen.get((forge, outcome), (-_LOG_EVERY, 0))
        if now - last < _LOG_EVERY:
            self._seen[forge, outcome] = (last, count + 1)
            return
        self._seen[forge, outcome] = (now, 0)
        log.warning("delivery.refused", **{FORGE: forge, REASON: outcome, COUNT: count + 1})


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRoute:
    """Answers deliveries for all configured forges."""

    doors: Mapping[str, Door]
    inbox: Inbox
    bodies: BodyReader
    metrics: Metrics
    clock: Clock
    refusals: RefusalLog = field(default_factory=RefusalLog)

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one POST."""
        name = request.match_info["forge"]
        door = self.doors.get(name)
        if door is None:
            return web.Response(status=404, text="no such forge is configured\n")
        started = asyncio.get_running_loop().time()
        answer = await self._answer(request, door, started + door.answer_within)
        self.metrics.deliveries.labels(name, answer.outcome).inc()
        self.metrics.delivery_seconds.observe(asyncio.get_running_loop().time() - started)
        if answer.outcome not in (Outcome.ACCEPTED, Outcome.IGNORED):
            self.refusals.note(name, answer.outcome)
        return answer.response()

    async def _answer(self, request: web.Request, door: Door, deadline: float) -> Answer:
        try:
            with self.bodies.claim() as claim:
                body = await claim.read(request)
                return await self._keep(request, body, door, deadline)
        except SignatureError:
            return _UNSIGNED
        except PayloadError as error:
            return Answer(outcome=Outcome.INVALID, text=str(error)[:500])
        except (OverloadedError, TimeoutError) as error:
            retry_after = error.retry_after if isinstance(error, OverloadedError) else 5
            text = "overloaded, send it again later"
            return Answer(outcome=Outcome.OVERLOADED, text=text, retry_after=retry_after)
        except web.HTTPException as error:
            return _unread(error)

    async def _keep(self, request: web.Request, body: bytes, door: Door, deadline: float) -> Answer:
        found = self._accepted(request, body, door)
        if isinstance(found, Answer):
            return found
        if isinstance(found, Ignored):
            return Answer(outcome=Outcome.IGNORED, text=found.reason)
        # At least a moment: a body that came late is still worth keeping when there is no queue.
        patience = max(deadline - asyncio.get_running_loop().time(), 0.1)
        await self.inbox.accept(found, patience)
        return _ACCEPTED

    def _accepted(
        self, request: web.Request, body: bytes, door: Door
    ) -> Delivery | Ignored | Answer:
        # The signature comes before the content type: a stranger gets 401 whatever he sends.
        typed = "Content-Type" not in request.headers or request.content_type in _TYPES
        try:
            found = door.forge.accept_delivery(
                request.headers, request.query, body, self.clock.now()
            )
        except PayloadError:
            if typed:
                raise
            return _WRONG_TYPE
        return found if typed else _WRONG_TYPE


def _unread(error: web.HTTPException) -> Answer:
    """Name what kept a body from being read."""
    match error:
        case web.HTTPRequestEntityTooLarge():
            return Answer(outcome=Outcome.TOO_LARGE, text="the body is too large")
        case web.HTTPRequestTimeout():
            return Answer(outcome=Outcome.TOO_SLOW, text="the body did not arrive in time")
        case _:
            return Answer(outcome=Outcome.INVALID, text=(error.text or error.reason).strip())
