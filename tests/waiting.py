"""Waiting for what nobody announces: rows, files, what another process does."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

SOON: Final = 30.0  # seconds; only a test that fails spends them, so a busy machine may be slow
_LOOK: Final = 0.002


async def until(condition: Callable[[], object], *, seconds: float = SOON) -> None:
    """Look again and again until *condition*, which may be asynchronous, holds."""
    async with asyncio.timeout(seconds):
        while not await _holds(condition):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK)


async def _holds(condition: Callable[[], object]) -> object:
    said = condition()
    return await said if isinstance(said, Awaitable) else said
