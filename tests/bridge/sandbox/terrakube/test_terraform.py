"""Jobs run by the real terraform, in a real clone."""

import re
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.terrakube import StandIn, start
from bridge.sandbox.terrakube.executors.terraform import find_binary
from bridge.sandbox.terrakube.model import Job, Workspace
from tests import recorded
from tests.bridge.sandbox.terrakube.client import Client
from tests.waiting import until

pytestmark = pytest.mark.skipif(find_binary() is None, reason="no terraform or tofu on PATH")

FIRST = """
variable "secret" {
  default   = "hunter2-hunter2"
  sensitive = true
}
resource "terraform_data" "keep" { input = "same" }
resource "terraform_data" "change" { input = "version-1" }
resource "terraform_data" "hidden" {
  input            = { password = var.secret, size = 3 }
  triggers_replace = ["trigger-1"]
}
output "change" { value = terraform_data.change.output }
"""
SECOND = FIRST.replace("version-1", "version-2").replace("trigger-1", "trigger-2")
# What is the same on both versions is tried on one.
ON_BETA = pytest.mark.parametrize("stand_in", ["beta"], indirect=True)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    command = ["git", "-C", str(folder), *identity, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - git
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a second branch and a tag."""
    folder = tmp_path / "infra"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, {"app/main.tf": FIRST, "broken/main.tf": 'resource "terraform_data" "b" {\n'})
    git(folder, "tag", "v1")
    git(folder, "switch", "--quiet", "--create", "feature")
    commit(folder, {"app/main.tf": SECOND})
    git(folder, "switch", "--quiet", "main")
    return folder


@pytest.fixture(params=["beta", "stable"])
async def stand_in(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[StandIn]:
    async with start(tmp_path / "server", version=request.param) as started:
        yield started


@pytest.fixture
def workspace(stand_in: StandIn, repository: Path) -> Workspace:
    acme = stand_in.add_organization("acme")
    return stand_in.add_workspace(acme, "app", f"file://{repository}", folder="/app")


async def run(client: Client, workspace: Workspace, template: str, **attributes: object) -> Job:
    found = client.stand_in.world.template("acme", template)
    job = await client.create(workspace, found, **attributes)
    return await client.stand_in.until(job, "completed", "failed", seconds=30)


def log_of(job: Job, number: int = 100) -> str:
    (step,) = (step for step in job.steps.values() if step.step_number == number)
    return step.text


def rows(job: Job, key: str = "planStructuredOutput") -> dict[str, dict[str, Any]]:
    (listed,) = job.context[key].values()
    assert isinstance(listed, list)
    return {row["address"]: row for row in listed}


async def test_a_plan_and_its_apply(client: Client, workspace: Workspace, repository: Path) -> None:
    job = await run(client, workspace, "Plan and apply")
    assert (job.status, job.commit_id) == ("completed", git(repository, "rev-parse", "main"))
    assert "Plan: 3 to add, 0 to change, 0 to destroy." in ESCAPES.sub("", log_of(job))
    assert "Apply complete! Resources: 3 added" in log_of(job, 200)
    again = await run(client, workspace, "Plan")
    assert (again.status, again.plan_changes) == ("completed", False)
    assert "No changes." in log_of(again)


async def test_the_context_has_the_recorded_shape_and_no_secrets(
    client: Client, workspace: Workspace
) -> None:
    await run(client, workspace, "Plan and apply")
    job = await run(client, workspace, "Plan", overrideBranch="feature")
    changed = rows(job)
    actions = {address: row["action"] for address, row in changed.items()}
    expected = {"terraform_data.change": "update", "terraform_data.hidden": "replace"}
    beta = client.stand_in.world.is_beta
    assert actions == (expected | {"terraform_data.keep": "no-op"} if beta else expected)
    hidden = changed["terraform_data.hidden"]
    assert hidden["after"]["input"] == {"password": None, "size": 3}
    assert hidden["afterSensitive"]["input"]["password"] is True
    folder = "" if beta else recorded.STABLE
    found = recorded.recording(f"{folder}context/plan_mixed_feature_branch").body
    (known,) = found["planStructuredOutput"].values()
    full = next(row for row in known if row["action"] == "replace")
    assert set(hidden) == set(full)


async def test_the_log_has_the_recorded_form(client: Client, workspace: Workspace) -> None:
    job = await run(client, workspace, "Plan")
    folder = "" if client.stand_in.world.is_beta else recorded.STABLE
    expected = recorded.log(f"{folder}logs/raw/plan_create_only")
    assert _frame(log_of(job)) == _frame(expected)


async def test_an_apply_on_beta_prints_the_plan_again(client: Client, workspace: Workspace) -> None:
    job = await run(client, workspace, "Plan and apply")
    text = log_of(job, 200)
    assert ("Plan:" in text.partition("Apply complete!")[2]) is client.stand_in.world.is_beta
    assert 'change = "version-1"' in text
    if client.stand_in.world.is_beta:
        applied = rows(job, "applyStructuredOutput")["terraform_data.change"]
        assert (applied["status"], applied["after"]["output"]) == ("applied", "version-1")
        (outputs,) = job.context["terraformOutputs"].values()
        value = {"name": "change", "sensitive": False, "type": "string", "value": "version-1"}
        assert outputs == [value]


@ON_BETA
async def test_a_given_commit_is_used_even_of_another_branch(
    client: Client, workspace: Workspace, repository: Path
) -> None:
    sha = git(repository, "rev-parse", "feature")
    job = await run(client, workspace, "Plan", commitId=sha)
    assert (job.status, job.commit_id) == ("completed", sha)
    assert "version-2" in log_of(job)


@ON_BETA
async def test_a_tag_is_a_branch_without_its_prefix(client: Client, workspace: Workspace) -> None:
    good = await run(client, workspace, "Plan", overrideBranch="v1")
    bad = await run(client, workspace, "Plan", overrideBranch="refs/tags/v1")
    assert (good.status, bad.status) == ("completed", "failed")


FAILURES: dict[str, tuple[Callable[[Workspace], None], dict[str, object], str]] = {
    "repository": (
        lambda workspace: setattr(workspace, "source", "file:///nowhere.git"),
        {},
        "logs/raw/failed_repository_missing",
    ),
    "branch": (
        lambda workspace: setattr(workspace, "branch", "no-such-branch"),
        {},
        "logs/raw/failed_branch_missing",
    ),
    "commit": (lambda _: None, {"commitId": "f" * 40}, "logs/raw/failed_commit_missing"),
}


@ON_BETA
@pytest.mark.parametrize("cause", FAILURES)
async def test_what_cannot_be_checked_out_fails_with_the_recorded_text(
    cause: str, client: Client, workspace: Workspace
) -> None:
    change, attributes, name = FAILURES[cause]
    change(workspace)
    job = await run(client, workspace, "Plan", **attributes)
    expected = recorded.log(name)
    assert (job.status, log_of(job), job.context) == ("failed", expected, {})


@ON_BETA
async def test_a_missing_folder_shows_a_path_of_the_server(
    client: Client, workspace: Workspace
) -> None:
    workspace.folder = "/does-not-exist"
    job = await run(client, workspace, "Plan")
    assert log_of(job).startswith("Terraform Working Directory does not exist: /")
    assert log_of(job).endswith("/does-not-exist")


@ON_BETA
async def test_a_syntax_error_fails_in_init_with_all_its_text(
    client: Client, workspace: Workspace
) -> None:
    workspace.folder = "/broken"
    job = await run(client, workspace, "Plan")
    assert (job.status, job.terraform_plan, job.context) == ("failed", "", {})
    assert "Unclosed configuration block" in log_of(job)
    assert "on main.tf line 1" in log_of(job)


async def test_a_failing_plan_says_less_on_beta(
    client: Client, workspace: Workspace, repository: Path
) -> None:
    commit(repository, {"app/main.tf": FIRST.replace('"same"', "var.nowhere")})
    job = await run(client, workspace, "Plan")
    beta = client.stand_in.world.is_beta
    assert job.status == "failed"
    assert "Error: Reference to undeclared input variable\n" in ESCAPES.sub("", log_of(job))
    assert ("on main.tf line" in log_of(job)) is not beta
    assert job.context.keys() == (
        {"jobDiagnostics", "planStructuredOutput", "terrakubeUI"} if beta else set()
    )


async def test_an_apply_that_fails_midway_has_a_diagnostic_on_its_row(
    client: Client, workspace: Workspace, repository: Path
) -> None:
    failing = """
resource "terraform_data" "bad" {
  input = terraform_data.keep.output
  provisioner "local-exec" { command = "echo about to fail >&2; exit 3" }
}
"""
    commit(repository, {"app/main.tf": FIRST + failing})
    job = await run(client, workspace, "Plan and apply")
    assert job.status == "failed"
    assert "local-exec provisioner error" in log_of(job, 200)
    if client.stand_in.world.is_beta:
        bad = rows(job, "applyStructuredOutput")["terraform_data.bad"]
        assert (bad["status"], bad["diagnostics"][0]["location"]) == ("errored", "main.tf:16")


async def test_destroy_refresh_only_and_targets(client: Client, workspace: Workspace) -> None:
    await run(client, workspace, "Plan and apply")
    refreshed = await run(client, workspace, "Plan", refreshOnly=True, overrideBranch="feature")
    assert refreshed.plan_changes is False
    if client.stand_in.world.is_beta:
        targets = ["terraform_data.change"]
        aimed = await run(client, workspace, "Plan", targetAddrs=targets, overrideBranch="feature")
        assert "Plan: 0 to add, 1 to change, 0 to destroy." in ESCAPES.sub("", log_of(aimed))
    destroyed = await run(client, workspace, "Destroy")
    assert "Destroy complete! Resources: 3 destroyed." in log_of(destroyed)
    assert destroyed.output == ""


@ON_BETA
async def test_the_log_can_be_read_while_the_step_runs(
    client: Client, workspace: Workspace, repository: Path
) -> None:
    slow = (
        'resource "terraform_data" "slow" {\n  provisioner "local-exec" { command = "sleep 1" }\n}'
    )
    commit(repository, {"app/main.tf": slow})
    template = client.stand_in.world.template("acme", "Plan and apply")
    job = await client.create(workspace, template)
    await until(lambda: job.steps and "Creating..." in log_of(job, 200))
    (step,) = (step for step in job.steps.values() if step.step_number == 200)
    path = f"/tfoutput/v1/organization/{job.organization.id}/job/{job.id}/step/{step.id}"
    status, text = await client.call("GET", path, Accept="*/*")
    assert (status, job.status, "Apply complete!" in text) == (200, "running", False)
    await client.stand_in.until(job, "completed")


_KEPT = (
    *("*****", "Running", "Terraform ", "Initializing", "Success", "use this", "plan. "),
    *("Plan:", "Outputs:", "Changes to Outputs", "  + create"),
)


def _frame(text: str) -> list[str]:
    """The lines of a log that do not depend on the configuration."""
    lines = re.sub(r"Job \d+ Step \S+", "Job N", ESCAPES.sub("", text)).splitlines()
    numbers = [re.sub(r"\d+ to add", "N to add", line) for line in lines]
    return [line for line in numbers if line.startswith(_KEPT) and "modules" not in line]
