"""Fixtures of the engine's tests."""

from collections.abc import AsyncIterator

import pytest

from tests.bridge.engine.stage import Stage, open_stage


@pytest.fixture
async def stage(database_url: str) -> AsyncIterator[Stage]:
    """The engine, on SQLite and on PostgreSQL in turn."""
    async with open_stage(database_url) as stage:
        yield stage
