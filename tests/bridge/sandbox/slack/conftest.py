"""A Slack with people in it, and an app that listens."""

from collections.abc import AsyncIterator

import pytest

from tests.bridge.sandbox.slack.apps import Place, settled


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """slack_sdk sends everything through a proxy that the environment names, this host too."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with settled() as one:
        yield one
