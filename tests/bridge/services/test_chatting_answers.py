"""What is said once: where it was asked, or to whoever asked alone; nobody is left in silence."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.domain.errors import BudgetSpentError, TemporaryRemoteError
from bridge.domain.posts import PostKind, RemotePart
from bridge.domain.reports import ChatRun
from bridge.domain.runs import RunState
from tests.bridge.rendering.reports import a_report, a_run
from tests.bridge.rendering.slack.chats import chat
from tests.bridge.services.talking import Desk, a_desk, told

VIEW = {
    "type": "modal",
    "callback_id": "run_start",
    "title": {"type": "plain_text", "text": "Start"},
    "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}],
}
AGAIN = "⚠️ It took too long to open the form. Please do that once more."
RUN: ChatRun = chat(a_report(a_run(state=RunState.QUEUED)))


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as one:
        yield one


def at(desk: Desk, seconds: float) -> int:
    return int((desk.clock.now().timestamp() + seconds) * 1000)


class TestWhispers:
    async def whisper(self, desk: Desk, text: str = "**No.**", **target: Any) -> None:  # noqa: ANN401 - fields of a target
        values = {"user": desk.ada.id, "expires_at": at(desk, 1800), **target}
        await desk.publish(desk.post(PostKind.CHAT_WHISPER, text, **values))

    async def test_one_is_seen_by_one_person_once(self, desk: Desk) -> None:
        await self.whisper(desk)
        await self.whisper(desk)
        assert (desk.whispers, desk.messages) == (["*No.*"], [])
        assert desk.lease.paid == ["whisper"]

    async def test_an_answer_to_a_button_leaves_the_message_all_see_alone(self, desk: Desk) -> None:
        desk.show(RUN)
        await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
        (message,) = desk.messages
        before = (message.text, message.blocks, message.edits)
        _, url = desk.hook(message)
        desk.lease.saved = []
        await self.whisper(desk, response_url=url)
        assert desk.whispers == ["*No.*"]
        assert (message.text, message.blocks, message.edits) == before
        (call,) = desk.slack.calls("response_url")
        assert call.arguments["replace_original"] is False

    async def test_an_address_that_has_expired_is_logged_and_another_way_taken(
        self, desk: Desk
    ) -> None:
        hook, url = desk.hook()
        hook.uses = 5
        with capture_logs() as logs:
            await self.whisper(desk, response_url=url)
        assert desk.whispers == ["*No.*"]
        assert told(logs) == ["chat.unanswerable"]

    async def test_what_came_too_late_is_dropped_and_logged(self, desk: Desk) -> None:
        with capture_logs() as logs:
            await self.whisper(desk, expires_at=at(desk, -1))
        assert (told(logs), desk.slack.requests) == (["chat.too_late"], [])

    async def test_whoever_is_not_in_the_channel_is_told_in_their_own_conversation(
        self, desk: Desk
    ) -> None:
        bob = desk.slack.add_user("bob")
        await self.whisper(desk, user=bob.id)
        (message,) = desk.slack.messages(desk.slack.world.direct(bob))
        assert (message.text, desk.lease.paid) == ("*No.*", ["whisper", "post"])

    async def test_below_a_message_that_is_gone_it_is_said_in_the_channel(self, desk: Desk) -> None:
        await self.whisper(desk, thread="1700000000.000001")
        assert desk.whispers == ["*No.*"]

    async def test_nobody_hears_what_is_for_nobody(self, desk: Desk) -> None:
        with capture_logs() as logs:
            await self.whisper(desk, user="")
        assert told(logs) == ["chat.unheard"]

    @pytest.mark.parametrize("method", ["chat.postEphemeral", "response_url"])
    async def test_what_was_kept_and_answered_with_500_is_not_said_again(
        self, desk: Desk, method: str
    ) -> None:
        desk.slack.faults.store_then_fail(method)
        url = desk.hook()[1] if method == "response_url" else ""
        for _ in range(2):
            await self.whisper(desk, response_url=url)
        assert desk.whispers == ["*No.*"]

    async def test_what_was_not_done_is_done_later(self, desk: Desk) -> None:
        desk.slack.faults.limit("chat.postEphemeral", retry_after=1)
        with pytest.raises(TemporaryRemoteError):
            await self.whisper(desk)
        assert desk.lease.saved == []
        desk.lease.spent = {"whisper"}
        with pytest.raises(BudgetSpentError):
            await self.whisper(desk)
        assert desk.lease.saved == []

    async def test_what_died_before_its_answer_is_said_again(self, desk: Desk) -> None:
        desk.lease.saved = [RemotePart(id="", hash="")]
        with capture_logs() as logs:
            await self.whisper(desk)
        assert told(logs) == ["chat.said_again"]
        assert desk.whispers == ["*No.*"]


class TestReplies:
    async def test_one_is_said_once_where_it_was_asked(self, desk: Desk) -> None:
        root = desk.slack.say(desk.ada, desk.channel, "@terrakube status 12")
        for _ in range(2):
            await desk.publish(desk.post(PostKind.CHAT_REPLY, "Done.", thread=root.ts))
        assert [(one.text, one.thread) for one in desk.messages[1:]] == [("Done.", root.ts)]

    async def test_what_was_kept_and_answered_with_500_is_not_said_again(self, desk: Desk) -> None:
        desk.slack.faults.store_then_fail("chat.postMessage")
        for _ in range(2):
            await desk.publish(desk.post(PostKind.CHAT_REPLY, "Done."))
        assert len(desk.messages) == 1

    @pytest.mark.parametrize("kind", [PostKind.CHAT_REPLY, PostKind.CHAT_MESSAGE])
    async def test_where_the_bridge_is_not_whoever_asked_is_told_how_to_invite_it(
        self, kind: PostKind
    ) -> None:
        async with a_desk(private=True, with_bot=False) as desk:
            desk.show(RUN)
            content = "Subscribed." if kind is PostKind.CHAT_REPLY else None
            _, url = desk.hook()
            post = desk.post(kind, content, user=desk.ada.id, response_url=url)
            published = await desk.publish(post)
            (text,) = desk.whispers
            said, _, hint = text.rpartition("\n")
            assert said.startswith(content or "⏳ queued: *acme/network* plan")
            bot = desk.slack.bot.id
            assert hint == (
                f"The bridge cannot write here for all to see. Let it in: /invite <@{bot}>"
            )
            again = published.parts == ()
            assert again is (kind is PostKind.CHAT_MESSAGE), "written when it is open again"
            assert published.parks is not None
            assert published.parks.parked.endswith("(channel_not_found)")

    async def test_a_channel_that_hears_of_what_nobody_asked_for_is_parked_in_silence(self) -> None:
        async with a_desk(private=True, with_bot=False) as desk:
            desk.show(RUN)
            with capture_logs() as logs:
                published = await desk.publish(desk.post(PostKind.CHAT_MESSAGE))
            assert (published.parks is not None, published.writes) == (True, 0)
            assert told(logs) == ["channel.parked"]


class TestModals:
    async def open_it(self, desk: Desk, view: object = None, **target: Any) -> None:  # noqa: ANN401 - fields of a target
        values = {"user": desk.ada.id, "expires_at": at(desk, 3), **target}
        values.setdefault("trigger_id", desk.slack.world.add_trigger(desk.ada).id)
        await desk.publish(desk.post(PostKind.CHAT_VIEW, json.dumps(view or VIEW), **values))

    async def test_one_opens_once(self, desk: Desk) -> None:
        await self.open_it(desk)
        await self.open_it(desk)
        assert desk.slack.open_view(desk.ada) is not None
        assert len(desk.slack.calls("views.open")) == 1

    async def test_one_that_was_opened_before_the_process_died_is_open(self, desk: Desk) -> None:
        trigger = desk.slack.world.add_trigger(desk.ada)
        for _ in range(2):
            desk.lease.saved = []
            await self.open_it(desk, trigger_id=trigger.id)
        assert desk.whispers == []

    async def test_whoever_waited_too_long_is_asked_to_try_again(self, desk: Desk) -> None:
        """By the bridge's clock, or by Slack's."""
        await self.open_it(desk, expires_at=at(desk, -1))
        assert desk.slack.calls("views.open") == []
        trigger = desk.slack.world.add_trigger(desk.ada)
        desk.clock.advance(4)
        desk.lease.saved = []
        await self.open_it(desk, trigger_id=trigger.id)
        assert desk.whispers == [AGAIN, AGAIN]

    async def test_whoever_was_nowhere_is_told_in_their_own_conversation(self, desk: Desk) -> None:
        await self.open_it(desk, channel="", expires_at=at(desk, -1))
        (message,) = desk.slack.messages(desk.slack.world.direct(desk.ada))
        assert message.text == AGAIN

    async def test_after_half_an_hour_nobody_waits_for_it(self, desk: Desk) -> None:
        await self.open_it(desk, expires_at=at(desk, -1801))
        assert desk.slack.requests == []

    async def test_one_that_slack_would_refuse_is_not_sent(self, desk: Desk) -> None:
        with capture_logs() as logs:
            await self.open_it(desk, {**VIEW, "title": {"type": "plain_text", "text": "x" * 25}})
        assert told(logs) == ["chat.view_refused", "chat.not_opened"]
        assert desk.slack.calls("views.open") == []
        assert desk.whispers[0].startswith("⚠️ The form could not be opened.")

    async def test_one_that_slack_refuses_is_told_of(self, desk: Desk) -> None:
        desk.slack.faults.refuse("views.open", error="view_too_large")
        await self.open_it(desk)
        assert desk.whispers[0].startswith("⚠️ The form could not be opened.")

    async def test_one_of_which_nobody_knows_is_left_as_it_is(self, desk: Desk) -> None:
        desk.slack.faults.store_then_fail("views.open")
        for _ in range(2):
            await self.open_it(desk)
        assert len(desk.slack.calls("views.open")) == 1
