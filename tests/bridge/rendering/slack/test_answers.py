"""Markdown that handlers answer with, as messages; and modals, files and errors."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bridge.domain.chat import ChatMessage
from bridge.domain.chat_controls import FormPlace, RunButton
from bridge.domain.runs import RunState, Verb
from bridge.rendering.slack import (
    ChatFile,
    render_answer,
    render_confirm_view,
    render_error,
    render_file,
    render_start_view,
)
from tests.bridge.rendering.reports import a_plan, a_report, a_run, an_apply
from tests.bridge.rendering.slack.chats import (
    as_json,
    chat,
    problems_of,
    problems_of_view,
    shown_view,
)
from tests.golden import check_golden

GOLDEN = Path(__file__).with_name("golden")
PLACE = FormPlace(channel="C1", thread="1.2", button=str(RunButton(run_id="01JD", step="101")))

ANSWERS: Mapping[str, str] = {
    "answer_help": (
        "| command | what it does |\n| --- | --- |\n"
        "| `/terrakube plan` | plans the workspaces that are named |\n"
        "| `/terrakube destroy` | destroys what a reviewed `plan -- -destroy` shows |\n\n"
        "`/terrakube help COMMAND` shows the flags of a command. "
        "All but help, status and why need write permission on the repository."
    ),
    "answer_status": (
        "**acme/network** is planned: `+3 ~1 -2`\n\n"
        "| Workspace | State | Job |\n| --- | --- | ---: |\n"
        "| `acme/network` | ✋ waits for approval | [job 17](https://t.example/17?a=1&b=2) |\n"
        "| `acme/a|b` | &#42;done&#42; | |\n"
    ),
    "answer_why": (
        "Nothing was planned in **acme/network**, because:\n\n"
        "- no changed file lies in `network/`\n"
        "- the branch is not followed:\n\n"
        "  ```\n  main, release/*\n  ```\n"
        "  - say `/terrakube plan acme/network branch=dev`\n\n"
        "1. first\n2. second\n"
    ),
    "answer_errors": "The flag is not known:\n\n```\nplan acme/network --colour=red\n```\n",
    "answer_did_you_mean": "Did you mean `status`? For example: `/terrakube status acme/network`",
    "answer_quote": (
        "# Heading\n\n> a quote\n> goes on\n\n---\n\n    indented code\n\n*last* line  \nbreak"
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_it_was(
    name: str, golden_message: Callable[[str, ChatMessage | None], None]
) -> None:
    golden_message(name, render_answer(ANSWERS[name]))


def test_buttons_below_an_answer_say_commands(
    golden_message: Callable[[str, ChatMessage | None], None],
) -> None:
    says = [
        ("acme/network", "status acme/network"),
        ("<!channel> `x`", "status '<!channel> `x`'"),
        ("n" * 100, "status " + "n" * 100),
        ("again", "status acme/network"),
        ("", "status acme/unnamed"),
        ("too long", "status " + "n" * 2_000),
        ("nothing", "  "),
    ]
    golden_message("answer_buttons", render_answer("Did you mean one of these?", says))


def test_a_long_answer_with_many_buttons_keeps_what_slack_takes_of_both() -> None:
    says = [(f"{'w' * 70}{number}", f"status {number}") for number in range(50)]
    message = render_answer("word & " * 20_000, says)
    assert problems_of(message) == []
    assert message.blocks[-1]["type"] == "actions"
    assert [one["value"] for one in message.blocks[-1]["elements"]] == [
        f"status {number}" for number in range(10)
    ]


def test_an_error_names_what_the_logs_know_it_by(
    golden_message: Callable[[str, ChatMessage | None], None],
) -> None:
    golden_message("error", render_error("Slack did not answer. Please try again.", "01JE5"))


TOO_LONG: Mapping[str, str] = {
    "lines": "\n".join(f"line {number}  " for number in range(5_000)),
    "paragraphs": "\n\n".join(f"paragraph {number}" for number in range(5_000)),
    "one line": "word " * 20_000,
    "one word": "w" * 100_000,
    "a fence": "```\n" + "code & more\n" * 5_000 + "```",
    "fences": "```\na\n```\n\n" * 500,
    "a list": "\n".join(f"- item {number}" for number in range(5_000)),
    "nested lists": "\n".join(f"{'  ' * number}- item" for number in range(100)),
    "a table": "| a | b |\n| - | - |\n" + "| c | d |\n" * 3_000,
    "links": "[a](https://example.com/) " * 3_000,
    "ampersands": "& " * 20_000,
}


@pytest.mark.parametrize("name", TOO_LONG)
def test_a_long_answer_stays_inside_every_limit(name: str) -> None:
    message = render_answer(TOO_LONG[name])
    assert problems_of(message) == []
    assert message.blocks


def test_people_are_named_without_their_ids() -> None:
    said = "Asked for by Ada (slack:U1) in Slack; subscribed by `Grace (slack:U2)`."
    message = render_answer(said)
    assert message.text == "Asked for by Ada in Slack; subscribed by `Grace`."
    assert "slack:U" not in as_json(message)


def test_what_finds_no_room_is_counted() -> None:
    message = render_answer(TOO_LONG["a list"])
    assert message.blocks[-1]["text"]["text"].endswith("more lines_")


@pytest.mark.parametrize("markdown", ["", " ", "\n\n", "---", "```\n```"])
def test_an_empty_answer_is_a_message_all_the_same(markdown: str) -> None:
    message = render_answer(markdown)
    assert (problems_of(message), message.text) == ([], "There is nothing to say.")


def test_the_modals_are_what_they_were(request: pytest.FixtureRequest) -> None:
    run = an_apply(state=RunState.WAITING, verb=Verb.DESTROY, counts=(0, 0, 2))
    destroyed = a_report(run, destroyed=("network.main", "<!channel>"))
    views = {
        "view_start": render_start_view(FormPlace(channel="C1")),
        "view_start_chosen": render_start_view(
            FormPlace(channel="C1"), verb=Verb.APPLY, workspace="acme/network", branch="dev"
        ),
        "view_confirm": render_confirm_view(destroyed, PLACE),
    }
    for name, view in views.items():
        assert problems_of_view(view) == []
        check_golden(request, GOLDEN / f"{name}.json", as_json(view))
        check_golden(request, GOLDEN / f"{name}.txt", shown_view(view))


def test_a_file_holds_the_complete_plan() -> None:
    run = a_run("net work", counts=(2, 0, 0))
    found = render_file(chat(a_report(run, plan=a_plan(2))))
    assert found == ChatFile(
        name="plan-acme-net-work-job-17.txt",
        title="Plan of acme/net work, job 17, +2 ~0 \u22120",
        text=a_plan(2),
    )


def test_there_is_no_file_without_a_plan_that_changes_something() -> None:
    unchanged = a_run(counts=(0, 0, 0))
    assert render_file(chat(a_report(unchanged, plan="No changes."))) is None
    assert render_file(chat(a_report(a_run()))) is None
