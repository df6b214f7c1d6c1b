"""``/healthz`` (the process answers) and ``/readyz`` (it can keep deliveries); no versions."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

_PATIENCE = 3.0
"""Seconds a readiness check may take before it counts as failed."""


class Readiness(Protocol):
    """Knows whether deliveries can be kept right now."""

    async def problems(self) -> Sequence[str]:
        """Say what is wrong, a short sentence each without secrets or addresses; empty = ready."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRoutes:
    """Answers probes."""

    readiness: Readiness

    async def healthz(self, request: web.Request) -> web.Response:
        """Say that the event loop turns."""
        return web.Response(text="ok\n")

    async def readyz(self, request: web.Request) -> web.Response:
        """Say whether to send deliveries here."""
        try:
            async with asyncio.timeout(_PATIENCE):
                problems = await self.readiness.problems()
        except TimeoutError:
            problems = ("the readiness check takes too long",)
        if problems:
            return web.Response(status=503, text="".join(f"{problem}\n" for problem in problems))
        return web.Response(text="ready\n")
