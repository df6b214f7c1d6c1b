"""Forges to ask, scripted and whole: each behind the driver that is built from its settings."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import stamina

from tests.bridge.forges.flavours import FLAVOURS, GITHUB
from tests.bridge.forges.living import CREDENTIALS, FORGEJO, TOKEN, Live, living
from tests.bridge.forges.talking import Talk, talking


@pytest.fixture(autouse=True)
def _retries_without_pauses() -> Iterator[None]:
    """Requests are repeated as often as usual, and nobody waits."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


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


@pytest.fixture(params=CREDENTIALS, ids=lambda credential: credential.name)
async def live(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Live]:
    """Every driver in front of a whole forge, with each kind of credential."""
    async with living(tmp_path, request.param) as one:
        yield one


@pytest.fixture
async def live_github(tmp_path: Path) -> AsyncIterator[Live]:
    """GitHub with a token, whole."""
    async with living(tmp_path, TOKEN) as one:
        yield one


@pytest.fixture
async def live_forgejo(tmp_path: Path) -> AsyncIterator[Live]:
    """Forgejo, whole."""
    async with living(tmp_path, FORGEJO) as one:
        yield one
