"""What is said of runs in a chat: within its limits, masked, where people read it."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.domain.chat import ChatMessage
from bridge.domain.errors import BudgetSpentError, ChatRefusalError, TemporaryRemoteError
from bridge.domain.posts import PostKind, RemotePart
from bridge.domain.runs import RunState
from bridge.rendering.slack import check_message
from bridge.sandbox.slack.surfaces import count_text
from bridge.services.chatting_texts import said, shorter
from tests.bridge.rendering.reports import a_plan, a_report, a_run, steps
from tests.bridge.rendering.slack.chats import chat
from tests.bridge.services.talking import SECRET, Desk, a_desk, told

RUN = a_run(state=RunState.RUNNING)
PLANNED = a_run(counts=(5_000, 0, 0))
WAITING = replace(
    a_run(state=RunState.WAITING, counts=(1, 0, 0)), steps=steps("completed", "pending", "pending")
)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as one:
        yield one


class TestLimits:
    async def test_a_plan_of_5000_resources_fits_and_says_how_many_are_not_shown(
        self, desk: Desk
    ) -> None:
        desk.show(chat(a_report(PLANNED, plan=a_plan(5_000))))
        await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        (message,) = desk.messages
        assert count_text(message.blocks) <= 9_000
        assert len(message.blocks) <= 50
        assert len(message.text) <= 3_900
        assert "…and 4,985 more" in json.dumps(message.blocks, ensure_ascii=False)

    async def test_what_others_wrote_calls_nobody(self, desk: Desk) -> None:
        run = a_run("<!channel>", trouble="a & <@U1>", state=RunState.QUEUED)
        desk.show(chat(a_report(run)))
        await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        (message,) = desk.messages
        assert desk.slack.pings(message) == []
        assert "&lt;!channel&gt;" in message.text

    async def test_what_slack_finds_too_long_is_said_in_less(self, desk: Desk) -> None:
        """What it takes is documented nowhere."""
        desk.slack.faults.refuse("chat.postMessage", error="msg_blocks_too_long", times=2)
        desk.show(chat(a_report(PLANNED, plan=a_plan(5))))
        with capture_logs() as logs:
            await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        (message,) = desk.messages
        assert [block["type"] for block in message.blocks] == ["section", "actions"]
        assert told(logs) == ["chat.shortened"] * 2
        assert desk.lease.paid == ["post"] * 3

    async def test_what_it_does_not_take_at_all_is_set_aside(self, desk: Desk) -> None:
        desk.slack.faults.refuse("chat.*", error="msg_too_long", times=9)
        desk.show(chat(a_report(RUN)))
        with pytest.raises(ChatRefusalError):
            await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        assert desk.lease.saved == []

    @pytest.mark.parametrize(
        ("text", "kinds", "lengths"),
        [
            ("x", ("section",), [1, 1]),
            ("x", ("section", "rich_text", "actions"), [1, 1, 1, 1]),
            ("x" * 2_000, ("section", "rich_text"), [2_000, 2_000, 2_000, 1_500]),
            ("<https://example.com|x>" * 100, (), [2_300, 1_496]),
        ],
    )
    def test_a_message_is_shortened_step_by_step(
        self, text: str, kinds: tuple[str, ...], lengths: list[int]
    ) -> None:
        blocks = tuple({"type": kind} for kind in kinds)
        tries = [*shorter(ChatMessage(text=text, blocks=blocks))]
        assert [len(one.text) for one in tries] == lengths
        sizes = [len(one.blocks) for one in tries]
        assert sizes == sorted(sizes, reverse=True)

    def test_what_is_fixed_is_a_message_or_markdown(self) -> None:
        made = {"text": "a", "blocks": [{"type": "divider"}]}
        assert said(json.dumps(made), str) == ChatMessage(text="a", blocks=({"type": "divider"},))
        for content in ("**a**", '{"text": 1}', "{", '{"text": 1, "blocks": 2}', "{}"):
            assert not check_message(said(content, str))
            assert said(content, str).text


class TestSecrets:
    async def test_a_secret_is_masked_in_messages_files_and_logs(self, desk: Desk) -> None:
        desk.want_files()
        plan = f"{'x' * 1_790}{SECRET}\n{SECRET}\nPlan: 1 to add, 0 to change, 0 to destroy."
        run = replace(WAITING, trouble=f"it says {SECRET}")
        desk.show(chat(a_report(run, plan=plan)))
        with capture_logs() as logs:
            for kind in (PostKind.CHAT_MESSAGE, PostKind.CHAT_PROMPT, PostKind.CHAT_FILE):
                desk.lease.saved = []
                await desk.publish(desk.post(kind, run_id=run.id))
        assert len(desk.messages) == 3
        (file,) = desk.messages[2].files
        told = [json.dumps([one.text, one.blocks]) for one in desk.messages]
        for text in (*told, str(file.content), file.title, str(logs)):
            assert "swor" not in text
        assert file.content is not None
        assert b"Plan: 1 to add" in file.content

    async def test_a_secret_in_a_fixed_text_is_masked(self, desk: Desk) -> None:
        for content in (
            f"It is `{SECRET}`.",
            json.dumps({"text": f"<{SECRET}".replace("<", ""), "blocks": []}),
            json.dumps({"text": SECRET.replace("&", "&amp;"), "blocks": []}),
        ):
            desk.lease.saved = []
            await desk.publish(desk.post(PostKind.CHAT_REPLY, content))
        assert "fish" not in str([one.text for one in desk.messages])


class TestPlaces:
    async def test_what_has_no_live_message_that_is_known_stands_in_the_channel(
        self, desk: Desk
    ) -> None:
        desk.show(chat(a_report(WAITING)))
        await desk.publish(desk.post(PostKind.CHAT_PROMPT, run_id=WAITING.id))
        (message,) = desk.messages
        assert (message.thread, message.broadcast) == ("", False)
        assert "acme/network" in message.text

    @pytest.mark.parametrize(("due_in", "seconds"), [(-60, 1), (0, 1), (3600, 3601)])
    async def test_what_stands_below_a_live_message_looks_for_it_again_when_it_may_be_there(
        self, desk: Desk, due_in: int, seconds: int
    ) -> None:
        desk.show(chat(a_report(WAITING)))
        assert desk.store.report is not None
        desk.store.awaited = desk.store.report.now + timedelta(seconds=due_in)
        published = await desk.publish(desk.post(PostKind.CHAT_PROMPT, run_id=WAITING.id))
        assert published.again_at is not None
        assert (published.again_at - desk.store.report.now).total_seconds() == seconds
        assert desk.messages == []

    async def test_what_was_to_stand_below_a_message_that_is_gone_stands_in_the_channel(
        self, desk: Desk
    ) -> None:
        desk.store.parent = "1700000000.000001"
        desk.show(chat(a_report(WAITING)))
        await desk.publish(desk.post(PostKind.CHAT_PROMPT, run_id=WAITING.id))
        (message,) = desk.messages
        assert message.thread == ""
        assert desk.lease.paid == ["post", "post"]

    async def test_who_asks_in_a_thread_is_told_in_it(self, desk: Desk) -> None:
        root = desk.slack.say(desk.ada, desk.channel, "who did that?")
        desk.show(chat(a_report(WAITING)))
        assert desk.store.report is not None
        key = replace(desk.store.report.key, thread=root.ts)
        desk.show(chat(a_report(WAITING)), key=key)
        await desk.publish(desk.post(PostKind.CHAT_MESSAGE, thread=root.ts))
        desk.lease.saved = []
        prompt = desk.post(PostKind.CHAT_PROMPT, run_id=WAITING.id, thread=root.ts)
        await desk.publish(prompt)
        assert [one.thread for one in desk.messages] == ["", root.ts, root.ts]

    async def test_a_question_that_was_answered_before_it_was_asked_is_not_asked(
        self, desk: Desk
    ) -> None:
        desk.show(chat(a_report(RUN)))
        desk.lease.saved = [RemotePart(id="", hash="")]
        await desk.publish(desk.post(PostKind.CHAT_PROMPT, run_id=RUN.id))
        assert desk.messages == []

    async def test_what_surely_was_not_done_leaves_its_place_as_it_was(self, desk: Desk) -> None:
        desk.slack.faults.limit("chat.postMessage", retry_after=7)
        desk.show(chat(a_report(RUN)))
        with pytest.raises(TemporaryRemoteError) as caught:
            await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        assert (caught.value.retry_after, desk.lease.saved) == (7, [])

    async def test_without_a_budget_nothing_is_written_down(self, desk: Desk) -> None:
        desk.lease.spent = {"post"}
        desk.show(chat(a_report(RUN)))
        with pytest.raises(BudgetSpentError):
            await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        assert (desk.lease.saved, desk.slack.requests) == ([], [])

    async def test_a_report_without_runs_says_nothing(self, desk: Desk) -> None:
        for kind in (
            PostKind.CHAT_MESSAGE,
            PostKind.CHAT_PROMPT,
            PostKind.CHAT_RESULT,
            PostKind.CHAT_FILE,
        ):
            published = await desk.publish(desk.post(kind, run_id="01RUN"))
            assert (published.parts, published.writes) == ((), 0)

    async def test_what_goes_to_a_forge_is_not_for_a_chat(self, desk: Desk) -> None:
        with pytest.raises(ValueError, match="does not go to a chat"):
            await desk.publish(desk.post(PostKind.REPORT))
