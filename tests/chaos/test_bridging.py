"""The short version of ``make chaos``: the whole bridge, killed a few times."""

from pathlib import Path

import pytest

from tests.chaos.bridging import IMPATIENT, Plan, kill_at_random

pytestmark = pytest.mark.crash

SHORT = Plan(
    kills=5, seed=1, longest=1.2, pull_requests=4, pause=0.8, patience=90, program=IMPATIENT
)


async def test_a_bridge_that_is_killed_again_and_again_keeps_its_promises(
    sqlite_url: str, tmp_path: Path
) -> None:
    verdict = await kill_at_random(tmp_path, sqlite_url, SHORT)
    assert verdict.deviations == []
    assert verdict.kills == SHORT.kills
    assert verdict.counts.acknowledged > 10
    assert verdict.counts.jobs > 5
    assert verdict.counts.edits > 0
