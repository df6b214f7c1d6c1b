"""Forges of both flavours, with people in them and somebody who listens."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.sandbox.forge import Flavour
from tests.bridge.sandbox.forge.people import Place, inhabited
from tests.bridge.sandbox.forge.receiving import Receiver, receiving


@pytest.fixture(params=Flavour)
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """Each flavour in turn."""
    async with inhabited(tmp_path, request.param) as one:
        yield one


@pytest.fixture
async def github(tmp_path: Path) -> AsyncIterator[Place]:
    """GitHub."""
    async with inhabited(tmp_path, Flavour.GITHUB) as one:
        yield one


@pytest.fixture
async def forgejo(tmp_path: Path) -> AsyncIterator[Place]:
    """Forgejo."""
    async with inhabited(tmp_path, Flavour.FORGEJO) as one:
        yield one


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """Somebody who listens."""
    async with receiving() as one:
        yield one
