"""A live message that somebody deleted while the channel has had enough for the moment."""

from collections.abc import AsyncIterator

import pytest

from tests.bridge.engine.talking import Talk, a_command, a_talk, running, waiting


@pytest.fixture
async def talk(sqlite_url: str) -> AsyncIterator[Talk]:
    async with a_talk(sqlite_url) as found:
        yield found


async def test_it_is_looked_for_once_and_what_belongs_below_it_is_said_nevertheless(
    talk: Talk,
) -> None:
    """Looking again and again would use up the edits, and both would wait for each other."""
    await talk.subscribe()
    run_id, *_ = await talk.want(*(a_command(trigger=f"push:{name}") for name in "abcd"))
    await talk.after(1)
    talk.messages[0].gone = True
    await talk.change(run_id, **running(run_id), settles=False)
    await talk.change(run_id, **waiting(run_id))
    for _ in range(8):
        await talk.after(2)
    refused = [one.error for one in talk.slack.requests if one.error]
    assert refused.count("message_not_found") == 1
    assert refused.count("thread_not_found") <= 1, "sent before anybody knew"
    assert sum("run.approve" in str(one.blocks) for one in talk.messages) == 2
