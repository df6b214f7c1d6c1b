"""Apply in the pull request: what was reviewed, by somebody who may, in an order all can see."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube import Plan, make_plan
from bridge.sandbox.terrakube.executors.terraform import find_binary
from bridge.sandbox.terrakube.model import Status
from bridge.store.schema import audit, hold
from tests.e2e.applies import APPLY, answers, living, said
from tests.e2e.conftest import SetStage
from tests.e2e.masks import together
from tests.e2e.stage import BRIDGE, REVIEWER, SLUG, Stage
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"
UNREADABLE = Plan(rows=make_plan(create=2).rows)
"""A plan without the text that could be compared."""


async def planned(stage: Stage, *names: str, branch: str = "change", file: str = "") -> PullRequest:
    """Open a pull request, plan it and let somebody approve it."""
    if file:
        await stage.forge.commit(SLUG, branch, {file: f"# {branch}\n"})
        pull_request = await stage.forge.open_pull_request(SLUG, branch)
    else:
        pull_request = await stage.propose(*names, branch=branch)
    await stage.quiet()
    await stage.approve(pull_request)
    return pull_request


def kinds(stage: Stage) -> Sequence[tuple[str, str, str]]:
    """List the jobs: workspace, template and status."""
    found = zip(stage.jobs(), stage.started(), strict=True)
    return [(name, template, str(job.status)) for job, (name, template, _) in found]


def of_apply(stage: Stage, pull_request: PullRequest) -> dict[str, str]:
    found = stage.statuses(pull_request.head_sha)
    return {name: state for name, state in found.items() if "/plan" not in name}


async def held(stage: Stage) -> Sequence[int]:
    """List the numbers of the pull requests that have a workspace for themselves."""
    return [int(row["pull_request"].rpartition(":")[2]) for row in await stage.rows(hold)]


async def audited(stage: Stage) -> Sequence[tuple[str, str, str]]:
    found = await stage.rows(audit)
    return [(row["action"], row["actor"], row["result"]) for row in found]


async def test_what_was_reviewed_is_applied_and_its_merge_frees_the_workspace(
    either: Stage, request: pytest.FixtureRequest
) -> None:
    stage = either
    pull_request = await stage.propose("network")
    await stage.quiet()
    await said(stage, pull_request)
    (refusal,) = answers(stage, pull_request)
    assert "**approved**" in refusal
    assert kinds(stage) == [("network", "Plan", "completed")]

    await stage.approve(pull_request)
    await said(stage, pull_request)

    assert stage.started()[1:] == [("network", "inline", pull_request.head_sha)]
    assert of_apply(stage, pull_request) == {
        "terrakube/apply": "success",
        "terrakube/apply: acme/network": "success",
    }
    assert await held(stage) == [pull_request.number]
    assert await audited(stage) == [
        ("apply.requested", "alice", "refused"),
        ("apply.requested", "alice", "done"),
        ("apply.approved", "alice", "approved"),
    ]
    check_golden(request, GOLDEN / "applied.md", together([living(stage, pull_request)]))

    merged = await stage.merge(pull_request)
    await stage.quiet()
    assert await held(stage) == []
    assert stage.statuses(merged)["terrakube/push"] == "success"
    assert answers(stage, pull_request) == [refusal]


async def test_what_is_applied_is_merged_by_the_bridge_where_that_is_wanted(
    set_stage: SetStage, flavour: Flavour
) -> None:
    """Required statuses of the bridge's own keep neither the apply nor the merge waiting."""
    document = "commands: {apply: {auto_merge: true, merge_method: squash}}\n"
    stage = await set_stage(flavour=flavour, document=document)
    required = ["terrakube/plan", "terrakube/apply"]
    stage.forge.protect(SLUG, "main", required_approvals=1, required_statuses=required)
    pull_request = await planned(stage, "network", "app")
    await said(stage, pull_request)
    assert pull_request.merged_by == stage.forge.account(BRIDGE)
    assert of_apply(stage, pull_request)["terrakube/apply"] == "success"
    assert await held(stage) == []
    templates = [template for _, template, _ in kinds(stage)]
    assert templates == [*["Plan"] * 2, *["inline"] * 2, *["Plan and apply"] * 2]


@pytest.mark.parametrize(
    ("plan", "status"),
    [(make_plan(create=2, update=1), "completed"), (make_plan(create=9), "rejected")],
)
async def test_a_second_pull_request_waits_and_the_digest_decides_after_the_merge(
    github: Stage, plan: Plan, status: str
) -> None:
    stage = github
    first = await planned(stage, "network", branch="first")
    second = await planned(stage, branch="second", file="network/other.tf")
    await said(stage, first)
    await said(stage, second)
    assert [kind[1] for kind in kinds(stage)] == ["Plan", "Plan", "inline"]
    assert of_apply(stage, second)["terrakube/apply"] == "pending"
    assert "has it locked for `alice`" in living(stage, second)

    stage.server.plan_for(stage.workspace("network"), plan)
    await stage.merge(first)
    await stage.quiet()

    # Whether the merge's own run comes before or after it is up to the forge and the machine.
    of_second = [job for job in stage.jobs() if job.commit_id == second.head_sha]
    assert [job.status for job in of_second] == ["completed", status], "its plan, then its apply"
    outcome = "success" if status == "completed" else "failure"
    assert of_apply(stage, second)["terrakube/apply"] == outcome
    # What changed nothing gives its workspace back at once.
    assert await held(stage) == ([second.number] if status == "completed" else [])


async def test_a_destruction_is_planned_reviewed_and_carried_out(set_stage: SetStage) -> None:
    document = """
commands: {destroy: {template: built-in}}
access:
  - {who: ["code:user:alice"], may: [plan, apply, destroy]}
"""
    stage = await set_stage(document=document)
    pull_request = await planned(stage, "network")
    await said(stage, pull_request, "terrakube destroy")
    assert "Planned to be changed, not to be destroyed" in answers(stage, pull_request)[0]

    await said(stage, pull_request, "terrakube plan -- -destroy")
    await said(stage, pull_request, "terrakube destroy")

    assert kinds(stage) == [
        ("network", "Plan", "completed"),
        ("network", "inline", "completed"),
        ("network", "inline", "completed"),
    ]
    assert "3 destroyed" in [step.text for step in stage.jobs()[-1].steps.values()][-1]
    assert of_apply(stage, pull_request)["terrakube/destroy"] == "success"
    assert "destroyed" in living(stage, pull_request)


async def test_a_plan_that_differs_is_rejected_and_shown_and_a_new_one_can_be_applied(
    stage: Stage,
) -> None:
    pull_request = await planned(stage, "network")
    stage.server.plan_for(stage.workspace("network"), make_plan(create=3, update=1))
    await said(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "rejected")
    assert of_apply(stage, pull_request)["terrakube/apply"] == "failure"
    comment = living(stage, pull_request)
    assert "not the one that was reviewed any more" in comment
    assert "new: terraform_data.create_2 (create)" in comment

    await said(stage, pull_request, "terrakube plan")
    await said(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "completed")
    assert of_apply(stage, pull_request)["terrakube/apply"] == "success"


@pytest.mark.parametrize("version", ["beta", "stable"])
async def test_without_structured_plans_their_texts_decide(
    set_stage: SetStage, version: str
) -> None:
    stage = await set_stage(version=version)
    stage.workspace("network").structured = False
    pull_request = await planned(stage, "network")
    await said(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "completed")


async def waiting(stage: Stage) -> PullRequest:
    """Apply a plan that nothing can compare."""
    stage.workspace("network").structured = False
    stage.server.plan_for(stage.workspace("network"), UNREADABLE)
    pull_request = await planned(stage, "network")
    await said(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "waitingApproval")
    return pull_request


async def test_what_nothing_can_compare_a_person_decides(github: Stage) -> None:
    pull_request = await waiting(github)
    assert "terrakube approve -w acme/network" in living(github, pull_request)
    assert of_apply(github, pull_request)["terrakube/apply"] == "pending"
    await said(github, pull_request, "terrakube reject", author=REVIEWER)
    assert kinds(github)[-1] == ("network", "inline", "rejected")
    assert of_apply(github, pull_request)["terrakube/apply"] == "failure"
    assert "carol" in living(github, pull_request)


async def test_an_approval_that_expires_is_shown_and_can_be_asked_for_again(stage: Stage) -> None:
    pull_request = await waiting(stage)
    assert "waits for approval until" in living(stage, pull_request)
    await stage.skip(timedelta(hours=6, minutes=1))
    await stage.quiet()
    assert of_apply(stage, pull_request)["terrakube/apply"] == "error"
    assert "6 h" in living(stage, pull_request)
    await said(stage, pull_request)
    await said(stage, pull_request, "terrakube approve", author=REVIEWER)
    assert "carol" in living(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "completed")
    assert of_apply(stage, pull_request)["terrakube/apply"] == "success"


async def test_a_cancelled_apply_keeps_its_workspace_until_terraform_has_ended(
    github: Stage,
) -> None:
    stage = github
    pull_request = await planned(stage, "network")
    await stage.say(pull_request, APPLY)

    def applies() -> bool:
        steps = [step for job in stage.jobs()[1:] for step in job.steps.values()]
        return any(step.step_number == 200 and step.status is Status.RUNNING for step in steps)

    def asks() -> bool:
        return any(job.status is Status.WAITING for job in stage.jobs())

    await stage.until(asks)
    stage.executor.hold()
    await stage.until(applies)
    await said(stage, pull_request, "terrakube cancel")
    assert kinds(stage)[-1] == ("network", "inline", "cancelled")
    assert "Terrakube does not stop Terraform" in living(stage, pull_request)
    await stage.merge(pull_request)
    await stage.quiet()
    assert await held(stage) == [1]
    stage.executor.let_go()
    await stage.ten_minutes_later()
    assert await held(stage) == []
    assert "went through after all" in living(stage, pull_request)


async def test_a_failed_apply_says_what_was_changed_and_can_be_tried_again(stage: Stage) -> None:
    network = stage.workspace("network")
    pull_request = await planned(stage, "network")
    stage.executor.apply_errors[network.id] = "no more addresses"
    await said(stage, pull_request)
    assert of_apply(stage, pull_request)["terrakube/apply"] == "failure"
    comment = living(stage, pull_request)
    assert "Error: no more addresses" in comment
    assert "Changed: `terraform_data.create_0`. **Not changed: `terraform_data.cre" in comment

    del stage.executor.apply_errors[network.id]
    await said(stage, pull_request, "terrakube retry")
    (answer,) = answers(stage, pull_request)
    assert "Planned again first." in answer
    await said(stage, pull_request)
    assert kinds(stage)[-1] == ("network", "inline", "completed")
    assert of_apply(stage, pull_request)["terrakube/apply"] == "success"


async def test_everybody_sees_who_waits_for_whom_and_an_unlock_lets_the_next_go_on(
    github: Stage, request: pytest.FixtureRequest
) -> None:
    first = await planned(github, "network", branch="first")
    second = await planned(github, branch="second", file="network/other.tf")
    await said(github, first)
    await said(github, second)
    await said(github, second, "terrakube status")
    await said(github, second, "terrakube why")
    check_golden(request, GOLDEN / "queued.md", together(answers(github, second)))

    await said(github, first, "terrakube unlock")

    assert [template for _, template, _ in kinds(github)] == ["Plan", "Plan", "inline", "inline"]
    assert of_apply(github, second)["terrakube/apply"] == "success"
    assert await held(github) == [second.number]


REAL = 'resource "terraform_data" "it" {{ input = "{value}" }}\n'


@pytest.mark.skipif(find_binary() is None, reason="no terraform or tofu on PATH")
async def test_terraform_itself_applies_what_it_planned_and_finds_nothing_after_the_merge(
    set_stage: SetStage,
) -> None:
    stage = await set_stage(workspaces=("network",), real=True)
    files = {"network/main.tf": REAL.format(value="reviewed")}
    await stage.forge.commit(SLUG, "change", files)
    pull_request = await stage.forge.open_pull_request(SLUG, "change")
    await stage.quiet()
    await stage.approve(pull_request)
    await said(stage, pull_request)
    assert kinds(stage) == [("network", "Plan", "completed"), ("network", "inline", "completed")]
    assert "**Applied: 1 added, 0 changed, 0 destroyed**" in living(stage, pull_request)
    await stage.merge(pull_request)
    await stage.quiet()
    pushed = stage.jobs()[-1]
    assert (pushed.status, pushed.plan_changes) == (Status.COMPLETED, False)
    assert "**After the merge:** 1 unchanged" in living(stage, pull_request)
