"""How many people a job takes, whether two are one, and what is said about it."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.decisions.approving import (
    Demand,
    Sameness,
    accounts_of,
    compare_people,
    count_people,
    demand_for,
    demand_of,
    is_destroy,
    is_name_of,
    late_text,
    needs_name,
)
from bridge.domain.access import AccessRule
from bridge.domain.chat import Identity
from bridge.domain.runs import RunOptions, Verb
from bridge.domain.terrakube import PlanCounts
from bridge.domain.work import Answer, Decision, DecisionPhase
from tests.bridge.decisions.applying import NETWORK, NOW, a_plan, a_rule

STRICT = replace(a_rule("*", may="approve"), quorum=2, four_eyes=True)
LINKED = Identity(team="T1", user="U1", name="Ada", forge="code", login="ada")


@pytest.mark.parametrize(
    ("rules", "verb", "expected"),
    [
        (None, Verb.APPLY, Demand()),
        ((), Verb.APPLY, Demand()),
        ((a_rule("*"),), Verb.APPLY, Demand()),
        ((a_rule("*"), STRICT), Verb.APPLY, Demand(quorum=2, four_eyes=True)),
        ((replace(STRICT, workspaces=("acme/dns",)),), Verb.APPLY, Demand()),
        ((replace(STRICT, workspaces=("acme/*",)),), Verb.JOB, Demand(quorum=2, four_eyes=True)),
        ((replace(a_rule("*", may="plan"), quorum=5),), Verb.APPLY, Demand()),
        ((replace(a_rule("*", may="destroy"), quorum=5),), Verb.APPLY, Demand()),
        ((replace(a_rule("*", may="destroy"), quorum=5),), Verb.DESTROY, Demand(quorum=5)),
    ],
)
def test_the_strictest_of_all_rules_about_a_workspace_holds(
    rules: Sequence[AccessRule] | None, verb: Verb, expected: Demand
) -> None:
    assert demand_of(rules, NETWORK, verb) == expected


@pytest.mark.parametrize(
    ("verb", "quorum", "expected"),
    [
        (Verb.APPLY, 1, Demand(quorum=1, four_eyes=True)),
        (Verb.JOB, 1, Demand(quorum=2)),
        (Verb.JOB, 3, Demand(quorum=3)),
    ],
)
def test_whoever_started_a_job_in_terrakube_is_outnumbered(
    verb: Verb, quorum: int, expected: Demand
) -> None:
    run = a_plan()
    run = replace(run, request=replace(run.request, verb=verb))
    assert demand_for(run, (replace(STRICT, quorum=quorum),)) == expected


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        ("github-merge-queue[bot]", Demand(quorum=2)),
        ("Renovate[Bot]", Demand(quorum=2)),
        ("bot", Demand(four_eyes=True)),
    ],
)
def test_who_had_a_program_ask_may_be_one_of_two(actor: str, expected: Demand) -> None:
    """Else whoever clicks on merge approves alone what the merge queue pushes."""
    run = a_plan()
    run = replace(run, request=replace(run.request, verb=Verb.PUSH, actor=actor))
    assert demand_for(run, (replace(STRICT, quorum=1),)) == expected


def test_a_person_has_the_accounts_that_are_linked() -> None:
    both = frozenset({"slack:u1", "code:ada"})
    assert accounts_of("Ada Lovelace (slack:U1)", "code", [LINKED]) == both
    assert accounts_of("Ada", "code", [LINKED]) == both
    assert accounts_of("Ada", "code") == frozenset({"code:ada"})
    assert accounts_of("ada@example.com", "") == frozenset()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ({"code:ada"}, {"code:ada"}, Sameness.SAME),
        ({"code:ada"}, {"code:bob"}, Sameness.OTHER),
        ({"code:ada"}, {"slack:u1"}, Sameness.UNKNOWN),
        ({"code:ada"}, {"slack:u1", "code:ada"}, Sameness.SAME),
        ({"code:ada"}, {"slack:u1", "code:bob"}, Sameness.OTHER),
        ({"code:ada"}, {"slack:u1", "github:ada"}, Sameness.UNKNOWN),
        (set(), {"slack:u1"}, Sameness.UNKNOWN),
        (set(), set(), Sameness.UNKNOWN),
    ],
)
def test_two_are_one_person_by_an_account_they_share(
    one: set[str], other: set[str], expected: Sameness
) -> None:
    assert compare_people(frozenset(one), frozenset(other)) is expected
    assert compare_people(frozenset(other), frozenset(one)) is expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], 0),
        ([{"code:ada"}, {"code:bob"}], 2),
        ([{"code:ada"}, {"code:ada", "slack:u1"}], 1),
        ([{"code:ada"}, {"slack:u1"}, {"code:ada", "slack:u1"}], 1),
        ([{"code:ada"}, {"slack:u1"}], 1),
        ([{"code:ada"}, {"slack:u1"}, {"code:bob"}], 2),
        ([{"slack:u1"}, {"slack:u2"}, {"code:bob"}], 2),
        ([{"slack:u1"}, {"slack:u2"}, {"slack:u3", "code:bob"}], 3),
        ([{"slack:u1", "code:ada"}, {"code:bob"}, {"slack:u2"}], 2),
        ([set(), {"code:ada"}], 1),
    ],
)
def test_people_are_counted_once_and_those_who_may_be_one_as_one(
    found: list[set[str]], expected: int
) -> None:
    assert count_people(map(frozenset, found)) == expected


@pytest.mark.parametrize(
    ("seconds", "word"),
    [(-3, "just now"), (0, "just now"), (12, "12 s ago"), (75, "1 min ago"), (7300, "2 h ago")],
)
def test_the_loser_learns_who_and_when(seconds: int, word: str) -> None:
    first = Decision(
        run_id="1",
        answer=Answer.REJECT,
        actor="<!channel>`x` (slack:U1)",
        door="slack",
        digest="",
        at=NOW,
        phase=DecisionPhase.CLAIMED,
    )
    text = late_text(first, Answer.APPROVE, NOW + timedelta(seconds=seconds))
    who = "``<!channel>`x` (slack:U1)``"
    assert text == f"Nothing was approved: already rejected by {who} {word}."


@pytest.mark.parametrize(
    ("verb", "destroy", "deletions", "needs"),
    [
        (Verb.APPLY, False, None, False),
        (Verb.APPLY, False, 10, False),
        (Verb.APPLY, False, 11, True),
        (Verb.JOB, False, 11, True),
        (Verb.DESTROY, True, None, True),
        (Verb.APPLY, True, 0, True),
    ],
)
def test_the_name_is_typed_where_much_goes(
    verb: Verb, deletions: int | None, *, destroy: bool, needs: bool
) -> None:
    counts = None if deletions is None else PlanCounts(add=0, change=0, destroy=deletions)
    run = a_plan(options=RunOptions(destroy=destroy), counts=counts)
    run = replace(run, request=replace(run.request, verb=verb))
    assert (needs_name(run, most=10), is_destroy(run)) == (needs, destroy)


@pytest.mark.parametrize(
    ("text", "is_it"),
    [("network", True), (" acme/network\n", True), ("Network", False), ("", False)],
)
def test_a_name_is_typed_exactly(text: str, *, is_it: bool) -> None:
    assert is_name_of(text, NETWORK) is is_it
