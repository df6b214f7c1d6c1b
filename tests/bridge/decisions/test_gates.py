"""What must hold before something is applied: the truth table, and every refusal as a golden."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bridge.decisions.endings import DELETED
from bridge.decisions.gates import (
    Unmet,
    destroy_off_text,
    gates_of,
    ignored_contexts,
    refusal_text,
    unmet_gates,
)
from bridge.decisions.reviewed_plans import (
    Asked,
    left_out_text,
    obstacles,
    ready_plans,
    unchanged,
)
from bridge.domain.rules import ALWAYS, ApplyPolicy, Gate, Policy
from bridge.domain.runs import CLOSED, RETARGETED, RunOptions, RunState
from bridge.domain.vcs import (
    IS_DRAFT,
    CommitStatus,
    Mergeability,
    PullRequestState,
    Reviews,
    StatusState,
)
from tests.bridge.decisions.applying import (
    DNS,
    HEAD,
    NETWORK,
    OLDER,
    PROD,
    a_plan,
    a_pull_request,
    some_facts,
    workspace,
)
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = ApplyPolicy(
    require=(Gate.APPROVED, Gate.MERGEABLE, Gate.UNDIVERGED, Gate.NOT_DRAFT),
    statuses=("ci/test",),
)
ORDER = (
    Gate.NOT_DRAFT,
    Gate.APPROVED,
    Gate.MERGEABLE,
    Gate.UNDIVERGED,
    Gate.STATUSES,
    Gate.PLANNED,
)


def status(state: StatusState, name: str = "ci/test") -> CommitStatus:
    return CommitStatus(context=name, state=state, description="")


COMMON: Mapping[Gate, tuple[tuple[Any, bool], ...]] = {
    Gate.UNDIVERGED: ((False, True), (True, False), (None, False)),
    Gate.PLANNED: (({NETWORK: a_plan()}, True), ({NETWORK: None}, False), ({}, False)),
}
FORGES: Mapping[str, Mapping[Gate, tuple[tuple[Any, bool], ...]]] = {
    "github": {
        # A draft is a state of its own; rules may not be readable; it computes mergeability late.
        Gate.NOT_DRAFT: ((False, True), (True, False)),
        Gate.APPROVED: (
            (Reviews(approved=True, approved_by=("bob",)), True),
            (Reviews(approved=False, problem="A code owner has not approved."), False),
            (None, False),
        ),
        Gate.MERGEABLE: (
            (Mergeability(mergeable=True), True),
            (Mergeability(mergeable=None), False),
            (Mergeability(mergeable=False, problems=("It has conflicts.",)), False),
            (None, False),
        ),
        Gate.STATUSES: (
            ((status(StatusState.SUCCESS), status(StatusState.FAILURE, "other")), True),
            ((status(StatusState.PENDING),), False),
            ((), False),
            (None, False),
        ),
        **COMMON,
    },
    "forgejo": {
        # A draft is a title; official approvals are counted; one rejection keeps it shut.
        Gate.NOT_DRAFT: ((False, True), (True, False)),
        Gate.APPROVED: (
            (Reviews(approved=True, approved_by=("bob", "eve"), required=2), True),
            (Reviews(approved=False, approved_by=("bob",), required=2), False),
            (Reviews(approved=False, rejected_by=("eve",), required=0), False),
            (None, False),
        ),
        Gate.MERGEABLE: (
            (Mergeability(mergeable=True), True),
            (Mergeability(mergeable=False), False),
            (None, False),
        ),
        Gate.STATUSES: (
            ((status(StatusState.SUCCESS),), True),
            ((status(StatusState.ERROR),), False),
            ((status(StatusState.SUCCESS, "CI/test"),), False),
            (None, False),
        ),
        **COMMON,
    },
}
FIELDS = {
    Gate.APPROVED: "reviews",
    Gate.MERGEABLE: "mergeability",
    Gate.UNDIVERGED: "diverged",
    Gate.STATUSES: "statuses",
    Gate.PLANNED: "plans",
}
POLICIES = (
    ApplyPolicy(require=()),
    *(ApplyPolicy(require=(gate,)) for gate in ORDER if gate is not Gate.STATUSES),
    ApplyPolicy(require=(), statuses=("ci/test",)),
    ApplyPolicy(),
    EVERYTHING,
)


@pytest.mark.parametrize("forge", FORGES)
def test_exactly_the_gates_that_are_asked_for_and_shut_are_told(forge: str) -> None:
    """Every combination of what a forge may say, under every kind of policy."""
    for said in product(*(FORGES[forge][gate] for gate in ORDER)):
        values = dict(zip(ORDER, said, strict=True))
        draft, _ = values[Gate.NOT_DRAFT]
        facts = some_facts(
            pull_request=a_pull_request(draft=draft),
            **{field: values[gate][0] for gate, field in FIELDS.items()},
        )
        for policy in POLICIES:
            wanted = gates_of(policy)
            unmet = unmet_gates(policy, facts, command="terrakube")
            expected = [gate for gate in ORDER if gate in wanted and not values[gate][1]]
            assert [one.gate for one in unmet] == expected, (values, policy)
            assert all(one.text.endswith(".") and one.who for one in unmet)


@pytest.mark.parametrize(
    ("problems", "told"),
    [
        ((IS_DRAFT,), [Gate.NOT_DRAFT]),
        (("It conflicts with `main`.", IS_DRAFT), [Gate.NOT_DRAFT, Gate.MERGEABLE]),
    ],
)
def test_that_it_is_a_draft_is_told_once(problems: tuple[str, ...], told: list[Gate]) -> None:
    facts = some_facts(
        pull_request=a_pull_request(draft=True),
        mergeability=Mergeability(mergeable=False, problems=problems),
    )
    unmet = unmet_gates(EVERYTHING, facts, command="terrakube")
    assert [one.gate for one in unmet] == told
    policy = ApplyPolicy(require=(Gate.MERGEABLE,))
    assert [one.text for one in unmet_gates(policy, facts, command="terrakube")] == [
        " ".join(problems)
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_no_setting_takes_away_what_always_holds(policy: ApplyPolicy) -> None:
    assert set(ALWAYS) <= set(gates_of(policy))


@pytest.mark.parametrize("state", [PullRequestState.CLOSED, PullRequestState.MERGED])
@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_closed_or_a_forks_is_refused_for_that_alone(
    policy: ApplyPolicy, state: PullRequestState
) -> None:
    for from_fork in (False, True):
        pull_request = a_pull_request(state=state, from_fork=from_fork, draft=True)
        facts = some_facts(pull_request=pull_request, plans={})
        unmet = unmet_gates(policy, facts, command="terrakube")
        assert [one.gate for one in unmet] == [Gate.OPEN, Gate.NOT_FORK][: 1 + from_fork]


def test_the_bridges_own_statuses_never_keep_something_from_being_merged() -> None:
    ignored = ignored_contexts(Policy(status_prefix="tk"))
    assert {"tk/plan", "tk/apply", "tk/apply: *"} <= set(ignored)
    assert not {"tk/*", "tk/applyx"} & set(ignored)


def plan_asked(**plans: Any) -> Asked:  # noqa: ANN401 - a run, or None
    return Asked(
        head_sha=HEAD, plans={workspace(name): run for name, run in reversed(plans.items())}
    )


def test_plans_without_changes_are_left_out_with_a_word() -> None:
    asked = plan_asked(
        dns=a_plan(DNS, plan_changes=False),
        network=a_plan(),
        prod=a_plan(PROD, plan_changes=None),
    )
    assert obstacles(asked, command="terrakube") == ()
    assert [one.request.workspace for one in ready_plans(asked)] == [NETWORK, PROD]
    assert unchanged(asked) == (DNS,)
    assert left_out_text(unchanged(asked)) == (
        "Left out, as they are planned without changes: `acme/dns`."
    )
    assert left_out_text(()) == ""


@pytest.mark.parametrize("plans", [{}, {"network": a_plan(plan_changes=False)}])
def test_where_nothing_is_left_nothing_is_applied(plans: dict[str, Any]) -> None:
    asked = plan_asked(**plans)
    assert ready_plans(asked) == ()
    assert len(obstacles(asked, command="terrakube")) == 1


@pytest.mark.parametrize(
    ("options", "planned", "destroy", "ready"),
    [
        (None, RunOptions(), False, True),
        (None, RunOptions(targets=("a.b",)), False, True),
        (RunOptions(), RunOptions(targets=("a.b",)), False, False),
        (RunOptions(targets=("a.b",)), RunOptions(targets=("a.b",)), False, True),
        (RunOptions(targets=("a.b",)), RunOptions(targets=("a.c",)), False, False),
        (RunOptions(refresh=False), RunOptions(), False, False),
        (None, RunOptions(destroy=True), False, False),
        (None, RunOptions(destroy=True), True, True),
        (None, RunOptions(), True, False),
        (RunOptions(destroy=True), RunOptions(destroy=True, targets=("a.b",)), True, False),
    ],
)
def test_only_a_plan_with_the_options_that_are_asked_for_is_applied(
    options: RunOptions | None, planned: RunOptions, *, destroy: bool, ready: bool
) -> None:
    run = a_plan(options=planned)
    asked = Asked(head_sha=HEAD, plans={NETWORK: run}, options=options, destroy=destroy)
    assert ready_plans(asked) == ((run,) if ready else ())
    assert bool(obstacles(asked, command="terrakube")) is not ready


@pytest.mark.parametrize("state", sorted(set(RunState) - {RunState.SUCCEEDED}))
def test_no_plan_but_a_good_one_is_ever_applied(state: RunState) -> None:
    asked = plan_asked(network=a_plan(state=state), dns=a_plan(DNS))
    assert ready_plans(asked) == (asked.plans[DNS],)
    assert len(obstacles(asked, command="terrakube")) == 1


def test_a_plan_of_this_head_stays_good_when_the_pull_request_is_opened_again() -> None:
    assert ready_plans(plan_asked(network=a_plan(superseded_by=CLOSED)))
    assert not ready_plans(plan_asked(network=a_plan(superseded_by=RETARGETED)))


def planned(run: Any, **more: Any) -> tuple[Unmet, ...]:  # noqa: ANN401 - a run, or None
    facts = some_facts(plans={NETWORK: run}, **more)
    return unmet_gates(ApplyPolicy(), facts, command="terrakube")


def refused(policy: ApplyPolicy = EVERYTHING, **facts: Any) -> tuple[Unmet, ...]:  # noqa: ANN401 - any facts
    return unmet_gates(policy, some_facts(**facts), command="terrakube")


HOSTILE = "x`@acme/everybody` <!-- [a](https://evil.example.com)"
MANY = {workspace(f"w-{number:02}"): None for number in range(12)}
REFUSALS: Mapping[str, tuple[Unmet, ...]] = {
    "closed": refused(pull_request=a_pull_request(state=PullRequestState.CLOSED)),
    "merged": refused(pull_request=a_pull_request(state=PullRequestState.MERGED)),
    "fork": refused(pull_request=a_pull_request(from_fork=True)),
    "draft": refused(pull_request=a_pull_request(draft=True)),
    "draft_without_author": refused(pull_request=a_pull_request(draft=True, author="")),
    "not_approved": refused(reviews=Reviews(approved=False)),
    "too_few_approvals": refused(
        reviews=Reviews(
            approved=False, approved_by=("bob",), required=2, problem="One more has to approve."
        )
    ),
    "changes_asked_for": refused(reviews=Reviews(approved=False, rejected_by=("bob", "eve"))),
    "reviews_unknown": refused(reviews=None),
    "not_mergeable": refused(mergeability=Mergeability(mergeable=False)),
    "conflicts": refused(
        mergeability=Mergeability(
            mergeable=False, problems=("It has conflicts.", "`ci/lint` is required and failed.")
        )
    ),
    "mergeability_computed": refused(mergeability=Mergeability(mergeable=None)),
    "mergeability_unknown": refused(mergeability=None),
    "diverged": refused(diverged=True),
    "divergence_unknown": refused(diverged=None),
    "status_missing": refused(statuses=()),
    "statuses_bad": refused(
        ApplyPolicy(require=(), statuses=("ci/test", "ci/lint", "ci/scan")),
        statuses=(status(StatusState.FAILURE), status(StatusState.PENDING, "ci/lint")),
    ),
    "statuses_unknown": refused(statuses=None),
    "not_planned": planned(None),
    "plan_queued": planned(a_plan(state=RunState.QUEUED)),
    "plan_running": planned(a_plan(state=RunState.RUNNING)),
    "plan_waiting": planned(a_plan(state=RunState.WAITING)),
    "plan_failed": planned(a_plan(state=RunState.FAILED)),
    "plan_error": planned(a_plan(state=RunState.ERROR, reason="Terrakube refuses the job.")),
    "plan_job_gone": planned(a_plan(state=RunState.ERROR, reason=DELETED.reason)),
    "plan_rejected": planned(a_plan(state=RunState.REJECTED)),
    "plan_cancelled": planned(a_plan(state=RunState.CANCELLED)),
    "plan_superseded": planned(a_plan(state=RunState.SUPERSEDED)),
    "plan_stale": planned(a_plan(commit=OLDER)),
    "plan_retargeted": planned(a_plan(superseded_by=RETARGETED)),
    "plan_options": planned(
        a_plan(options=RunOptions(targets=("aws_vpc.main",), replaces=("a.b",), refresh=False)),
        options=RunOptions(refresh_only=True),
    ),
    "plan_without_options": planned(a_plan(), options=RunOptions(targets=("a.b",))),
    "plan_of_destruction": planned(a_plan(options=RunOptions(destroy=True))),
    "plan_unchanged": planned(a_plan(plan_changes=False)),
    "no_workspace": refused(plans={}),
    "long_names": refused(plans={workspace("n" * 100): None}),
    "many_workspaces": refused(plans=MANY),
    "plans_of_all_kinds": refused(
        plans={NETWORK: a_plan(state=RunState.FAILED), DNS: None, PROD: None}
    ),
    "everything": refused(
        pull_request=a_pull_request(draft=True),
        reviews=Reviews(approved=False),
        mergeability=Mergeability(mergeable=False),
        statuses=(),
        diverged=True,
        plans={NETWORK: None},
    ),
    "hostile": refused(
        ApplyPolicy(require=(Gate.APPROVED, Gate.UNDIVERGED), statuses=(HOSTILE,)),
        pull_request=a_pull_request(author=HOSTILE, base_branch=HOSTILE),
        reviews=Reviews(approved=False, rejected_by=(HOSTILE,)),
        statuses=(),
        diverged=True,
        plans={workspace(HOSTILE): None},
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_names_every_shut_gate_and_who_can_clear_it(
    request: pytest.FixtureRequest, name: str
) -> None:
    text = refusal_text(REFUSALS[name])
    check_golden(request, GOLDEN / f"refused_{name}.md", f"{text}\n")


def test_a_destruction_is_refused_in_words_of_its_own(request: pytest.FixtureRequest) -> None:
    facts = some_facts(plans={NETWORK: a_plan(), DNS: None}, destroy=True)
    unmet = unmet_gates(ApplyPolicy(), facts, command="tk")
    text = refusal_text(unmet, destroy=True)
    check_golden(request, GOLDEN / "refused_destroy.md", f"{text}\n")
    check_golden(request, GOLDEN / "refused_destroy_off.md", f"{destroy_off_text()}\n")
