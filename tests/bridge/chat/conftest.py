"""What the tests of the chat share."""

from collections.abc import AsyncIterator

import pytest

from bridge.store.database import Database


@pytest.fixture
async def sqlite(sqlite_url: str) -> AsyncIterator[Database]:
    """A store for what does not depend on whose it is."""
    async with await Database.open(sqlite_url) as database:
        yield database


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk sends everything through a proxy that the environment names, this host too."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
