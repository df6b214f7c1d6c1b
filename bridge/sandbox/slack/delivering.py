"""How the app is told: signed requests to its address, or envelopes through Socket Mode."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import urlencode

import aiohttp

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.sockets import Sockets
from bridge.sandbox.slack.world import World

_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class Kind(StrEnum):
    """What is delivered, by the name Socket Mode gives it."""

    COMMAND = "slash_commands"
    INTERACTION = "interactive"
    EVENT = "events_api"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One try to tell the app something, and what it said to it.

    Attributes:
        headers: Of the request; empty in Socket Mode.
        body: The bytes of the request; empty in Socket Mode.
        attempt: 0 for the first.
        status: Of the answer; 0 when there was none. In Socket Mode an acknowledgement is 200.
        answer: What the acknowledgement held: JSON, or text; None for nothing.
        seconds: How long it took.
        final: Whether the app does not want to be told again.
    """

    kind: Kind
    payload: Json
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    attempt: int = 0
    status: int = 0
    answer: object = None
    seconds: float = 0.0
    final: bool = False

    @property
    def acked(self) -> bool:
        """Whether the app acknowledged it in time."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES


@dataclass(slots=True, kw_only=True, eq=False)
class PostOffice:
    """Tells the app what happens.

    Attributes:
        url: The app's address; empty for Socket Mode.
        deliveries: Everything that was tried, in the order it ended.
    """

    world: World
    sockets: Sockets
    session: aiohttp.ClientSession
    secret: str
    url: str = ""
    deliveries: list[Delivery] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def deliver(
        self, kind: Kind, payload: Json, *, attempt: int = 0, reason: str = ""
    ) -> Delivery:
        """Tell the app something once."""
        made = Delivery(kind=kind, payload=payload, attempt=attempt)
        if not self.url:
            return await self._through_socket(made, reason)
        body = _encode(kind, payload)
        headers = self._headers(kind, body, attempt, reason)
        return await self.post(replace(made, body=body, headers=headers))

    async def post(self, delivery: Delivery) -> Delivery:
        """Send the bytes of a delivery as they are; an old one is a replay."""
        began = time.monotonic()
        status, answer, final = await self._exchange(delivery)
        return self._done(delivery, status, answer, began, final=final)

    async def tell(self, payload: Json) -> Delivery:
        """Tell an event; again later, in the background, while nobody acknowledges it."""
        first = await self.deliver(Kind.EVENT, payload)
        if not first.acked and not first.final and self.world.limits.retries:
            task = asyncio.get_running_loop().create_task(self._retry(first))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return first

    async def settled(self) -> None:
        """Wait until no event is to be told again."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Give up what was to be told again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _retry(self, delivery: Delivery) -> None:
        last = delivery
        for number, gap in enumerate(self.world.limits.retries, start=1):
            await asyncio.sleep(gap)
            reason = "http_error" if last.status else "http_timeout"
            last = await self.deliver(Kind.EVENT, delivery.payload, attempt=number, reason=reason)
            if last.acked or last.final:
                return

    def _headers(self, kind: Kind, body: bytes, attempt: int, reason: str) -> Mapping[str, str]:
        # Source: https://docs.slack.dev/authentication/verifying-requests-from-slack
        stamp = str(int(self.world.now()))
        base = b"v0:" + stamp.encode() + b":" + body
        signature = hmac.new(self.secret.encode(), base, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": _JSON if kind is Kind.EVENT else _FORM,
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": f"v0={signature}",
        }
        if attempt:
            headers |= {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": reason}
        return headers

    async def _exchange(self, delivery: Delivery) -> tuple[int, object, bool]:
        try:
            async with (
                asyncio.timeout(self.world.limits.ack),
                self.session.post(
                    self.url,
                    data=delivery.body,
                    headers=dict(delivery.headers),
                    allow_redirects=False,
                ) as answer,
            ):
                text = await answer.text()
                final = answer.headers.get("X-Slack-No-Retry") == "1"
                is_json = answer.content_type == _JSON
                return answer.status, json.loads(text) if is_json and text else text or None, final
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError):
            return 0, None, False

    async def _through_socket(self, delivery: Delivery, reason: str) -> Delivery:
        began = time.monotonic()
        try:
            answer = await self.sockets.send(
                delivery.kind,
                delivery.payload,
                answers=delivery.kind is not Kind.EVENT,
                attempt=delivery.attempt,
                reason=reason,
            )
        except (TimeoutError, OSError):
            return self._done(delivery, 0, None, began)
        return self._done(delivery, HTTPStatus.OK.value, answer or None, began)

    def _done(
        self, delivery: Delivery, status: int, answer: object, began: float, *, final: bool = False
    ) -> Delivery:
        made = replace(
            delivery,
            status=status,
            answer=answer,
            seconds=time.monotonic() - began,
            final=final,
        )
        self.deliveries.append(made)
        return made


def _encode(kind: Kind, payload: Json) -> bytes:
    match kind:
        case Kind.COMMAND:
            return urlencode(payload).encode()
        case Kind.INTERACTION:
            return urlencode({"payload": json.dumps(payload)}).encode()
        case Kind.EVENT:
            return json.dumps(payload).encode()


@asynccontextmanager
async def opened(
    world: World, sockets: Sockets, secret: str, url: str
) -> AsyncIterator[PostOffice]:
    """Open a post office, and close it with what is still to be told again."""
    async with aiohttp.ClientSession() as session:
        office = PostOffice(world=world, sockets=sockets, session=session, secret=secret, url=url)
        try:
            yield office
        finally:
            await office.close()
