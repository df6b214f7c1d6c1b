"""Golden files of every kind of message about runs."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.chat import ChatMessage
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import Review, RunPhase, RunState, Verb
from bridge.domain.work import Answer
from bridge.rendering.slack import render_live, render_prompts, render_result
from tests.bridge.rendering.reports import (
    NOW,
    a_hold,
    a_place,
    a_plan,
    a_report,
    a_run,
    an_apply,
    steps,
)
from tests.bridge.rendering.slack.chats import (
    ADA,
    BOB,
    a_chat_report,
    a_decision,
    a_pull_request,
    a_vote,
    chat,
)

GoldenMessage = Callable[[str, ChatMessage | None], None]
WAITING_STEPS = steps("completed", "pending", "pending")
ERROR = """Error: creating the network: the quota of 5 networks is used up

  with network.main,
  on main.tf line 3, in resource "network" "main":
   3: resource "network" "main" {

The quota can be raised by whoever runs the cloud."""


def a_waiting(workspace: str = "network", **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    known: dict[str, Any] = {
        "counts": (3, 1, 2),
        "review": Review.ASKED,
        "digest": "json1:abc",
        "steps": WAITING_STEPS,
        "actor": ADA,
        "trouble": "The plan is not the reviewed one. A person has to decide.",
    }
    run = an_apply(workspace, RunState.WAITING, **(known | changes))
    report = a_report(run, plan=a_plan(4), destroyed=("network.old", "route.old"))
    return chat(report)


def waiting(*, votes: int = 0, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    return replace(a_waiting(**changes), votes=(a_vote(),) * votes)


def applied(state: RunState = RunState.SUCCEEDED, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    known: dict[str, Any] = {"counts": (3, 1, 2), "actor": ADA, "review": Review.APPROVED}
    run = an_apply("network", state, **(known | changes))
    return chat(a_report(run, plan=a_plan(2)), a_decision(run))


def half_applied() -> ChatRun:
    one = applied(RunState.FAILED)
    report = replace(
        one.report,
        applied=("network.main", "route.main"),
        not_applied=("gateway.main",),
        outputs=a_report(one.report.run, plan=a_plan(2), error=ERROR).outputs,
    )
    return replace(one, report=report)


def destroying(state: RunState) -> ChatRun:
    run = an_apply(
        "network",
        state,
        verb=Verb.DESTROY,
        counts=(0, 0, 14),
        actor=ADA,
        review=Review.ASKED,
        steps=WAITING_STEPS,
    )
    gone = tuple(f"network.main[{number}]" for number in range(14))
    return chat(a_report(run, destroyed=gone))


def a_job() -> ChatRun:
    run = a_run("network", RunState.WAITING, verb=Verb.JOB, counts=(1, 0, 0), steps=WAITING_STEPS)
    request = replace(run.request, actor="carol@example.com", branch="main", pull_request=None)
    return chat(a_report(replace(run, request=request), plan=a_plan(1)))


def a_push(workspace: str, state: RunState, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    run = a_run(workspace, state, verb=Verb.PUSH, applies=True, **changes)
    request = replace(run.request, branch="main", trigger="push:code:7:refs/heads/main@1..2")
    return chat(a_report(replace(run, request=request)))


def forty() -> tuple[ChatRun, ...]:
    states = [RunState.WAITING, RunState.FAILED, RunState.SUCCEEDED, RunState.RUNNING]
    runs = [
        a_run(
            f"app-{number:02}", states[number % 4], counts=(number, 0, number % 3), job=f"{number}"
        )
        for number in range(40)
    ]
    known = (replace(run, id=f"{run.id}{number}") for number, run in enumerate(runs))
    return tuple(chat(a_report(run)) for run in known)


def single(one: ChatRun) -> ChatReport:
    return a_chat_report(one, asked=True)


def plan(state: RunState, **changes: Any) -> ChatRun:  # noqa: ANN401 - any field of a run
    run = a_run("network", state, **changes)
    request = replace(run.request, actor=ADA, branch="main")
    return chat(a_report(replace(run, request=request), plan=changes.get("counts") and a_plan(20)))


def queued_behind_another() -> ChatRun:
    run = an_apply(state=RunState.QUEUED, job="", actor=ADA, review=Review.DUE)
    return chat(a_report(run, queue=a_place(a_hold(actor=BOB), 2)))


LIVE: Mapping[str, ChatReport] = {
    "live_queued": single(plan(RunState.QUEUED, job="")),
    "live_queued_behind_another": single(queued_behind_another()),
    "live_running": single(plan(RunState.RUNNING)),
    "live_being_cancelled": single(plan(RunState.RUNNING, cancel_requested=True)),
    "live_troubled": single(plan(RunState.QUEUED, trouble="Terrakube cannot be reached: <503>.")),
    "live_planned": single(plan(RunState.SUCCEEDED, counts=(20, 0, 0))),
    "live_unchanged": single(plan(RunState.SUCCEEDED, counts=(0, 0, 0))),
    "live_waiting": single(a_waiting()),
    "live_voted": single(waiting(votes=1)),
    "live_comparing": single(a_waiting(review=Review.DUE, trouble="")),
    "live_approved": single(applied(RunState.RUNNING, started_at=NOW)),
    "live_approved_in_terrakube": single(
        replace(applied(RunState.RUNNING, decided_by="somebody in Terrakube"), decisions=())
    ),
    "live_applied": single(applied()),
    "live_destroying": single(destroying(RunState.WAITING)),
    "live_destroyed": single(destroying(RunState.SUCCEEDED)),
    "live_half_applied": single(half_applied()),
    "live_job_of_terrakube": single(a_job()),
    "live_pull_request_of_one": a_pull_request(a_waiting()),
    "live_pull_request_of_three": a_pull_request(
        a_waiting(), plan(RunState.SUCCEEDED, counts=(20, 0, 0)), half_applied()
    ),
    "live_pull_request_of_forty": a_pull_request(*forty()),
    "live_push": a_chat_report(
        a_push("network", RunState.SUCCEEDED, counts=(1, 0, 0)),
        a_push("dns", RunState.RUNNING),
        a_push("old", RunState.SUCCEEDED, counts=(0, 0, 0)),
        group="push:code:7:refs/heads/main@1..2",
    ),
    "live_burst": a_chat_report(*forty()[:7], group="burst:1"),
}


@pytest.mark.parametrize("name", LIVE)
def test_a_live_message_is_what_it_was(name: str, golden_message: GoldenMessage) -> None:
    golden_message(name, render_live(LIVE[name], quorums={LIVE[name].runs[0].report.run.id: 2}))


def answered_by_cancel() -> ChatRun:
    one = a_waiting(cancel_requested=True, decided_by=BOB)
    return replace(one, decisions=(a_decision(one.report.run, Answer.CANCEL),))


def sensitive() -> ChatRun:
    one = a_waiting(
        delta="different: db.main (password)\ngone: <!channel>",
        trouble="It holds sensitive values.",
    )
    outputs = a_report(
        one.report.run,
        plan="  # db.main will be updated in-place\n  ~ password = (sensitive value)\n",
    ).outputs
    return replace(one, report=replace(one.report, outputs=outputs))


def approved_by_two() -> ChatRun:
    one = applied(RunState.RUNNING)
    return replace(one, decisions=(a_decision(one.report.run, earlier=("carol", ADA)),))


PROMPTS: Mapping[str, tuple[ChatRun, int]] = {
    "prompt_waiting": (a_waiting(), 0),
    "prompt_voted": (waiting(votes=1), 0),
    "prompt_destroy": (destroying(RunState.WAITING), 0),
    "prompt_sensitive": (sensitive(), 0),
    "prompt_job_of_terrakube": (a_job(), 0),
    "prompt_approved": (applied(RunState.RUNNING), 1),
    "prompt_approved_by_two": (approved_by_two(), 1),
    "prompt_rejected": (
        replace(
            applied(RunState.REJECTED),
            decisions=(a_decision(a_run(), Answer.REJECT, actor="carol", door="comment"),),
        ),
        1,
    ),
    "prompt_cancelled": (answered_by_cancel(), 1),
    "prompt_approved_in_terrakube": (
        replace(applied(RunState.RUNNING, decided_by="somebody in Terrakube"), decisions=()),
        1,
    ),
}


@pytest.mark.parametrize("name", PROMPTS)
def test_a_prompt_is_what_it_was(name: str, golden_message: GoldenMessage) -> None:
    one, sent = PROMPTS[name]
    run_id = one.report.run.id
    (message,) = render_prompts(single(one), run_id, sent=sent, quorum=2)
    golden_message(name, message)


def failed(error: str = ERROR) -> ChatRun:
    run = a_run("network", RunState.FAILED, job="9")
    return chat(a_report(run, error=error))


def of_trigger(*runs: ChatRun) -> ChatReport:
    return a_pull_request(*runs)


RESULTS: Mapping[str, ChatReport] = {
    "result_failed": of_trigger(failed()),
    "result_failed_at_length": of_trigger(failed("\n".join([*map(str, range(500)), ERROR]))),
    "result_half_applied": of_trigger(half_applied()),
    "result_error_of_terrakube": of_trigger(
        plan(RunState.ERROR, reason="Terrakube could not be reached for 10 minutes.")
    ),
    "result_unchanged": of_trigger(plan(RunState.SUCCEEDED, counts=(0, 0, 0))),
    "result_applied": of_trigger(applied()),
    "result_rejected": of_trigger(
        replace(applied(RunState.REJECTED, reason=f"Rejected by {BOB}."), decisions=())
    ),
    "result_cancelled": of_trigger(
        replace(
            applied(RunState.CANCELLED, reason="Cancelled by `carol`.", decided_by="carol"),
            decisions=(),
        )
    ),
    "result_of_several": of_trigger(
        failed(), half_applied(), plan(RunState.SUCCEEDED, counts=(20, 0, 0))
    ),
}


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_is_what_it_was(name: str, golden_message: GoldenMessage) -> None:
    report = RESULTS[name]
    golden_message(name, render_result(report, report.runs[0].report.run.request.trigger))


@pytest.mark.parametrize(
    ("votes", "said"),
    [(1, "1 of 2 approved: "), (2, "some may be one person: others have to as well")],
)
def test_approvals_of_those_who_may_be_one_do_not_look_like_enough(votes: int, said: str) -> None:
    one = waiting(votes=votes)
    report = single(one)
    quorums = {one.report.run.id: 2}
    live = render_live(report, quorums=quorums)
    (prompt,) = render_prompts(report, one.report.run.id, quorum=2)
    for message in (live, prompt):
        assert message is not None
        assert said in json.dumps(message.blocks)
        assert "2 of 2" not in json.dumps(message.blocks)


def test_a_message_does_not_change_with_the_clock() -> None:
    later = timedelta(days=2)
    for report in LIVE.values():
        again = replace(report, now=report.now + later)
        assert render_live(again) == render_live(report)
        for one in report.runs:
            run_id = one.report.run.id
            assert render_prompts(again, run_id) == render_prompts(report, run_id)


def test_an_overtaken_plan_is_shown_where_it_was_told_of(golden_message: GoldenMessage) -> None:
    one = plan(RunState.SUPERSEDED, phase=RunPhase.FINISHED, reason="A newer commit was pushed.")
    golden_message("live_superseded", render_live(a_pull_request(one), sent=True))
