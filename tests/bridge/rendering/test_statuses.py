"""Statuses: what may be required by a branch rule must never say success without reason."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.reports import CommitReport, RunReport
from bridge.domain.runs import RETARGETED, Review, RunOptions, RunPhase, RunState, Verb
from bridge.domain.vcs import CommitStatus, StatusState
from bridge.domain.work import Verdict
from bridge.rendering.statuses import context_of, render_status, render_statuses
from tests.bridge.rendering.reports import (
    a_commit_report,
    a_hold,
    a_place,
    a_report,
    a_run,
    a_verdict,
    a_workspace,
    an_apply,
)

PENDING, SUCCESS = StatusState.PENDING, StatusState.SUCCESS
FAILURE, ERROR = StatusState.FAILURE, StatusState.ERROR


def render(report: CommitReport, limit: int = 0) -> Sequence[CommitStatus]:
    statuses = render_statuses(report, prefix="terrakube", per_workspace_limit=limit)
    assert all(len(status.description) <= 140 for status in statuses)
    assert all(status.description for status in statuses)
    return statuses


def plan(name: str, state: RunState, counts: tuple[int, int, int] | None = None) -> RunReport:
    return a_report(a_run(name, state, counts=counts))


OK = plan("ok", RunState.SUCCEEDED, (2, 1, 0))
SAME = plan("same", RunState.SUCCEEDED, (0, 0, 0))
RUNNING = plan("running", RunState.RUNNING)
QUEUED = plan("queued", RunState.QUEUED)
WAITING = plan("waiting", RunState.WAITING, (1, 0, 0))
FAILED = plan("failed", RunState.FAILED)
BROKEN = plan("broken", RunState.ERROR)
REJECTED = plan("rejected", RunState.REJECTED)
CANCELLED = plan("cancelled", RunState.CANCELLED)
SUPERSEDED = plan("superseded", RunState.SUPERSEDED)
PLANNING, NOTHING, FORK = a_verdict(), a_verdict("nothing"), a_verdict("fork")


@pytest.mark.parametrize(
    ("runs", "verdicts", "state", "description"),
    [
        ((), (NOTHING,), SUCCESS, "No workspace is affected."),
        ((), (NOTHING, NOTHING), SUCCESS, "No workspace is affected."),
        ((), (PLANNING,), PENDING, "The plans are about to start."),
        (
            (),
            (FORK,),
            ERROR,
            "Not planned: it comes from a fork. The pull request says how to allow it.",
        ),
        (
            (),
            (a_verdict("draft"),),
            ERROR,
            "Not planned: it is a draft. It is planned when it is ready for review.",
        ),
        (
            (),
            (a_verdict("too_many"),),
            ERROR,
            "Not planned: too many workspaces. The pull request says how to plan them.",
        ),
        (
            (),
            (a_verdict("a word of a newer version"),),
            ERROR,
            "Not planned: the bridge could not decide what to plan. The pull request says why.",
        ),
        (
            (OK,),
            (PLANNING,),
            SUCCESS,
            "1 planned: 2 to add, 1 to change, 0 to destroy",
        ),
        ((SAME,), (PLANNING,), SUCCESS, "1 unchanged"),
        (
            (OK, SAME),
            (PLANNING,),
            SUCCESS,
            "1 planned, 1 unchanged: 2 to add, 1 to change, 0 to destroy",
        ),
        ((RUNNING, QUEUED), (PLANNING,), PENDING, "1 planning, 1 queued"),
        (
            (WAITING,),
            (PLANNING,),
            PENDING,
            "1 waiting for approval: 1 to add, 0 to change, 0 to destroy",
        ),
        ((SAME, FAILED), (PLANNING,), FAILURE, "1 failed, 1 unchanged"),
        ((FAILED, RUNNING), (PLANNING,), FAILURE, "1 failed, 1 planning"),
        ((BROKEN, RUNNING), (PLANNING,), ERROR, "1 error, 1 planning"),
        ((BROKEN, FAILED), (PLANNING,), FAILURE, "1 failed, 1 error"),
        ((REJECTED,), (PLANNING,), FAILURE, "1 rejected"),
        ((CANCELLED,), (PLANNING,), ERROR, "1 cancelled"),
        ((SUPERSEDED,), (), ERROR, "1 superseded"),
        # One pull request must not unlock another with the same head.
        (
            (OK,),
            (PLANNING, FORK),
            ERROR,
            "Not planned: it comes from a fork. The pull request says how to allow it.",
        ),
        ((RUNNING,), (NOTHING, PLANNING), PENDING, "1 planning"),
        ((OK,), (NOTHING,), SUCCESS, "1 planned: 2 to add, 1 to change, 0 to destroy"),
    ],
)
def test_the_aggregate_is_the_worst_of_all(
    runs: tuple[RunReport, ...],
    verdicts: tuple[Verdict, ...],
    state: StatusState,
    description: str,
) -> None:
    (status,) = render(a_commit_report(*runs, verdicts=verdicts))
    assert (status.context, status.state, status.description) == (
        "terrakube/plan",
        state,
        description,
    )


def test_only_success_of_everything_is_success() -> None:
    """Whatever state is added to a success, the aggregate succeeds for that one alone."""
    for state in RunState:
        (status,) = render(a_commit_report(OK, plan("x", state), verdicts=(PLANNING,)))
        assert (status.state is SUCCESS) == (state is RunState.SUCCEEDED)


def test_a_commit_nobody_asked_about_has_no_status() -> None:
    assert render(a_commit_report()) == []


def test_pushes_and_applies_have_aggregates_of_their_own() -> None:
    push = a_report(a_run("app", verb=Verb.PUSH, applies=True, counts=(1, 0, 0)))
    apply = a_report(a_run("app", RunState.WAITING, verb=Verb.APPLY))
    assert [
        (status.context, status.state, status.description)
        for status in render(a_commit_report(apply, push))
    ] == [
        ("terrakube/apply", PENDING, "1 waiting for approval. Until 17:55 UTC."),
        ("terrakube/push", SUCCESS, "1 applied: 1 to add, 0 to change, 0 to destroy"),
    ]


def applying(name: str, state: RunState, **changes: Any) -> RunReport:  # noqa: ANN401 - any field of a run
    return a_report(an_apply(name, state, **changes))


APPLIED = applying("ok", RunState.SUCCEEDED, counts=(2, 1, 0))
DIFFERS = applying(
    "ok",
    RunState.REJECTED,
    reason="The plan is not the one that was reviewed any more, so nothing was changed.",
)
BEHIND = replace(
    applying("ok", RunState.QUEUED, job="", review=Review.DUE), queue=a_place(a_hold("ok"), 2)
)


@pytest.mark.parametrize(
    ("runs", "state", "description"),
    [
        ((APPLIED,), SUCCESS, "1 applied: 2 to add, 1 to change, 0 to destroy"),
        ((APPLIED, OK), SUCCESS, "1 applied: 2 to add, 1 to change, 0 to destroy"),
        ((APPLIED, OK, SAME), SUCCESS, "1 applied: 2 to add, 1 to change, 0 to destroy"),
        # Another workspace has a plan that nobody has applied.
        (
            (APPLIED, OK, plan("more", RunState.SUCCEEDED, (1, 0, 0))),
            ERROR,
            "1 applied, but 1 more workspace is planned and not applied yet.",
        ),
        (
            (APPLIED, plan("more", RunState.SUCCEEDED), plan("most", RunState.SUCCEEDED)),
            ERROR,
            "1 applied, but 2 more workspaces are planned and not applied yet.",
        ),
        # What goes on, or went wrong, is what there is to say.
        (
            (applying("ok", RunState.RUNNING), plan("more", RunState.SUCCEEDED, (1, 0, 0))),
            PENDING,
            "1 applying",
        ),
        ((BEHIND,), PENDING, "1 queued. Place 2, behind acme/infra#7."),
        (
            (APPLIED, replace(BEHIND, run=applying("b", RunState.QUEUED).run)),
            PENDING,
            (
                "1 queued, 1 applied: 2 to add, 1 to change, 0 to destroy. "
                "acme/b: Place 2, behind acme/infra#7."
            ),
        ),
        ((applying("ok", RunState.RUNNING, review=Review.DUE),), PENDING, "1 planning again"),
        (
            (applying("ok", RunState.WAITING, review=Review.DUE),),
            PENDING,
            "1 comparing with the reviewed plan",
        ),
        (
            (applying("ok", RunState.WAITING, review=Review.ASKED, trouble="A person decides."),),
            PENDING,
            "1 waiting for approval. Until 17:55 UTC. A person decides.",
        ),
        (
            (
                applying(
                    "ok",
                    RunState.WAITING,
                    review=Review.ASKED,
                    phase=RunPhase.REVIEWING,
                    decided_by="bob",
                    trouble="A person has to decide.",  # which is past
                ),
            ),
            PENDING,
            "1 answered",
        ),
        # A newer plan changes nothing about what became of the apply.
        (
            (DIFFERS, OK),
            FAILURE,
            (
                "1 rejected. The plan is not the one that was reviewed any more, so nothing was "
                "changed."
            ),
        ),
        ((applying("ok", RunState.FAILED), OK), FAILURE, "1 failed"),
        (
            (applying("ok", RunState.ERROR, reason="Its approval has expired."), OK),
            ERROR,
            "1 error. Its approval has expired.",
        ),
        (
            (applying("ok", RunState.CANCELLED, reason="Cancelled by bob."),),
            ERROR,
            "1 cancelled. Cancelled by bob.",
        ),
        (
            (applying("ok", RunState.SUPERSEDED, reason="The pull request moved on."),),
            ERROR,
            "1 superseded. The pull request moved on.",
        ),
    ],
)
def test_the_status_of_an_apply_says_where_it_stands(
    runs: tuple[RunReport, ...], state: StatusState, description: str
) -> None:
    report = a_commit_report(*runs)
    status = render_status(report, "terrakube/apply", prefix="terrakube", per_workspace_limit=0)
    assert status is not None
    assert (status.state, status.description) == (state, description)
    assert len(status.description) <= 140


def test_applying_nothing_is_no_success() -> None:
    """Whatever is planned, nobody said apply; so the status that may be required is not there."""
    for state in RunState:
        report = a_commit_report(plan("x", state), verdicts=(PLANNING,))
        for context in ("terrakube/apply", "terrakube/destroy"):
            assert render_status(report, context, prefix="terrakube", per_workspace_limit=9) is None


def test_only_success_of_every_apply_is_success() -> None:
    for state in RunState:
        report = a_commit_report(APPLIED, applying("x", state))
        status = render_status(report, "terrakube/apply", prefix="terrakube", per_workspace_limit=0)
        assert status is not None
        assert (status.state is SUCCESS) == (state is RunState.SUCCEEDED)


def test_a_destruction_has_a_status_of_its_own() -> None:
    """What is destroyed is not to be applied any more, nor is a plan to destroy."""
    destroyed = applying("ok", RunState.SUCCEEDED, verb=Verb.DESTROY)
    gone = plan("gone", RunState.SUCCEEDED, (0, 0, 3))
    options = replace(gone.run.request, options=RunOptions(destroy=True))
    gone = replace(gone, run=replace(gone.run, request=options))
    other = applying("other", RunState.SUCCEEDED)
    assert [
        (status.context, status.state, status.description)
        for status in render(a_commit_report(OK, gone, other, destroyed))[1:]
    ] == [
        ("terrakube/apply", SUCCESS, "1 applied"),
        ("terrakube/destroy", SUCCESS, "1 destroyed"),
    ]


def test_the_options_of_a_plan_are_told() -> None:
    one = plan("x", RunState.SUCCEEDED, (1, 0, 0))
    options = RunOptions(targets=("aws_vpc.x",), refresh=False)
    request = replace(one.run.request, options=options)
    report = a_commit_report(replace(one, run=replace(one.run, request=request)))
    assert [status.description for status in render(report, limit=1)[1:]] == [
        "Planned with -target=aws_vpc.x -refresh=false: 1 to add, 0 to change, 0 to destroy"
    ]


def test_each_workspace_that_is_applied_has_a_status() -> None:
    asked = applying("b", RunState.WAITING, review=Review.ASKED, counts=(1, 0, 0))
    statuses = render(a_commit_report(BEHIND, asked, DIFFERS), limit=3)
    assert [(one.context, one.state, one.description) for one in statuses[1:]] == [
        ("terrakube/apply: acme/ok", PENDING, "Queued. Place 2, behind acme/infra#7."),
        (
            "terrakube/apply: acme/b",
            PENDING,
            "Waiting for approval: 1 to add, 0 to change, 0 to destroy. Until 17:55 UTC.",
        ),
        (
            "terrakube/apply: acme/ok",
            FAILURE,
            "Rejected. The plan is not the one that was reviewed any more, so nothing was changed.",
        ),
    ]


def test_a_run_that_a_push_began_counts_for_the_pull_request_that_shares_it() -> None:
    push = a_report(a_run("shared", RunState.FAILED, verb=Verb.PUSH))
    statuses = render(a_commit_report(OK, push, verdicts=(a_verdict(workspaces=2),)))
    assert (statuses[0].context, statuses[0].state) == ("terrakube/plan", FAILURE)
    statuses = render(a_commit_report(OK, push, verdicts=(a_verdict(workspaces=1),)))
    assert (statuses[0].context, statuses[0].state) == ("terrakube/plan", SUCCESS)


def test_a_push_that_shares_the_plans_of_a_pull_request_concludes_with_them() -> None:
    report = a_commit_report(OK, verdicts=(PLANNING,))
    status = render_status(report, "terrakube/push", prefix="terrakube", per_workspace_limit=10)
    assert status is not None
    assert (status.context, status.state) == ("terrakube/push", SUCCESS)
    assert (
        render_status(report, "terrakube/apply", prefix="terrakube", per_workspace_limit=10) is None
    )


def test_the_worst_run_is_linked() -> None:
    (status,) = render(a_commit_report(OK, FAILED, verdicts=(PLANNING,)))
    assert status.target_url == FAILED.job_url


def test_workspaces_have_a_status_each_up_to_the_limit() -> None:
    locked = a_report(
        a_run("locked", RunState.ERROR, job="", reason="Workspace acme/locked is `locked`. " * 9)
    )
    report = a_commit_report(OK, locked, verdicts=(PLANNING,))
    assert [status.context for status in render(report, limit=1)] == ["terrakube/plan"]
    assert render(report, limit=2)[1:] == [
        CommitStatus(
            context="terrakube/plan: acme/ok",
            state=SUCCESS,
            description="Planned: 2 to add, 1 to change, 0 to destroy",
            target_url=OK.job_url,
        ),
        CommitStatus(
            context="terrakube/plan: acme/locked",
            state=ERROR,
            description=("Error. " + "Workspace acme/locked is locked. " * 9)[:139] + "…",
        ),
    ]


def test_what_a_retargeted_pull_request_has_left_does_not_count() -> None:
    left = a_report(a_run("left", RunState.FAILED, superseded_by=RETARGETED))
    statuses = render(a_commit_report(OK, left, verdicts=(PLANNING,)), limit=2)
    assert [(status.context, status.state, status.description) for status in statuses] == [
        ("terrakube/plan", SUCCESS, "1 planned: 2 to add, 1 to change, 0 to destroy"),
        ("terrakube/plan: acme/ok", SUCCESS, "Planned: 2 to add, 1 to change, 0 to destroy"),
        (
            "terrakube/plan: acme/left",
            SUCCESS,
            "Not affected any more: the pull request goes to another branch now.",
        ),
    ]
    (status,) = render(a_commit_report(left, verdicts=(NOTHING,)))
    assert (status.state, status.description) == (SUCCESS, "No workspace is affected.")


def test_contexts_have_exact_names() -> None:
    assert context_of("tk", Verb.PLAN) == "tk/plan"
    assert context_of("terrakube", Verb.PUSH, a_workspace("net")) == "terrakube/push: acme/net"
