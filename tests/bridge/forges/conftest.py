"""Forges to ask: each flavour behind the driver that is built from its settings."""

from collections.abc import AsyncIterator

import pytest

from tests.bridge.forges.flavours import FLAVOURS, GITHUB
from tests.bridge.forges.talking import Talk, talking


@pytest.fixture(params=FLAVOURS, ids=lambda flavour: flavour.driver)
async def talk(request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    """Every flavour in turn."""
    async with talking(request.param) as one:
        yield one


@pytest.fixture(params=FLAVOURS[1:], ids=lambda flavour: flavour.driver)
async def gitea(request: pytest.FixtureRequest) -> AsyncIterator[Talk]:
    """Gitea and Forgejo in turn."""
    async with talking(request.param) as one:
        yield one


@pytest.fixture
async def github() -> AsyncIterator[Talk]:
    """GitHub with a token."""
    async with talking(GITHUB) as one:
        yield one
