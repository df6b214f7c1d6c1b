"""The built-in apply, inline and pinned to a commit: plan, approval, apply of the saved plan.

What becomes of cancelled jobs and after six hours is in test_scheduler.py: the executor does not
matter there.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bridge.sandbox.terrakube import StandIn, make_plan, start
from bridge.sandbox.terrakube.executors.instant import InstantExecutor
from bridge.sandbox.terrakube.executors.recorded import APPLY_FAILS, RecordedExecutor
from bridge.sandbox.terrakube.executors.terraform import find_binary
from bridge.sandbox.terrakube.model import Job, Status, Workspace
from tests.bridge.sandbox.terrakube.client import Client, speaking
from tests.bridge.sandbox.terrakube.test_terraform import commit, git

VERSIONS = pytest.mark.parametrize("version", ["beta", "stable"])
EXECUTORS = pytest.mark.parametrize(
    "executor",
    [
        "instant",
        "recorded",
        pytest.param(
            "terraform",
            marks=pytest.mark.skipif(find_binary() is None, reason="no terraform or tofu on PATH"),
        ),
    ],
)
WITHOUT_TERRAFORM = pytest.mark.parametrize("executor", ["instant", "recorded"])
TEAM = "nobodys-team"
FLOW = """flow:
  - {{type: {plan}, step: 100, name: Plan}}
  - {{type: approval, step: 150, name: Approve, team: {team}}}
  - {{type: terraformApply, step: 200, name: Apply}}
"""
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
ONE, TWO = "a" * 40, "b" * 40


def inline(plan: str = "terraformPlan") -> str:
    return base64.b64encode(FLOW.format(plan=plan, team=TEAM).encode()).decode()


@asynccontextmanager
async def serving(
    folder: Path, version: str, executor: object, source: str = "https://git.example.com/infra.git"
) -> AsyncIterator[tuple[StandIn, Workspace, Client]]:
    async with start(folder / "server", version=version, executor=executor) as stand_in:  # type: ignore[arg-type]  # a name or one of them
        acme = stand_in.add_organization("acme")
        workspace = stand_in.add_workspace(acme, "app", source, folder="/app")
        async with speaking(stand_in) as client:
            yield stand_in, workspace, client


def text_of(job: Job, number: int) -> str:
    (step,) = (step for step in job.steps.values() if step.step_number == number)
    return ESCAPES.sub("", step.text)


def steps(job: Job) -> Sequence[str]:
    found = sorted(job.steps.values(), key=lambda step: step.step_number)
    return [str(step.status) for step in found]


def rows(job: Job, key: str) -> Sequence[tuple[str, str]]:
    (listed,) = job.context[key].values()
    assert isinstance(listed, list)
    return [(row["address"], row.get("status", "")) for row in listed]


async def waiting(client: Client, workspace: Workspace, sha: str, tcl: str = "") -> Job:
    job = await client.create(workspace, tcl=tcl or inline(), commitId=sha)
    return await client.stand_in.until(job, "waitingApproval", "failed", seconds=30)


async def approved(client: Client, job: Job) -> Job:
    assert await client.patch(job, status="approved") == 204
    return await client.stand_in.until(job, "completed", "failed", seconds=30)


def repository(folder: Path) -> tuple[str, str]:
    """A repository whose ``main`` is not at the commit that is applied."""
    made = folder / "infra"
    made.mkdir()
    git(made, "init", "--quiet", "--initial-branch", "main")
    text = 'resource "terraform_data" "it" { input = "main" }\n'
    commit(made, {"app/main.tf": text})
    git(made, "switch", "--quiet", "--create", "change")
    sha = commit(made, {"app/main.tf": text.replace("main", "reviewed")})
    git(made, "switch", "--quiet", "main")
    return f"file://{made}", sha


@VERSIONS
@EXECUTORS
async def test_plan_approval_and_apply_at_a_pinned_commit(
    version: str, executor: str, tmp_path: Path
) -> None:
    source, sha = repository(tmp_path)
    async with serving(tmp_path, version, executor, source) as (_, workspace, client):
        job = await waiting(client, workspace, sha)
        before = (job.approval_team, job.commit_id, steps(job), set(job.context))
        assert before[:3] == (TEAM, sha, ["completed", "pending", "pending"])
        assert "planStructuredOutput" in before[3]
        assert "applyStructuredOutput" not in before[3]
        await approved(client, job)
    assert (job.status, job.approval_team, job.commit_id) == ("completed", "", sha)
    assert steps(job) == ["completed"] * 3
    assert "Apply complete!" in text_of(job, 200)
    assert text_of(job, 150) == ""
    assert ("applyStructuredOutput" in job.context) is (version == "beta")
    if executor == "terraform":
        assert '"reviewed"' in text_of(job, 100)


@VERSIONS
async def test_the_saved_plan_is_applied_whatever_another_one_would_find(
    version: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, version, "instant") as (stand_in, workspace, client):
        stand_in.plan_for(workspace, make_plan(create=1))
        job = await waiting(client, workspace, ONE)
        stand_in.plan_for(workspace, make_plan(create=7))
        await approved(client, job)
    assert "Resources: 1 added" in text_of(job, 200)


@pytest.mark.skipif(find_binary() is None, reason="no terraform or tofu on PATH")
async def test_a_saved_plan_that_is_stale_is_refused_by_terraform(tmp_path: Path) -> None:
    source, sha = repository(tmp_path)
    async with serving(tmp_path, "beta", "terraform", source) as (stand_in, workspace, client):
        job = await waiting(client, workspace, sha)
        (kept,) = (tmp_path / "server").rglob(f"state/{workspace.id}")
        moved = {"version": 4, "serial": 7, "lineage": "other", "resources": []}
        (kept / "terraform.tfstate").write_text(json.dumps(moved))
        await approved(client, job)
        assert stand_in.unexpected == []
    assert (job.status, steps(job)) == ("failed", ["completed", "completed", "failed"])
    assert "Saved plan" in text_of(job, 200)


@VERSIONS
@WITHOUT_TERRAFORM
async def test_a_rejected_plan_changes_nothing(version: str, executor: str, tmp_path: Path) -> None:
    async with serving(tmp_path, version, executor) as (stand_in, workspace, client):
        job = await waiting(client, workspace, ONE)
        assert await client.patch(job, status="rejected") == 204
        again = await waiting(client, workspace, ONE)
        assert (job.status, job.approval_team) == ("rejected", TEAM)
        assert steps(job) == ["completed", "failed", "failed"]
        assert (again.status, again.plan_changes) == ("waitingApproval", True)
        assert stand_in.unexpected == []


@VERSIONS
async def test_an_apply_that_fails_midway_says_what_was_changed_and_what_not(
    version: str, tmp_path: Path
) -> None:
    executor = InstantExecutor()
    async with serving(tmp_path, version, executor) as (stand_in, workspace, client):
        stand_in.plan_for(workspace, make_plan(create=3))
        executor.apply_errors[workspace.id] = "no more addresses"
        job = await approved(client, await waiting(client, workspace, ONE))
    assert (job.status, steps(job)) == ("failed", ["completed", "completed", "failed"])
    assert "Error: no more addresses" in text_of(job, 200)
    if version == "stable":
        assert set(job.context) == {"planStructuredOutput", "terrakubeUI"}
        return
    assert rows(job, "applyStructuredOutput") == [
        ("terraform_data.create_0", "applied"),
        ("terraform_data.create_1", "errored"),
        ("terraform_data.create_2", "planned"),
    ]


@VERSIONS
async def test_a_recorded_apply_fails_after_its_approval(version: str, tmp_path: Path) -> None:
    executor = RecordedExecutor()
    async with serving(tmp_path, version, executor) as (_, workspace, client):
        executor.scenario_for(workspace, APPLY_FAILS)
        job = await approved(client, await waiting(client, workspace, ONE))
    assert steps(job) == ["completed", "completed", "failed"]


@VERSIONS
@WITHOUT_TERRAFORM
async def test_the_context_can_be_empty_though_the_plan_succeeded(
    version: str, executor: str, tmp_path: Path
) -> None:
    async with serving(tmp_path, version, executor) as (_, workspace, client):
        workspace.structured = False
        job = await approved(client, await waiting(client, workspace, ONE))
        _, seen = await client.call("GET", f"/context/v1/{job.id}", Accept="*/*")
    assert (job.status, seen) == ("completed", {})
    assert "to add" in text_of(job, 100)


async def test_a_plan_of_a_destruction_is_what_its_apply_destroys(tmp_path: Path) -> None:
    async with serving(tmp_path, "beta", "instant") as (stand_in, workspace, client):
        stand_in.plan_for(workspace, make_plan(create=2))
        job = await waiting(client, workspace, ONE, inline("terraformPlanDestroy"))
        await approved(client, job)
    assert "Plan: 0 to add, 0 to change, 2 to destroy." in text_of(job, 100)
    assert "Resources: 0 added, 0 changed, 2 destroyed." in text_of(job, 200)


async def test_recordings_hold_no_plan_of_a_destruction(tmp_path: Path) -> None:
    async with serving(tmp_path, "beta", "recorded") as (_, workspace, client):
        job = await waiting(client, workspace, TWO, inline("terraformPlanDestroy"))
    assert (job.status, text_of(job, 100)) == (
        Status.FAILED,
        "No plan of a destruction was recorded: this needs terraform.\n",
    )
