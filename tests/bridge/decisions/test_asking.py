"""What somebody who asks gets."""

from dataclasses import replace

import pytest

from bridge.decisions.asking import (
    Allow,
    Refuse,
    decide_allowance,
    decide_plan,
)
from bridge.decisions.triggers import Facts, Start
from bridge.domain.commands import AllowCommand, PlanCommand, Selection
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.vcs import ChangedFiles, PullRequest, PullRequestState
from bridge.domain.work import Verdict
from bridge.ports import PullRequestRecord
from tests.bridge.decisions.facts import APPLY, PLAN, UNKNOWN_FILES, a_workspace, files, some_facts
from tests.fakes.forge import HEAD, a_pull_request
from tests.fakes.store import a_record

NETWORK, DNS = a_workspace("network"), a_workspace("dns")
DEEP = a_workspace("deep", folder="/env/prod,/env/stage")
RELEASE = a_workspace("release", branch="release")
FACTS = some_facts(NETWORK, DNS, DEEP, RELEASE)
PULL_REQUEST = a_pull_request()
FORK = a_pull_request(from_fork=True)
PLANNED = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)
SEEN = a_record(PULL_REQUEST, verdict=PLANNED)
NETWORK_CHANGED = files("network/main.tf")
OLD = "d" * 40


def asked(*workspaces: str, folders: tuple[str, ...] = (), everything: bool = False) -> PlanCommand:
    return PlanCommand(
        line=1,
        text="terrakube plan ...",
        selection=Selection(workspaces=workspaces, folders=folders, everything=everything),
    )


def decide(
    command: PlanCommand,
    facts: Facts = FACTS,
    *,
    pull_request: PullRequest = PULL_REQUEST,
    changed: ChangedFiles = NETWORK_CHANGED,
    stored: PullRequestRecord | None = SEEN,
) -> Refuse | Start:
    return decide_plan(
        command,
        facts,
        actor="alice",
        pull_request=pull_request,
        changed=changed,
        stored=stored,
    )


def names(decision: Refuse | Start) -> list[str]:
    assert isinstance(decision, Start), decision
    return [target.workspace.name for target in decision.targets]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (asked(), ["network"]),
        (asked(everything=True), ["network"]),
        (asked("dns"), ["dns"]),
        (asked("acme/dns"), ["dns"]),
        (asked("acme/*"), ["deep", "dns", "network"]),
        (asked("d*"), ["deep", "dns"]),
        (asked("dns", "network"), ["dns", "network"]),
        (asked(folders=("dns",)), ["dns"]),
        (asked(folders=("env/*",)), ["deep"]),
        (asked(folders=("env/stage",)), ["deep"]),
        (asked(folders=("env/**", "dns")), ["deep", "dns"]),
        (asked("d*", folders=("env/prod",)), ["deep"]),
    ],
)
def test_workspaces_are_chosen_by_what_changed_or_by_name(
    command: PlanCommand, expected: list[str]
) -> None:
    assert names(decide(command)) == expected


def test_the_root_is_a_folder() -> None:
    facts = some_facts(a_workspace("root", folder="/"), NETWORK)
    assert names(decide(asked(folders=("",)), facts)) == ["root"]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            asked("nowhere"),
            (
                "No workspace that follows `main` matches `nowhere`. There are `acme/deep`, "
                "`acme/dns`, `acme/network`."
            ),
        ),
        (
            asked("release", folders=("",)),
            (
                "No workspace that follows `main` matches `release`, `.`. There are "
                "`acme/deep`, `acme/dns`, `acme/network`."
            ),
        ),
        (
            asked("Acme/dns"),
            (
                "No workspace that follows `main` matches `Acme/dns`. Did you mean "
                "`acme/dns`? There are `acme/deep`, `acme/dns`, `acme/network`."
            ),
        ),
    ],
)
def test_a_name_that_means_nothing_is_answered_with_those_there_are(
    command: PlanCommand, text: str
) -> None:
    assert decide(command) == Refuse(text=text)


def test_a_workspace_of_another_branch_is_not_planned_for_this_one() -> None:
    other = replace(PULL_REQUEST, base_branch="feature")
    assert decide(asked("release"), pull_request=other) == Refuse(
        text="No workspace of this repository follows the branch `feature`."
    )


def test_nothing_affected_is_answered_with_how_to_name_one() -> None:
    assert decide(asked(), changed=files("README.md")) == Refuse(
        text="No workspace is affected: none of those that follow `main` has a rule and a changed "
        "file. To plan one, say `terrakube plan -w organization/name`."
    )


@pytest.mark.parametrize("state", [PullRequestState.CLOSED, PullRequestState.MERGED])
def test_a_pull_request_that_is_over_is_not_planned(state: PullRequestState) -> None:
    over = replace(PULL_REQUEST, state=state)
    assert decide(asked(), pull_request=over) == Refuse(
        text=f"This pull request is {state.value}: nothing was started."
    )


def test_a_repository_terrakube_does_not_know_is_answered_too() -> None:
    refusal = decide(asked(), some_facts())
    assert isinstance(refusal, Refuse)
    assert refusal.text.startswith("No workspace in Terrakube takes its code from this repository")


def test_a_command_uses_the_template_of_commands_and_says_who_asked() -> None:
    policy = Policy(
        rules=(Rule(on=On.PULL_REQUEST, template="Plan and apply"),), plan_template="Plan"
    )
    decision = decide(asked(), some_facts(NETWORK, policy=policy))
    assert isinstance(decision, Start)
    (target,) = decision.targets
    assert (target.template.id, target.why) == (PLAN.id, "Asked for by alice: terrakube plan ...")


def test_a_draft_is_planned_when_somebody_asks() -> None:
    draft = replace(PULL_REQUEST, draft=True)
    facts = some_facts(NETWORK, policy=Policy(plan_drafts=False))
    decision = decide(asked(), facts, pull_request=draft)
    assert isinstance(decision, Start)
    assert decision.verdict == PLANNED


MANY = some_facts(*(a_workspace(f"w{number:03}", folder="/") for number in range(42)))


@pytest.mark.parametrize("command", [asked(), asked("*")])
def test_very_many_workspaces_need_all_to_be_said(command: PlanCommand) -> None:
    refusal = decide(command, MANY)
    assert isinstance(refusal, Refuse)
    assert refusal.text.startswith("42 workspaces would be planned, more than 40 at once.")
    everything = replace(command, selection=replace(command.selection, everything=True))
    assert len(names(decide(everything, MANY))) == 42


def test_a_fork_nobody_allowed_is_refused_with_how_to_allow_it() -> None:
    for stored in (None, a_record(FORK), a_record(FORK, allowed_head=OLD)):
        refusal = decide(asked("dns"), pull_request=FORK, stored=stored)
        assert isinstance(refusal, Refuse)
        assert f"terrakube ok-to-plan {HEAD}" in refusal.text


def test_an_allowed_fork_is_planned_but_never_with_a_template_that_applies() -> None:
    stored = a_record(FORK, allowed_head=HEAD, verdict=PLANNED)
    assert names(decide(asked("dns"), pull_request=FORK, stored=stored)) == ["dns"]
    applying = some_facts(NETWORK, DNS, policy=Policy(plan_template=APPLY.name))
    refusal = decide(asked("dns"), applying, pull_request=FORK, stored=stored)
    assert isinstance(refusal, Refuse)
    assert "never applied" in refusal.text


def test_one_named_workspace_keeps_what_was_said_about_the_others() -> None:
    decision = decide(asked("dns"))
    assert isinstance(decision, Start)
    assert decision.verdict is None


@pytest.mark.parametrize(
    "stored",
    [
        None,
        a_record(PULL_REQUEST),
        a_record(PULL_REQUEST, verdict=replace(PLANNED, head_sha=OLD)),
    ],
)
def test_one_named_workspace_does_not_pass_for_all_that_are_affected(
    stored: PullRequestRecord | None,
) -> None:
    """A head nobody looked at yet is looked at now; else one plan would make the status green."""
    decision = decide(asked("dns"), stored=stored)
    assert names(decision) == ["dns", "network"]
    assert isinstance(decision, Start)
    assert decision.verdict == PLANNED


def test_a_head_nobody_looked_at_keeps_its_question() -> None:
    decision = decide(asked("w001"), MANY, changed=UNKNOWN_FILES, stored=None)
    assert names(decision) == ["w001"]
    assert isinstance(decision, Start)
    assert decision.verdict is not None
    assert decision.verdict.kind == "too_many"


def allow(sha: str = HEAD, pull_request: PullRequest = FORK, facts: Facts = FACTS) -> object:
    command = AllowCommand(line=1, text="terrakube ok-to-plan ...", sha=sha)
    return decide_allowance(command, facts, pull_request=pull_request, stored=None)


def test_the_present_head_of_a_fork_may_be_allowed() -> None:
    assert allow() == Allow(sha=HEAD)


def test_a_head_that_moved_is_refused_with_the_one_there_is() -> None:
    assert allow(OLD) == Refuse(
        text=f"`{OLD}` is not the head of this pull request (any more), so nothing was started. "
        f"Read what changed, then say:\n\n```\nterrakube ok-to-plan {HEAD}\n```"
    )


def test_a_commit_that_begins_like_the_head_is_another_one() -> None:
    """Shortened ids can be made to fit; only the whole of one counts."""
    assert isinstance(allow(f"{HEAD[:39]}b"), Refuse)


def test_what_is_no_fork_needs_no_allowance() -> None:
    assert allow(pull_request=PULL_REQUEST) == Refuse(
        text="This pull request does not come from a fork: it needs no allowance. "
        "`terrakube plan` plans it."
    )


def test_a_closed_fork_is_not_allowed() -> None:
    closed = replace(FORK, state=PullRequestState.CLOSED)
    assert allow(pull_request=closed) == Refuse(
        text="This pull request is closed: nothing was started."
    )
