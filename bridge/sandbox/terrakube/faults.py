"""What may go wrong between a client and the server, on demand."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

from aiohttp import web

Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_FOR_EVER = 3600.0


class CreateFault(StrEnum):
    """What becomes of the next create of a job, or of the next change of one."""

    COMMIT_THEN_500 = "commit, then answer 500"
    COMMIT_THEN_DROP = "commit, then drop the connection"
    COMMIT_THEN_HANG = "commit, then never answer"
    COMMIT_LATE = "drop the connection, commit later"
    FAIL_500 = "answer 500, commit nothing"
    DROP = "drop the connection, commit nothing"


@dataclass(slots=True, kw_only=True)
class Faults:
    """Faults to come; each is used up by what it befalls.

    Attributes:
        creates: For the next creates of jobs, in turn.
        changes: For the next changes of jobs, in turn.
        seconds_late: How late a late commit is.
        limits: ``Retry-After`` in seconds for the next requests, answered 429.
        answers: Pairs of a part of a path and a status, for the next request to such a path.
        seconds_slow: How long every answer is held back.
    """

    creates: deque[CreateFault] = field(default_factory=deque)
    changes: deque[CreateFault] = field(default_factory=deque)
    seconds_late: float = 0.2
    limits: deque[float] = field(default_factory=deque)
    answers: list[tuple[str, int]] = field(default_factory=list)
    seconds_slow: float = 0.0
    _late: set[asyncio.Task[None]] = field(default_factory=set)

    def on_create(self, *faults: CreateFault) -> None:
        """Let the next creates of jobs go wrong in these ways."""
        self.creates.extend(faults)

    def on_change(self, *faults: CreateFault) -> None:
        """Let the next changes of jobs go wrong in these ways."""
        self.changes.extend(faults)

    def limit(self, retry_after: float, times: int = 1) -> None:
        """Answer the next requests 429 with this Retry-After."""
        self.limits.extend([retry_after] * times)

    def answer(self, part: str, status: int, times: int = 1) -> None:
        """Answer the next requests whose path contains *part* with *status* and Spring's body."""
        self.answers.extend([(part, status)] * times)

    async def around(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Pass a request on, or not."""
        if self.seconds_slow:
            await asyncio.sleep(self.seconds_slow)
        if self.limits:
            return web.Response(status=429, headers={"Retry-After": f"{self.limits.popleft():g}"})
        for answer in self.answers:
            if answer[0] in request.path:
                self.answers.remove(answer)
                return web.json_response(
                    {"status": answer[1], "path": request.path}, status=answer[1]
                )
        if self.creates and request.method == "POST" and request.path.endswith("/job"):
            return await self._break(self.creates.popleft(), request, handler)
        if self.changes and request.method == "PATCH" and "/job/" in request.path:
            return await self._break(self.changes.popleft(), request, handler)
        return await handler(request)

    async def close(self) -> None:
        """Forget late commits."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)

    async def _break(
        self, fault: CreateFault, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        await request.read()
        if fault is CreateFault.COMMIT_LATE:
            task = asyncio.get_running_loop().create_task(self._commit_late(request, handler))
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        elif fault not in {CreateFault.FAIL_500, CreateFault.DROP}:
            await handler(request)
        if fault in {CreateFault.COMMIT_THEN_500, CreateFault.FAIL_500}:
            return web.json_response({"status": 500, "path": request.path}, status=500)
        if fault is CreateFault.COMMIT_THEN_HANG:
            await asyncio.sleep(_FOR_EVER)
        return drop(request)

    async def _commit_late(self, request: web.Request, handler: Handler) -> None:
        await asyncio.sleep(self.seconds_late)
        await handler(request)


def drop(request: web.Request) -> web.StreamResponse:
    """Close the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
