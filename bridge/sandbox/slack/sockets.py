"""Socket Mode: connections that the app opens, and through which it is told."""

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import WSMsgType, web

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.world import World

Answer = Json | None


@dataclass(slots=True, kw_only=True, eq=False)
class Sockets:
    """All connections of the app.

    Attributes:
        surprised: Is told what no careful client sends.
        open: The connections, in the order they came.
        opened: How many there were in all.
    """

    world: World
    surprised: Callable[[str], None]
    open: list[web.WebSocketResponse] = field(default_factory=list)
    opened: int = 0
    _waiting: "dict[str, asyncio.Future[Answer]]" = field(default_factory=dict)
    _transports: dict[web.WebSocketResponse, asyncio.Transport] = field(default_factory=dict)
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Hold a connection until one of the sides ends it."""
        ticket = request.query.get("ticket", "")
        if ticket not in self.world.tickets:
            self.surprised("a connection without a ticket, or with a used one")
            return web.Response(status=HTTPStatus.FORBIDDEN)
        self.world.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if len(self.open) >= self.world.limits.connections:
            await socket.send_json(_disconnection("too_many_websockets"))
            await socket.close()
            return socket
        if request.transport is not None:
            self._transports[socket] = request.transport
        self.open.append(socket)
        self.opened += 1
        try:
            await socket.send_json(self._hello())
            await self._read(socket)
        finally:
            self._transports.pop(socket, None)
            if socket in self.open:
                self.open.remove(socket)
        return socket

    async def send(
        self, kind: str, payload: Json, *, answers: bool, attempt: int = 0, reason: str = ""
    ) -> Answer:
        """Send an envelope through one of the connections, and wait for what is acknowledged.

        Returns:
            The payload of the acknowledgement; None when there was none.

        Raises:
            TimeoutError: Nobody acknowledged it in time.
            ConnectionError: There is no connection.
        """
        if not self.open:
            msg = "the app is not connected"
            raise ConnectionError(msg)
        # Slack chooses by chance; in turn is the same without surprises.
        socket = self.open[next(self._turn) % len(self.open)]
        id_ = str(uuid.uuid4())
        envelope = {
            "envelope_id": id_,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": answers,
        }
        if kind == "events_api":
            envelope |= {"retry_attempt": attempt, "retry_reason": reason}
        waiting = self._waiting[id_] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self.world.limits.ack):
                await socket.send_json(envelope)
                answered: Answer = await waiting
                return answered
        finally:
            del self._waiting[id_]

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask for every connection to be opened anew; nothing more comes through the old ones."""
        leaving, self.open[:] = list(self.open), []
        for socket in leaving:
            await socket.send_json(_disconnection(reason))

    def drop(self) -> None:
        """Cut every connection without a word."""
        for socket in self.open:
            self._transports[socket].abort()
        self.open.clear()

    async def close(self) -> None:
        """End every connection."""
        for socket in list(self._transports):
            await socket.close()

    async def _read(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            try:
                said = json.loads(message.data)
                id_ = said["envelope_id"]
            except (ValueError, TypeError, KeyError):
                self.surprised(f"a frame that acknowledges nothing: {message.data!r:.100}")
                continue
            waiting = self._waiting.get(id_)
            if waiting is not None and not waiting.done():
                waiting.set_result(said.get("payload"))

    def _hello(self) -> Json:
        info: Json = {"host": "sandbox", "approximate_connection_time": 3600}
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "connection_info": {"app_id": self.world.app},
            "debug_info": info,
        }


def _disconnection(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}}
