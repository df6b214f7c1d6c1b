"""Who is told what, how often asked, and what the buttons carry."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.chat import ChatMessage, Interest
from bridge.domain.chat_controls import Control, RunButton, mark_of
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import Review, RunPhase, RunState, Verb
from bridge.domain.work import Answer, DecisionPhase
from bridge.rendering.slack import render_live, render_prompts, render_result
from tests.bridge.rendering.reports import a_report, a_run, an_apply, steps
from tests.bridge.rendering.slack.chats import BOB, a_chat_report, a_decision, chat

STARTED, APPROVAL, FAILED, APPLIED = Interest
TRIGGER = "pr:code:7:1@4b825dc+9c1185a"


def waiting(**changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    known: dict[str, Any] = {
        "review": Review.ASKED,
        "digest": "json1:abc",
        "counts": (1, 0, 0),
        "steps": steps("completed", "pending", "pending"),
    }
    return chat(a_report(an_apply(state=RunState.WAITING, **(known | changes))))


def plan(state: RunState, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    return chat(a_report(a_run(state=state, **changes)))


def apply(state: RunState = RunState.SUCCEEDED, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    return chat(a_report(an_apply(state=state, **changes)))


def decided() -> ChatRun:
    one = apply(RunState.RUNNING)
    return replace(one, decisions=(a_decision(one.report.run),))


def compared() -> ChatRun:
    one = apply(RunState.RUNNING)
    return replace(one, decisions=(a_decision(one.report.run, door="bridge"),))


TOLD: list[tuple[str, ChatRun, set[Interest]]] = [
    ("queued", plan(RunState.QUEUED), {STARTED}),
    ("running", plan(RunState.RUNNING), {STARTED}),
    ("planned", plan(RunState.SUCCEEDED, counts=(1, 0, 0)), {STARTED}),
    ("waiting", waiting(), {STARTED, APPROVAL}),
    ("comparing", waiting(review=Review.DUE), {STARTED}),
    ("decided", decided(), {STARTED, APPROVAL}),
    ("compared by the bridge", compared(), {STARTED}),
    ("failed", plan(RunState.FAILED), {STARTED, FAILED}),
    ("about to fail", plan(RunState.FAILED, phase=RunPhase.COLLECTING), {STARTED}),
    ("error", plan(RunState.ERROR), {STARTED, FAILED}),
    ("apply failed", apply(RunState.FAILED), {STARTED, FAILED, APPLIED}),
    ("applied", apply(counts=(1, 0, 0)), {STARTED, APPLIED}),
    ("nothing to apply", apply(counts=(0, 0, 0)), {STARTED}),
    ("pushed", plan(RunState.SUCCEEDED, verb=Verb.PUSH), {STARTED, APPLIED}),
    ("cancelled", apply(RunState.CANCELLED), {STARTED}),
]


def about(one: ChatRun, *interests: Interest, **changes: Any) -> ChatReport:  # noqa: ANN401 - any field of a report
    return a_chat_report(one, interests=frozenset(interests), **changes)


@pytest.mark.parametrize(("one", "wanted"), [row[1:] for row in TOLD], ids=[r[0] for r in TOLD])
def test_a_channel_is_told_what_it_wants(one: ChatRun, wanted: set[Interest]) -> None:
    told = {interest for interest in Interest if render_live(about(one, interest)) is not None}
    assert told == wanted
    assert render_live(about(one)) is None
    assert render_live(about(one, asked=True)) is not None


def test_what_was_told_goes_on_being_told() -> None:
    one = plan(RunState.RUNNING)
    assert render_live(about(one, FAILED)) is None
    assert render_live(about(one, FAILED), sent=True) is not None
    assert render_live(a_chat_report(asked=True), sent=True) is None  # nothing is left of it


RESULTS: list[tuple[str, tuple[ChatRun, ...], set[Interest]]] = [
    ("none yet", (plan(RunState.RUNNING),), set()),
    ("planned", (plan(RunState.SUCCEEDED, counts=(1, 0, 0)),), {STARTED}),
    ("one of two", (plan(RunState.SUCCEEDED), plan(RunState.RUNNING)), set()),
    ("one failed", (plan(RunState.FAILED), plan(RunState.RUNNING)), {STARTED, FAILED}),
    ("applied", (apply(counts=(1, 0, 0)),), {STARTED, APPLIED}),
    ("rejected", (apply(RunState.REJECTED),), {STARTED}),
    ("overtaken", (plan(RunState.SUPERSEDED),), set()),
]


@pytest.mark.parametrize(("runs", "wanted"), [r[1:] for r in RESULTS], ids=[r[0] for r in RESULTS])
def test_a_result_is_said_once_there_is_one(
    runs: tuple[ChatRun, ...], wanted: set[Interest]
) -> None:
    reports = {one: a_chat_report(*runs, interests=frozenset({one})) for one in Interest}
    told = {one for one, report in reports.items() if render_result(report, TRIGGER) is not None}
    assert told == wanted


def test_a_quiet_channel_hears_no_result_unless_somebody_asked_there() -> None:
    report = a_chat_report(apply(counts=(1, 0, 0)), quiet=True)
    assert render_result(report, TRIGGER) is None
    assert render_result(replace(report, asked=True), TRIGGER) is not None
    assert render_result(report, TRIGGER, sent=True) is not None
    assert render_result(report, "another") is None


def elements(message: ChatMessage | None) -> list[Mapping[str, Any]]:
    assert message is not None
    rows = [block for block in message.blocks if block["type"] == "actions"]
    return [element for row in rows for element in row["elements"]]


def buttons(message: ChatMessage | None) -> list[str]:
    return [str(element["action_id"]) for element in elements(message)]


def prompts(one: ChatRun, **more: Any) -> list[list[str]]:  # noqa: ANN401 - any argument
    run_id = one.report.run.id
    found = render_prompts(about(one, APPROVAL), run_id, **more)
    return [buttons(message) for message in found]


ANSWERS = [Control.APPROVE, Control.REJECT, Control.CANCEL, Control.LOGS, Control.LINK]


def test_a_prompt_has_buttons_while_its_step_waits_and_none_afterwards() -> None:
    first, second = waiting(), waiting(steps=steps("completed", "completed", "pending"))
    run = first.report.run
    approved = (a_decision(run, step="101"),)
    ended = apply()
    both = (*approved, a_decision(run, step="102", actor="carol"))
    assert prompts(first) == [ANSWERS]
    assert prompts(replace(first, decisions=approved), sent=1) == [[]]
    assert prompts(replace(second, decisions=approved), sent=1) == [[], ANSWERS]
    assert prompts(replace(ended, decisions=both), sent=2) == [[], []]


def test_nobody_is_asked_before_the_plan_was_read() -> None:
    """A button from before it carries no plan, and would be refused as too old."""
    report = a_chat_report(waiting(phase=RunPhase.REVIEWING, digest=""))
    run_id = report.runs[0].report.run.id
    assert list(render_prompts(report, run_id)) == []
    live = render_live(report)
    assert live is not None
    assert Control.APPROVE.value not in str(live.blocks)
    read = a_chat_report(waiting(phase=RunPhase.CREATED, digest=""))
    assert len(render_prompts(read, run_id)) == 1


def test_a_step_that_is_being_answered_waits_no_more() -> None:
    one = waiting(phase=RunPhase.REVIEWING, decided_by=BOB)
    claimed = a_decision(one.report.run, phase=DecisionPhase.CLAIMED)
    assert prompts(replace(one, decisions=(claimed,)), sent=1) == [[]]


def test_an_answer_somebody_in_terrakube_was_faster_than_leaves_no_button_behind() -> None:
    one = apply(RunState.RUNNING, decided_by="somebody in Terrakube")
    void = a_decision(one.report.run, phase=DecisionPhase.VOID)
    (message,) = render_prompts(about(replace(one, decisions=(void,))), one.report.run.id, sent=1)
    assert buttons(message) == []
    assert message.text.startswith("Approved by somebody in Terrakube")


def test_nobody_is_asked_what_the_bridge_compares_or_what_is_being_cancelled() -> None:
    assert prompts(waiting(review=Review.DUE)) == []
    assert prompts(compared()) == []
    one = waiting(cancel_requested=True, decided_by=BOB)
    cancelled = replace(one, decisions=(a_decision(one.report.run, Answer.CANCEL),))
    assert prompts(cancelled) == []
    assert prompts(cancelled, sent=1) == [[]]


def test_only_those_who_want_it_are_asked() -> None:
    one = waiting()
    assert render_prompts(about(one, FAILED), one.report.run.id) == ()
    assert len(render_prompts(about(one, FAILED), one.report.run.id, sent=1)) == 1
    assert len(render_prompts(about(one, FAILED, asked=True), one.report.run.id)) == 1
    assert render_prompts(about(one, APPROVAL), "another") == ()


NAMED = [
    ("ten", waiting(counts=(0, 0, 10)), 10, Control.APPROVE),
    ("eleven", waiting(counts=(0, 0, 11)), 10, Control.TYPE_NAME),
    ("one of none", waiting(counts=(0, 0, 1)), 0, Control.TYPE_NAME),
    ("a destroy", waiting(verb=Verb.DESTROY, counts=(0, 0, 1)), 10, Control.TYPE_NAME),
]


@pytest.mark.parametrize(
    ("one", "most", "expected"), [r[1:] for r in NAMED], ids=[r[0] for r in NAMED]
)
def test_many_deletions_take_the_workspaces_name(
    one: ChatRun, most: int, expected: Control
) -> None:
    report = about(one, asked=True)
    (prompt,) = render_prompts(report, one.report.run.id, confirm_deletions=most)
    assert buttons(prompt)[0] == expected
    assert buttons(render_live(report, confirm_deletions=most))[0] == expected


def test_a_button_carries_the_run_the_step_and_the_plan_that_was_shown() -> None:
    run = waiting().report.run
    approve = elements(render_live(about(waiting(), asked=True)))[0]
    expected = RunButton(run_id=run.id, step="101", mark=mark_of(run))
    assert RunButton.parse(approve["value"]) == expected
    assert expected.mark != ""


def test_a_confirmation_says_what_it_would_do() -> None:
    approve = elements(render_live(about(waiting(counts=(3, 1, 2)), asked=True)))[0]
    assert (approve["confirm"]["title"]["text"], approve["confirm"]["text"]["text"]) == (
        "Approve acme/network?",
        "+3 ~1 \u22122 in acme/network. 2 resources will be destroyed or replaced.",
    )
    assert (approve["style"], approve["confirm"]["style"]) == ("primary", "danger")


def test_of_many_that_wait_only_so_many_have_buttons_as_fit() -> None:
    runs = [waiting() for _ in range(7)]
    known = [
        replace(one, report=replace(one.report, run=replace(one.report.run, id=f"01JD{number}")))
        for number, one in enumerate(runs)
    ]
    message = render_live(a_chat_report(*known, asked=True))
    assert buttons(message) == [Control.APPROVE, Control.REJECT, Control.CANCEL] * 5
