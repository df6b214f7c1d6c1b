"""The short version of ``make chaos --part apply``: one apply, killed at every step."""

from pathlib import Path

import pytest

from bridge.sandbox.forge import Flavour
from tests.chaos.applying import play_all
from tests.chaos.plays import ALL_THE_WAY, CHAINS, FIRST, STEPS, points
from tests.chaos.sites import Plan

pytestmark = pytest.mark.crash


async def test_an_apply_that_is_killed_at_every_step_is_done_once_and_said_right(
    sqlite_url: str, tmp_path: Path
) -> None:
    plan = Plan(name="forgejo", flavour=Flavour.FORGEJO, url=sqlite_url, seed=1, rounds=1)
    tally = await play_all(tmp_path, plan, [ALL_THE_WAY], tell=lambda _: None)
    assert tally.deviations == []
    assert (tally.kills, tally.applies, tally.approvals, tally.applied) == (5, 1, 1, 1)
    assert tally.comments == 1


def test_every_step_that_is_named_is_a_request_and_killed_at() -> None:
    killed = {kill.step for one in (*points(), *CHAINS) for kill in one.kills}
    first = {step for steps in FIRST.values() for step in steps}
    assert killed == set(STEPS)
    assert first <= killed
