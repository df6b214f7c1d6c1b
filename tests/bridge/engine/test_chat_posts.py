"""What a chat is told of runs, against a strict Slack, on either database."""

from collections.abc import AsyncIterator

import pytest

from tests.bridge.engine.talking import Talk, a_command, a_talk


@pytest.fixture
async def talk(database_url: str) -> AsyncIterator[Talk]:
    async with a_talk(database_url) as one:
        yield one
        one.slack.assert_no_surprises()


async def test_a_run_is_told_of_from_its_start_to_its_end(talk: Talk) -> None:
    await talk.subscribe()
    (run_id,) = await talk.want(a_command())
    await talk.after(5)
    await talk.let_run(run_id)
    await talk.after(5)
    await talk.let_wait(run_id)
    await talk.after(5)
    await talk.let_run(run_id)
    await talk.after(5)
    await talk.let_end(run_id)
    said = [(one.text.partition(":")[0], one.edits) for one in talk.messages]
    assert said == [
        ("✅ planned", 4),
        ("It waits for nobody any more · ada's plan of *acme/network* (<https", 1),
        ("✅ planned", 0),
    ]
