"""Stages for plays."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from bridge.sandbox.forge import Flavour
from tests.e2e.opening import opened
from tests.e2e.slack_stage import MODES, Mode, SlackStage, opened_with_slack
from tests.e2e.stage import Stage

SetStage: TypeAlias = Callable[..., Awaitable[Stage]]
SetSlackStage: TypeAlias = Callable[..., Awaitable[SlackStage]]


@pytest.fixture
async def set_stage(tmp_path: Path, sqlite_url: str) -> AsyncIterator[SetStage]:
    """Set a stage of one's own; see ``opening.opened``."""
    async with AsyncExitStack() as stack:

        async def set_one(
            *,
            flavour: Flavour = Flavour.FORGEJO,
            database_url: str = "",
            **more: Any,  # noqa: ANN401 - see opened
        ) -> Stage:
            url = database_url or sqlite_url
            stage = opened(tmp_path, flavour=flavour, database_url=url, **more)
            return await stack.enter_async_context(stage)

        yield set_one


@pytest.fixture(params=list(Flavour))
def flavour(request: pytest.FixtureRequest) -> Flavour:
    """Both forges in turn."""
    found: Flavour = request.param
    return found


@pytest.fixture
async def stage(set_stage: SetStage) -> Stage:
    """The usual stage, with Forgejo."""
    return await set_stage()


@pytest.fixture
async def github(set_stage: SetStage) -> Stage:
    """The usual stage, with GitHub."""
    return await set_stage(flavour=Flavour.GITHUB)


@pytest.fixture
async def either(set_stage: SetStage, flavour: Flavour) -> Stage:
    """The usual stage, for both forges in turn."""
    return await set_stage(flavour=flavour)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    """Both ways in which Slack tells the bridge, in turn."""
    found: Mode = request.param
    return found


@pytest.fixture
async def set_slack_stage(
    tmp_path: Path, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SetSlackStage]:
    """Set a stage with a Slack; see ``slack_stage.opened_with_slack``."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with AsyncExitStack() as stack:

        async def set_one(
            *,
            mode: Mode = "http",
            database_url: str = "",
            **more: Any,  # noqa: ANN401 - see opened_with_slack
        ) -> SlackStage:
            url = database_url or sqlite_url
            opening = opened_with_slack(tmp_path, mode=mode, database_url=url, **more)
            return await stack.enter_async_context(opening)

        yield set_one


@pytest.fixture
async def scene(set_slack_stage: SetSlackStage) -> SlackStage:
    """The usual stage with a Slack, over HTTP."""
    return await set_slack_stage()


@pytest.fixture
async def either_door(set_slack_stage: SetSlackStage, mode: Mode) -> SlackStage:
    """The usual stage with a Slack, over HTTP and over Socket Mode in turn."""
    return await set_slack_stage(mode=mode)
