"""Starting and stopping everything that works in the background."""

import asyncio
from collections.abc import Sequence
from typing import Final, Protocol, Self

import structlog

from bridge.domain.errors import BridgeError
from bridge.engine.leases import LeaseKeeper
from bridge.store.database import Database

log = structlog.get_logger()

GRACE: Final = 5.0
"""Seconds that work under way gets to end when the bridge stops."""

_RESTART: Final = 1.0


class Role(Protocol):
    """A loop the supervisor keeps running; see workers.Worker."""

    @property
    def name(self) -> str:
        """For logs and readiness."""
        ...

    async def run(self) -> None:
        """Work until :meth:`stop`."""
        ...

    def stop(self) -> None:
        """Take on nothing more."""
        ...

    async def drain(self, grace: float) -> None:
        """Wait for what is under way; cancel what takes longer than *grace* seconds."""
        ...


class Supervisor:
    """Runs roles until it is left; as a context manager it ends with the database closed.

    On the way out: claim nothing more, let work under way end, give leases back at once so that
    nobody waits for them to run out, write what is queued, close the connections.
    """

    def __init__(
        self,
        database: Database,
        keeper: LeaseKeeper,
        roles: Sequence[Role],
        *,
        grace: float = GRACE,
    ) -> None:
        self._database = database
        self._keeper = keeper
        self._roles = roles
        self._grace = grace
        self._stopping = False
        self._tasks: dict[str, asyncio.Task[None]] = {}

    @property
    def healthy(self) -> bool:
        """Whether every role runs."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks.values())

    def start(self) -> None:
        """Start renewing leases, then the roles."""
        self._tasks["leases"] = asyncio.create_task(self._keeper.run(), name="leases")
        for role in self._roles:
            self._tasks[role.name] = asyncio.create_task(self._guard(role), name=role.name)

    async def stop(self) -> None:
        """Stop; see the class. Safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        for role in self._roles:
            role.stop()
        # Not cancelled while it claims: leases nobody knows of would have to run out.
        roles = [self._tasks[role.name] for role in self._roles if role.name in self._tasks]
        if roles:
            await asyncio.wait(roles, timeout=self._grace)
        await asyncio.gather(*(role.drain(self._grace) for role in self._roles))
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        try:
            await self._keeper.release_all()
        except BridgeError as error:
            log.warning("leases.not_released", error=str(error))
        await self._database.close()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _guard(self, role: Role) -> None:
        while not self._stopping:
            try:
                await role.run()
            except Exception:
                log.exception("role.died", role=role.name)
                await asyncio.sleep(_RESTART)
