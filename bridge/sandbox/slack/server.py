"""The server of a stand-in: the Web API, uploads, response_urls and Socket Mode."""

import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus

from aiohttp import web

from bridge.sandbox.slack.clock import Clock, Now
from bridge.sandbox.slack.delivering import opened
from bridge.sandbox.slack.faults import Faults
from bridge.sandbox.slack.gate import Gate, broken_page
from bridge.sandbox.slack.hooks import use_hook
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.methods import SCOPES
from bridge.sandbox.slack.methods.files import take_upload
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.sockets import Sockets
from bridge.sandbox.slack.standin import StandIn
from bridge.sandbox.slack.world import World

MAX_BODY = 64 * 1024 * 1024
_ENDED = frozenset({No.EXPIRED_URL, No.USED_URL, No.INVALID_TOKEN})


@asynccontextmanager
async def start(
    *,
    port: int = 0,
    url: str = "",
    clock: Now | None = None,
    limits: Limits | None = None,
    scopes: Iterable[str] = SCOPES,
    events: Iterable[str] | None = None,
    signing_secret: str = "8f742231b10e8888abcd99yyyzzz85a5",  # noqa: S107 - a stand-in's
    bot_token: str = "xoxb-sandbox",  # noqa: S107 - ditto
    app_token: str = "xapp-sandbox",  # noqa: S107 - ditto
    team: str = "T00000001",
) -> AsyncIterator[StandIn]:
    """Serve a Slack on a port of the loopback interface.

    Args:
        port: 0 for a free one.
        url: Where the app is told of what happens; empty for Socket Mode.
        clock: The time it goes by; None for the real one.
        limits: What it allows; None for what the real one does.
        scopes: What the app was granted.
        events: What the app wants to hear; None for everything.
        signing_secret: What deliveries are signed with.
        bot_token: For the Web API.
        app_token: For Socket Mode.
        team: Id of the workspace.
    """
    listener = socket.create_server(("127.0.0.1", port))
    world = World(now=clock or Clock(), limits=limits or Limits(), team=team)
    world.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    faults = Faults()
    gate = Gate(
        world=world,
        faults=faults,
        bot_token=bot_token,
        app_token=app_token,
        granted=frozenset(scopes),
    )
    sockets = Sockets(world=world, surprised=gate.surprises.append)
    async with (
        _serving(_Server(world=world, gate=gate, sockets=sockets), listener),
        opened(world, sockets, signing_secret, url) as office,
    ):
        yield StandIn(
            world=world,
            gate=gate,
            office=office,
            events=None if events is None else frozenset(events),
            url=f"{world.url}/api/",
            faults=faults,
            sockets=sockets,
            signing_secret=signing_secret,
            bot_token=bot_token,
            app_token=app_token,
        )


@asynccontextmanager
async def _serving(server: "_Server", listener: socket.socket) -> AsyncIterator[None]:
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/api/{method}", server.call)
    app.router.add_post("/upload/{id}", server.upload)
    app.router.add_post("/hook/{id}", server.hook)
    app.router.add_get("/ws", server.sockets.serve)
    app.router.add_route("*", "/{path:.*}", server.nothing)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield
    finally:
        await server.sockets.close()
        await runner.cleanup()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    world: World
    gate: Gate
    sockets: Sockets

    async def call(self, request: web.Request) -> web.Response:
        """Answer a call of the Web API; whatever breaks here shows."""
        name, served = request.match_info["method"], False
        try:
            response = await self.gate.serve(request, name)
            served = True
        finally:
            if not served:
                self.gate.surprises.append(f"{name}: the stand-in broke")
        return response

    async def upload(self, request: web.Request) -> web.Response:
        """Take a file."""
        try:
            told = take_upload(self.world, request.match_info["id"], await request.read())
        except Refusal as refusal:
            self.gate.surprises.append(f"upload: {refusal}")
            return web.Response(status=HTTPStatus.BAD_REQUEST, text=str(refusal.error))
        return web.Response(text=told)

    async def hook(self, request: web.Request) -> web.Response:
        """Take an answer to what somebody did."""
        do = partial(use_hook, self.world, request.match_info["id"])
        record = await self.gate.attend(request, "response_url", do)
        if not record.answer:
            return broken_page(record)
        if record.answer["ok"]:
            return web.Response(text="ok")
        status = HTTPStatus.NOT_FOUND if record.error in _ENDED else HTTPStatus.BAD_REQUEST
        return web.json_response(record.answer, status=status)

    async def nothing(self, request: web.Request) -> web.Response:
        """Answer what is asked of no part of Slack."""
        self.gate.surprises.append(f"{request.method} {request.path}: there is nothing")
        return web.Response(status=HTTPStatus.NOT_FOUND, text="Not Found")
