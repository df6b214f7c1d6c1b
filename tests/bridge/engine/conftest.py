"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.bridge.engine.stage import Stage, open_stage


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What was logged; nothing is printed, as printing a traceback takes half a second."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """The engine, on SQLite and on PostgreSQL in turn."""
    async with open_stage(database_url) as stage:
        yield stage
