"""Whether everything is applied, and what becomes of a wish to merge."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.decisions.merging import (
    Later,
    Merge,
    Merged,
    Never,
    Standing,
    decide_merge,
    left_undone,
)
from bridge.domain.runs import Reviewed, Run, RunPhase, RunState, Verb
from bridge.domain.vcs import MergeMethod, PullRequestState
from bridge.domain.work import Verdict
from tests.bridge.decisions.applying import (
    DNS,
    HEAD,
    OLDER,
    PROD,
    a_plan,
    a_pull_request,
    workspace,
)
from tests.fakes.store import a_record

OPEN = a_pull_request()


def an_apply(plan: Run, state: RunState = RunState.SUCCEEDED, **changes: Any) -> Run:  # noqa: ANN401 - its fields
    request = replace(
        plan.request,
        verb=changes.pop("verb", Verb.APPLY),
        actor="bob",
        reviewed=Reviewed(run_id=plan.id, digest="json1:abc"),
        merges=True,
    )
    done = state in {RunState.SUCCEEDED, RunState.FAILED}
    phase = RunPhase.FINISHED if done else RunPhase.CREATED
    values = {"id": f"apply-{plan.id}", "request": request, "state": state, "phase": phase}
    return replace(plan, **{**values, **changes})


def standing(
    *runs: Run, kind: str = "planning", workspaces: int | None = None, head: str = HEAD
) -> Standing:
    """What is known when these runs are shown."""
    plans = {one.request.workspace.id: one for one in runs if one.request.verb is Verb.PLAN}
    number = len(plans) if workspaces is None else workspaces
    verdict = Verdict(head_sha=head, kind=kind, text="", workspaces=number)
    stored = a_record(OPEN, verdict=verdict)
    return Standing(head_sha=HEAD, stored=stored, plans=plans, runs=runs)


CHANGED, SAME = a_plan(plan_changes=True), a_plan(DNS, plan_changes=False)
UNTOLD = a_plan(PROD, plan_changes=None)
NOW_PLANNED_AGAIN = replace(CHANGED, id="run-again")
MANY = [a_plan(workspace(name), plan_changes=True) for name in ("a", "b", "c", "d", "e")]

UNDONE: dict[str, tuple[Standing, str]] = {
    "all is applied": (standing(CHANGED, an_apply(CHANGED)), ""),
    "what changes nothing needs no apply": (standing(CHANGED, SAME, an_apply(CHANGED)), ""),
    "nothing changes at all": (standing(SAME), ""),
    "nothing is affected": (standing(kind="nothing"), ""),
    "a destruction was planned and done": (
        standing(CHANGED, an_apply(CHANGED, verb=Verb.DESTROY)),
        "",
    ),
    "nothing was applied": (standing(CHANGED), "Not applied: acme/network."),
    "whether it changes something is not known": (
        standing(UNTOLD),
        "Not applied: acme/prod.",
    ),
    "one of two is applied": (
        standing(CHANGED, UNTOLD, an_apply(CHANGED)),
        "Not applied: acme/prod.",
    ),
    "many are not applied": (standing(*MANY), "Not applied: acme/a, acme/b, acme/c and 2 more."),
    "an older plan was applied": (
        standing(NOW_PLANNED_AGAIN, an_apply(CHANGED)),
        "Not applied: acme/network.",
    ),
    "the apply failed": (
        standing(CHANGED, an_apply(CHANGED, RunState.FAILED)),
        "Not applied: acme/network.",
    ),
    "the apply runs": (
        standing(CHANGED, an_apply(CHANGED, RunState.RUNNING)),
        "Still under way: acme/network.",
    ),
    "another one of the same workspace waits": (
        standing(CHANGED, an_apply(CHANGED), an_apply(CHANGED, RunState.WAITING, id="two")),
        "Still under way: acme/network.",
    ),
    "a plan runs": (
        standing(replace(SAME, state=RunState.RUNNING)),
        "Without a good plan: acme/dns.",
    ),
    "a plan failed": (
        standing(CHANGED, replace(SAME, state=RunState.FAILED), an_apply(CHANGED)),
        "Without a good plan: acme/dns.",
    ),
    "not all affected workspaces are planned": (
        standing(CHANGED, an_apply(CHANGED), workspaces=2),
        "Not all affected workspaces are planned.",
    ),
    "too many were affected, and one was planned": (
        standing(CHANGED, an_apply(CHANGED), kind="too_many"),
        "Not all affected workspaces are planned.",
    ),
    "another head was planned": (
        standing(CHANGED, an_apply(CHANGED), head=OLDER),
        "Not planned at the pull request's head.",
    ),
    "nothing is known of it": (
        Standing(head_sha=HEAD, stored=None, plans={}, runs=()),
        "Not planned at the pull request's head.",
    ),
}


@pytest.mark.parametrize(("case", "said"), UNDONE.values(), ids=UNDONE)
def test_what_is_left_undone_is_named(case: Standing, said: str) -> None:
    assert left_undone(case) == said


APPLIED = standing(CHANGED, an_apply(CHANGED))


@pytest.mark.parametrize(
    ("pull_request", "case", "method", "decision"),
    [
        pytest.param(
            OPEN, APPLIED, "squash", Merge(MergeMethod.SQUASH, "bob"), id="all is applied"
        ),
        pytest.param(OPEN, standing(CHANGED), "merge", Later(), id="not all is applied"),
        pytest.param(OPEN, standing(SAME), "merge", Later(), id="nothing was ever applied"),
        pytest.param(OPEN, APPLIED, "", Never(), id="nobody wants it any more"),
        pytest.param(a_pull_request(head_sha=OLDER), APPLIED, "merge", Never(), id="head moved"),
        pytest.param(
            a_pull_request(state=PullRequestState.CLOSED), APPLIED, "merge", Never(), id="closed"
        ),
        pytest.param(
            a_pull_request(state=PullRequestState.MERGED, merge_commit="c" * 40),
            APPLIED,
            "merge",
            Merged("c" * 40),
            id="merged already",
        ),
        pytest.param(
            a_pull_request(state=PullRequestState.MERGED, head_sha=OLDER),
            APPLIED,
            "merge",
            Never(),
            id="another head was merged",
        ),
    ],
)
def test_a_pull_request_is_merged_at_the_head_that_was_applied(
    pull_request: Any,  # noqa: ANN401 - a pull request
    case: Standing,
    method: str,
    decision: object,
) -> None:
    assert decide_merge(pull_request, case, method) == decision
