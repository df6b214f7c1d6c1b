"""A stand-in, somebody who speaks to it, and a workspace; a module may start another one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.sandbox.terrakube import StandIn, start
from bridge.sandbox.terrakube.model import Workspace
from tests.bridge.sandbox.terrakube.client import Client, speaking


@pytest.fixture
async def stand_in(tmp_path: Path) -> AsyncIterator[StandIn]:
    async with start(tmp_path, executor="instant") as started:
        yield started


@pytest.fixture
async def client(stand_in: StandIn) -> AsyncIterator[Client]:
    async with speaking(stand_in) as speaker:
        yield speaker


@pytest.fixture
def workspace(stand_in: StandIn) -> Workspace:
    acme = stand_in.add_organization("acme")
    return stand_in.add_workspace(acme, "app", "https://git.example.com/infra.git")
