"""Two bridges on one PostgreSQL with one Slack: whatever reaches either happens once."""

import asyncio

import pytest

from tests.e2e.conftest import SetSlackStage
from tests.e2e.slack_stage import Mode, SlackStage
from tests.e2e.test_slack_approvals import waiting, ways

pytestmark = pytest.mark.postgres


@pytest.fixture
async def pair(set_slack_stage: SetSlackStage, mode: Mode, postgres_url: str) -> SlackStage:
    return await set_slack_stage(mode=mode, database_url=postgres_url, replicas=2)


async def test_what_two_people_press_at_two_replicas_is_one_decision(pair: SlackStage) -> None:
    prompt = await waiting(pair)
    # In Socket Mode Slack gives each of them another connection.
    first = asyncio.create_task(pair["grace"].press_at(prompt, pair.door(0)))
    second = asyncio.create_task(pair["linus"].press_at(prompt, pair.door(1)))
    await asyncio.gather(first, second)
    await pair.quiet()
    assert (ways(pair), pair.decided()) == (["completed"], 1)
    told = [text for name in ("grace", "linus") for text in pair[name].heard()]
    assert len(told) == 1
    assert "already approved by" in told[0]
    assert len(pair.messages()) == 1


async def test_what_is_replayed_at_another_replica_happens_once(
    set_slack_stage: SetSlackStage, postgres_url: str
) -> None:
    pair = await set_slack_stage(database_url=postgres_url, replicas=2)
    told = await pair["ada"].says("/terrakube plan acme/network")
    pair.slack.deliver_to(pair.door(1))
    again = await pair.slack.replay(told)
    await pair.quiet()
    assert again.status == 200
    assert len(pair.stage.jobs()) == 1
    assert len(pair.messages()) == 1
