"""Who may say what: the whole table as a golden file, and every refusal's text as another."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.decisions.access import Allowed, Denied, decide_access, stranger_text, teams_to_ask
from bridge.decisions.gates import unmet_gates
from bridge.decisions.pull_requests import is_allowed
from bridge.domain.access import AccessRule, Person
from bridge.domain.commands import Word
from bridge.domain.rules import ApplyPolicy, Gate
from bridge.domain.vcs import Permission
from tests.bridge.decisions.applying import (
    DNS,
    NETWORK,
    PROD,
    a_pull_request,
    a_rule,
    principal,
    some_facts,
)
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"

TEAM = "code:team:acme/platform"
GROUP = "slack:group:S0123"
RULES = (
    a_rule(TEAM),
    a_rule("code:user:alice", may="plan apply unlock", workspaces=("acme/network",)),
    a_rule(GROUP, may="status apply"),
    a_rule("*", may="plan cancel ok-to-plan"),
)
PERMISSIONS = (None, *Permission)
ALICE = Person(forge="code", login="Alice", permission=Permission.WRITE)
PEOPLE = {
    "of the team": replace(ALICE, login="tom", teams=frozenset({TEAM})),
    "alice": ALICE,
    "somebody": replace(ALICE, login="sam"),
    "Slack, group": replace(ALICE, login="gil", slack_user="U1", teams=frozenset({GROUP.lower()})),
    "Slack, group, not linked": Person(
        forge="", login="", permission=None, slack_user="U2", teams=frozenset({GROUP.lower()})
    ),
    "Slack, somebody": replace(ALICE, login="sid", slack_user="U3"),
    "Slack, not linked": Person(forge="", login="", permission=None, slack_user="U4"),
}
ANYBODYS = {Word.HELP, Word.VERSION, Word.WHOAMI, Word.LINK, Word.UNLINK}
READING = {Word.STATUS, Word.WHY}
OF_THE_TEAM = {
    *READING,
    Word.LOGS,
    Word.WORKSPACES,
    Word.TEMPLATES,
    Word.SUBSCRIPTIONS,
    Word.SUBSCRIBE,
    Word.UNSUBSCRIBE,
    Word.SETTINGS,
}
COLUMNS = [(word.value, word, True) for word in Word]
COLUMNS.insert(8, ("unlock other", Word.UNLOCK, False))


def cell(
    person: Person, word: Word, rules: Sequence[AccessRule] | None, *, own: bool, fork: bool
) -> str:
    if isinstance(decide_access(person, word, [NETWORK], rules, own=own), Denied):
        return "-"
    pull_request = a_pull_request(from_fork=fork)
    if word in (Word.APPLY, Word.DESTROY):
        facts = some_facts(pull_request=pull_request)
        unmet = unmet_gates(ApplyPolicy(), facts, command="terrakube")
        return "fork" if Gate.NOT_FORK in [one.gate for one in unmet] else "yes"
    if word is Word.PLAN and not is_allowed(pull_request, None):
        return "ok?"
    return "yes"


def table(rules: Sequence[AccessRule] | None, *, fork: bool) -> str:
    head = ["who", "permission", *(name for name, _, _ in COLUMNS)]
    rows = [head, ["---"] * len(head)]
    for name, person in PEOPLE.items():
        for permission in PERMISSIONS if person.login else (None,):
            asking = replace(person, permission=permission)
            cells = [cell(asking, word, rules, own=own, fork=fork) for _, word, own in COLUMNS]
            rows.append([name, permission.value if permission else "unknown", *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_who_may_say_what_with_which_permission_and_about_whose_code(
    request: pytest.FixtureRequest,
) -> None:
    """``fork``: never applied; ``ok?``: once somebody allowed its commit to be planned."""
    parts = [
        f"# {'With' if rules else 'Without'} rules, {'a fork' if fork else 'a branch'}\n\n"
        + table(rules, fork=fork)
        for rules in (None, RULES)
        for fork in (False, True)
    ]
    check_golden(request, GOLDEN / "access.md", "\n\n".join(parts) + "\n")


@pytest.mark.parametrize("rules", [None, (), RULES, (a_rule("*"),)])
@pytest.mark.parametrize("permission", [None, Permission.NONE, Permission.READ])
def test_no_rule_for_a_forge_lets_anybody_below_the_floor_change_anything(
    rules: Sequence[AccessRule] | None, permission: Permission | None
) -> None:
    for person in PEOPLE.values():
        if GROUP.lower() in person.teams:
            continue  # named on Slack
        harmless = ANYBODYS | (OF_THE_TEAM if person.slack_user else READING)
        for word in set(Word) - harmless:
            asking = replace(person, permission=permission)
            decision = decide_access(asking, word, [NETWORK], rules, own=True)
            assert isinstance(decision, Denied), (person, word)


@pytest.mark.parametrize("word", Word)
def test_an_empty_list_of_rules_lets_nobody_change_anything(word: Word) -> None:
    decision = decide_access(replace(ALICE, permission=Permission.ADMIN), word, [NETWORK], ())
    assert isinstance(decision, Allowed) is (word in ANYBODYS | READING)


@pytest.mark.parametrize("rules", [None, (), RULES])
@pytest.mark.parametrize("word", Word)
def test_everybody_of_the_team_reads_and_says_what_a_channel_hears(
    word: Word, rules: Sequence[AccessRule] | None
) -> None:
    decision = decide_access(PEOPLE["Slack, not linked"], word, [NETWORK], rules)
    assert isinstance(decision, Allowed) is (word in ANYBODYS | OF_THE_TEAM)


def on_slack(**changes: Any) -> Person:  # noqa: ANN401 - its fields
    return replace(ALICE, login="", forge="", permission=None, slack_user="U9", **changes)


LINKED = replace(ALICE, slack_user="U9")


@pytest.mark.parametrize(
    ("person", "who", "is_let"),
    [
        (on_slack(), "slack:user:U9", True),
        (on_slack(has_repository=False), "slack:user:U9", True),
        (on_slack(teams=frozenset({GROUP.lower()})), GROUP, True),
        (on_slack(unsure=frozenset({GROUP.lower()})), GROUP, False),
        (on_slack(), GROUP, False),
        (on_slack(), "*", False),
        (on_slack(), "code:user:alice", False),
        (LINKED, "code:user:alice", True),
        (LINKED, "code:user:ALICE", True),
        (LINKED, "*", True),
        (replace(LINKED, teams=frozenset({TEAM})), TEAM, True),
        (replace(LINKED, has_repository=False), "code:user:alice", False),
        (replace(LINKED, has_repository=False), "*", False),
        (replace(LINKED, permission=None), "code:user:alice", False),
        (replace(LINKED, permission=Permission.READ), "code:user:alice", False),
        (replace(LINKED, permission=Permission.NONE), "slack:user:U9", True),
        (replace(LINKED, slack_user=""), "slack:user:U9", False),
    ],
)
def test_whom_a_rule_names_on_slack_it_lets_and_others_stand_on_the_floor(
    person: Person, who: str, *, is_let: bool
) -> None:
    decision = decide_access(person, Word.APPROVE, [NETWORK], (a_rule(who),))
    assert isinstance(decision, Allowed) is is_let


def test_rules_for_both_doors_add_up() -> None:
    rules = (
        a_rule("slack:user:U9", may="plan", workspaces=("acme/network",)),
        a_rule("code:user:alice", may="plan", workspaces=("acme/dns",)),
    )
    assert isinstance(decide_access(LINKED, Word.PLAN, [NETWORK, DNS], rules), Allowed)
    below = replace(LINKED, permission=Permission.READ)
    decision = decide_access(below, Word.PLAN, [NETWORK, DNS], rules)
    assert isinstance(decision, Denied)
    assert decision.workspaces == (DNS,)


@pytest.mark.parametrize(
    ("person", "rules", "own", "because"),
    [
        (ALICE, None, True, "write permission"),
        (replace(ALICE, permission=Permission.ADMIN), None, False, "admin permission"),
        (ALICE, RULES, False, "the rule of code:user:alice"),
        (
            replace(ALICE, teams=frozenset({TEAM})),
            RULES,
            False,
            f"the rule of {TEAM}, the rule of code:user:alice",
        ),
    ],
)
def test_the_audit_learns_what_lets_somebody(
    person: Person, rules: Sequence[AccessRule] | None, because: str, *, own: bool
) -> None:
    decision = decide_access(person, Word.UNLOCK, [NETWORK], rules, own=own)
    assert decision == Allowed(because=because)


def test_all_workspaces_must_be_allowed_and_those_that_are_not_are_named() -> None:
    decision = decide_access(ALICE, Word.APPLY, [NETWORK, PROD, DNS], RULES)
    assert isinstance(decision, Denied)
    assert decision.workspaces == (PROD, DNS)


def test_a_login_of_another_forge_or_of_slack_is_somebody_else() -> None:
    for stranger in (
        replace(ALICE, forge="other"),
        replace(ALICE, login="sam", slack_user="alice"),
        replace(ALICE, login="", slack_user="alice"),
    ):
        decision = decide_access(stranger, Word.APPLY, [NETWORK], RULES)
        assert isinstance(decision, Denied), stranger


def test_where_no_workspace_is_meant_a_rule_for_some_of_them_is_enough() -> None:
    assert decide_access(ALICE, Word.APPLY, [], RULES) == Allowed(
        because="the rule of code:user:alice"
    )


@pytest.mark.parametrize(
    ("door", "word", "workspaces", "asked"),
    [
        ("code", Word.APPLY, [NETWORK], [TEAM]),
        ("code", Word.APPLY, [], [TEAM, "code:team:acme/dns"]),
        ("code", Word.APPLY, [NETWORK, DNS], [TEAM, "code:team:acme/dns"]),
        ("code", Word.PLAN, [DNS], [TEAM]),
        ("slack", Word.APPLY, [NETWORK], [GROUP]),
        ("slack", Word.REJECT, [NETWORK], []),
        ("other", Word.APPLY, [NETWORK], []),
    ],
)
def test_only_the_teams_it_depends_on_are_asked_about(
    door: str, word: Word, workspaces: list[object], asked: list[str]
) -> None:
    rules = (
        *RULES,
        a_rule(
            "code:team:acme/dns",
            TEAM.upper().replace("CODE:TEAM", "code:team"),
            may="apply",
            workspaces=("acme/dns",),
        ),
    )
    found = teams_to_ask(rules, door, word, workspaces)  # type: ignore[arg-type] # all are refs
    assert [one.key for one in found] == [principal(one).key for one in asked]


def test_without_rules_no_team_is_asked_about() -> None:
    assert teams_to_ask(None, "code", Word.APPLY, [NETWORK]) == ()


BOB = replace(ALICE, login="bob")
SPLIT = (a_rule(TEAM, may="apply", workspaces=("acme/prod",)), a_rule(GROUP, may="apply plan"))
REFUSALS = {
    "stranger": decide_access(replace(ALICE, permission=Permission.NONE), Word.PLAN, [], None),
    "reader": decide_access(replace(ALICE, permission=Permission.READ), Word.APPLY, [], RULES),
    "permission_unknown": decide_access(replace(ALICE, permission=None), Word.APPLY, [], None),
    "reading_unknown": decide_access(replace(ALICE, permission=None), Word.WHY, [], None),
    "reading_stranger": decide_access(
        replace(ALICE, permission=Permission.NONE), Word.STATUS, [], RULES
    ),
    "destroy_without_rules": decide_access(ALICE, Word.DESTROY, [NETWORK], None),
    "unlock_of_others": decide_access(ALICE, Word.UNLOCK, [NETWORK], None, own=False),
    "slack_without_rules": decide_access(PEOPLE["Slack, group"], Word.APPLY, [NETWORK], None),
    "slack_not_linked": decide_access(PEOPLE["Slack, not linked"], Word.APPLY, [NETWORK], RULES),
    "slack_not_named": decide_access(on_slack(), Word.APPROVE, [NETWORK], (a_rule(GROUP),)),
    "slack_reader": decide_access(
        replace(LINKED, permission=Permission.READ), Word.PLAN, [NETWORK], RULES
    ),
    "slack_permission_unknown": decide_access(
        replace(LINKED, permission=None), Word.PLAN, [NETWORK], RULES
    ),
    "slack_no_repository": decide_access(
        on_slack(has_repository=False), Word.APPLY, [NETWORK], RULES
    ),
    "slack_group_unknown": decide_access(
        on_slack(unsure=frozenset({GROUP.lower()})), Word.APPROVE, [NETWORK], (a_rule(GROUP),)
    ),
    "rules": decide_access(BOB, Word.APPLY, [NETWORK, PROD], RULES[:1]),
    "rules_of_several": decide_access(BOB, Word.APPLY, [NETWORK, PROD, DNS], SPLIT),
    "rules_of_some": decide_access(ALICE, Word.APPLY, [NETWORK, PROD], RULES[:2]),
    "rules_for_nobody": decide_access(BOB, Word.DESTROY, [PROD], SPLIT),
    "rules_without_workspaces": decide_access(BOB, Word.OK_TO_PLAN, [], RULES[:1]),
    "rules_team_unknown": decide_access(
        replace(BOB, unsure=frozenset({TEAM})), Word.APPLY, [PROD], RULES[:1]
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_says_why_and_who_may(request: pytest.FixtureRequest, name: str) -> None:
    decision = REFUSALS[name]
    assert isinstance(decision, Denied)
    check_golden(request, GOLDEN / f"denied_{name}.md", f"{decision.text}\n")


def test_whoever_may_write_is_no_stranger() -> None:
    assert [stranger_text(one) for one in (Permission.WRITE, Permission.ADMIN)] == ["", ""]
