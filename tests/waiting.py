"""Waiting for what nobody announces: rows, files, what another process does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

SOON: Final = 30.0  # seconds; only a test that fails spends them, so a busy machine may be slow
_FIRST_LOOK: Final = 0.002
_LONGEST_LOOK: Final = 0.02
"""Seconds; each look is later than the one before, as looking keeps others from working."""


async def until(condition: Callable[[], object], *, seconds: float = SOON) -> None:
    """Look again and again until *condition*, which may be asynchronous, holds."""
    pause = _FIRST_LOOK
    async with asyncio.timeout(seconds):
        while not await _holds(condition):
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_LOOK)


async def _holds(condition: Callable[[], object]) -> object:
    said = condition()
    return await said if isinstance(said, Awaitable) else said
