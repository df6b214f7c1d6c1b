"""The form that starts a run says what could have been typed."""

import pytest

from bridge.domain.chat import ChatPlace, ChatReportKey
from bridge.domain.chat_controls import Control, Form
from bridge.domain.rules import Policy
from bridge.domain.work import Work
from tests.bridge.decisions.applying import a_rule
from tests.fakes.chats import TEAM
from tests.fakes.forge import BASE, HEAD
from tests.handlers.chat.rooms import HOOK, Room
from tests.handlers.chat.speech import a_room, said, sent, whispers

MAY = a_rule("slack:user:U1", may="plan apply")
ENTERED = {Control.WORKSPACE.value: "acme/network", Control.VERB.value: "plan"}


@pytest.fixture
def room() -> Room:
    room = a_room(policy=Policy(access=(MAY,)))
    room.forge.heads |= {"main": BASE, "feature": HEAD}
    return room


@pytest.mark.parametrize(
    ("entered", "typed"),
    [
        ({}, "plan acme/network"),
        ({Control.VERB: "apply"}, "apply acme/network"),
        ({Control.BRANCH: " feature "}, "plan acme/network branch=feature"),
        ({Control.TEMPLATE: "Plan"}, "plan acme/network template=Plan"),
    ],
)
async def test_it_starts_what_the_command_would(
    room: Room, entered: dict[str, str], typed: str
) -> None:
    by_form = await room.happens(sent(Form.START, {**ENTERED, **entered}))
    by_words = await room.happens(said(typed, trigger="slack:T1:2.3", response_url=""))
    assert (by_form.runs, by_form.posts) == (by_words.runs, by_words.posts)
    assert by_form.runs
    assert by_form.audits == by_words.audits


async def test_it_is_shown_where_the_form_was_opened(room: Room) -> None:
    nowhere = ChatPlace(team=TEAM, channel="")
    work = await room.happens(sent(Form.START, ENTERED, "C7|7.1|", place=nowhere))
    key = ChatReportKey(team=TEAM, channel="C7", thread="7.1", group="slack:T1:2.3")
    assert [one.report for one in work.posts] == [str(key)]


@pytest.mark.parametrize(
    ("entered", "says"),
    [
        ({Control.VERB: "destroy"}, "the form does not say what, or in which workspace"),
        ({Control.WORKSPACE: ""}, "the form does not say what, or in which workspace"),
        ({Control.BRANCH: "a..b"}, "Nothing was started: `a..b` is no branch."),
        ({Control.BRANCH: "gone"}, "`acme/infra` has no branch `gone`."),
        ({Control.TEMPLATE: "-x"}, "Nothing was started: `-x` is no template."),
    ],
)
async def test_what_is_wrong_with_it_is_told(
    room: Room, entered: dict[str, str], says: str
) -> None:
    work = await room.happens(sent(Form.START, {**ENTERED, **entered}))
    assert work.runs == []
    assert says in whispers(work)[0]


async def test_from_nowhere_nothing_is_started(room: Room) -> None:
    nowhere = ChatPlace(team=TEAM, channel="")
    work = await room.happens(sent(Form.START, ENTERED, "", place=nowhere, response_url=HOOK))
    assert work.runs == []
    assert "there is no channel in which it could be shown" in whispers(work)[0]


async def test_strangers_start_nothing_and_other_forms_are_others_matter(room: Room) -> None:
    work = await room.happens(sent(Form.START, ENTERED, user_team="T9"))
    assert [one.result for one in work.audits] == ["refused"]
    assert len(whispers(work)) == 1
    assert (await room.happens(sent("other", ENTERED))) == Work()
