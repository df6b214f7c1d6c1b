"""What a pull request starts, as a table of cases."""

from dataclasses import replace

import pytest

from bridge.decisions.pull_requests import (
    decide_closing,
    decide_pull_request,
    decide_supersedes,
    trigger_of,
)
from bridge.decisions.triggers import Facts, Ignore, Start, Tell
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.vcs import ChangedFiles, PullRequest, PullRequestState
from bridge.domain.work import Supersede, Verdict
from bridge.ports import PullRequestRecord
from tests.bridge.decisions.facts import (
    APPLY,
    PLAN,
    UNKNOWN_FILES,
    a_workspace,
    files,
    some_facts,
)
from tests.fakes.forge import HEAD, a_pull_request
from tests.fakes.store import a_record


def rule(**fields: object) -> Policy:
    fields = {"on": On.PULL_REQUEST, "template": "Plan"} | fields
    return Policy(rules=(Rule(**fields),))  # type: ignore[arg-type]  # named by each test


NETWORK = a_workspace("network")
DNS = a_workspace("dns")
ROOT = a_workspace("root", folder="/")
RELEASE = a_workspace("release", branch="release,hotfix")
PULL_REQUEST = a_pull_request()
OLD = "d" * 40
CHANGED = files("network/main.tf")
ALSO = rule(also=("modules/**",))


def decide(
    facts: Facts,
    changed: ChangedFiles = CHANGED,
    pull_request: PullRequest = PULL_REQUEST,
    stored: PullRequestRecord | None = None,
    allowed: str = "",
) -> Ignore | Tell | Start:
    return decide_pull_request(
        facts, pull_request=pull_request, changed=changed, stored=stored, allowed=allowed
    )


def names(decision: Ignore | Tell | Start) -> list[str]:
    assert isinstance(decision, Start), decision
    return [target.workspace.name for target in decision.targets]


def verdict(decision: Ignore | Tell | Start) -> Verdict:
    assert not isinstance(decision, Ignore)
    assert decision.verdict is not None
    return decision.verdict


@pytest.mark.parametrize(
    ("facts", "changed", "expected"),
    [
        (some_facts(NETWORK, DNS), files("network/main.tf"), ["network"]),
        (some_facts(NETWORK, DNS), files("network/a.tf", "dns/b.tf"), ["dns", "network"]),
        (some_facts(NETWORK, ROOT), files("network/a.tf"), ["network", "root"]),
        (some_facts(NETWORK, ROOT), files("README.md"), ["root"]),
        (some_facts(NETWORK, DNS), UNKNOWN_FILES, ["dns", "network"]),
        (
            some_facts(a_workspace("both", folder="/a, /b"), DNS),
            files("b/x.tf"),
            ["both"],
        ),
        (
            some_facts(NETWORK, policy=rule(also=("modules/**",))),
            files("modules/v.tf"),
            ["network"],
        ),
        (
            some_facts(NETWORK, policy=rule(workspaces=("acme/net*",))),
            files("network/main.tf"),
            ["network"],
        ),
        (some_facts(NETWORK, policy=rule(branches=("ma*",))), files("network/a"), ["network"]),
    ],
)
def test_affected_workspaces_are_planned(
    facts: Facts, changed: ChangedFiles, expected: list[str]
) -> None:
    decision = decide(facts, changed)
    assert names(decision) == expected
    assert verdict(decision) == Verdict(
        head_sha=HEAD, kind="planning", text="", workspaces=len(expected)
    )


NO_RULE = "none of those that follow `main` has a rule and a changed file"


@pytest.mark.parametrize(
    ("facts", "changed", "reason"),
    [
        (some_facts(NETWORK), files("dns/main.tf"), NO_RULE),
        (some_facts(NETWORK), files("network-2/main.tf"), NO_RULE),
        (some_facts(NETWORK), files(), "it changes no file"),
        (some_facts(RELEASE), files("release/x.tf"), "no workspace follows the branch `main`"),
        (some_facts(NETWORK, policy=rule(on=On.PUSH)), files("network/a"), NO_RULE),
        (some_facts(NETWORK, policy=rule(branches=("release/*",))), UNKNOWN_FILES, NO_RULE),
        (some_facts(NETWORK, policy=rule(workspaces=("acme/dns",))), UNKNOWN_FILES, NO_RULE),
        (some_facts(NETWORK, policy=Policy(rules=())), UNKNOWN_FILES, NO_RULE),
    ],
)
def test_no_workspace_affected_is_said(facts: Facts, changed: ChangedFiles, reason: str) -> None:
    assert decide(facts, changed) == Tell(
        verdict=Verdict(head_sha=HEAD, kind="nothing", text=f"No workspace is affected: {reason}.")
    )


def test_a_repository_terrakube_does_not_know_is_left_alone() -> None:
    stranger = a_workspace(source="https://git.example.com/acme/other.git")
    assert decide(some_facts(stranger)) == Ignore(
        reason="no workspace in Terrakube takes its code from this repository"
    )


def test_the_first_rule_that_matches_a_workspace_decides() -> None:
    policy = Policy(
        rules=(
            Rule(on=On.PUSH, template="Never"),
            Rule(on=On.PULL_REQUEST, template="t-apply", workspaces=("acme/net*",), name="rule 2"),
            Rule(on=On.PULL_REQUEST, template="Plan", name="rule 3"),
        )
    )
    decision = decide(some_facts(NETWORK, DNS, policy=policy), UNKNOWN_FILES)
    assert isinstance(decision, Start)
    assert [(t.workspace.name, t.template.id) for t in decision.targets] == [
        ("dns", PLAN.id),
        ("network", APPLY.id),
    ]


@pytest.mark.parametrize(
    ("facts", "changed", "why"),
    [
        (
            some_facts(NETWORK),
            files("network/main.tf"),
            (
                "The built-in rule for pull requests: the workspace follows main, and "
                "network/main.tf lies in its folder network."
            ),
        ),
        (
            some_facts(ROOT),
            files("a.tf"),
            (
                "The built-in rule for pull requests: the workspace follows main, and a.tf lies in "
                "its folder /."
            ),
        ),
        (
            some_facts(NETWORK, policy=rule(also=("modules/**", "x/*"), name="rule 1")),
            files("modules/v.tf"),
            "Rule 1: the workspace follows main, and modules/v.tf matches modules/**, x/*.",
        ),
        (
            some_facts(NETWORK, policy=rule()),
            UNKNOWN_FILES,
            (
                "A rule on pull_request: the workspace follows main, and anything may have changed "
                "(more than 3000 files)."
            ),
        ),
    ],
)
def test_a_run_says_why_it_is_there(facts: Facts, changed: ChangedFiles, why: str) -> None:
    decision = decide(facts, changed)
    assert isinstance(decision, Start)
    assert [target.why for target in decision.targets] == [why]


def test_a_template_that_does_not_exist_is_named_at_once_and_its_run_says_it_too() -> None:
    decision = decide(some_facts(NETWORK, DNS, policy=rule(template="Plann")), UNKNOWN_FILES)
    assert names(decision) == ["dns", "network"]
    assert verdict(decision).text == "Template `Plann` does not exist in organization `acme`."


FORK = a_pull_request(from_fork=True)
FORK_TEXT = (
    "This pull request comes from a fork, and a plan runs its code, so nothing was started. Once "
    "the changes were read, somebody with write permission can allow this one commit:\n\n"
    f"```\nterrakube ok-to-plan {HEAD}\n```"
)


@pytest.mark.parametrize(
    "stored",
    [None, a_record(FORK), a_record(FORK, allowed_head=OLD), a_record(FORK, allowed_head="")],
)
def test_a_fork_is_not_planned_and_the_comment_says_how(stored: PullRequestRecord | None) -> None:
    decision = decide(some_facts(NETWORK), pull_request=FORK, stored=stored)
    assert decision == Tell(
        verdict=Verdict(head_sha=HEAD, kind="fork", text=FORK_TEXT, workspaces=1)
    )


@pytest.mark.parametrize(
    ("stored", "allowed"), [(a_record(FORK, allowed_head=HEAD), ""), (None, HEAD)]
)
def test_an_allowed_commit_of_a_fork_is_planned(
    stored: PullRequestRecord | None, allowed: str
) -> None:
    decision = decide(some_facts(NETWORK), pull_request=FORK, stored=stored, allowed=allowed)
    assert names(decision) == ["network"]


def test_what_was_planned_of_a_fork_is_planned_again_when_somebody_says_so_only() -> None:
    planned = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)
    stored = a_record(FORK, allowed_head=HEAD, verdict=planned)
    assert decide(some_facts(NETWORK), pull_request=FORK, stored=stored) == Tell(verdict=planned)
    again = decide(some_facts(NETWORK), pull_request=FORK, stored=stored, allowed=HEAD)
    assert names(again) == ["network"]


def test_a_fork_without_a_commit_is_allowed_nothing() -> None:
    """A head whose branch is gone may come without one; "nothing allowed" must not match it."""
    headless = a_pull_request(from_fork=True, head_sha="")
    for stored in (None, a_record(headless), a_record(headless, allowed_head="")):
        decision = decide(some_facts(NETWORK), pull_request=headless, stored=stored)
        assert verdict(decision).kind == "fork"


def test_an_allowance_is_for_the_base_it_was_given_at() -> None:
    """Whoever made the fork may turn it to another branch, and so to other workspaces."""
    release = a_workspace("release", branch="release")
    turned = a_pull_request(from_fork=True, base_branch="release")
    stored = a_record(FORK, allowed_head=HEAD)
    decision = decide(some_facts(release), UNKNOWN_FILES, pull_request=turned, stored=stored)
    assert verdict(decision).kind == "fork"


def test_a_fork_that_affects_nothing_needs_nobody() -> None:
    decision = decide(some_facts(NETWORK), files("README.md"), pull_request=FORK)
    assert verdict(decision).kind == "nothing"


@pytest.mark.parametrize("template", ["Plan and apply", "default", "Odd", "Gone"])
def test_the_code_of_a_fork_is_never_applied(template: str) -> None:
    """Not even when somebody allowed it, nor with a template that cannot be read."""
    facts = some_facts(NETWORK, policy=rule(template=template))
    decision = decide(facts, pull_request=FORK, allowed=HEAD)
    assert isinstance(decision, Tell)
    assert decision.verdict.kind == "error"
    assert decision.verdict.text.endswith(
        "The code of a fork is planned at most, never applied, and nothing says that template "
        f"`{template}` only plans."
    )


DRAFT = a_pull_request(draft=True)


def test_drafts_are_planned_unless_the_operator_says_no() -> None:
    assert names(decide(some_facts(NETWORK), pull_request=DRAFT)) == ["network"]
    decision = decide(some_facts(NETWORK, policy=Policy(plan_drafts=False)), pull_request=DRAFT)
    assert decision == Tell(
        verdict=Verdict(
            head_sha=HEAD,
            kind="draft",
            text="Drafts are not planned by themselves; `terrakube plan` plans this one.",
            workspaces=1,
        )
    )


def test_a_draft_that_is_ready_is_planned() -> None:
    policy = Policy(plan_drafts=False)
    was_draft = a_record(DRAFT, verdict=Verdict(head_sha=HEAD, kind="draft", text=""))
    assert names(decide(some_facts(NETWORK, policy=policy), stored=was_draft)) == ["network"]


def test_too_many_workspaces_are_asked_about() -> None:
    many = [a_workspace(f"w{number:03}", folder="/") for number in range(42)]
    decision = decide(some_facts(*many))
    assert verdict(decision).kind == "too_many"
    assert verdict(decision).workspaces == 42
    assert verdict(decision).text == (
        "42 workspaces would be planned, more than 40 at once. To plan all of them, say:\n\n"
        "```\nterrakube plan --all\n```\n\nOr choose some: `terrakube plan -w organization/name` "
        "(globs are fine, and `-w` may be repeated)."
    )
    assert len(names(decide(some_facts(*many[:40])))) == 40


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (Verdict(head_sha=HEAD, kind="planning", text="", workspaces=42), "planning"),
        (Verdict(head_sha=OLD, kind="planning", text="", workspaces=42), "too_many"),
        (Verdict(head_sha=HEAD, kind="too_many", text=""), "too_many"),
    ],
)
def test_a_question_that_was_answered_is_not_asked_again(stored: Verdict, kind: str) -> None:
    """What somebody asked to be planned goes on being planned, and is not started twice."""
    many = [a_workspace(f"w{number:03}", folder="/") for number in range(42)]
    decision = decide(some_facts(*many), stored=a_record(PULL_REQUEST, verdict=stored))
    assert isinstance(decision, Tell)
    assert decision.verdict.kind == kind


def test_another_base_asks_again() -> None:
    many = [a_workspace(f"w{number:03}", folder="/") for number in range(42)]
    planned = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=42)
    stored = a_record(PULL_REQUEST, verdict=planned, base_branch="release")
    assert verdict(decide(some_facts(*many), stored=stored)).kind == "too_many"


def test_a_newer_head_drops_the_plans_of_the_older_one() -> None:
    facts = some_facts(NETWORK, DNS)
    found = decide_supersedes(
        facts,
        pull_request=PULL_REQUEST,
        stored=a_record(PULL_REQUEST, head_sha=OLD),
        decision=decide(facts),
    )
    assert found == (
        Supersede(pull_request=PULL_REQUEST.ref, keep_head=HEAD, reason="A newer commit came."),
    )


def test_another_base_drops_the_plans_of_workspaces_it_does_not_affect() -> None:
    facts = some_facts(NETWORK, DNS)
    found = decide_supersedes(
        facts,
        pull_request=PULL_REQUEST,
        stored=a_record(PULL_REQUEST, base_branch="release"),
        decision=decide(facts),
    )
    assert found == (
        Supersede(
            pull_request=PULL_REQUEST.ref,
            keep_head=None,
            reason="The pull request goes to another branch now.",
            workspaces=frozenset({DNS.ref.id}),
        ),
    )


def test_nothing_is_dropped_while_nothing_moved() -> None:
    facts = some_facts(NETWORK)
    same = a_record(PULL_REQUEST)
    moved = a_record(PULL_REQUEST, head_sha=OLD)
    for stored, decision in (
        (same, decide(facts)),
        (None, decide(facts)),
        (moved, Ignore(reason="unknown")),
    ):
        assert not decide_supersedes(
            facts, pull_request=PULL_REQUEST, stored=stored, decision=decision
        )


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (PullRequestState.MERGED, "The pull request was merged."),
        (PullRequestState.CLOSED, "The pull request was closed."),
    ],
)
def test_closing_drops_every_plan(state: PullRequestState, reason: str) -> None:
    closed = replace(PULL_REQUEST, state=state)
    assert decide_closing(closed) == Supersede(
        pull_request=closed.ref, keep_head=None, reason=reason
    )


def test_the_trigger_names_head_and_base() -> None:
    assert trigger_of(PULL_REQUEST) == f"pr:code:7:1@{HEAD}+main"
