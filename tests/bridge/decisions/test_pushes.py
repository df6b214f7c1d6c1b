"""What pushes of branches and tags start, as tables of cases."""

from datetime import UTC, datetime

import pytest

from bridge.decisions.pushes import (
    GoOn,
    Wait,
    compared_from,
    decide_followed,
    decide_late,
    decide_moment,
    decide_push,
    decide_tag,
    decide_tag_moment,
    may_be_late,
)
from bridge.decisions.triggers import Facts, Ignore, Start
from bridge.domain.events import BranchPushed, TagPushed
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.vcs import ChangedFiles
from tests.bridge.decisions.facts import (
    APPLY,
    PLAN,
    UNKNOWN_FILES,
    a_workspace,
    files,
    some_facts,
)
from tests.fakes.forge import INFRA

NETWORK = a_workspace("network")
DNS = a_workspace("dns", branch="main,release")
A, B, C, D = (sign * 40 for sign in "abcd")


def pushed(before: str | None = A, after: str = B, branch: str = "main") -> BranchPushed:
    return BranchPushed(
        delivery_id="d-1",
        received_at=datetime(2026, 11, 24, tzinfo=UTC),
        actor="alice",
        repository=INFRA,
        branch=branch,
        before=before,
        after=after,
        forced=None,
    )


def tagged(commit: str | None = B) -> TagPushed:
    return TagPushed(
        delivery_id="d-1",
        received_at=datetime(2026, 11, 24, tzinfo=UTC),
        actor="alice",
        repository=INFRA,
        tag="v1",
        before=None,
        after=A,
        commit=commit,
    )


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        ("main", GoOn()),
        ("release", GoOn()),
        ("feature", Ignore(reason="no workspace follows the branch feature")),
        ("Main", Ignore(reason="no workspace follows the branch Main")),
        (
            "gh-readonly-queue/main/pr-1-abc",
            Ignore(reason="the branch belongs to a merge queue, which asks by itself"),
        ),
    ],
)
def test_only_followed_branches_count(branch: str, expected: Ignore | GoOn) -> None:
    assert decide_followed(some_facts(NETWORK, DNS), branch=branch) == expected


def test_a_repository_terrakube_does_not_know_is_left_alone() -> None:
    assert decide_followed(some_facts(), branch="main") == Ignore(
        reason="no workspace in Terrakube takes its code from this repository"
    )


@pytest.mark.parametrize(
    ("before", "head", "seen", "patient", "expected"),
    [
        # The branch is where the push says.
        (A, B, A, True, GoOn()),
        (A, B, None, True, GoOn()),
        (A, B, B, True, GoOn()),
        (None, B, None, True, GoOn()),
        # The API lags behind.
        (A, A, A, True, Wait(reason="the API does not show bbbbbbbbbbbb on main yet")),
        (A, A, A, False, Ignore(reason="the branch main is back at aaaaaaaaaaaa")),
        (None, None, None, True, Wait(reason="the API does not show bbbbbbbbbbbb on main yet")),
        (A, None, A, False, Ignore(reason="the branch main is gone")),
        # A newer push overtook it: in order, at its own commit.
        (A, C, A, True, GoOn()),
        (A, C, None, True, GoOn()),
        (A, C, D, True, GoOn()),
        # It comes late, after what the branch is at was dealt with.
        (
            A,
            C,
            C,
            True,
            Ignore(reason="the branch went on to cccccccccccc, which was dealt with already"),
        ),
    ],
)
def test_a_push_is_compared_with_where_the_branch_is(
    before: str | None, head: str | None, seen: str | None, *, patient: bool, expected: object
) -> None:
    event = pushed(before)
    assert decide_moment(event, head=head, seen=seen, patient=patient) == expected


@pytest.mark.parametrize(
    ("head", "seen", "expected"),
    [
        (B, C, False),  # the branch is where the push says
        (D, None, False),  # nothing was dealt with before
        (D, A, False),  # it follows what was dealt with
        (D, B, False),  # it was itself dealt with
        (D, C, True),
        (None, C, True),
    ],
)
def test_a_push_may_be_late_when_the_branch_was_elsewhere(
    head: str | None, seen: str | None, *, expected: bool
) -> None:
    assert may_be_late(pushed(A), head=head, seen=seen) is expected


def test_a_push_that_is_held_by_what_was_dealt_with_was_made_up_for() -> None:
    late = decide_late(pushed(A), seen=C, held=True)
    assert late == Ignore(reason="main was dealt with at cccccccccccc, which holds bbbbbbbbbbbb")
    assert decide_late(pushed(A), seen=C, held=False) == GoOn()


@pytest.mark.parametrize(
    ("before", "seen", "default", "expected"),
    [
        (A, None, "main", A),
        (A, A, "main", A),
        (A, D, "main", D),
        (A, B, "main", A),
        (None, None, "trunk", "trunk"),
        (None, D, "trunk", D),
        (None, B, "trunk", "trunk"),
        (None, None, "main", None),
        (None, None, None, None),
    ],
)
def test_a_push_is_compared_with_what_was_dealt_with_last(
    before: str | None, seen: str | None, default: str | None, expected: str | None
) -> None:
    """So a push nobody told us about is made up for by the next one."""
    assert compared_from(pushed(before), seen=seen, default=default) == expected


def policy(*rules: Rule) -> Policy:
    return Policy(rules=rules)


NOTHING = "no workspace that follows main has a rule for pushes and a changed file"


@pytest.mark.parametrize(
    ("facts", "changed", "expected"),
    [
        (some_facts(NETWORK, DNS), files("network/a.tf"), [("network", APPLY.id, True)]),
        (
            some_facts(NETWORK, DNS),
            UNKNOWN_FILES,
            [("dns", APPLY.id, True), ("network", APPLY.id, True)],
        ),
        (
            some_facts(NETWORK, policy=policy(Rule(on=On.PUSH, template="Plan"))),
            files("network/a.tf"),
            [("network", PLAN.id, False)],
        ),
        (
            some_facts(
                NETWORK,
                DNS,
                policy=policy(
                    Rule(on=On.PUSH, template="Plan", workspaces=("acme/d*",)),
                    Rule(on=On.PUSH, template="default", branches=("main",)),
                ),
            ),
            UNKNOWN_FILES,
            [("dns", PLAN.id, False), ("network", APPLY.id, True)],
        ),
    ],
)
def test_a_push_starts_what_the_first_rule_says(
    facts: Facts, changed: ChangedFiles, expected: list[tuple[str, str, bool]]
) -> None:
    decision = decide_push(facts, branch="main", changed=changed)
    assert isinstance(decision, Start)
    assert decision.verdict is None
    assert [
        (target.workspace.name, target.template.id, target.may_change)
        for target in decision.targets
    ] == expected


@pytest.mark.parametrize(
    ("facts", "changed"),
    [
        (some_facts(NETWORK), files("dns/a.tf")),
        (some_facts(NETWORK), files()),
        (
            some_facts(NETWORK, policy=policy(Rule(on=On.PULL_REQUEST, template="Plan"))),
            UNKNOWN_FILES,
        ),
        (
            some_facts(
                NETWORK, policy=policy(Rule(on=On.PUSH, template="Plan", branches=("rel*",)))
            ),
            UNKNOWN_FILES,
        ),
    ],
)
def test_a_push_that_concerns_nobody_starts_nothing(facts: Facts, changed: ChangedFiles) -> None:
    assert decide_push(facts, branch="main", changed=changed) == Ignore(reason=NOTHING)


def test_what_another_delivery_of_the_same_push_started_is_not_started_again() -> None:
    facts = some_facts(NETWORK, DNS)
    changed = files("network/main.tf", "dns/main.tf")
    both = decide_push(facts, branch="main", changed=changed)
    rest = decide_push(facts, branch="main", changed=changed, ran={NETWORK.ref})
    none = decide_push(facts, branch="main", changed=changed, ran={NETWORK.ref, DNS.ref})
    assert isinstance(both, Start)
    assert isinstance(rest, Start)
    assert [target.workspace for target in both.targets] == [DNS.ref, NETWORK.ref]
    assert [target.workspace for target in rest.targets] == [DNS.ref]
    assert none == Ignore(reason="the push was dealt with already")


def test_the_built_in_template_of_a_push_applies() -> None:
    facts = some_facts(
        NETWORK,
        policy=policy(Rule(on=On.PUSH, template="built-in")),
        built_in={On.PUSH: "flow: plan, approval, apply", On.PULL_REQUEST: "flow: plan"},
    )
    decision = decide_push(facts, branch="main", changed=UNKNOWN_FILES)
    assert isinstance(decision, Start)
    (target,) = decision.targets
    assert (target.template.tcl, target.may_change) == ("flow: plan, approval, apply", True)


RELEASES = policy(
    Rule(on=On.PUSH, template="Never"),
    Rule(on=On.TAG, template="Plan", tags=("v[0-9]*",), workspaces=("acme/dns",), name="rule 2"),
)


def test_a_tag_starts_what_a_rule_names_whatever_changed() -> None:
    decision = decide_tag(some_facts(NETWORK, DNS, policy=RELEASES), tag="v1.2")
    assert isinstance(decision, Start)
    (target,) = decision.targets
    assert (target.workspace, target.template.id, target.why) == (
        DNS.ref,
        PLAN.id,
        "rule 2: the tag v1.2 was pushed.",
    )


@pytest.mark.parametrize(
    ("facts", "tag"),
    [
        (some_facts(NETWORK, DNS, policy=RELEASES), "latest"),
        (some_facts(NETWORK, policy=RELEASES), "v1"),
        (some_facts(NETWORK, DNS), "v1"),
        (some_facts(policy=RELEASES), "v1"),
    ],
)
def test_a_tag_no_rule_is_about_starts_nothing(facts: Facts, tag: str) -> None:
    assert decide_tag(facts, tag=tag) == Ignore(reason=f"no rule is about the tag {tag}")


WAITING = Wait(reason="the API does not show the tag v1 as it was pushed yet")
MOVED = Ignore(reason="the tag v1 was moved or deleted since")


@pytest.mark.parametrize(
    ("said", "found", "patient", "expected"),
    [
        (B, B, True, GoOn()),
        (None, B, True, GoOn()),
        (B, C, True, WAITING),
        (B, C, False, MOVED),
        (B, None, True, WAITING),
        (None, None, False, MOVED),
    ],
)
def test_a_tag_is_compared_with_what_it_points_to(
    said: str | None, found: str | None, *, patient: bool, expected: object
) -> None:
    assert decide_tag_moment(tagged(said), commit=found, patient=patient) == expected
