"""Doors in front of the stand-ins: requests pass them, and at chosen ones the bridge dies.

What the stand-ins do is not touched: a door only decides when a request goes on, and whether its
answer does. So it is known to the byte what the other side has done when the bridge dies.
"""

import asyncio
import random
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import aiohttp
from aiohttp import web
from yarl import URL

SOON: Final = 0.02
"""Most seconds from an answer to the death: about as long as the commit that follows it takes."""

LATE: Final = 1.0
"""Seconds from the death to the arrival of a request that was on its way."""

_OWN: Final = frozenset({"host", "connection", "content-length", "transfer-encoding"})
"""Headers of one connection."""
_LARGEST: Final = 2**24
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Moment(StrEnum):
    """When the bridge dies, seen from the request."""

    BEFORE = "before"
    """It never arrives."""
    LATE = "late"
    """It arrives when the bridge is dead."""
    AFTER = "after"
    """It is carried out, and the answer is lost."""
    SOON = "soon after"
    """It is answered, and what the answer says may not be written down any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which request is meant.

    Attributes:
        door: Where it passes.
        line: Regular expression for all of ``POST /api/v1/...``, without the query.
        body: Regular expression for something in its body.
        skip: How many of them go by first.
    """

    door: str
    line: str
    body: str = ""
    skip: int = 0

    def fits(self, door: str, line: str, body: str) -> bool:
        """Tell whether a request is one of these."""
        return bool(
            door == self.door and re.fullmatch(self.line, line) and re.search(self.body, body)
        )


@dataclass(kw_only=True, eq=False)
class Trap:
    """Kills once, at the first request that fits.

    Attributes:
        kill: Returns when the bridge is dead.
        seen: How many requests fitted so far.
        sprung: Set when it has killed.
    """

    wanted: Wanted
    moment: Moment
    kill: Callable[[], Awaitable[None]]
    seen: int = 0
    sprung: asyncio.Event = field(default_factory=asyncio.Event)

    async def spring(self) -> None:
        """Kill."""
        await self.kill()
        self.sprung.set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """A request that arrived, and how it was answered; *at* is in seconds since 1970."""

    door: str
    line: str
    body: str
    status: int
    at: float


@dataclass(kw_only=True)
class Doors:
    """All doors of a site; see the module.

    Attributes:
        traps: Those that are set, in the order in which they are asked.
        passed: Everything that arrived, in the order of the answers.
    """

    chance: random.Random
    session: aiohttp.ClientSession
    traps: list[Trap] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    _dying: set[asyncio.Task[None]] = field(default_factory=set)

    def count(self, wanted: Wanted) -> int:
        """Count what was done of a kind of request."""
        return sum(
            wanted.fits(one.door, one.line, one.body) and one.status < 300 for one in self.passed
        )

    async def answer(self, door: str, target: str, request: web.Request) -> web.StreamResponse:
        """Pass a request on, or let the bridge die of it."""
        body = await request.read()
        trap = self._trap(door, f"{request.method} {request.path}", body.decode(errors="replace"))
        if trap is not None and trap.moment in {Moment.BEFORE, Moment.LATE}:
            await trap.spring()
            if trap.moment is Moment.BEFORE:
                return _dropped(request)
            await asyncio.sleep(LATE)
        response = await self._pass(door, target, request, body)
        if trap is not None and trap.moment is Moment.AFTER:
            await trap.spring()
        if trap is not None and trap.moment is Moment.SOON:
            await response.prepare(request)
            await response.write_eof()
            self._die(trap)
        return response

    def _trap(self, door: str, line: str, body: str) -> Trap | None:
        for trap in self.traps:
            if trap.seen <= trap.wanted.skip and trap.wanted.fits(door, line, body):
                trap.seen += 1
                if trap.seen > trap.wanted.skip:
                    return trap
        return None

    def _die(self, trap: Trap) -> None:
        async def die() -> None:
            await asyncio.sleep(self.chance.uniform(0, SOON))
            await trap.spring()

        task = asyncio.create_task(die())
        self._dying.add(task)
        task.add_done_callback(self._dying.discard)

    async def _pass(
        self, door: str, target: str, request: web.Request, body: bytes
    ) -> web.Response:
        headers = {name: text for name, text in request.headers.items() if name.lower() not in _OWN}
        url = URL(f"{target}{request.raw_path}", encoded=True)
        try:
            async with self.session.request(
                request.method, url, headers=headers, data=body, allow_redirects=False
            ) as found:
                answer = await found.read()
                status = found.status
                kept = [
                    (name, text) for name, text in found.headers.items() if name.lower() not in _OWN
                ]
        except aiohttp.ClientError:
            return _dropped(request)
        self.passed.append(
            Passed(
                door=door,
                line=f"{request.method} {request.path}",
                body=body.decode(errors="replace"),
                status=status,
                at=time.time(),
            )
        )
        return web.Response(status=status, headers=kept, body=answer)


@asynccontextmanager
async def opened(chance: random.Random) -> AsyncIterator[Doors]:
    """Make doors, with none yet."""
    async with aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=_AUTOMATIC
    ) as session:
        yield Doors(chance=chance, session=session)


@asynccontextmanager
async def opened_door(doors: Doors, name: str, target: str) -> AsyncIterator[str]:
    """Open a door in front of *target*; yields its address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await doors.answer(name, target, request)

    app = web.Application(client_max_size=_LARGEST)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def _dropped(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
