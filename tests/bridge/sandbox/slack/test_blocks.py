"""The table of Block Kit's limits: at the limit all is well, one more is refused."""

from typing import Any

import pytest

from bridge.sandbox.slack.surfaces import find_block_problems, find_view_problems

Json = dict[str, Any]


def plain(length: int) -> Json:
    return {"type": "plain_text", "text": "x" * length}


def mrkdwn(length: int) -> Json:
    return {"type": "mrkdwn", "text": "x" * length}


def section(**more: object) -> Json:
    return {"type": "section", "text": mrkdwn(1), **more}


def button(number: int = 0, **more: object) -> Json:
    return {"type": "button", "action_id": f"a{number}", "text": plain(1), **more}


def actions(*elements: Json) -> list[Json]:
    return [{"type": "actions", "elements": list(elements)}]


def option(number: int = 0, text: int = 1, value: int = 9) -> Json:
    return {"text": plain(text), "value": f"{number}".rjust(value, "v")}


def select(count: int, **more: object) -> Json:
    options = [option(number) for number in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options, **more}


def confirm(title: int = 1, text: int = 1, yes: int = 1) -> Json:
    sizes = {"title": title, "text": text, "confirm": yes, "deny": 1}
    return {name: plain(size) for name, size in sizes.items()}


def table(rows: int, columns: int, length: int = 1) -> list[Json]:
    cell = {"type": "raw_text", "text": "x" * length}
    return [{"type": "table", "rows": [[cell] * columns] * rows}]


def preformatted(length: int) -> list[Json]:
    text = {"type": "text", "text": "x" * length}
    inner = {"type": "rich_text_preformatted", "elements": [text]}
    return [{"type": "rich_text", "elements": [inner]}]


def tasks(count: int) -> list[Json]:
    task = {"type": "task_card", "task_id": "t", "title": "T", "status": "pending"}
    return [{"type": "plan", "title": "P", "tasks": [task] * count}]


def context(count: int) -> list[Json]:
    return [{"type": "context", "elements": [mrkdwn(1)] * count}]


def markdown(*lengths: int) -> list[Json]:
    return [{"type": "markdown", "text": "x" * length} for length in lengths]


def _pairs(rows: list[tuple[str, Any, Any]]) -> list[tuple[Any, Any]]:
    return [(good, bad) for _, good, bad in rows]


def _names(rows: list[tuple[str, Any, Any]]) -> list[str]:
    return [name for name, _, _ in rows]


LIMITS: list[tuple[str, list[Json], list[Json]]] = [
    ("blocks", [section()] * 50, [section()] * 51),
    ("section", [{"type": "section", "text": mrkdwn(3000)}], [section(text=mrkdwn(3001))]),
    ("empty section", [section()], [{"type": "section"}]),
    ("empty text", [section()], [section(text=mrkdwn(0))]),
    ("fields", [section(fields=[mrkdwn(2000)] * 10)], [section(fields=[mrkdwn(1)] * 11)]),
    ("field", [section(fields=[mrkdwn(2000)])], [section(fields=[mrkdwn(2001)])]),
    (
        "header",
        [{"type": "header", "text": plain(150)}],
        [{"type": "header", "text": plain(151)}],
    ),
    (
        "header's kind",
        [{"type": "header", "text": plain(1)}],
        [{"type": "header", "text": mrkdwn(1)}],
    ),
    ("context", context(10), context(11)),
    ("actions", actions(*map(button, range(25))), actions(*map(button, range(26)))),
    ("same action_id", actions(button(0), button(1)), actions(button(0), button(0))),
    (
        "same block_id",
        [section(block_id="a"), section(block_id="b")],
        [section(block_id="a"), section(block_id="a")],
    ),
    ("block_id", [section(block_id="x" * 255)], [section(block_id="x" * 256)]),
    ("button", actions(button(text=plain(75))), actions(button(text=plain(76)))),
    ("value", actions(button(value="x" * 2000)), actions(button(value="x" * 2001))),
    ("action_id", actions(button(action_id="x" * 255)), actions(button(action_id="x" * 256))),
    ("url", actions(button(url="https://x")), actions(button(url="javascript:x"))),
    ("style", actions(button(style="danger")), actions(button(style="default"))),
    (
        "confirm",
        actions(button(confirm=confirm(100, 300, 30))),
        actions(button(confirm=confirm(101))),
    ),
    (
        "confirm's text",
        actions(button(confirm=confirm())),
        actions(button(confirm=confirm(text=301))),
    ),
    (
        "confirm's yes",
        actions(button(confirm=confirm())),
        actions(button(confirm=confirm(yes=31))),
    ),
    ("options", actions(select(100)), actions(select(101))),
    (
        "option's text",
        actions(select(1, options=[option(text=75)])),
        actions(select(1, options=[option(text=76)])),
    ),
    (
        "option's value",
        actions(select(1, options=[option(value=150)])),
        actions(select(1, options=[option(value=151)])),
    ),
    (
        "placeholder",
        actions(select(1, placeholder=plain(150))),
        actions(select(1, placeholder=plain(151))),
    ),
    ("overflow", actions(select(5, type="overflow")), actions(select(6, type="overflow"))),
    ("radio", actions(select(10, type="radio_buttons")), actions(select(11, type="radio_buttons"))),
    ("markdown", markdown(12_000), markdown(12_001)),
    ("markdown in all", markdown(6000, 6000), markdown(6000, 6001)),
    ("table's rows", table(100, 20), table(101, 1)),
    ("table's columns", table(1, 20), table(1, 21)),
    ("table's text", table(10, 10, 100), table(10, 10, 101)),
    ("tables", table(1, 1), table(1, 1) * 2),
    ("rich text", preformatted(9000), preformatted(0)),
    ("tasks", tasks(50), tasks(51)),
    (
        "lone task",
        [{"type": "task_card", "task_id": "t", "title": "T", "status": "complete"}],
        [{"type": "task_card", "task_id": "t", "title": "T", "status": "pending"}],
    ),
    ("unknown key", [section(expand=True)], [section(color="red")]),
    ("unknown block", [{"type": "divider"}], [{"type": "data_visualization"}]),
    (
        "nested",
        [{"type": "container", "child_blocks": [section()] * 10}],
        [{"type": "container", "child_blocks": [section()] * 11}],
    ),
]


@pytest.mark.parametrize(("good", "bad"), _pairs(LIMITS), ids=_names(LIMITS))
def test_a_message_is_held_to_the_limits(good: list[Json], bad: list[Json]) -> None:
    assert find_block_problems(good) == []
    assert find_block_problems(bad) != []


INPUT: Json = {
    "type": "input",
    "label": plain(1),
    "element": {"type": "plain_text_input", "action_id": "t", "max_length": 3000},
}


def modal(**more: object) -> Json:
    return {"type": "modal", "title": plain(24), "blocks": [section()], **more}


VIEWS: list[tuple[str, Json, Json]] = [
    ("title", modal(), modal(title=plain(25))),
    ("submit", modal(submit=plain(24)), modal(submit=plain(25))),
    ("close", modal(close=plain(24)), modal(close=plain(25))),
    ("blocks", modal(blocks=[section()] * 100), modal(blocks=[section()] * 101)),
    ("metadata", modal(private_metadata="x" * 3000), modal(private_metadata="x" * 3001)),
    ("callback_id", modal(callback_id="x" * 255), modal(callback_id="x" * 256)),
    ("external_id", modal(external_id="x" * 255), modal(external_id="x" * 256)),
    ("input", modal(blocks=[INPUT], submit=plain(1)), modal(blocks=[INPUT])),
    ("unknown key", modal(), modal(colour="red")),
    ("alert", modal(blocks=[{"type": "alert", "text": plain(200)}]), modal(blocks=table(1, 1))),
    ("alert's text", modal(), modal(blocks=[{"type": "alert", "text": plain(201)}])),
    ("home", {"type": "home", "blocks": table(1, 1)}, {"type": "home", "blocks": markdown(1)}),
]


@pytest.mark.parametrize(("good", "bad"), _pairs(VIEWS), ids=_names(VIEWS))
def test_a_view_is_held_to_the_limits(good: Json, bad: Json) -> None:
    assert find_view_problems(good) == []
    assert find_view_problems(bad) != []


def test_an_alert_is_for_modals_only() -> None:
    problems = find_block_problems([{"type": "alert", "text": plain(1)}])
    told = "unsupported type for message: alert [json-pointer:/blocks/0/type]"
    assert [str(problem) for problem in problems] == [told]


@pytest.mark.parametrize("junk", [None, 3, "x", {}, [3], [None], [{}], [{"type": []}], [[[]]]])
def test_whatever_is_given_is_judged_and_breaks_nothing(junk: object) -> None:
    assert find_block_problems(junk) != []
    assert find_view_problems({"type": "modal", "title": plain(1), "blocks": junk}) != []
    assert find_view_problems(junk) != []
