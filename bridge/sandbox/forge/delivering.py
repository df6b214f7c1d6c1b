"""Deliveries: made when something happens, sent once, kept for whoever asks."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from fnmatch import fnmatchcase
from http import HTTPStatus

import aiohttp

from bridge.sandbox.forge.dialects import Dialect, Message
from bridge.sandbox.forge.faults import Faults, Mishap
from bridge.sandbox.forge.happenings import Happening, HookTested
from bridge.sandbox.forge.limits import Limits
from bridge.sandbox.forge.model import Hook, Repository
from bridge.sandbox.forge.world import World

FAILED_TO_CONNECT = (HTTPStatus.BAD_GATEWAY.value, "failed to connect to host")
TIMED_OUT = (HTTPStatus.GATEWAY_TIMEOUT.value, "timed out")

_LEADS_ON = frozenset({HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to hand over a delivery.

    Attributes:
        id: Of this try.
        guid: Of the delivery, as in its headers.
        status_code: Of the answer, or of its absence.
        status: In words; ``OK`` when all is well.
        duration: Seconds.
    """

    id: int
    guid: str
    hook: Hook
    repository: Repository | None
    event: str
    action: str | None
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    redelivery: bool
    delivered_at: datetime
    status_code: int = 0
    status: str = ""
    duration: float = 0.0

    @property
    def succeeded(self) -> bool:
        """Whether the answer was 2xx."""
        return HTTPStatus.OK <= self.status_code < HTTPStatus.MULTIPLE_CHOICES


@dataclass(slots=True, kw_only=True, eq=False)
class PostOffice:
    """Tells hooks what happens.

    Attributes:
        attempts: Everything that was tried, in the order it ended.
        latency: Seconds before a delivery is sent.
    """

    world: World
    dialect: Dialect
    limits: Limits
    faults: Faults
    session: aiohttp.ClientSession
    latency: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def announce(self, happening: Happening) -> None:
        """Make the deliveries of a happening, as things are now, and start sending them."""
        hooks = self._hooks(happening)
        if not hooks:
            return
        for message in await self.dialect.tell(self.world, happening):
            for hook in hooks:
                if isinstance(happening, HookTested) or _is_for(self.dialect, hook, message):
                    self._post(hook, happening.repository, message)

    def _hooks(self, happening: Happening) -> list[Hook]:
        if isinstance(happening, HookTested):
            return [happening.hook]
        app = self.world.app
        hooks = list(happening.repository.hooks)
        if app and app.hook and happening.repository.owner.login.lower() in app.installations:
            hooks.append(app.hook)
        return [hook for hook in hooks if hook.active]

    def _post(self, hook: Hook, repository: Repository, message: Message) -> None:
        mishap = self.faults.of_delivery(message.event)
        if mishap is Mishap.DROPPED:
            return
        guid = str(uuid.uuid4())
        envelope = self.dialect.envelope(self.world, hook, message, guid)
        attempt = Attempt(
            id=self.world.next_id(),
            guid=guid,
            hook=hook,
            repository=repository,
            event=message.event,
            action=message.action,
            headers=envelope.headers,
            body=envelope.body,
            redelivery=False,
            delivered_at=self.world.now(),
        )
        self._start(attempt)
        if mishap is Mishap.DOUBLED:
            self.redeliver(attempt)

    def redeliver(self, attempt: Attempt) -> None:
        """Send a delivery again: GitHub with its old id, Forgejo with a new one."""
        guid, headers = attempt.guid, attempt.headers
        if not self.dialect.reuses_ids:
            guid = str(uuid.uuid4())
            headers = {
                name: guid if value == attempt.guid else value for name, value in headers.items()
            }
        self._start(
            replace(
                attempt,
                id=self.world.next_id(),
                guid=guid,
                headers=headers,
                redelivery=True,
                delivered_at=self.world.now(),
            )
        )

    async def settled(self) -> None:
        """Wait until everything that was posted has been tried."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Give up what is still on its way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, attempt: Attempt) -> None:
        task = asyncio.get_running_loop().create_task(self._send(attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, attempt: Attempt) -> None:
        # Forgejo has one queue for the whole instance: a slow receiver delays everybody. The lock
        # is fair: those who wait for it get it in order.
        async with self._turn if self.dialect.queued else nullcontext():
            if self.latency:
                await asyncio.sleep(self.latency)
            started = time.monotonic()
            code, status = await self._post_to(attempt.hook.url, attempt)
            attempt.hook.last_code = code
            self.attempts.append(
                replace(
                    attempt,
                    status_code=code,
                    status=status,
                    duration=round(time.monotonic() - started, 2),
                )
            )

    async def _post_to(self, url: str, attempt: Attempt) -> tuple[int, str]:
        code, status, location = await self._exchange(url, attempt)
        if self.dialect.follows_307 and code in _LEADS_ON and location:
            code, status, _ = await self._exchange(location, attempt)
        return code, status

    async def _exchange(self, url: str, attempt: Attempt) -> tuple[int, str, str]:
        try:
            async with (
                asyncio.timeout(self.limits.delivery),
                self.session.post(
                    url, data=attempt.body, headers=dict(attempt.headers), allow_redirects=False
                ) as answer,
            ):
                await answer.read()
                is_ok = HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES
                status = "OK" if is_ok else f"Invalid HTTP Response: {answer.status}"
                return answer.status, status, answer.headers.get("Location", "")
        except TimeoutError:
            return (*TIMED_OUT, "")
        except (aiohttp.ClientError, OSError, ValueError):
            return (*FAILED_TO_CONNECT, "")


def _is_for(dialect: Dialect, hook: Hook, message: Message) -> bool:
    if message.ref and hook.branch_filter not in {"", "*"}:
        globs = hook.branch_filter.strip("{}").split(",")
        if not any(fnmatchcase(message.ref, glob) for glob in globs):
            return False
    return dialect.wants(hook, message)


@asynccontextmanager
async def opened(
    world: World, dialect: Dialect, limits: Limits, faults: Faults, *, latency: float
) -> AsyncIterator[PostOffice]:
    """Open a post office, and close it with what is still on its way."""
    async with aiohttp.ClientSession(
        auto_decompress=False, skip_auto_headers=("Accept", "Content-Type")
    ) as session:
        office = PostOffice(
            world=world,
            dialect=dialect,
            limits=limits,
            faults=faults,
            session=session,
            latency=latency,
        )
        try:
            yield office
        finally:
            await office.close()
