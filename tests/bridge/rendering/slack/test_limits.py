"""However much there is to say, and whatever it says: it stays inside every limit, and inert."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.domain.chat import ChatMessage
from bridge.domain.chat_controls import FormPlace
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import Output, OutputKind, RunOptions, RunState, TemplateChoice, Verb
from bridge.domain.work import Answer
from bridge.rendering.slack import (
    render_answer,
    render_confirm_view,
    render_error,
    render_file,
    render_live,
    render_prompts,
    render_result,
    render_start_view,
)
from tests.bridge.rendering.reports import (
    PULL_REQUEST,
    a_hold,
    a_place,
    a_plan,
    a_report,
    a_run,
    a_workspace,
    steps,
)
from tests.bridge.rendering.slack.chats import (
    a_chat_report,
    a_decision,
    a_vote,
    chat,
    pings_of,
    problems_of,
    problems_of_view,
)

OURS = ("!date^1795", "https://terrakube.example.com/organizations/")
INJECTIONS = (
    "<!channel>",
    "<!here>",
    "<!everyone>",
    "<@U1>",
    "<@W1|ada>",
    "<!subteam^S1>",
    "<#C1>",
    "<https://evil.example|click>",
    "<!date^1^{date}|x>",
    "&lt;!channel&gt;",
    "&amp;lt;!here>",
    "`<!channel>`",
    "```\n<!channel>\n```",
    "*bold* _italic_ ~strike~",
    "a\n> quoted\n<!here>",
    "<\u200b!channel>",
    "<!chan\u00adnel>",
    "\u202e<!channel>",
    "<!channel\x00>",
    ":tada: @channel @here",
    "[x](https://evil.example) ![x](https://evil.example/i.png)",
    "</details><!channel>",
)


def everything(text: str, state: RunState, *, verb: Verb = Verb.APPLY) -> ChatRun:
    """Make a run in which everything that others write is one text."""
    run = a_run(
        text,
        state,
        counts=(5_000, 1, 2),
        verb=verb,
        applies=True,
        trouble=text,
        reason=text,
        delta=text,
        digest="json1:abc",
        steps=steps("completed", "pending", "pending"),
    )
    request = replace(
        run.request,
        actor=text,
        branch=text,
        tag=text,
        why=text,
        commit_id="4b825dc6",
        template=TemplateChoice(reference=text, name=text),
        options=RunOptions(targets=(text,) * 20, replaces=(text,)),
        workspace=replace(a_workspace(text), organization=text),
    )
    run = replace(run, request=request, decided_by=text if state is RunState.REJECTED else "")
    addresses = tuple(f"{text}[{number}]" for number in range(50))
    rows = json.dumps([{"address": address, "actions": ["delete"]} for address in addresses])
    report = a_report(
        run, plan=text, apply=text, error=text, destroyed=addresses, applied=addresses
    )
    outputs = (*report.outputs, Output(kind=OutputKind.CHANGES, text=rows))
    hold = a_hold(actor=text, web_url=text)
    report = replace(report, not_applied=addresses, outputs=outputs, queue=a_place(hold))
    decided = a_decision(run, Answer.APPROVE, actor=text, step="1")
    return chat(report, decided, votes=(a_vote(text),) * 12)


def report_of(*runs: ChatRun, title: str = "") -> ChatReport:
    known = (replace(one.report.run, id=f"01JD{number}") for number, one in enumerate(runs))
    told = [
        replace(one, report=replace(one.report, run=run))
        for one, run in zip(runs, known, strict=True)
    ]
    return a_chat_report(*told, pull_request=PULL_REQUEST, title=title, web_url=title, asked=True)


def messages_of(report: ChatReport) -> list[ChatMessage]:
    first = report.runs[0].report.run
    found = [
        render_live(report, sent=True),
        render_live(replace(report, pull_request=None), sent=True),
        render_result(report, first.request.trigger, sent=True),
        *render_prompts(report, first.id, sent=3, quorum=2),
    ]
    return [message for message in found if message is not None]


STATES = tuple(RunState)


@pytest.mark.parametrize("text", INJECTIONS)
def test_nothing_that_others_write_takes_effect(text: str) -> None:
    """Case 28: whatever stands in names, titles, reasons, plans and logs, nobody is called."""
    ran = [everything(text, state) for state in STATES]
    for one in ran:
        for report in (report_of(one, title=text), report_of(*[one] * 12, title=text)):
            for message in messages_of(report):
                assert problems_of(message) == []
                assert pings_of(message) == []
                assert _strange_controls(message) == []
    for answer in (render_error(text, text), render_answer(text)):
        assert problems_of(answer) == []
        assert pings_of(answer) == []
    confirm = render_confirm_view(ran[0].report, FormPlace(channel="C1"))
    assert problems_of_view(confirm) == []
    assert pings_of(ChatMessage(text="x", blocks=tuple(confirm["blocks"]))) == []


def _strange_controls(message: ChatMessage) -> list[str]:
    """List what Slack would read in angle brackets, beside what the bridge writes itself."""
    places = [message.text, *_marked_up(list(message.blocks))]
    found = [one for place in places for one in re.findall(r"<([^<>]*)>?", place)]
    return [one for one in found if not one.startswith(OURS)]


def _marked_up(value: Any) -> list[str]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        own = [str(value["text"])] if value.get("type") == "mrkdwn" else []
        return own + [text for inner in value.values() for text in _marked_up(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _marked_up(inner)]
    return []


def test_people_who_are_known_in_the_chat_are_mentioned() -> None:
    run = a_run()
    request = replace(run.request, actor="<!channel> (slack:U0ADA)")
    one = chat(a_report(replace(run, request=request)))
    message = render_live(a_chat_report(one, asked=True))
    assert message is not None
    assert pings_of(message) == ["@U0ADA"]


LARGE = {
    "5,000 resources": a_plan(5_000),
    "500 KB in one resource": a_plan(1, value="v" * 500_000),
    "500 KB of markup": a_plan(1, value="<&>" * 170_000),
    "1 MB of lines": "~ <!channel>\n" * 80_000,
    "names": "n" * 100_000,
}


@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("state", [RunState.WAITING, RunState.FAILED, RunState.SUCCEEDED])
def test_what_is_large_stays_inside_every_limit(name: str, state: RunState) -> None:
    """Case 27."""
    text = LARGE[name]
    run = a_run("network", state, counts=(5_000, 0, 0), steps=steps(*["pending"] * 3))
    one = chat(a_report(run, plan=text, error=text))
    for report in (report_of(one), report_of(*[one] * 60)):
        for message in messages_of(report):
            assert problems_of(message) == []


def test_a_plan_of_5000_resources_says_how_many_it_does_not_show() -> None:
    run = a_run("network", counts=(5_000, 0, 0))
    message = render_live(report_of(chat(a_report(run, plan=a_plan(5_000)))))
    assert message is not None
    listed = next(block for block in message.blocks if block["type"] == "rich_text")
    text = listed["elements"][0]["elements"][0]["text"]
    assert text.endswith("terraform_data.many[14]\n…and 4,985 more")


SIGNS = st.sampled_from(["<", ">", "&", "`", "*", "_", "~", "|", "@", "!", "\n", " ", ":", "\x1b["])
PIECES = st.sampled_from([*INJECTIONS, "acme", "(slack:", "é", "✋", "\u200d", "a.b[0]"])
TEXTS = st.lists(SIGNS | PIECES | st.text(max_size=20), max_size=30).map("".join)
SIZED = st.tuples(TEXTS, st.sampled_from([1, 1, 1, 40, 400])).map(lambda one: one[0] * one[1])


@given(text=SIZED, state=st.sampled_from(STATES), verb=st.sampled_from(Verb), many=st.booleans())
@settings(max_examples=120)
def test_any_text_stays_inside_every_limit_and_calls_nobody(
    text: str,
    state: RunState,
    verb: Verb,
    many: bool,  # noqa: FBT001 - drawn
) -> None:
    one = everything(text, state, verb=verb)
    for message in messages_of(report_of(*[one] * (14 if many else 1), title=text)):
        assert problems_of(message) == []
        assert pings_of(message) == []
        assert _strange_controls(message) == []
    assert problems_of_view(render_confirm_view(one.report, FormPlace(channel="C1"))) == []
    render_file(one)


@given(text=SIZED)
@settings(max_examples=150)
def test_any_answer_stays_inside_every_limit_and_calls_nobody(text: str) -> None:
    for message in (render_answer(text), render_error(text, text)):
        assert problems_of(message) == []
        assert pings_of(message) == []


@given(text=TEXTS)
@settings(max_examples=40)
def test_any_choice_fits_into_the_modal(text: str) -> None:
    view = render_start_view(FormPlace(channel="C1", button=text), workspace=text, branch=text)
    assert problems_of_view(view) == []
