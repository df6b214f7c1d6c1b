"""Jobs without terraform: replayed and made up."""

import logging
import time
from pathlib import Path

import pytest

from bridge.sandbox.terrakube import make_plan, start
from bridge.sandbox.terrakube.executors.recorded import (
    APPLY_FAILS,
    PLAN_FAILS,
    RecordedExecutor,
)
from bridge.sandbox.terrakube.model import Job
from tests import recorded
from tests.bridge.sandbox.terrakube.client import speaking

VERSIONS = pytest.mark.parametrize("version", ["beta", "stable"])
SOURCE = "https://git.example.com/infra.git"


def texts(job: Job) -> list[str]:
    return [step.text for step in sorted(job.steps.values(), key=lambda step: step.step_number)]


@VERSIONS
async def test_recorded_runs_follow_the_workspace(version: str, tmp_path: Path) -> None:
    async with start(tmp_path, version=version, executor="recorded") as stand_in:
        acme = stand_in.add_organization("acme")
        workspace = stand_in.add_workspace(acme, "app", SOURCE)
        plan, both = (stand_in.world.template("acme", name) for name in ("Plan", "Plan and apply"))
        async with speaking(stand_in) as client:
            seen = []
            for template, commit in ((plan, "a"), (both, "a"), (plan, "a"), (plan, "b")):
                job = await client.create(workspace, template, commitId=commit * 40)
                await stand_in.until(job, "completed")
                seen.append((job.plan_changes, [text.count("to add") > 0 for text in texts(job)]))
        beta = version == "beta"
        assert seen == [
            (True, [True]),
            (True, [True, beta]),
            (False, [beta]),
            (True, [True]),
        ]


@VERSIONS
async def test_a_replayed_log_is_the_recorded_one_with_our_ids(
    version: str, tmp_path: Path
) -> None:
    async with start(tmp_path, version=version, executor="recorded") as stand_in:
        workspace = stand_in.add_workspace(stand_in.add_organization("acme"), "app", SOURCE)
        async with speaking(stand_in) as client:
            job = await client.create(workspace, stand_in.world.template("acme", "Plan"))
            await stand_in.until(job, "completed")
            (step,) = job.steps.values()
            path = f"/tfoutput/v1/organization/{job.organization.id}/job/{job.id}/step/{step.id}"
            _, text = await client.call("GET", path, Accept="*/*")
            _, context = await client.call("GET", f"/context/v1/{job.id}", Accept="*/*")
        folder = "" if version == "beta" else recorded.STABLE
        original = recorded.log(f"{folder}logs/raw/plan_create_only")
        head, _, rest = original.partition("Initializing Terrakube Job ")
        ours = f"{head}Initializing Terrakube Job {job.id} Step {step.id}\x1b"
        assert text == f"{ours}{rest.partition(chr(27))[2]}"
        (rows,) = context["planStructuredOutput"].values()
        assert [row["action"] for row in rows] == ["create"] * 5


@VERSIONS
async def test_a_scenario_can_be_asked_for(version: str, tmp_path: Path) -> None:
    executor = RecordedExecutor()
    async with start(tmp_path, version=version, executor=executor) as stand_in:
        acme = stand_in.add_organization("acme")
        template = stand_in.world.template("acme", "Plan and apply")
        seen = {}
        async with speaking(stand_in) as client:
            for scenario in (PLAN_FAILS, APPLY_FAILS):
                workspace = stand_in.add_workspace(acme, scenario, SOURCE)
                executor.scenario_for(workspace, scenario)
                job = await client.create(workspace, template)
                await stand_in.until(job, "failed")
                seen[scenario] = [str(step.status) for step in job.steps.values()]
        assert seen == {PLAN_FAILS: ["failed", "failed"], APPLY_FAILS: ["completed", "failed"]}


async def test_without_terraform_the_stand_in_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        async with start(tmp_path) as stand_in:
            assert stand_in.executor.name == "recorded"
    assert caplog.messages == [
        "neither terraform nor tofu is on PATH: jobs replay recorded logs and plans"
    ]
    with pytest.raises(RuntimeError, match="neither terraform nor tofu is on PATH"):
        async with start(tmp_path, executor="terraform"):
            pass


async def test_a_thousand_instant_jobs_take_seconds(tmp_path: Path) -> None:
    async with start(tmp_path, executor="instant") as stand_in:
        acme = stand_in.add_organization("acme")
        template = stand_in.world.template("acme", "Plan").id
        workspaces = [stand_in.add_workspace(acme, f"w{n}", SOURCE) for n in range(100)]
        started = time.monotonic()
        jobs = [
            stand_in.add_job(workspace, template_reference=template)
            for _ in range(10)
            for workspace in workspaces
        ]
        for job in jobs:
            await stand_in.until(job, "completed")
        assert time.monotonic() - started < 15
        assert len(stand_in.jobs()) == 1000


async def test_made_up_plans_reach_log_and_context(tmp_path: Path) -> None:
    hostile = "```\n</details>@everyone /merge\n```"
    async with start(tmp_path, executor="instant") as stand_in:
        workspace = stand_in.add_workspace(stand_in.add_organization("acme"), "app", SOURCE)
        stand_in.plan_for(workspace, make_plan(create=3000, replace=1, value=hostile))
        async with speaking(stand_in) as client:
            job = await client.create(workspace, stand_in.world.template("acme", "Plan"))
            await stand_in.until(job, "completed")
            _, context = await client.call("GET", f"/context/v1/{job.id}", Accept="*/*")
    (rows,) = context["planStructuredOutput"].values()
    assert (len(rows), rows[0]["after"]["input"]) == (3001, hostile)
    assert texts(job)[0].count("@everyone") == 3001
    assert "Plan:\x1b[0m 3001 to add, 0 to change, 1 to destroy." in texts(job)[0]


async def test_only_the_instant_executor_takes_made_up_plans(tmp_path: Path) -> None:
    async with start(tmp_path, executor="recorded") as stand_in:
        workspace = stand_in.add_workspace(stand_in.add_organization("acme"), "app", SOURCE)
        with pytest.raises(TypeError, match="recorded executor does not take made-up plans"):
            stand_in.plan_for(workspace, make_plan())
