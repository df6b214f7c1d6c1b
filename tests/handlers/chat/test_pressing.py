"""Buttons that say a command, those nothing follows from, and those nobody knows any more."""

import pytest

from bridge.domain.chat import ChatUser
from bridge.domain.chat_controls import Control
from bridge.domain.posts import PostKind
from tests.fakes.chats import GRACE, TEAM
from tests.handlers.chat.desk import INJECTED, Desk, a_desk, buttons, seen

ANSWERED_ELSEWHERE = {
    Control.APPROVE,
    Control.TYPE_NAME,
    Control.REJECT,
    Control.CANCEL,
    Control.LOGS,
    Control.PLAN,
}
SILENT = set(Control) - ANSWERED_ELSEWHERE - {Control.SAY}


@pytest.fixture
def desk() -> Desk:
    return a_desk()


@pytest.mark.parametrize("action", ["say", "say:1", "say:12"])
async def test_a_button_says_its_command_for_whoever_presses_it(desk: Desk, action: str) -> None:
    work = await desk.press(action, "status acme/network", by=GRACE)
    (post,) = work.posts
    assert "Nothing is under way." in seen(work)
    assert post.kind is PostKind.CHAT_WHISPER
    assert post.target.user == GRACE.id  # type: ignore[union-attr]  # a chat's


async def test_whoever_presses_needs_the_right_themselves(desk: Desk) -> None:
    work = await desk.press("say:1", "plan acme/network", by=GRACE)
    assert "without `access` rules, Slack may only read" in seen(work)
    assert not work.runs


async def test_every_button_below_an_answer_can_be_pressed(desk: Desk) -> None:
    desk.workspace(INJECTED)
    desk.follow()
    desk.follow(INJECTED)
    texts = ("status", "status acme/*", "status 1", "status 2", "workspaces net")
    for text in (*texts, "why network", "why 2", "status netwk"):
        found = buttons(await desk.type(text))
        assert found, text
        for _, value in found:
            answer = seen(await desk.press("say:1", value))
            assert "Usage" not in answer, value
            assert "There is no" not in answer, value


async def test_there_is_no_button_for_a_name_that_nobody_can_say(desk: Desk) -> None:
    desk.workspace("two words")
    assert buttons(await desk.type("workspaces words")) == []


async def test_what_a_button_says_is_not_read_as_if_slack_had_written_it(desk: Desk) -> None:
    work = await desk.press("say:1", "status 'acme/a&amp;b'")
    assert "There is no workspace `acme/a&amp;b`" in seen(work)


@pytest.mark.parametrize("control", sorted(SILENT))
async def test_nothing_follows_from_what_only_opens_or_chooses(
    desk: Desk, control: Control
) -> None:
    for action in (control.value, f"{control}:1"):
        work = await desk.press(action, "acme/network")
        assert not work.posts
        assert work.ignored == f"nothing follows from {control}"


@pytest.mark.parametrize("action", ["", "run.approve.v0", "old:1", "sayy", "<!channel>", "say:1"])
async def test_a_button_nobody_knows_is_answered(desk: Desk, action: str) -> None:
    work = await desk.press(action, "" if action == "say:1" else "status")
    assert "that button is of another version of the bridge" in seen(work)
    assert "`/terrakube help` shows how" in seen(work)


@pytest.mark.parametrize("control", sorted(ANSWERED_ELSEWHERE))
async def test_a_button_of_a_run_is_answered_once(desk: Desk, control: Control) -> None:
    work = await desk.press(control.value, "01GONE..")
    assert (len(work.posts), work.ignored) == (1, None)
    assert "another version" not in seen(work)


async def test_a_stranger_gets_no_more_than_a_refusal(desk: Desk) -> None:
    guest = ChatUser(team=TEAM, id="U7", name="Guest", is_guest=True)
    desk.people.users["U7"] = guest
    for action, value in (("say:1", "status"), ("old:1", "x")):
        assert "guests may not ask for anything here" in seen(
            await desk.press(action, value, by=guest)
        )
