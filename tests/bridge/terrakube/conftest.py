"""A client and the recordings it talks to."""

from collections.abc import AsyncIterator

import pytest

from bridge.http import Retries
from bridge.terrakube import TerrakubeServer, connect
from tests.bridge.terrakube.replay import TOKEN, Replay, serving


@pytest.fixture
async def replay() -> AsyncIterator[Replay]:
    """A server that answers with recordings."""
    async with serving() as one:
        yield one


@pytest.fixture
def naps() -> list[float]:
    """Seconds the client waited, without waiting."""
    return []


@pytest.fixture
async def server(replay: Replay, naps: list[float]) -> AsyncIterator[TerrakubeServer]:
    """A client of that server; reads are tried once."""
    client = connect(
        url=replay.url, token=TOKEN, organizations=["acme"], retries=Retries(attempts=1)
    )

    async def nap(seconds: float) -> None:
        naps.append(seconds)

    client.sleep = nap
    yield client
    await client.aclose()
