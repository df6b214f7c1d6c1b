"""What a chat is told of runs, against a strict Slack, on either database."""

from collections.abc import AsyncIterator, Sequence

import pytest
from structlog.typing import EventDict

from bridge.domain.chat import ALL_INTERESTS, Interest
from bridge.domain.posts import PostKind, RemotePart
from bridge.domain.work import Work
from bridge.sandbox.slack.model import Message
from bridge.store.codecs import PARTS
from bridge.store.schema import channel
from tests.bridge.engine.talking import (
    PLAN,
    Talk,
    a_command,
    a_talk,
    ended,
    running,
    waiting,
)
from tests.bridge.store.chats import a_subscription, set_post
from tests.bridge.store.rows import rows_of

PASSED = "It waits for nobody any more · ada's plan of *acme/network* (<https"

Shown = tuple[str, bool, bool, int]


@pytest.fixture
async def talk(database_url: str) -> AsyncIterator[Talk]:
    async with a_talk(database_url) as one:
        yield one
        one.slack.assert_no_surprises()


def shown(messages: Sequence[Message]) -> list[Shown]:
    """Of each message: what it says first, whether in a thread, in the channel too, its edits."""
    return [
        (one.text.partition(":")[0], bool(one.thread), one.broadcast, one.edits) for one in messages
    ]


def buttons(message: Message) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


async def test_a_run_is_told_of_from_its_start_to_its_end(talk: Talk) -> None:
    await talk.subscribe()
    (run_id,) = await talk.want(a_command())
    for values in (running(run_id), waiting(run_id), running(run_id), ended()):
        await talk.after(5)
        await talk.change(run_id, **values)
    assert shown(talk.messages) == [
        ("✅ planned", False, False, 4),
        (PASSED, True, True, 1),
        ("✅ planned", True, False, 0),
    ]


class TestRuns:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_a_state_that_did_not_change_takes_no_call(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        before = len(talk.slack.requests)
        await talk.change(run_id, changed_at=1)
        await talk.after(60)
        assert len(talk.slack.requests) == before

    async def test_who_has_to_approve_is_called_by_a_new_message(self, talk: Talk) -> None:
        """An edit alone notifies nobody; what is decided has nothing to press any more."""
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        await talk.change(run_id, **waiting(run_id))
        live, prompt = talk.messages
        assert (prompt.thread, prompt.broadcast) == (live.ts, True)
        assert buttons(prompt) == ["Approve", "Reject", "Cancel", "View run"]
        await talk.change(run_id, **running(run_id))
        assert buttons(prompt) == []
        await talk.after(15)
        assert "Approve" not in buttons(live)

    async def test_each_step_that_waits_has_a_message_of_its_own(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        await talk.decide(run_id, "150")
        await talk.after(5)
        await talk.change(run_id, **waiting(run_id, step="250"))
        first, second = [one for one in talk.messages if one.thread]
        assert (buttons(first), buttons(second)[:2]) == ([], ["Approve", "Reject"])

    async def test_a_failure_shows_in_the_channel_too(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        await talk.change(run_id, **ended("failed"))
        assert shown(talk.messages)[1:] == [("❌ plan failed", True, True, 0)]

    async def test_a_quiet_channel_has_its_live_message_and_prompts(self, talk: Talk) -> None:
        await talk.subscribe(quiet=True)
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        await talk.change(run_id, **waiting(run_id))
        await talk.after(5)
        await talk.change(run_id, **ended("failed"))
        assert [(one.broadcast, bool(one.thread)) for one in talk.messages] == [
            (False, False),
            (False, True),
        ]

    async def test_what_a_channel_does_not_want_is_not_said(self, talk: Talk) -> None:
        await talk.subscribe(interests=frozenset({Interest.FAILED}))
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        await talk.change(run_id, **waiting(run_id))
        assert talk.messages == []
        await talk.change(run_id, **ended("failed"))
        await talk.after(5)
        assert shown(talk.messages) == [
            ("❌ plan failed", False, False, 0),
            ("❌ plan failed", True, True, 0),
        ]

    async def test_what_stands_below_the_live_message_waits_for_it(self, talk: Talk) -> None:
        await talk.subscribe()
        talk.slack.faults.limit("chat.postMessage", retry_after=30)
        (run_id,) = await talk.want(a_command())
        await talk.change(run_id, **waiting(run_id))
        assert talk.messages == []
        await talk.after(30)
        await talk.after(2)
        live, prompt = talk.messages
        assert prompt.thread == live.ts

    async def test_a_plan_is_put_there_as_a_file_where_that_is_wanted(self, talk: Talk) -> None:
        await talk.subscribe()
        await talk.let_files()
        (run_id,) = await talk.want(a_command())
        await talk.keep_plan(run_id, f"{PLAN}\n")
        await talk.after(5)
        await talk.change(run_id, **ended())
        await talk.after(5)
        await talk.change(run_id, changed_at=1)
        (shared,) = [one for one in talk.messages if one.files]
        assert shared.thread == talk.messages[0].ts
        assert shared.files[0].content == f"{PLAN}\n".encode()


class TestTwice:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_what_was_kept_and_answered_with_500_is_not_said_a_second_time(
        self, talk: Talk
    ) -> None:
        """What follows finds no thread, and stands in the channel."""
        await talk.subscribe()
        talk.slack.faults.store_then_fail("chat.postMessage")
        (run_id,) = await talk.want(a_command())
        for values in (running(run_id), waiting(run_id), ended()):
            await talk.after(20)
            await talk.change(run_id, **values)
        await talk.after(400)
        assert shown(talk.messages) == [
            ("⏳ queued", False, False, 0),
            (
                "It waits for nobody any more · ada's plan of *acme/network* (<https",
                False,
                False,
                1,
            ),
            ("✅ planned", False, False, 0),
        ]

    async def test_what_nobody_else_says_of_its_end_is_said_by_a_new_live_message(
        self, talk: Talk
    ) -> None:
        await talk.subscribe(quiet=True)
        talk.slack.faults.store_then_fail("chat.postMessage")
        (run_id,) = await talk.want(a_command())
        for _ in range(2):
            await talk.after(20)
            await talk.change(run_id, **ended())
        assert [one[0] for one in shown(talk.messages)] == ["⏳ queued", "✅ planned"]

    async def test_what_died_before_its_answer_is_said_again(
        self, talk: Talk, logs: list[EventDict]
    ) -> None:
        """Better twice than never: a prompt that is lost is a job that waits for ever."""
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        empty = PARTS.dump((RemotePart(id="", hash=""),))
        for row in await talk.posts(PostKind.CHAT_PROMPT):
            await set_post(talk.stage.database, row["key"], parts=empty)
        await talk.change(run_id, **waiting(run_id))
        assert len([one for one in talk.messages if one.thread]) == 1
        assert "chat.said_again" in {entry["event"] for entry in logs}

    async def test_an_end_that_is_seen_twice_is_told_once_in_each_channel(self, talk: Talk) -> None:
        """By a poll and by a hint; and again by whoever starts after that."""
        other = talk.slack.add_channel("other", talk.ada)
        await talk.subscribe()
        await talk.subscribe(other)
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        for _ in range(2):
            await talk.change(run_id, settles=False, **ended())
        await talk.stage.settle()
        await talk.restart()
        await talk.change(run_id, changed_at=1)
        await talk.after(60)
        for place in (talk.channel, other):
            assert [one[0] for one in shown(talk.slack.messages(place))] == ["✅ planned"] * 2

    async def test_an_edit_that_was_answered_with_500_is_made_again(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        talk.slack.faults.store_then_fail("chat.update")
        await talk.change(run_id, **running(run_id))
        await talk.after(5)
        assert (talk.edits, shown(talk.messages)[0][0]) == (2, "🔄 planning")


class TestGone:
    async def test_a_live_message_that_was_deleted_is_written_anew_while_it_goes_on(
        self, talk: Talk
    ) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        talk.messages[0].gone = True
        await talk.change(run_id, **running(run_id))
        assert shown(talk.messages) == [("🔄 planning", False, False, 0)]
        await talk.after(5)
        await talk.change(run_id, **ended())
        assert shown(talk.messages) == [
            ("✅ planned", False, False, 1),
            ("✅ planned", True, False, 0),
        ]

    async def test_one_that_is_over_is_left_alone_until_something_begins_anew(
        self, talk: Talk
    ) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        talk.messages[0].gone = True
        await talk.change(run_id, **ended())
        await talk.after(5)
        assert shown(talk.messages) == [("✅ planned", False, False, 0)], "the result"
        await talk.want(a_command("database", trigger="push:network"))
        assert len(talk.messages) == 2

    async def test_a_channel_that_shuts_the_bridge_out_is_left_alone_and_that_is_recorded(
        self, talk: Talk, logs: list[EventDict]
    ) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        talk.channel.archived = True
        for values in (running(run_id), waiting(run_id), ended()):
            await talk.change(run_id, **values)
            await talk.after(60)
        refused = [one for one in talk.slack.requests if one.error]
        assert len(refused) == 1
        (row,) = await rows_of(talk.stage.database, channel)
        assert row["parked"] == "chat.update: the channel is archived (is_archived)"
        audits = [(one["action"], one["detail"]) for one in await talk.stage.audits()]
        assert audits == [("channel.parked", row["parked"])]
        assert [one for one in logs if one["event"] == "channel.parked"]
        assert {one["dead"] for one in await talk.posts(PostKind.CHAT_MESSAGE)} == {1}

    async def test_a_channel_that_lets_it_in_again_is_sent_to_again(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.after(5)
        talk.channel.archived = True
        await talk.change(run_id, **running(run_id))
        talk.channel.archived = False
        await talk.after(60)
        assert shown(talk.messages)[0][0] == "⏳ queued"
        wanted = a_subscription(talk.channel.id, "*/*", interests=ALL_INTERESTS)
        await talk.stage.work(Work(subscribes=[talk.ours(wanted)]))
        assert shown(talk.messages)[0][0] == "🔄 planning"
        (row,) = await rows_of(talk.stage.database, channel)
        assert row["parked"] == ""

    async def test_a_message_that_is_written_opens_its_channel(self, talk: Talk) -> None:
        """Somebody invited the bridge, and asks again: that is heard of at once."""
        talk.slack.world.channels[talk.channel.id].archived = True
        await talk.want(talk.asked("1"))
        talk.channel.archived = False
        (row,) = await rows_of(talk.stage.database, channel)
        assert row["parked"]
        await talk.want(talk.asked("2", "database"))
        await talk.after(5)
        (row,) = await rows_of(talk.stage.database, channel)
        assert (row["parked"], len(talk.messages)) == ("", 2)


class TestPauses:
    async def test_no_message_is_edited_in_the_pause_slack_wants_then_the_newest_state_is_shown(
        self, talk: Talk
    ) -> None:
        """Other methods go on meanwhile."""
        await talk.subscribe()
        first, second = await talk.want(
            a_command("network"), a_command("database", trigger="push:database")
        )
        await talk.after(5)
        before = talk.edits
        talk.slack.faults.limit("chat.update", retry_after=2)
        await talk.change(first, **running(first))
        assert talk.edits == before + 1
        await talk.change(second, **running(second))
        await talk.change(first, **waiting(first))
        assert len([one for one in talk.messages if one.thread]) == 1, "the prompt"
        await talk.after(1.9)
        assert talk.edits == before + 1
        await talk.after(0.2)
        assert talk.edits == before + 3
        assert talk.slack.hasty == []
        live = {one[0] for one in shown(talk.messages) if not one[1]}
        assert live == {"✋ waiting for approval", "🔄 planning"}

    async def test_a_live_message_rests_the_longer_the_longer_its_run_goes_on(
        self, talk: Talk
    ) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        gaps: list[int] = []
        for minutes in (0, 2, 10):
            await talk.after(minutes * 60 + 20)
            for text in ("one", "two"):
                await talk.change(run_id, **running(run_id), trouble=f"{minutes} {text}")
            before, gap = talk.edits, 0
            while talk.edits == before:
                await talk.after(1)
                gap += 1
            gaps.append(gap)
        assert gaps == [3, 9, 15]

    async def test_an_end_and_a_question_do_not_rest(self, talk: Talk) -> None:
        await talk.subscribe()
        (run_id,) = await talk.want(a_command())
        await talk.change(run_id, **waiting(run_id))
        await talk.change(run_id, **ended())
        assert shown(talk.messages)[0] == ("✅ planned", False, False, 2)
