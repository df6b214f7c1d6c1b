"""Apply and destroy through the router: what starts, what is told, and every way of refusing."""

from dataclasses import replace
from pathlib import Path

import pytest

from bridge.decisions.gates import ignored_contexts
from bridge.domain.access import AccessRule, Principal, PrincipalKind
from bridge.domain.commands import Word
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import ApplyPolicy, Gate, Policy
from bridge.domain.runs import (
    Reviewed,
    RunOptions,
    RunPhase,
    RunRequest,
    RunState,
    TemplateChoice,
    Verb,
)
from bridge.domain.vcs import (
    ChangedFiles,
    Mergeability,
    MergeMethod,
    PullRequestRef,
    PullRequestState,
    Reviews,
)
from bridge.domain.work import AuditEntry
from tests.fakes.forge import HEAD, INFRA, FakeForge
from tests.fakes.jobserver import APPROVED_FLOW
from tests.fakes.store import a_record
from tests.golden import check_golden
from tests.handlers.conftest import World, about, posts, replies

GOLDEN = Path(__file__).parent / "golden"
REF = PullRequestRef(repository=INFRA, number=1)
COMMIT = f"commit:code:7:{HEAD}"
NEWER = "d" * 40
BOTH = ChangedFiles(paths=("dns/main.tf", "network/main.tf"))
DESTROYS = Policy(
    destroy=ApplyPolicy(),
    access=(
        AccessRule(
            who=(Principal(door="code", kind=PrincipalKind.USER, name="alice"),),
            may=frozenset(Word),
        ),
    ),
)
DESTRUCTION = RunOptions(destroy=True)


@pytest.fixture
def open_gates(world: World) -> World:
    """A pull request that bob approved."""
    world.forge.reviewed[1] = Reviews(approved=True, approved_by=("bob",))
    return world


@pytest.fixture
def ready(open_gates: World) -> World:
    """One that is planned, too."""
    open_gates.ran()
    return open_gates


@pytest.fixture
def destroyer(world: World) -> World:
    """A repository in which alice may destroy."""
    world.policy = DESTROYS
    return world


async def test_an_apply_is_pinned_to_the_plan_that_was_reviewed(ready: World) -> None:
    work = await ready.say("terrakube apply --auto-merge-method squash --verbose")
    (plan,) = ready.store.runs.values()
    assert work.runs == [
        RunRequest(
            trigger="comment:code:7:100:1",
            actor="alice",
            verb=Verb.APPLY,
            workspace=plan.request.workspace,
            template=TemplateChoice(reference="built-in", name="built-in"),
            commit_id=HEAD,
            repository=INFRA,
            reports=(REF.key, COMMIT),
            options=RunOptions(),
            branch="feature",
            pull_request=1,
            why="Asked for by alice: terrakube apply --auto-merge-method squash --verbose",
            applies=True,
            reviewed=Reviewed(run_id="run-1", digest="json1:1"),
            merges=True,
            merge_method=MergeMethod.SQUASH,
            verbose=True,
        )
    ]
    assert posts(work) == [
        "reaction:eyes",
        "report:1",
        "status:terrakube/apply",
        "status:terrakube/apply: acme/network",
        "merge:1",
    ]
    assert work.audits == [
        AuditEntry(
            actor="alice",
            action="apply.requested",
            door="comment",
            subject=REF.key,
            result="done",
            detail="terrakube apply --auto-merge-method squash --verbose: acme/network",
        )
    ]


async def test_the_options_of_the_reviewed_plan_are_those_of_the_apply(open_gates: World) -> None:
    options = RunOptions(targets=("aws_vpc.x",))
    open_gates.ran(options=options)
    work = await open_gates.say("terrakube apply")
    assert [run.options for run in work.runs] == [options]


async def test_only_gates_that_are_asked_for_cost_a_question(ready: World) -> None:
    ready.policy = Policy(apply=ApplyPolicy(require=()))
    ready.forge.reviewed.clear()
    assert (await ready.say("terrakube apply")).runs
    assert ready.forge.ignored == []


async def test_own_statuses_do_not_keep_an_apply_from_satisfying_them(ready: World) -> None:
    await ready.say("terrakube apply")
    assert ready.forge.ignored == [ignored_contexts(ready.policy)]


async def test_a_workspace_whose_plan_changes_nothing_is_left_out_with_a_word(
    ready: World,
) -> None:
    ready.forge.files = BOTH
    ready.workspace("dns")
    ready.ran("dns", plan_changes=False)
    work = await ready.say("terrakube apply")
    assert [run.workspace.name for run in work.runs] == ["network"]
    assert replies(work) == ["Left out, as they are planned without changes: `acme/dns`."]


def nothing_status(work_posts: list[PostUpsert]) -> list[str | None]:
    return [one.content for one in work_posts if one.kind is PostKind.STATUS]


async def test_a_required_status_does_not_wait_for_an_apply_there_is_none_of(
    open_gates: World,
) -> None:
    open_gates.ran(plan_changes=False)
    work = await open_gates.say("terrakube apply")
    assert not work.runs
    assert replies(work) == ["There is nothing to apply: planned without changes: `acme/network`."]
    assert nothing_status(work.posts) == ["success Nothing to apply: no plan changes anything"]


@pytest.mark.parametrize("state", [None, RunState.FAILED, RunState.SUCCEEDED])
async def test_nothing_to_apply_here_is_no_success_while_something_is_elsewhere(
    open_gates: World, state: RunState | None
) -> None:
    open_gates.forge.files = BOTH
    open_gates.workspace("dns")
    open_gates.ran(plan_changes=False)
    if state:
        open_gates.ran("dns", state=state)
    work = await open_gates.say("terrakube apply -w network")
    assert not work.runs
    assert nothing_status(work.posts) == []


async def test_nothing_to_apply_does_not_unlock_another_pull_request_with_that_head(
    open_gates: World,
) -> None:
    open_gates.ran(plan_changes=False)
    other = open_gates.open(2, base_branch="release")
    open_gates.store.records[other.ref.key] = a_record(other)
    work = await open_gates.say("terrakube apply")
    assert nothing_status(work.posts) == []
    assert "so that this one does not let the other one through." in replies(work)[0]


async def test_nothing_to_apply_does_not_unlock_a_pull_request_that_comes_later(
    open_gates: World,
) -> None:
    open_gates.ran(plan_changes=False)
    await open_gates.deliver(about(open_gates.forge.pulls[1]))
    await open_gates.say("terrakube apply")
    other = about(open_gates.open(2), delivery_id="d-9")
    taken_back = "pending Planned again: say terrakube apply once more"
    assert taken_back in nothing_status((await open_gates.deliver(other)).posts)


async def test_nothing_to_apply_is_taken_back_when_it_is_planned_again(
    open_gates: World,
) -> None:
    open_gates.ran(plan_changes=False)
    await open_gates.deliver(about(open_gates.forge.pulls[1]))
    await open_gates.say("terrakube apply")
    again = about(open_gates.forge.pulls[1], delivery_id="d-9")
    assert nothing_status((await open_gates.deliver(again)).posts) == [None, None]
    work = await open_gates.say("terrakube plan")
    assert "pending Planned again: say terrakube apply once more" in nothing_status(work.posts)


async def test_zero_workspaces_are_never_a_success(open_gates: World) -> None:
    open_gates.forge.files = ChangedFiles(paths=("README.md",))
    work = await open_gates.say("terrakube apply")
    assert posts(work) == ["reaction:eyes", "reply:1"]
    assert "no workspace is planned at this head" in replies(work)[0]
    assert [one.result for one in work.audits] == ["refused"]


@pytest.mark.parametrize("phase", [RunPhase.PLANNED, RunPhase.CREATED, RunPhase.REVIEWING])
async def test_of_two_people_who_say_apply_the_second_is_told_about_the_first(
    ready: World, phase: RunPhase
) -> None:
    ready.ran(verb=Verb.APPLY, state=RunState.QUEUED, phase=phase, job_id="")
    work = await ready.say("terrakube apply")
    assert not work.runs
    assert replies(work)[0] == (
        "Nothing was applied. `acme/network`: its apply is under way. `bob` asked for it, and it "
        "waits for its turn."
    )


async def test_what_is_applied_is_not_applied_again_until_it_is_planned_again(
    ready: World,
) -> None:
    ready.ran(verb=Verb.APPLY, reviewed=Reviewed(run_id="run-1", digest="json1:1"))
    work = await ready.say("terrakube apply")
    assert not work.runs
    assert "what was planned is applied already; `bob` asked for it" in replies(work)[0]
    ready.ran()
    assert (await ready.say("terrakube apply")).runs


async def test_what_is_under_way_does_not_keep_the_others_from_being_applied(
    ready: World,
) -> None:
    ready.forge.files = BOTH
    ready.workspace("dns")
    ready.ran("dns")
    ready.ran(verb=Verb.APPLY, state=RunState.RUNNING)
    work = await ready.say("terrakube apply")
    assert [run.workspace.name for run in work.runs] == ["dns"]
    assert "its apply is under way. `bob` asked for it, and it runs as job 3." in replies(work)[0]


async def test_an_affected_workspace_without_a_plan_keeps_all_from_being_applied(
    ready: World,
) -> None:
    ready.forge.files = BOTH
    ready.workspace("dns")
    work = await ready.say("terrakube apply")
    assert not work.runs
    assert "No plan of this head: `acme/dns`." in replies(work)[0]
    assert (await ready.say("terrakube apply -w network")).runs


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("-w '*'", ["network"]),
        ("-w acme/*", ["network"]),
        ("-d '*'", ["network"]),
        ("-w acme/* -w network", ["network"]),
        ("-w acme/* -w idle", []),
        ("-d idle", []),
        ("-w 'id*'", []),
    ],
)
async def test_a_glob_chooses_among_what_there_is_to_apply(
    ready: World, flags: str, expected: list[str]
) -> None:
    ready.workspace("idle")
    work = await ready.say(f"terrakube apply {flags}")
    assert [run.workspace.name for run in work.runs] == expected
    assert expected or "No plan of this head: `acme/idle`." in replies(work)[0]


async def test_a_plan_of_another_head_is_no_plan(ready: World) -> None:
    ready.open(head_sha=NEWER)
    work = await ready.say("terrakube apply")
    assert not work.runs
    assert "No plan of this head" in replies(work)[0]


async def test_what_destroys_is_not_applied_and_what_changes_is_not_destroyed(
    open_gates: World,
) -> None:
    open_gates.policy = DESTROYS
    open_gates.ran(options=DESTRUCTION)
    assert not (await open_gates.say("terrakube apply")).runs
    (run,) = (await open_gates.say("terrakube destroy")).runs
    assert run.verb is Verb.DESTROY
    open_gates.ran()
    assert not (await open_gates.say("terrakube destroy")).runs


REFUSALS = {
    "a fork": "terrakube apply",
    "closed": "terrakube apply",
    "every gate": "terrakube apply",
    "the plan runs": "terrakube apply",
    "the plan failed": "terrakube apply -w network",
    "other options": "terrakube apply --target aws_vpc.x",
    "no such workspace": "terrakube apply -w networks",
    "destroy is off": "terrakube destroy",
    "too many": "terrakube apply",
    "the template is gone": "terrakube apply",
    "the template asks nobody": "terrakube apply",
    "the forge does not answer": "terrakube apply",
}


class SilentForge(FakeForge):
    """Does not say what its gates need."""

    async def reviews(self, pull_request: object) -> Reviews:
        msg = "GET reviews: no answer"
        raise TemporaryRemoteError(msg, service="code")

    async def mergeability(self, pull_request: object, *, ignoring: object) -> Mergeability:
        msg = "GET pull request: no answer"
        raise TemporaryRemoteError(msg, service="code")


def arrange(world: World, case: str) -> None:
    pull_request = world.forge.pulls[1]
    match case:
        case "a fork":
            world.open(from_fork=True)
        case "closed":
            world.open(state=PullRequestState.CLOSED)
        case "every gate":
            world.open(draft=True)
            world.policy = Policy(
                apply=ApplyPolicy(
                    require=(Gate.APPROVED, Gate.MERGEABLE, Gate.UNDIVERGED, Gate.NOT_DRAFT),
                    statuses=("ci/test",),
                )
            )
            world.forge.reviewed.clear()
            world.forge.mergeable[1] = Mergeability(mergeable=False, problems=("It conflicts.",))
            world.store.runs = {}
        case "the plan runs":
            world.ran(state=RunState.RUNNING)
        case "the plan failed":
            world.ran(state=RunState.FAILED)
        case "too many":
            world.policy = Policy(max_workspaces=1)
            world.forge.files = BOTH
            world.workspace("dns")
            world.ran("dns")
        case "the template is gone":
            world.policy = Policy(apply=ApplyPolicy(template="Careful"))
        case "the template asks nobody":
            world.policy = Policy(apply=ApplyPolicy(template="Plan and apply"))
        case "the forge does not answer":
            world.forge = SilentForge(pulls={1: pull_request})
        case _:
            pass  # what is said is enough


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_names_what_is_in_the_way_and_who_helps(
    ready: World, case: str, request: pytest.FixtureRequest
) -> None:
    arrange(ready, case)
    work = await ready.say(REFUSALS[case])
    assert not work.runs
    assert posts(work) == ["reaction:eyes", "reply:1"]
    assert [one.result for one in work.audits] == ["refused"]
    name = case.replace(" ", "_")
    check_golden(request, GOLDEN / f"apply_{name}.md", f"{replies(work)[0]}\n")


async def test_all_takes_more_than_are_taken_without_asking(ready: World) -> None:
    arrange(ready, "too many")
    assert len((await ready.say("terrakube apply --all")).runs) == 2


async def test_a_template_that_asks_nobody_is_used_where_that_is_wanted(ready: World) -> None:
    ready.policy = Policy(apply=ApplyPolicy(template="Plan and apply", allow_unasked=True))
    (run,) = (await ready.say("terrakube apply")).runs
    assert (run.template.reference, run.template.name) == ("Plan and apply", "Plan and apply")
    assert run.template.id


async def test_a_template_that_asks_first_needs_no_leave(ready: World) -> None:
    ready.server.add_template("Careful", flow=APPROVED_FLOW)
    ready.policy = Policy(apply=ApplyPolicy(template="Careful"))
    assert [run.template.name for run in (await ready.say("terrakube apply")).runs] == ["Careful"]


async def test_a_plan_of_a_destruction_needs_its_settings_and_a_rule(world: World) -> None:
    off = await world.say("terrakube plan -- -destroy")
    assert replies(off)[0].startswith("Nothing was destroyed: `destroy` is switched off here.")
    world.policy = replace(world.policy, destroy=ApplyPolicy())
    refused = await world.say("terrakube plan -- -destroy")
    assert replies(refused)[0].startswith("Nothing was done: `destroy` needs an `access` rule")
    assert not refused.runs
    status = PostTarget(repository=INFRA, sha=HEAD, context="terrakube/destroy")
    assert status.key(PostKind.STATUS) not in world.store.texts


async def test_whoever_may_destroy_plans_it_with_a_flow_of_the_bridges_own(
    destroyer: World,
) -> None:
    destroyer.forge.files = BOTH
    destroyer.workspace("dns")
    work = await destroyer.say("terrakube plan -w network -- -destroy")
    assert [(run.workspace.name, run.template.tcl, run.options.destroy) for run in work.runs] == [
        ("dns", "", False),  # affected, and never planned before: planned as always
        ("network", "flow: destruction", True),
    ]
    destroyer.policy = replace(destroyer.policy, destroy=None)
    off = await destroyer.say("terrakube plan -- -destroy")
    assert replies(off)[0].startswith("Nothing was destroyed: `destroy` is switched off here.")
