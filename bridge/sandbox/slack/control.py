"""Acting as people from another process: a small HTTP service beside the stand-in's own.

It stands for what people do with their hands and see with their eyes, so it has a port of its own
and Slack's limits do not concern it. Users and channels go by name or id, the app's conversation
with somebody by ``@name``. What nobody could do (press a button that is gone, send a modal that is
closed) is answered 409 with the reason.
"""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.delivering import Delivery
from bridge.sandbox.slack.model import Channel, Message, User, View
from bridge.sandbox.slack.standin import StandIn
from bridge.sandbox.slack.surfaces import active_elements

_JSON = "application/json"


class _Deed(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str


class CommandDeed(_Deed):
    """Somebody uses the slash command."""

    channel: str
    text: str = ""
    command: str = "/terrakube"


class MentionDeed(_Deed):
    """Somebody writes to the app; *thread* is the ``ts`` of what they answer."""

    channel: str
    text: str
    thread: str = ""


class PressDeed(_Deed):
    """Somebody presses a button or chooses from a menu.

    In a message, or without *channel* and *ts* in the modal they see.
    """

    action_id: str
    channel: str = ""
    ts: str = ""
    value: Any = None


class TypeDeed(PressDeed):
    """Somebody types into a menu whose options the app knows; *value* is what they type."""

    value: str


class SubmitDeed(_Deed):
    """Somebody fills in the modal they see, and sends it."""

    values: Mapping[str, Any] = {}


class PlaceDeed(_Deed):
    """Somebody does something to a channel."""

    channel: str


D = TypeVar("D", bound=_Deed)


@asynccontextmanager
async def controlled(slack: StandIn, *, port: int = 0) -> AsyncIterator[str]:
    """Let other processes act as people; yields the address, on the loopback interface."""
    listener = socket.create_server(("127.0.0.1", port))
    runner = web.AppRunner(_application(_Control(slack=slack)), access_log=None)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        await runner.cleanup()


def _application(control: "_Control") -> web.Application:
    app = web.Application(middlewares=[_refusing])
    app.router.add_post("/people/command", _doing(CommandDeed, control.command))
    app.router.add_post("/people/mention", _doing(MentionDeed, control.mention))
    app.router.add_post("/people/press", _doing(PressDeed, control.press))
    app.router.add_post("/people/type", _doing(TypeDeed, control.type))
    app.router.add_post("/people/submit", _doing(SubmitDeed, control.submit))
    app.router.add_post("/people/archive", _doing(PlaceDeed, control.archive))
    app.router.add_post("/people/restore", _doing(PlaceDeed, control.restore))
    app.router.add_post("/people/invite", _doing(PlaceDeed, control.invite))
    app.router.add_post("/people/remove", _doing(PlaceDeed, control.remove))
    app.router.add_get("/people/channel", control.channel)
    app.router.add_get("/people/view", control.view)
    app.router.add_get("/surprises", control.surprises)
    return app


@web.middleware
async def _refusing(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except LookupError as error:
        reason = str(error.args[0]) if error.args else "there is no such thing"
        return web.json_response({"error": reason}, status=HTTPStatus.CONFLICT)
    except ValidationError as error:
        return web.json_response({"error": str(error)}, status=HTTPStatus.BAD_REQUEST)


def _doing(
    kind: type[D], do: Callable[[D], Awaitable[Json]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        # No page in a browser may send this without being asked first.
        if request.content_type != _JSON:
            raise web.HTTPUnsupportedMediaType(text=f"{_JSON} is wanted")
        deed = kind.model_validate_json(await request.read())
        return web.json_response(await do(deed))

    return serve


@dataclass(frozen=True, slots=True, kw_only=True)
class _Control:
    slack: StandIn

    async def command(self, deed: CommandDeed) -> Json:
        user, channel = self._user(deed.user), self._channel(deed.channel)
        told = await self.slack.command(user, channel, deed.text, command=deed.command)
        return _heard(told)

    async def mention(self, deed: MentionDeed) -> Json:
        user, channel = self._user(deed.user), self._channel(deed.channel)
        return _heard(await self.slack.mention(user, channel, deed.text, thread=deed.thread))

    async def press(self, deed: PressDeed) -> Json:
        user, where = self._user(deed.user), self._where(deed)
        return _heard(await self.slack.press(user, where, deed.action_id, value=deed.value))

    async def type(self, deed: TypeDeed) -> Json:
        user, where = self._user(deed.user), self._where(deed)
        found = await self.slack.suggest(user, where, deed.action_id, deed.value)
        return {"options": found}

    async def submit(self, deed: SubmitDeed) -> Json:
        user = self._user(deed.user)
        view = self._modal(user)
        return _heard(await self.slack.submit(user, view, deed.values)) | {"errors": view.errors}

    async def archive(self, deed: PlaceDeed) -> Json:
        channel = self._channel(deed.channel)
        return _heard(await self.slack.archive(channel, self._user(deed.user)))

    async def restore(self, deed: PlaceDeed) -> Json:
        channel = self._channel(deed.channel)
        return _heard(await self.slack.restore(channel, self._user(deed.user)))

    async def invite(self, deed: PlaceDeed) -> Json:
        channel = self._channel(deed.channel)
        return _heard(await self.slack.invite_bot(channel, self._user(deed.user)))

    async def remove(self, deed: PlaceDeed) -> Json:
        channel = self._channel(deed.channel)
        self._user(deed.user)
        return _heard(await self.slack.remove_bot(channel))

    async def channel(self, request: web.Request) -> web.Response:
        """Show a channel; ``to`` is who looks, for what only they see.

        As JSON, or as people read it for whoever asks for ``text/plain``.
        """
        channel = self._channel(request.query.get("channel", ""))
        to = self._user(request.query["to"]) if "to" in request.query else None
        if request.headers.get("Accept") == "text/plain":
            return web.Response(text=self.slack.show_channel(channel, to=to))
        seen = [*self.slack.messages(channel), *(self.slack.whispers(to, channel) if to else ())]
        return web.json_response(
            {
                "text": self.slack.show_channel(channel, to=to),
                "messages": [self._shown(one) for one in sorted(seen, key=lambda one: one.ts)],
            }
        )

    async def view(self, request: web.Request) -> web.Response:
        """Show the modal somebody sees; an empty object for none."""
        view = self.slack.open_view(self._user(request.query.get("user", "")))
        shown = {} if view is None else {**view.given, "id": view.id, "errors": view.errors}
        return web.json_response(shown)

    async def surprises(self, request: web.Request) -> web.Response:
        """Show what went wrong: for the client's side, and for people."""
        slack = self.slack
        return web.json_response(
            {
                "surprises": slack.surprises,
                "complaints": slack.complaints,
                "hasty": slack.hasty,
            }
        )

    def _user(self, name: str) -> User:
        for one in self.slack.world.users.values():
            if name in {one.id, one.name}:
                return one
        msg = f"there is no user {name!r}"
        raise LookupError(msg)

    def _channel(self, name: str) -> Channel:
        if name.startswith("@"):
            return self.slack.world.direct(self._user(name.removeprefix("@")))
        for one in self.slack.world.channels.values():
            if name.removeprefix("#") in {one.id, one.name}:
                return one
        msg = f"there is no channel {name!r}"
        raise LookupError(msg)

    def _where(self, deed: PressDeed) -> Message | View:
        if not deed.channel:
            return self._modal(self._user(deed.user))
        channel = self._channel(deed.channel)
        found = channel.messages.get(deed.ts) or channel.ephemerals.get(deed.ts)
        if found is None:
            msg = f"there is no message {deed.ts!r} in {channel.name}"
            raise LookupError(msg)
        return found

    def _modal(self, user: User) -> View:
        view = self.slack.open_view(user)
        if view is None:
            msg = f"{user.name} sees no modal"
            raise LookupError(msg)
        return view

    def _shown(self, message: Message) -> Json:
        users = self.slack.world.users
        return {
            "ts": message.ts,
            "thread": message.thread,
            "author": users[message.author].name,
            "only_for": users[message.audience].name if message.audience else "",
            "text": message.text,
            "shown": self.slack.show(message),
            "blocks": message.blocks,
            "actions": [
                element["action_id"]
                for block in message.all_blocks
                for element in active_elements(block)
            ],
            "files": [{"title": one.title, "text": _text(one.content)} for one in message.files],
            "broadcast": message.broadcast,
            "edits": message.edits,
        }


def _heard(told: Delivery | None) -> Json:
    """Say how the app took it; nothing when it was not told."""
    if told is None:
        return {"told": False}
    return {
        "told": True,
        "acked": told.acked,
        "status": int(told.status),
        "seconds": told.seconds,
        "answer": told.answer,
    }


def _text(content: bytes | None) -> str:
    return "" if content is None else content.decode(errors="replace")
