"""The short version of ``make chaos PART=slack``: people use Slack while the bridge dies."""

from pathlib import Path

import pytest

from tests.chaos.slacking import Plan, kill_in_slack

pytestmark = pytest.mark.crash

SHORT = Plan(kills=6, seed=1, longest=0.5, early=0.3, pause=0.6, patience=90)


async def test_nothing_said_in_slack_is_lost_or_done_twice_when_the_bridge_is_killed(
    sqlite_url: str, tmp_path: Path
) -> None:
    verdict = await kill_in_slack(tmp_path, sqlite_url, SHORT)
    assert verdict.deviations == []
    assert verdict.counts.kills >= SHORT.kills
    assert verdict.counts.acknowledged > 10
    assert verdict.counts.jobs > 3
    assert verdict.counts.messages > 3
