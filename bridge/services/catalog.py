"""What Terrakube holds, read at most once in a short while.

A pull request asks for every workspace of every organization; a burst of deliveries must not
multiply that. What has to be exact at one moment (a lock, a job) is never read from here.

An organization that is no longer there (deleted, renamed, or out of the token's sight) stands here
as it was last seen. So the others go on, and who would plan its workspaces is told that they are
gone, instead of a success that left them out.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

import structlog
from cachetools import TTLCache

from bridge.domain.errors import NotFoundError, TemporaryRemoteError
from bridge.domain.terrakube import Organization, Template, Workspace
from bridge.ports import JobServer

log = structlog.get_logger()

T = TypeVar("T")

FRESH_FOR = 15.0
"""Seconds: short enough that a new workspace is seen by the next pull request."""

WARNED_EVERY = 600.0
"""Seconds between two warnings of the same that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Organizations, workspaces and templates, cached for :data:`FRESH_FOR` seconds."""

    server: JobServer
    _cache: TTLCache[str, object] = field(
        default_factory=lambda: TTLCache(maxsize=10_000, ttl=FRESH_FOR)
    )
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _last: dict[str, object] = field(default_factory=dict)
    _warned: TTLCache[str, bool] = field(
        default_factory=lambda: TTLCache(maxsize=1_000, ttl=WARNED_EVERY)
    )

    async def organizations(self) -> Sequence[Organization]:
        """List the configured organizations."""
        return await self._read("organizations", self.server.organizations)

    async def workspaces(self) -> Sequence[Workspace]:
        """List the workspaces of all configured organizations.

        An organization that was never seen is temporary trouble, until somebody corrects it: a
        list without it could leave out what a pull request changes.
        """
        try:
            return await self._workspaces()
        except NotFoundError as error:
            raise TemporaryRemoteError(
                str(error), service=error.service, status=error.status, retry_after=FRESH_FOR
            ) from error

    async def _workspaces(self) -> Sequence[Workspace]:
        found: list[Workspace] = []
        for organization in await self.organizations():
            found += await self._read(
                f"workspaces:{organization.id}",
                partial(self.server.workspaces, organization),
            )
        return found

    async def templates(self, organization_id: str) -> Sequence[Template]:
        """List one organization's templates."""
        return await self._read(
            f"templates:{organization_id}", lambda: self.server.templates(organization_id)
        )

    async def all_templates(self) -> Mapping[str, Sequence[Template]]:
        """Map organization ids to their templates."""
        return {
            organization.id: await self.templates(organization.id)
            for organization in await self.organizations()
        }

    def known_workspaces(self) -> Sequence[Workspace]:
        """List the workspaces as they were seen last, without asking; empty before that."""
        return [
            workspace
            for organization in self._known("organizations")
            for workspace in self._known(f"workspaces:{organization.id}")
        ]

    def known_templates(self) -> Mapping[str, Sequence[Template]]:
        """Map names of organizations to their templates as they were seen last, without asking."""
        return {
            organization.name: self._known(f"templates:{organization.id}")
            for organization in self._known("organizations")
        }

    def _known(self, key: str) -> Sequence[Any]:
        return cast("Sequence[Any]", self._last.get(key, ()))

    def forget(self) -> None:
        """Read everything again at the next question."""
        self._cache.clear()

    async def _read(self, key: str, ask: Callable[[], Awaitable[Sequence[T]]]) -> Sequence[T]:
        # One lock a key: a burst that finds the cache empty asks once, not a hundred times.
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._cache:
                self._cache[key] = await self._ask(key, ask)
            return cast("Sequence[T]", self._cache[key])

    async def _ask(self, key: str, ask: Callable[[], Awaitable[Sequence[T]]]) -> object:
        try:
            self._last[key] = await ask()
        except NotFoundError as error:
            if key not in self._last:
                raise
            if key not in self._warned:
                self._warned[key] = True
                log.warning("catalog.missing", what=key, error=str(error))
        return self._last[key]
