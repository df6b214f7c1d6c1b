"""A forge's API that answers what a test wrote down, and refuses everything else."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer; *body* None is an empty one, text is sent as it is, the rest as JSON."""

    body: object = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


GRAPHQL = "/api/graphql"
"""Where GitHub's other API lies: beside the prefix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came."""

    line: str
    query: Mapping[str, str]
    authorization: str
    raw: bytes
    known: str = ""
    """The ETag of what whoever asks knows already."""

    @property
    def body(self) -> object:
        return json.loads(self.raw) if self.raw else None


@dataclass(slots=True, kw_only=True)
class Script:
    """What to answer, by ``GET /path`` below the API's prefix; the last answer of a line stays."""

    prefix: str
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    _replies: dict[str, list[Reply]] = field(default_factory=lambda: defaultdict(list))

    def on(self, line: str, *replies: Reply | object) -> None:
        self._replies[line] = [
            reply if isinstance(reply, Reply) else Reply(body=reply) for reply in replies
        ]

    def lines(self) -> list[str]:
        return [asked.line for asked in self.asked]

    def sent(self, line: str) -> list[object]:
        """Return the bodies sent to *line*, in order."""
        return [asked.body for asked in self.asked if asked.line == line]

    def queries(self, line: str) -> list[Mapping[str, str]]:
        return [asked.query for asked in self.asked if asked.line == line]

    async def answer(self, request: web.Request) -> web.Response:
        path = request.raw_path.partition("?")[0]
        line = f"{request.method} {path.removeprefix(self.prefix)}"
        self.asked.append(
            Asked(
                line=line,
                query=dict(request.query),
                authorization=request.headers.get("Authorization", ""),
                raw=await request.read(),
                known=request.headers.get("If-None-Match", ""),
            )
        )
        replies: Sequence[Reply] = self._replies.get(line, [])
        if not replies or not path.startswith((self.prefix, GRAPHQL)):
            self.surprises.append(line)
            return web.Response(status=418, text=f"nobody expected {line}")
        reply = replies[0]
        if len(replies) > 1:
            self._replies[line].pop(0)
        if reply.body is None or isinstance(reply.body, str):
            return web.Response(
                status=reply.status, text=reply.body or "", headers=dict(reply.headers)
            )
        return web.json_response(reply.body, status=reply.status, headers=dict(reply.headers))


@asynccontextmanager
async def serving(prefix: str) -> AsyncIterator[Script]:
    """Serve a script on a free port of the loopback interface."""
    script = Script(prefix=prefix)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", script.answer)
    server = TestServer(app)
    await server.start_server()
    try:
        script.url = str(server.make_url("")).rstrip("/")
        yield script
    finally:
        await server.close()
    assert not script.surprises
