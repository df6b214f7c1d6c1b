"""An app as Slack's own libraries make one: a client, and somebody who listens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from json import loads
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import Clock as SignatureClock
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient

from bridge.sandbox.slack import Clock, Limits, StandIn, start
from bridge.sandbox.slack.methods import SCOPES

Json = dict[str, Any]


UNHURRIED = Limits(ack=30.0)
"""On a machine that does much else, whoever is told may take its time."""


class Frozen(Clock):
    """A time that only goes on when it is told to."""

    def __call__(self) -> float:
        return 1_800_000_000.0 + self.ahead


@dataclass
class Heard:
    """One request as it came."""

    headers: dict[str, str]
    body: bytes
    is_genuine: bool

    @property
    def payload(self) -> Json:
        if self.headers["Content-Type"].startswith("application/json"):
            found: Json = loads(self.body)
            return found
        form = {name: one for name, (one,) in parse_qs(self.body.decode()).items()}
        inner: Json = loads(form["payload"]) if "payload" in form else form
        return inner


@dataclass
class App:
    """Somebody who listens; *answers* are used up in order, then it is 200 and empty.

    Attributes:
        delay: Seconds before it answers.
    """

    secret: str
    url: str = ""
    heard: list[Heard] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)
    delay: float = 0.0

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp, signature = (
            request.headers[f"X-Slack-{name}"] for name in ("Request-Timestamp", "Signature")
        )
        verifier = SignatureVerifier(self.secret, clock=_At(float(stamp)))
        genuine = verifier.is_valid(body, stamp, signature)
        self.heard.append(Heard(dict(request.headers), body, genuine))
        await asyncio.sleep(self.delay)
        return self.answers.pop(0) if self.answers else web.Response()


class _At(SignatureClock):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def now(self) -> float:
        return self.seconds


@dataclass
class Place:
    """A workspace with an app and some people, all in #ops."""

    slack: StandIn
    clock: Frozen
    client: AsyncWebClient
    app: App

    def __post_init__(self) -> None:
        self.alice = self.slack.add_user("alice")
        self.bob = self.slack.add_user("bob")
        self.ops = self.slack.add_channel("ops", self.alice, self.bob)
        self.group = self.slack.add_usergroup("platform", self.alice)

    async def error(self, method: str, **arguments: object) -> str:
        """Call a method that is refused; Slack's name for why."""
        try:
            await self.client.api_call(method, json=arguments)
        except SlackApiError as error:
            return str(error.response["error"])
        return ""

    async def post(self, text: str = "Hello", **more: object) -> str:
        """Post to #ops; its ts."""
        answer = await self.client.api_call(
            "chat.postMessage", json={"channel": self.ops.id, "text": text, **more}
        )
        return str(answer["ts"])


@asynccontextmanager
async def settled(
    *, scopes: frozenset[str] = SCOPES, limits: Limits | None = None, http: bool = True
) -> AsyncIterator[Place]:
    """Let Slack, an app and some people meet."""
    clock = Frozen()
    async with start(clock=clock, limits=limits or UNHURRIED, scopes=scopes) as slack:
        app = App(slack.signing_secret)
        listening = web.Application()
        listening.router.add_post("/slack/events", app.answer)
        server = TestServer(listening)
        await server.start_server()
        app.url = str(server.make_url("/slack/events"))
        slack.deliver_to(app.url if http else "")
        client = AsyncWebClient(slack.bot_token, base_url=slack.url, retry_handlers=[])
        try:
            yield Place(slack, clock, client, app)
        finally:
            await server.close()
