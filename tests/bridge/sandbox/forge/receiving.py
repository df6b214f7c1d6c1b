"""Somebody a forge delivers to: keeps what came, answers what it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from json import loads
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One delivery as it came."""

    path: str
    query: dict[str, str]
    headers: CIMultiDict[str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers.get("X-Forgejo-Event") or self.headers["X-GitHub-Event"]

    @property
    def guid(self) -> str:
        return self.headers["X-GitHub-Delivery"]

    @property
    def payload(self) -> Any:  # noqa: ANN401 - whatever a forge sends
        if self.headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
            return loads(parse_qs(self.body.decode())["payload"][0])
        return loads(self.body)

    @property
    def label(self) -> str:
        """``pull_request.opened``, or the event alone."""
        action = self.payload.get("action")
        return f"{self.event}.{action}" if action else self.event


@dataclass(slots=True)
class Receiver:
    """Everything that came; *answers* are used up in order, then it is 200."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    delay: float = 0.0
    location: str = ""

    @property
    def labels(self) -> list[str]:
        return [one.label for one in self.received]

    async def answer(self, request: web.Request) -> web.Response:
        self.received.append(
            Received(
                path=request.path,
                query=dict(request.query),
                headers=CIMultiDict(request.headers),
                body=await request.read(),
            )
        )
        await asyncio.sleep(self.delay)
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(
            status=status, headers={"Location": self.location} if self.location else {}
        )


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """Listen on a free port of the loopback interface."""
    receiver = Receiver()
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/{path:.*}", receiver.answer)
    server = TestServer(app)
    await server.start_server()
    try:
        receiver.url = str(server.make_url("/webhooks/code"))
        yield receiver
    finally:
        await server.close()
