"""What Terrakube holds, asked once for several checks: also that it does not answer."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from bridge.domain.terrakube import Organization, Template, Workspace
from bridge.ports import JobServer

T = TypeVar("T")


class Holdings:
    """Organizations with what is in them; every question may take *patience* seconds.

    Whoever asks gets the one answer, or the one error.
    """

    def __init__(self, server: JobServer, patience: float) -> None:
        self._server = server
        self.organizations: _Once[Sequence[Organization]] = _Once(server.organizations, patience)
        self.workspaces: _Once[Sequence[Workspace]] = _Once(self._workspaces, patience)
        self.templates: _Once[Mapping[str, Sequence[Template]]] = _Once(self._templates, patience)

    async def _workspaces(self) -> Sequence[Workspace]:
        organizations = await self.organizations()
        found = await asyncio.gather(*(self._server.workspaces(one) for one in organizations))
        return [one for workspaces in found for one in workspaces]

    async def _templates(self) -> Mapping[str, Sequence[Template]]:
        """Map organization ids to their templates."""
        organizations = await self.organizations()
        found = await asyncio.gather(*(self._server.templates(one.id) for one in organizations))
        return {one.id: templates for one, templates in zip(organizations, found, strict=True)}


class _Once(Generic[T]):
    def __init__(self, ask: Callable[[], Awaitable[T]], patience: float) -> None:
        self._ask = ask
        self._patience = patience
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        if self._task is None:
            self._task = asyncio.create_task(self._asked())
            self._task.add_done_callback(_noted)
        # One who gives up takes the answer from nobody else.
        return await asyncio.shield(self._task)

    async def _asked(self) -> T:
        async with asyncio.timeout(self._patience):
            return await self._ask()


def _noted(task: "asyncio.Task[T]") -> None:
    """Take the error as seen, as those who wanted the answer may all have given up."""
    if not task.cancelled():
        task.exception()
