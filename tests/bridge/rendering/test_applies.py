"""Applies in the living comment: golden files for each state, tables for what is left out."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.rules import Gate, Locks
from bridge.domain.runs import Review, RunOptions, RunPhase, RunState, Verb
from bridge.rendering.applying import COPIED
from bridge.rendering.durations import age, moment
from tests.bridge.rendering.reports import (
    HEAD,
    NOW,
    OLDER,
    PULL_REQUEST,
    a_hold,
    a_place,
    a_plan,
    a_pull_request_report,
    a_report,
    a_run,
    an_apply,
    steps,
)
from tests.bridge.rendering.test_comments import HOSTILE, UTF_16, log, render

DELTA = """\
gone: aws_instance.old (delete)
new: aws_instance.web["a b"] (replace)
different: aws_security_group.open (update): ingress, tags"""
DIFFERENT = (
    "The plan is not the one that was reviewed any more, so nothing was changed. "
    "Look at what is different, then say `terrakube plan` and `terrakube apply` again."
)
CANNOT = (
    "A person has to decide, as the plan cannot be compared with the one that was reviewed. "
    "Look at the plan, then approve or reject it."
)
MAY_GO_ON = (
    "Cancelled by carol. Terrakube does not stop Terraform, so a step that was running may still "
    "finish."
)
OWN = a_hold("app", pull_request=PULL_REQUEST, actor="alice", since=NOW - timedelta(minutes=4))


def a_planned(workspace: str = "app", *, destroyed: tuple[str, ...] = ()) -> RunReport:
    run = a_run(workspace, counts=(1, 0, len(destroyed)))
    return a_report(run, plan=a_plan(1), destroyed=destroyed)


def with_plan(*applies: RunReport, **changes: object) -> PullRequestReport:
    return a_pull_request_report(*applies, a_planned(), **changes)


def planned() -> PullRequestReport:
    return with_plan(can_apply=True, gates=(Gate.APPROVED, Gate.MERGEABLE, Gate.PLANNED))


def with_options() -> PullRequestReport:
    targets = tuple(f'aws_vpc.x["{number}"]' for number in range(6))
    options = {
        "app": RunOptions(targets=("aws_vpc.x", "module.net")),
        "dns": RunOptions(targets=targets, refresh=False),
        "net": RunOptions(replaces=(f"a.{'b' * 200}",), refresh_only=True),
        "old": RunOptions(destroy=True),
    }
    runs = [a_run(name, counts=(1, 0, 0)) for name in options]
    requests = [replace(one.request, options=options[one.request.workspace.name]) for one in runs]
    reports = [
        a_report(replace(one, request=request)) for one, request in zip(runs, requests, strict=True)
    ]
    return a_pull_request_report(*reports, can_apply=True)


def queued() -> PullRequestReport:
    mine = a_hold("dns", pull_request=PULL_REQUEST, busy=True)
    lingers = a_hold("net", busy_until=NOW + timedelta(minutes=50), since=NOW - timedelta(days=3))
    return with_plan(
        a_report(an_apply("app", RunState.QUEUED, job=""), queue=a_place(a_hold("app"))),
        a_report(an_apply("db", RunState.QUEUED, job=""), queue=a_place(a_hold("db"))),
        a_report(an_apply("dns", RunState.QUEUED, job=""), queue=a_place(mine, 2)),
        a_report(an_apply("net", RunState.QUEUED, job=""), queue=a_place(lingers, 12)),
        holds=(mine,),
    )


def comparing() -> PullRequestReport:
    busy = replace(OWN, busy=True)
    return with_plan(
        a_report(an_apply("app", RunState.RUNNING, review=Review.DUE)),
        a_report(an_apply("dns", RunState.WAITING, review=Review.DUE)),
        a_report(an_apply("net", RunState.RUNNING, cancel_requested=True)),
        holds=(busy, replace(busy, workspace=a_hold("dns").workspace)),
    )


def asked() -> PullRequestReport:
    waits: dict[str, Any] = {
        "posted_at": NOW - timedelta(minutes=3),
        "created_at": NOW - timedelta(hours=9),
        "review": Review.ASKED,
    }
    return with_plan(
        a_report(
            an_apply(
                "app",
                RunState.WAITING,
                counts=(1, 0, 1),
                trouble=CANNOT,
                digest="json1:abc",
                **waits,
            ),
            plan=a_plan(1, value="to be decided about"),
            destroyed=("aws_instance.old",),
        ),
        a_report(
            an_apply(
                "dns",
                RunState.WAITING,
                phase=RunPhase.REVIEWING,
                decided_by="bob",
                trouble=CANNOT.replace("acme/app", "acme/dns"),
                **waits,
            )
        ),
    )


def expired() -> PullRequestReport:
    late: dict[str, Any] = {
        "posted_at": NOW - timedelta(hours=6),
        "created_at": NOW - timedelta(hours=6),
    }
    ended = (
        "Its approval has expired: Terrakube ends every job 6 hours after it was created. "
        "Nothing was changed; say `terrakube apply` again."
    )
    return with_plan(
        a_report(an_apply("app", RunState.WAITING, review=Review.ASKED, **late)),
        a_report(
            an_apply(
                "dns",
                RunState.ERROR,
                review=Review.ASKED,
                reason=ended,
                steps=steps("completed", "notExecuted", "notExecuted"),
            )
        ),
    )


def differs() -> PullRequestReport:
    return with_plan(
        a_report(
            an_apply(
                "app",
                RunState.REJECTED,
                review=Review.REJECTED,
                reason=DIFFERENT,
                delta=DELTA,
                counts=(1, 1, 1),
            ),
            plan=a_plan(2),
        ),
        can_apply=True,
    )


def applied() -> PullRequestReport:
    return a_pull_request_report(
        a_report(
            an_apply("app", counts=(1, 0, 1), decided_by="bob", digest="json1:abc"),
            plan=a_plan(1, value="the same as in the plan"),
            apply=log("apply_ok"),
            destroyed=("aws_instance.old",),
        ),
        a_report(an_apply("dns", counts=(2, 0, 0), decided_by="alice")),
        a_planned(destroyed=("aws_instance.old",)),
        a_report(a_run("dns", counts=(2, 0, 0))),
        a_report(a_run("net", counts=(0, 1, 0))),
        holds=(OWN, replace(OWN, workspace=a_hold("dns").workspace)),
        can_apply=True,
        merging="code.example.com refuses to merge it: a review by @acme/ops is missing (see #4).",
    )


def failed() -> PullRequestReport:
    return with_plan(
        a_report(
            an_apply("app", RunState.FAILED),
            apply=log("apply_failed_midway"),
            error="Error: local-exec provisioner error",
            applied=("terraform_data.first",),
            not_applied=('terraform_data.many["a b"]', "terraform_data.many[1]"),
        ),
        a_report(
            an_apply("dns", RunState.FAILED, steps=steps("failed", "notExecuted", "notExecuted")),
            error="Error: Unsupported argument",
        ),
        a_report(an_apply("net", RunState.FAILED)),
        holds=(OWN,),
        can_apply=True,
    )


def cancelled() -> PullRequestReport:
    return with_plan(
        a_report(
            an_apply("app", RunState.CANCELLED, reason=MAY_GO_ON, decided_by="carol"),
            applied=("terraform_data.first",),
            not_applied=("terraform_data.second",),
        ),
        a_report(
            an_apply(
                "dns",
                RunState.CANCELLED,
                job="",
                review=Review.DUE,
                reason="Cancelled by carol before it started.",
            )
        ),
        holds=(replace(OWN, busy_until=NOW + timedelta(minutes=56)),),
    )


def destroyed() -> PullRequestReport:
    destroys = RunOptions(destroy=True)
    plan = a_run("app", counts=(0, 0, 1))
    return a_pull_request_report(
        a_report(
            an_apply("app", RunState.FAILED, verb=Verb.DESTROY),
            error="Error: still in use",
            not_applied=("aws_instance.old",),
        ),
        a_report(
            replace(plan, request=replace(plan.request, options=destroys)),
            destroyed=("aws_instance.old",),
        ),
        can_apply=True,
    )


def moved_on() -> PullRequestReport:
    """Return a report in which a push came while an apply ran."""
    older = an_apply("app", RunState.RUNNING, commit=OLDER)
    return with_plan(
        stale=(
            a_report(older),
            a_report(a_run("dns", counts=(0, 1, 0), commit=OLDER)),
        ),
        holds=(replace(OWN, busy=True),),
    )


def hostile() -> PullRequestReport:
    name = "x|`@acme/team` <b>"
    ready = an_apply(
        name, RunState.REJECTED, actor="@mallory|", decided_by="#1", reason="`", delta=HOSTILE
    )
    return a_pull_request_report(
        a_report(ready, applied=("@x", "```")),
        a_report(
            an_apply("f", RunState.FAILED), applied=("@x|", "```"), not_applied=("</details>",)
        ),
        a_report(
            an_apply("q", RunState.QUEUED),
            queue=a_place(a_hold("q", web_url="javascript:alert(1)", actor="@bob")),
        ),
        a_report(an_apply(name, RunState.WAITING, review=Review.ASKED)),
        holds=(a_hold(name, actor="<@bob>"),),
        merging="/close\n@acme/team #1 `</details>`",
    )


GOLDEN: dict[str, Callable[[], PullRequestReport]] = {
    "apply_hint": planned,
    "plans_with_options": with_options,
    "apply_queued": queued,
    "apply_comparing": comparing,
    "apply_asked": asked,
    "apply_expired": expired,
    "apply_differs": differs,
    "apply_applied": applied,
    "apply_failed": failed,
    "apply_cancelled": cancelled,
    "apply_destroy_failed": destroyed,
    "apply_of_older_head": moved_on,
    "apply_hostile": hostile,
}


@pytest.mark.parametrize("name", GOLDEN)
def test_applies_look_like_their_golden_files(
    name: str, golden: Callable[[str, str], None]
) -> None:
    (part,) = render(GOLDEN[name]())
    golden(f"{name}.md", part)


def test_a_destruction_that_is_planned_is_hinted_at() -> None:
    run = a_run("app", counts=(0, 0, 1))
    request = replace(run.request, options=RunOptions(destroy=True))
    report = a_pull_request_report(a_report(replace(run, request=request)), can_apply=True)
    (part,) = render(report)
    assert "Comment `terrakube destroy` to destroy what is planned to be; " in part


def test_that_a_destroy_destroys_is_not_said_twice() -> None:
    run = an_apply("app", RunState.RUNNING, verb=Verb.DESTROY)
    request = replace(run.request, options=RunOptions(destroy=True, targets=("a.b",)))
    (part,) = render(a_pull_request_report(a_report(replace(run, request=request))))
    assert " UTC with `-target=a.b` |" in part


def test_without_lasting_locks_nobody_is_told_to_unlock() -> None:
    waiting = a_report(an_apply("db", RunState.QUEUED, job=""), queue=a_place(a_hold("db")))
    (part,) = render(a_pull_request_report(waiting, holds=(OWN,), locks=Locks.NONE))
    assert "**Locked by this pull request** until what runs there has ended:" in part
    assert "It is freed when what runs there has ended." in part
    assert "unlock" not in part


def test_forty_workspaces_that_are_applied(golden: Callable[[str, str], None]) -> None:
    states = [RunState.QUEUED, RunState.FAILED, RunState.RUNNING, *[RunState.SUCCEEDED] * 37]
    names = [f"workspace-{number:02}" for number in range(40)]
    plans = [a_run(name, counts=(1, 0, 0), id=f"01JD{name}") for name in names]
    (part,) = render(
        a_pull_request_report(
            *(
                a_report(an_apply(plan.request.workspace.name, state, of=plan, id=plan.id))
                for plan, state in zip(plans, states, strict=True)
            ),
            *(a_report(plan) for plan in plans),
            holds=tuple(replace(OWN, workspace=a_hold(name).workspace) for name in names),
        )
    )
    golden("apply_of_forty.md", part)


@pytest.mark.parametrize(
    ("report", "hints"),
    [
        (with_plan(can_apply=True), True),
        (with_plan(can_apply=False), False),
        (a_pull_request_report(a_report(a_run(counts=(0, 0, 0))), can_apply=True), False),
        (a_pull_request_report(a_report(a_run(state=RunState.FAILED)), can_apply=True), False),
        (a_pull_request_report(can_apply=True), False),
        # While it is applied, and afterwards, there is nothing to say apply to.
        *(
            (with_plan(a_report(an_apply("app", state)), can_apply=True), False)
            for state in RunState
        ),
        # One that ended before anything was changed may be said again.
        (
            with_plan(
                a_report(
                    an_apply(
                        "app",
                        RunState.CANCELLED,
                        steps=steps("completed", "pending", "notExecuted"),
                    )
                ),
                can_apply=True,
            ),
            True,
        ),
        (with_plan(a_report(an_apply("app", RunState.SUPERSEDED, job="")), can_apply=True), True),
        # One that failed, or found another plan, needs a new one.
        (with_plan(a_report(an_apply("app", RunState.FAILED, job="")), can_apply=True), False),
        (with_plan(a_report(an_apply("app", RunState.REJECTED, job="")), can_apply=True), False),
        # Another plan was made since.
        (
            with_plan(
                a_report(an_apply("app", RunState.FAILED, of=a_run("app", job="9", id="01JC"))),
                can_apply=True,
            ),
            True,
        ),
    ],
)
def test_apply_is_suggested_where_it_would_do_something(
    report: PullRequestReport, *, hints: bool
) -> None:
    (part,) = render(report)
    assert ("Comment `terrakube apply` to apply what is planned here; " in part) is hints


def test_a_plan_that_is_applied_warns_of_nothing() -> None:
    """What would be destroyed is said while it may be stopped, once for plan and apply."""
    told = {
        state: "1 resource would be destroyed" in part
        for state in RunState
        for part in render(
            a_pull_request_report(
                a_report(an_apply("app", state, counts=(0, 0, 1)), destroyed=("aws_instance.old",)),
                a_planned(destroyed=("aws_instance.old",)),
            )
        )
    }
    quiet = {RunState.SUCCEEDED, RunState.RUNNING}
    assert told == {state: state not in quiet for state in RunState}


def test_what_people_may_copy_is_what_can_be_typed() -> None:
    """A comment takes so many commands, and a name with a blank would be two words."""
    names = ["a b", *(f"w{number:02}" for number in range(COPIED + 2))]
    (part,) = render(
        a_pull_request_report(
            *(a_report(an_apply(name, RunState.WAITING, review=Review.ASKED)) for name in names)
        )
    )
    _, copied, _ = part.split("```\n")
    rest = copied.splitlines()
    assert rest == [f"terrakube approve -w acme/w{number:02}" for number in range(COPIED)]
    assert "instead of `approve`, and 3 more:" in part


@pytest.mark.parametrize("command", ["```", "terrakube\n```", "", "two words", "-w"])
def test_a_command_that_cannot_be_typed_is_not_there_to_copy(command: str) -> None:
    report = a_report(an_apply("app", RunState.WAITING, review=Review.ASKED))
    (part,) = render(a_pull_request_report(report, command=command))
    assert "```\n" not in part


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (-1, "Say `terrakube plan -w acme/app`, then `terrakube apply -w acme/app` again."),
        (
            1,
            "look at that plan, then say `terrakube apply -w acme/app` once more.",
        ),
    ],
)
def test_what_failed_need_not_be_planned_twice(minutes: int, said: str) -> None:
    apply = an_apply("app", RunState.FAILED)
    plan = a_run("app", created_at=apply.created_at + timedelta(minutes=minutes))
    (part,) = render(a_pull_request_report(a_report(apply), a_report(plan)))
    assert said in part


def test_long_lists_of_changes_are_there_in_full() -> None:
    changed = tuple(f"terraform_data.many[{number}]" for number in range(300))
    report = a_pull_request_report(
        a_report(an_apply("app", RunState.FAILED), applied=changed, not_applied=("a.b",))
    )
    (part,) = render(report)
    assert "Changed: 300 resources, among them `terraform_data.many[0]`" in part
    assert part.count("+ changed: terraform_data.many[") == 300
    assert "! not changed: a.b\n" in part


def test_a_difference_that_finds_no_room_is_named() -> None:
    delta = "\n".join(f"new: aws_instance.web[{number}] (create)" for number in range(200))
    run = an_apply("app", RunState.REJECTED, review=Review.REJECTED, delta=delta)
    (part,) = render(a_pull_request_report(a_report(run)), limit=2_000, max_parts=1)
    assert "- acme/app: what differs between `terrakube-bridge output 01JD" in part.splitlines()[-1]
    assert UTF_16(part) <= 2_000


@pytest.mark.parametrize(
    ("hours", "said", "at"),
    [
        (0, "", "12:00 UTC"),
        (1, "over 1 hour", "11:00 UTC"),
        (23, "over 23 hours", "2026-11-23 13:00 UTC"),
        (24, "over 1 day", "2026-11-23 12:00 UTC"),
        (80, "over 3 days", "2026-11-21 04:00 UTC"),
    ],
)
def test_ages_stay_true_while_nobody_writes_them_anew(hours: int, said: str, at: str) -> None:
    since = NOW - timedelta(hours=hours)
    assert (age(since, NOW), moment(since, NOW)) == (said, at)


def test_a_run_of_the_head_is_never_called_older() -> None:
    (part,) = render(a_pull_request_report(a_report(an_apply("app", commit=HEAD))))
    assert "older head" not in part
