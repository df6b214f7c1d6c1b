"""Looking again and again, as people do, until something is there or patience ends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bridge.cli.demo.processes import DemoError

PATIENCE = 180.0
"""Seconds jobs get to end."""

_LOOK_EVERY = 0.3

T = TypeVar("T")


async def until(look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Look until there is something, and return it; *what* is waited for, for people."""
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await look()) is None:  # noqa: ASYNC110 - it looks as people do
                await asyncio.sleep(_LOOK_EVERY)
            return found
    except TimeoutError as error:
        msg = f"waited {PATIENCE:.0f} s in vain for {what}"
        raise DemoError(msg) from error
