"""What Slack would refuse: the bridge refuses it first, and at least what the stand-in refuses."""

from typing import Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View as SdkView

from bridge.domain.chat import ChatMessage
from bridge.rendering.slack import Problem, check_message, check_view, degrade
from tests.bridge.rendering.slack.chats import problems_of
from tests.bridge.sandbox.slack.test_blocks import (
    INPUT,
    LIMITS,
    VIEWS,
    actions,
    button,
    confirm,
    context,
    modal,
    mrkdwn,
    plain,
    preformatted,
    section,
    select,
)

Json = dict[str, Any]


def message(*blocks: Json, text: str = "x") -> ChatMessage:
    return ChatMessage(text=text, blocks=blocks)


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, _, bad in LIMITS])
def test_what_the_stand_in_refuses_is_refused(name: str, bad: list[Json]) -> None:
    assert check_message(message(*bad)) != ()


@pytest.mark.parametrize(("name", "bad"), [(name, bad) for name, _, bad in VIEWS])
def test_a_view_the_stand_in_refuses_is_refused(name: str, bad: Json) -> None:
    assert check_view(bad) != ()


MADE = frozenset(
    {
        *("blocks", "section", "empty section", "field", "header", "actions"),
        *("same action_id", "same block_id", "block_id", "button", "action_id", "url", "style"),
        *("confirm", "confirm's text", "confirm's yes", "option's text", "option's value"),
        *("placeholder", "context", "header's kind", "unknown block"),
    }
)
"""Rows of the table whose good half holds only what the bridge makes, and not too much of it."""


@pytest.mark.parametrize(("name", "good"), [(n, good) for n, good, _ in LIMITS if n in MADE])
def test_what_is_just_allowed_is_let_through(name: str, good: list[Json]) -> None:
    assert check_message(message(*good)) == ()


MORE: list[tuple[str, ChatMessage, list[Problem]]] = [
    ("no text", message(text=" "), [Problem("/text", "is empty")]),
    (
        "long text",
        message(text="x" * 3_901),
        [Problem("/text", "has 3901 characters, 3900 are allowed")],
    ),
    (
        "much in all",
        message(*([section(text=mrkdwn(3_000))] * 3), section()),
        [Problem("/blocks", "has 9001 characters, 9000 are allowed")],
    ),
    (
        "much in rich text",
        message(*preformatted(9_001)),
        [Problem("/blocks", "has 9001 characters, 9000 are allowed")],
    ),
    (
        "blank",
        message(section(text={"type": "mrkdwn", "text": " \n"})),
        [Problem("/blocks/0/text/text", "is empty")],
    ),
    (
        "no action_id",
        message(*actions({"type": "button", "text": plain(1)})),
        [Problem("/blocks/0/elements/0", "lacks action_id")],
    ),
    (
        "two in an accessory",
        message(section(accessory=select(2, initial_option={"text": plain(1), "value": "other"}))),
        [Problem("/blocks/0", "begins with an option that is not there")],
    ),
    ("input", message(INPUT), [Problem("/blocks/0/type", "input is not known here")]),
    (
        "same action_id",
        message(*actions(button(1), button(1))),
        [Problem("/blocks/0", "has several action_id a1")],
    ),
    (
        "no words in context",
        message(*context(0)),
        [Problem("/blocks/0/elements", "has 0 entries, 1 to 10 are allowed")],
    ),
]


@pytest.mark.parametrize(
    ("given", "expected"), [row[1:] for row in MORE], ids=[row[0] for row in MORE]
)
def test_a_problem_is_told_with_its_place(given: ChatMessage, expected: list[Problem]) -> None:
    assert list(check_message(given)) == expected


def test_a_form_needs_something_to_send_it_with() -> None:
    assert check_view(modal(blocks=[{**INPUT}], submit=plain(1))) == ()
    assert check_view(modal(blocks=[{**INPUT}])) == (
        Problem("/view", "lacks submit, and has something to fill in"),
    )


CAUGHT_BY_SDK: list[tuple[str, Json]] = [
    ("section", section(text=mrkdwn(3_001))),
    ("fields", section(fields=[mrkdwn(1)] * 11)),
    ("button", actions(button(text=plain(76)))[0]),
    ("value", actions(button(value="x" * 2_001))[0]),
    ("confirm", actions(button(confirm=confirm(101)))[0]),
    ("actions", actions(*map(button, range(26)))[0]),
    ("context", context(11)[0]),
]


@pytest.mark.parametrize(("name", "bad"), CAUGHT_BY_SDK)
def test_what_the_models_of_slack_sdk_catch_is_refused(name: str, bad: Json) -> None:
    block = Block.parse(bad)
    assert block is not None
    with pytest.raises(SlackObjectFormationError):
        block.to_dict()
    assert check_message(message(bad)) != ()


@pytest.mark.parametrize("name", ["title", "metadata", "blocks"])
def test_what_the_models_of_slack_sdk_catch_in_a_view_is_refused(name: str) -> None:
    bad = next(bad for row, _, bad in VIEWS if row == name)
    with pytest.raises(SlackObjectFormationError):
        SdkView(**bad).to_dict()
    assert check_view(bad) != ()


BAD = [row[2] for row in LIMITS]
JUNK: list[Any] = [None, 3, "x", {}, [3], {"type": []}, {"type": "section", "text": 3}]


@pytest.mark.parametrize("bad", BAD, ids=[row[0] for row in LIMITS])
def test_what_would_be_refused_is_made_shorter(bad: list[Json]) -> None:
    shorter = degrade(message(section(), *bad))
    assert problems_of(shorter) == []
    assert shorter.blocks


def test_a_message_without_a_fault_is_left_as_it_is() -> None:
    given = message(section(), *actions(button()))
    assert degrade(given) is given


def test_buttons_outlive_what_is_too_long() -> None:
    given = message(*preformatted(8_000), section(text=mrkdwn(3_000)), *actions(button()))
    shorter = degrade(given)
    assert problems_of(shorter) == []
    assert [one["type"] for one in shorter.blocks] == ["rich_text", "section", "actions", "section"]


def test_what_is_too_long_is_never_cut_inside_a_mention() -> None:
    text = f"{'x' * 3_895}<@U0ADA> &amp;"
    assert degrade(message(text=text)).text == f"{'x' * 3_895}…"


@pytest.mark.parametrize("junk", JUNK)
def test_whatever_is_given_is_judged_and_breaks_nothing(junk: Any) -> None:  # noqa: ANN401 - junk
    given = ChatMessage(text="x", blocks=(junk,))
    assert check_message(given) != ()
    assert problems_of(degrade(given)) == []
    assert check_view({"type": "modal", "title": plain(1), "blocks": junk}) != ()
