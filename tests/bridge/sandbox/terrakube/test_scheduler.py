"""When which job runs, on both versions."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.sandbox.terrakube import StandIn, Status, Timings, start
from bridge.sandbox.terrakube.model import Job, Template, Workspace
from tests.bridge.sandbox.terrakube.client import Client, speaking
from tests.bridge.sandbox.terrakube.held import HeldExecutor

VERSIONS = ("beta", "stable")
QUICK = Timings(first_run=0.005, tick=0.02, between=0.005, settle=0.01, lost=0.02)
A_WHILE = 0.12
"""Long enough for several looks of the scheduler."""

APPROVAL = """flow:
  - {type: terraformPlan, step: 100, name: Plan}
  - {type: approval, step: 150, name: Approve, team: DEVELOPERS}
  - {type: terraformApply, step: 200, name: Apply}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A server with two workspaces and the templates that the tests use."""

    stand_in: StandIn
    executor: HeldExecutor
    client: Client
    one: Workspace
    two: Workspace
    plan: Template
    both: Template
    approval: Template

    async def create(
        self, workspace: Workspace | None = None, template: Template | None = None, **more: object
    ) -> Job:
        return await self.client.create(
            workspace or self.one, template or (None if more else self.plan), **more
        )

    async def waiting(self, workspace: Workspace | None = None) -> Job:
        """A job that waits for approval."""
        job = await self.create(workspace, self.approval)
        await self.executor.end(job.number)
        return await self.stand_in.until(job, "waitingApproval")

    async def stays(self, job: Job, status: Status) -> None:
        await asyncio.sleep(A_WHILE)
        assert job.status is status


@asynccontextmanager
async def stage(folder: Path, version: str, timings: Timings = QUICK) -> AsyncIterator[Stage]:
    executor = HeldExecutor()
    async with start(folder, version=version, executor=executor, timings=timings) as stand_in:
        acme = stand_in.add_organization("acme")
        async with speaking(stand_in) as client:
            yield Stage(
                stand_in=stand_in,
                executor=executor,
                client=client,
                one=stand_in.add_workspace(acme, "one", "https://git.example.com/one.git"),
                two=stand_in.add_workspace(acme, "two", "https://git.example.com/two.git"),
                plan=stand_in.world.template("acme", "Plan"),
                both=stand_in.world.template("acme", "Plan and apply"),
                approval=stand_in.add_template(acme, "Plan approve apply", APPROVAL),
            )


@pytest.fixture(params=VERSIONS)
async def either(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def beta(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, "beta") as made:
        yield made


@pytest.fixture
async def stable(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(tmp_path, "stable") as made:
        yield made


def steps(job: Job) -> list[tuple[int, str]]:
    return sorted((step.step_number, str(step.status)) for step in job.steps.values())


def inline(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


async def test_a_plan_runs_and_ends(either: Stage) -> None:
    job = await either.create()
    assert (job.status, steps(job), job.tcl) == ("pending", [], None)
    await either.executor.until_started(job.number)
    assert (job.status, steps(job), job.tcl) == ("running", [(100, "running")], either.plan.tcl)
    await either.executor.end(job.number)
    await either.stand_in.until(job, "completed")
    assert (steps(job), job.output, job.plan_changes) == ([(100, "completed")], "", True)
    assert (job.terraform_plan or "").endswith("/terraformLibrary.tfPlan")


async def test_without_changes_later_steps_are_not_executed(either: Stage) -> None:
    job = await either.create(template=either.both)
    await either.executor.end(job.number, changes=False)
    await either.stand_in.until(job, "completed")
    assert steps(job) == [(100, "completed"), (200, "notExecuted")]
    assert job.plan_changes is False


async def test_a_failing_apply_fails_the_job_and_leaves_its_marker(either: Stage) -> None:
    job = await either.create(template=either.both)
    await either.executor.end(job.number)
    await either.executor.end(job.number, 200, ok=False)
    await either.stand_in.until(job, "failed")
    assert steps(job) == [(100, "completed"), (200, "failed")]
    apply = next(step for step in job.steps.values() if step.step_number == 200)
    assert (job.output, job.plan_changes) == (f" Step {apply.id} completed\n", True)


async def test_jobs_of_a_workspace_run_in_order_of_their_ids(either: Stage) -> None:
    first, second, third = [await either.create(template=either.both) for _ in range(3)]
    for job in (first, second, third):
        await either.executor.end(job.number)
        await either.executor.end(job.number, 200)
        await either.stand_in.until(job, "completed")
    assert either.executor.started == [
        (job.number, step) for job in (first, second, third) for step in (100, 200)
    ]


async def test_while_the_executor_is_busy_the_beta_says_pending_and_stable_queue(
    either: Stage,
) -> None:
    first, second = await either.create(), await either.create(either.two)
    await either.executor.until_started(first.number)
    expected = Status.PENDING if either.stand_in.world.is_beta else Status.QUEUE
    await either.stand_in.until(second, expected)
    await either.stays(second, expected)
    assert steps(second) == [(100, "pending")]
    await either.executor.end(first.number)
    await either.executor.end(second.number)
    await either.stand_in.until(second, "completed")


async def test_an_approval_is_waited_for_and_given(either: Stage) -> None:
    job = await either.waiting()
    assert (job.approval_team, steps(job)[1:]) == (
        "DEVELOPERS",
        [(150, "pending"), (200, "pending")],
    )
    assert await either.client.patch(job, status="approved") == 204
    await either.executor.end(job.number, 200)
    await either.stand_in.until(job, "completed")
    assert job.approval_team == ""
    assert steps(job) == [(100, "completed"), (150, "completed"), (200, "completed")]
    markers = [
        f" Step {step.id} completed\n"
        for step in sorted(job.steps.values(), key=lambda step: step.step_number)
    ]
    assert job.output == "".join(markers[1:])


async def test_a_rejected_job_fails_its_remaining_steps_a_moment_later(either: Stage) -> None:
    job = await either.waiting()
    assert await either.client.patch(job, status="rejected") == 204
    assert (job.status, steps(job)[1]) == ("rejected", (150, "pending"))
    await asyncio.sleep(A_WHILE)
    assert steps(job) == [(100, "completed"), (150, "failed"), (200, "failed")]
    assert job.approval_team == "DEVELOPERS"


async def test_a_stored_plan_passes_a_job_that_waits_for_approval(either: Stage) -> None:
    waiting = await either.waiting()
    apply = await either.create(template=either.both)
    sent = inline("flow:\n  - {type: terraformPlan, step: 100, name: Plan}\n")
    own = await either.create(tcl=sent)
    plan = await either.create()
    await either.executor.end(plan.number)
    await either.stand_in.until(plan, "completed")
    for job in (apply, own):
        await either.stays(job, Status.PENDING)
        assert steps(job) == []
    assert await either.client.patch(waiting, status="cancelled") == 204
    await either.executor.until_started(apply.number)


async def test_a_cancel_does_not_stop_terraform(either: Stage) -> None:
    job = await either.create(template=either.both)
    await either.executor.end(job.number)
    await either.executor.until_started(job.number, 200)
    assert await either.client.patch(job, status="cancelled") == 204
    await either.stays(job, Status.CANCELLED)
    assert steps(job) == [(100, "completed"), (200, "cancelled")]
    await either.executor.end(job.number, 200)
    await asyncio.sleep(A_WHILE)
    assert (job.status, steps(job)) == ("cancelled", [(100, "completed"), (200, "completed")])


async def test_there_is_no_check_of_transitions(either: Stage) -> None:
    job = await either.create()
    await either.executor.end(job.number)
    await either.stand_in.until(job, "completed")
    for status in ("cancelled", "approved"):
        assert await either.client.patch(job, status=status) == 204
        await either.stays(job, Status(status))
    behind = await either.create()
    await either.stays(behind, Status.PENDING)
    assert steps(behind) == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("cause", ["locked", "template", "type"])
async def test_a_job_that_cannot_run_blocks_the_instance_on_beta_alone(
    version: str, cause: str, tmp_path: Path
) -> None:
    async with stage(tmp_path, version) as made:
        if cause == "locked":
            made.stand_in.lock(made.one)
            stuck = await made.create(template=made.both)
        elif cause == "template":
            stuck = await made.create(templateReference="not-a-uuid")
        else:
            stuck = await made.create(tcl=inline("flow:\n  - {type: terraformDance, step: 100}\n"))
        other = await made.create(made.two)
        await made.stays(stuck, Status.PENDING)
        assert steps(stuck) == ([(100, "pending")] if cause == "type" else [])
        if version == "stable":
            await made.executor.until_started(other.number)
        assert other.status == ("pending" if version == "beta" else "running")
        assert steps(other) == [(100, "pending" if version == "beta" else "running")]
        assert await made.client.patch(stuck, status="cancelled") == 204
        await made.executor.end(other.number)
        await made.stand_in.until(other, "completed")


async def test_an_unlocked_workspace_goes_on(either: Stage) -> None:
    either.stand_in.lock(either.one, "maintenance")
    job = await either.create()
    await either.stays(job, Status.PENDING)
    either.stand_in.unlock(either.one)
    await either.executor.end(job.number)
    await either.stand_in.until(job, "completed")


async def test_after_a_lock_in_mid_run_stable_needs_a_patch(either: Stage) -> None:
    job = await either.create(template=either.both)
    await either.executor.until_started(job.number)
    either.stand_in.lock(either.one)
    await either.executor.end(job.number)
    await either.stays(job, Status.PENDING)
    either.stand_in.unlock(either.one)
    if not either.stand_in.world.is_beta:
        await either.stays(job, Status.PENDING)
        assert await either.client.patch(job, comments="wake up") == 204
    await either.executor.end(job.number, 200)
    await either.stand_in.until(job, "completed")


BROKEN = {
    "no base64": {"tcl": "%"},
    "no flow": {"tcl": inline("steps: []")},
    "an empty flow": {"tcl": inline("flow: []")},
    "an unknown property": {"tcl": inline("flow:\n  - {type: terraformPlan, stop: 100}\n")},
    "neither template nor tcl": {"comments": "nothing"},
}


@pytest.mark.parametrize("attributes", BROKEN.values(), ids=BROKEN)
async def test_a_broken_template_fails_at_once(attributes: dict[str, Any], beta: Stage) -> None:
    job = await beta.client.create(beta.one, **attributes)
    await beta.stand_in.until(job, "failed")
    (step,) = job.steps.values()
    assert (step.name, step.step_number, step.status, step.output) == (
        "Template Yaml Error, check API logs",
        100,
        "failed",
        None,
    )


async def test_an_incomplete_variable_fails_the_job_with_a_text(beta: Stage) -> None:
    beta.one.incomplete = ("TOKEN",)
    job = await beta.create()
    await beta.stand_in.until(job, "failed")
    assert (job.output or "").startswith("Run blocked because this workspace still has incomplete")
    assert [step.name for step in job.steps.values()] == ["Incomplete sensitive variables"]


async def test_a_job_created_without_plan_changes_never_starts(beta: Stage) -> None:
    job = await beta.create(template=beta.plan, planChanges=False)
    await beta.stays(job, Status.PENDING)
    assert steps(job) == []


async def test_an_open_job_is_failed_after_six_hours(either: Stage) -> None:
    waiting = await either.waiting()
    either.stand_in.clock.advance(timedelta(hours=6, seconds=1))
    await either.stand_in.until(waiting, "failed")
    assert steps(waiting) == [(100, "completed"), (150, "failed"), (200, "failed")]
    assert either.one.last_job_status == "waitingApproval"


async def test_a_single_job_can_be_made_old(beta: Stage) -> None:
    old, young = await beta.waiting(), await beta.waiting(beta.two)
    beta.stand_in.age(old, timedelta(hours=7))
    await beta.stand_in.until(old, "failed")
    assert young.status is Status.WAITING


async def test_an_unreachable_executor_is_waited_for_on_beta_and_fatal_on_stable(
    either: Stage,
) -> None:
    either.stand_in.scheduler.executor_down = True
    job = await either.create()
    if either.stand_in.world.is_beta:
        await either.stays(job, Status.PENDING)
        either.stand_in.scheduler.executor_down = False
        await either.executor.end(job.number)
        await either.stand_in.until(job, "completed")
        return
    await either.stand_in.until(job, "failed")
    (step,) = job.steps.values()
    assert step.name.startswith("Error sending to executor: ")


async def test_a_lost_executor_fails_the_job_on_beta_alone(either: Stage) -> None:
    job = await either.create()
    await either.executor.until_started(job.number)
    either.stand_in.lose_executor()
    if either.stand_in.world.is_beta:
        await either.stand_in.until(job, "failed")
        assert (steps(job), job.output) == ([(100, "failed")], "")
    else:
        await either.stays(job, Status.RUNNING)


async def test_stable_never_ends_an_apply_that_says_it_comes_from_a_forge(either: Stage) -> None:
    job = await either.create(template=either.both, via="Github")
    await either.executor.end(job.number)
    await either.executor.end(job.number, 200)
    if either.stand_in.world.is_beta:
        await either.stand_in.until(job, "completed")
    else:
        await either.stays(job, Status.PENDING)
    assert steps(job) == [(100, "completed"), (200, "completed")]


async def test_a_template_of_another_organization_runs(beta: Stage) -> None:
    other = beta.stand_in.add_organization("other")
    template = beta.stand_in.add_template(other, "Theirs", "flow:\n  - {type: terraformPlan}\n")
    job = await beta.create(template=template)
    await beta.executor.end(job.number, 0)
    await beta.stand_in.until(job, "completed")


async def test_an_early_patch_shows_the_job_as_failed_for_a_moment(tmp_path: Path) -> None:
    timings = Timings(first_run=0.005, tick=0.02, flicker=0.3)
    async with stage(tmp_path, "beta", timings) as made:
        job = await made.create()
        assert await made.client.patch(job, comments="early") == 204
        path = f"/api/v1/organization/{job.organization.id}/job/{job.id}?fields[job]=status"
        seen = [(await made.client.get(path))["data"]["attributes"]["status"]]
        await asyncio.sleep(0.35)
        await made.executor.end(job.number)
        await made.stand_in.until(job, "completed")
        seen.append((await made.client.get(path))["data"]["attributes"]["status"])
        assert seen == ["failed", "completed"]


async def test_reject_commands_become_the_log_of_the_approval_on_beta(either: Stage) -> None:
    flow = APPROVAL.replace(
        "team: DEVELOPERS", "onReject: [{runtime: BASH, script: echo rejected}]"
    )
    template = either.stand_in.add_template(either.one.organization, "Sorry", flow)
    job = await either.create(template=template)
    await either.executor.end(job.number)
    await either.stand_in.until(job, "waitingApproval")
    assert job.approval_team is None
    await either.client.patch(job, status="rejected")
    await asyncio.sleep(2 * A_WHILE)
    approval = next(step for step in job.steps.values() if step.step_number == 150)
    expected = "rejected\n" if either.stand_in.world.is_beta else ""
    assert (approval.text, approval.status) == (expected, "failed")


async def test_a_deleted_job_makes_room(beta: Stage) -> None:
    waiting = await beta.waiting()
    behind = await beta.create(template=beta.both)
    beta.stand_in.delete(waiting)
    await beta.executor.until_started(behind.number)
    assert beta.stand_in.jobs(beta.one) == [behind]
