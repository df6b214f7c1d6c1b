"""Following: one request for all the jobs that are due, and what each look leads to."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Connection, bindparam, update

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.runs import Run, RunPhase, RunState
from bridge.domain.terrakube import FlowStep, Job
from bridge.engine.organizations import ALONE, IDS, Organizations
from bridge.store.codecs import from_ms
from bridge.store.schema import run
from tests.bridge.engine.stage import COLLECTED, PLAN, Stage, open_stage
from tests.fakes.jobserver import APPLY_FLOW, PLAN_FLOW, unavailable

MINUTE = 60.0
HOUR = 3600.0


async def start(stage: Stage, *, approved: bool = False) -> Run:
    """Bring one run to its job, and both workers to work."""
    await stage.want(stage.an_apply() if approved else stage.a_plan())
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    return await stage.run()


def asked(stage: Stage) -> list[tuple[str, ...]]:
    return [call for call in stage.server.calls if call[0] == "jobs"]


class TestAJobsLife:
    async def test_a_plan_is_followed_to_its_end_and_its_output_kept(self, stage: Stage) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(3)
        running = await stage.run()
        assert (running.state, running.job_status) == (RunState.RUNNING, "running")
        stage.server.complete("1")
        stage.clock.advance(9)
        await stage.settle()

        run = await stage.run()
        assert (run.phase, run.state, run.plan_changes) == (
            RunPhase.FINISHED,
            RunState.SUCCEEDED,
            True,
        )
        assert (run.counts, run.digest, run.reason) == (COLLECTED.counts, COLLECTED.digest, "")
        assert run.started_at is not None
        assert run.finished_at is not None
        assert (await stage.organization())["due_at"] is None

    async def test_each_change_is_told_once(self, stage: Stage) -> None:
        await start(stage)
        told = [await stage.revision()]
        stage.server.start("1")
        for _ in range(4):
            await stage.after(3)
            told.append(await stage.revision())
        stage.server.complete("1")
        for _ in range(3):
            await stage.after(6)
            told.append(await stage.revision())
        assert told == [2, 3, 3, 3, 3, 4, 4, 4]

    async def test_a_job_that_does_not_change_costs_no_write(self, stage: Stage) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(3)
        await stage.after(120)
        await stage.after(15)
        before = await stage.row()
        looks = stage.server.count("jobs")
        await stage.after(15)
        assert dict(await stage.row()) == dict(before)
        assert stage.server.count("jobs") == looks + 1

    @pytest.mark.parametrize(
        ("seconds", "interval"), [(3, 3_000), (15, 6_000), (45, 9_000), (90, 15_000)]
    )
    async def test_the_longer_nothing_happens_the_rarer_are_the_looks(
        self, stage: Stage, seconds: float, interval: int
    ) -> None:
        await start(stage)
        await stage.after(seconds)
        assert (await stage.row())["look_interval"] == interval

    async def test_an_end_in_the_first_seconds_counts_when_it_is_seen_twice(
        self, stage: Stage
    ) -> None:
        """A job that was touched may read failed, and then run (contract section 5)."""
        await start(stage)
        stage.server.known["1"] = _with(stage.server.known["1"], status="failed")
        await stage.after(3)
        assert (await stage.run()).phase is RunPhase.CREATED
        stage.server.start("1")
        await stage.after(2.1)
        assert (await stage.run()).state is RunState.RUNNING
        assert (await stage.row())["ended_seen_at"] is None

    async def test_a_failure_ends_the_run(self, stage: Stage) -> None:
        await start(stage)
        stage.server.fail("1")
        await stage.after(12)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (RunPhase.FINISHED, RunState.FAILED, "")

    async def test_a_job_that_waits_for_an_approval_is_shown_and_its_approval_reported(
        self, stage: Stage
    ) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(3)
        run = await stage.run()
        assert (run.state, run.phase) == (RunState.WAITING, RunPhase.CREATED)
        assert await stage.store.outputs(run.id) == [PLAN], "people see what they are to approve"
        await stage.after(3)
        assert (await stage.row())["look_interval"] == 60_000

        stage.server.approve("1")
        await stage.after(60)

        assert (await stage.run()).state is RunState.RUNNING
        assert await stories(stage) == [
            ("somebody in Terrakube", "job.approved", "Job 1 was approved, not by the bridge.")
        ]

    async def test_an_approval_is_noticed_when_the_job_has_already_ended(
        self, stage: Stage
    ) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(12)
        stage.server.complete("1")
        await stage.after(60)
        assert (await stage.run()).state is RunState.SUCCEEDED
        assert [action for _, action, _ in await stories(stage)] == ["job.approved"]

    async def test_a_rejection_is_reported(self, stage: Stage) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(12)
        stage.server.reject("1")
        await stage.after(60)
        run = await stage.run()
        assert (run.state, run.reason) == (RunState.REJECTED, "Rejected in Terrakube.")
        assert [action for _, action, _ in await stories(stage)] == ["job.rejected"]

    async def test_an_end_the_bridge_did_not_cause_is_reported(self, stage: Stage) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(12)
        stage.server.cancel("1")
        await stage.after(12)
        run = await stage.run()
        assert (run.state, run.reason) == (
            RunState.CANCELLED,
            (
                "Cancelled in Terrakube, not by the bridge. Terrakube does not stop Terraform, "
                "so a step that was running may still finish."
            ),
        )
        assert [action for _, action, _ in await stories(stage)] == ["job.cancelled"]

    async def test_one_the_bridge_cancelled_ends_as_superseded(self, stage: Stage) -> None:
        await start(stage)
        await stage.supersede("c" * 40)
        await stage.after(10.5)
        await stage.after(3)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.SUPERSEDED,
            "Cancelled, as a newer commit replaced it.",
        )

    async def test_terrakubes_own_limit_is_recognised(self, stage: Stage) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(3)
        stage.clock.advance(6 * HOUR)
        stage.server.expire("1")
        await stage.settle()
        run = await stage.run()
        assert (run.state, run.reason) == (
            RunState.ERROR,
            "Terrakube ended the job: none may be open for more than 6 hours.",
        )


class TestMissingJobs:
    async def test_a_deleted_job_is_an_error_after_it_was_asked_for_by_itself(
        self, stage: Stage
    ) -> None:
        await start(stage)
        stage.server.delete("1")
        await stage.after(3)
        assert (await stage.run()).phase is RunPhase.CREATED
        await stage.after(2.5)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.ERROR,
            "Its job was deleted in Terrakube.",
        )
        assert stage.server.count("job") == 1

    async def test_one_that_only_the_list_misses_goes_on(self, stage: Stage) -> None:
        await start(stage)
        stage.server.hidden.add("1")
        await stage.after(3)
        await stage.after(2.5)
        stage.server.start("1")
        await stage.after(3)
        await stage.after(3)
        assert (await stage.run()).state is RunState.RUNNING

    async def test_what_cannot_be_asked_for_by_itself_stays_open(self, stage: Stage) -> None:
        await start(stage)
        stage.server.delete("1")
        stage.server.failures["job"] = [unavailable()]
        await stage.after(3)
        await stage.after(2.5)
        assert (await stage.run()).phase is RunPhase.CREATED
        await stage.after(2.5)
        assert (await stage.run()).phase is RunPhase.FINISHED

    async def test_a_hundred_at_once_are_asked_for_some_at_a_time(self, stage: Stage) -> None:
        await stage.want(*(stage.a_plan(f"w-{at}") for at in range(50)))
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.server.known.clear()
        await stage.after(3)
        await stage.after(2.5)
        assert stage.server.count("job") == ALONE
        for _ in range(4):
            await stage.after(2.5)
        assert {run.phase for run in await stage.all_runs()} == {RunPhase.FINISHED}
        assert stage.server.count("job") == 50


class TestRequests:
    async def test_a_thousand_jobs_are_asked_for_in_three_requests_a_poll(
        self, database_url: str
    ) -> None:
        async with open_stage(database_url) as stage:
            ids = await stage.want(*(stage.a_plan(f"w-{at}") for at in range(1_000)))
            space = next(iter(stage.server.spaces.values())).ref
            jobs = [stage.server.add_job(space).id for _ in ids]
            await stage.set_run(phase="created", look_interval=3_000, job_status="pending")
            await stage.database.write(_give_jobs, dict(zip(ids, jobs, strict=True)))
            stage.play(stage.organizations.worker)
            await stage.settle()
            before = len(asked(stage))
            await stage.after(3)
            sizes = [len(call) - 2 for call in asked(stage)[before:]]
            assert sizes == [IDS, IDS, 200]

    async def test_only_jobs_whose_interval_has_ticked_are_asked_for(self, stage: Stage) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(3)
        await stage.want(stage.a_plan("other"))
        await stage.settle()
        before = len(asked(stage))
        for _ in range(4):
            await stage.after(3)
        ids = [call[2:] for call in asked(stage)[before:]]
        assert ids.count(("2",)) >= 3

    async def test_without_open_jobs_nothing_is_asked(self, stage: Stage) -> None:
        await stage.want(stage.a_plan())
        stage.play(stage.organizations.worker)
        await stage.settle()
        assert stage.server.count("jobs") == 0
        assert (await stage.organization())["due_at"] is None


class TestHints:
    async def test_a_hint_brings_the_next_look_forward(self, stage: Stage) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(3)
        stage.server.approve("1")
        stage.organizations.hint("acme", "network")
        await hinted(stage.organizations)
        await stage.settle()
        assert (await stage.run()).state is RunState.RUNNING

    @pytest.mark.parametrize("names", [("acme", "other"), ("elsewhere", "network")])
    async def test_one_for_something_else_asks_nothing(
        self, stage: Stage, names: tuple[str, str]
    ) -> None:
        await start(stage)
        before = stage.server.count("jobs")
        stage.organizations.hint(*names)
        await hinted(stage.organizations)
        await stage.settle()
        assert stage.server.count("jobs") == before

    async def test_a_hundred_repeats_are_few_looks(self, stage: Stage) -> None:
        await start(stage)
        before = stage.server.count("jobs")
        for _ in range(100):
            stage.organizations.hint("acme", "network")
        await hinted(stage.organizations)
        await stage.settle()
        assert stage.server.count("jobs") == before + 1

    async def test_none_gets_past_the_breaker(self, stage: Stage) -> None:
        await start(stage)
        limited = TemporaryRemoteError("429", service="terrakube", status=429, retry_after=40.0)
        stage.server.failures["jobs"] = [limited]
        await stage.after(3)
        before = stage.server.count("jobs")
        stage.organizations.hint("acme", "network")
        await hinted(stage.organizations)
        await stage.settle()
        await stage.after(39)
        assert stage.server.count("jobs") == before
        await stage.after(2)
        assert stage.server.count("jobs") == before + 1

    async def test_one_that_comes_during_a_poll_is_not_forgotten(self, stage: Stage) -> None:
        """The answer under way was made before what the hint is about."""
        await start(stage)
        looks: list[int] = []

        async def start_then_hint() -> None:
            looks.append(stage.database.now())
            if len(looks) == 1:
                stage.clock.advance(0.01)
                stage.server.start("1")
                stage.organizations.hint("acme", "network")
                await hinted(stage.organizations)

        stage.server.after_jobs = start_then_hint
        await stage.after(20)
        assert len(looks) == 2
        run = await stage.run()
        assert (run.state, (await stage.row())["next_look"]) == (RunState.RUNNING, None)


class TestTheBreaker:
    async def test_a_server_that_does_not_answer_is_left_alone_longer_and_longer(
        self, stage: Stage
    ) -> None:
        await start(stage)
        stage.server.failures["jobs"] = [unavailable()] * 4
        pauses = []
        await stage.after(3)
        for _ in range(4):
            row = await stage.organization()
            pauses.append((row["not_before"] - stage.database.now()) / 1000)
            await stage.after(pauses[-1])
        assert pauses == [1.0, 2.0, 4.0, 8.0]
        row = await stage.organization()
        assert (row["not_before"], row["failing_since"]) == (0, None)
        assert stage.metrics.polls.labels("failed")._value.get() == 4  # noqa: SLF001 - as its tests do

    async def test_after_it_every_job_is_looked_at(self, stage: Stage) -> None:
        await start(stage, approved=True)
        stage.server.wait_for_approval("1")
        await stage.after(3)
        stage.server.failures["jobs"] = [unavailable()]
        await stage.set_organization(due_at=stage.database.now())
        await stage.set_run(next_look=stage.database.now())
        await stage.settle()
        stage.server.approve("1")
        await stage.after(1)
        assert (await stage.run()).state is RunState.RUNNING

    async def test_after_ten_minutes_people_are_told_once_and_hear_when_it_is_over(
        self, stage: Stage
    ) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(3)
        stage.server.failures["jobs"] = [unavailable()] * 100
        await stage.after(3)
        revision = await stage.revision()
        for _ in range(13):
            await stage.after(MINUTE)
        run = await stage.run()
        assert (run.phase, run.state) == (RunPhase.CREATED, RunState.ERROR)
        since = from_ms(stage.database.now() - 13 * 60_000)
        assert run.trouble == (
            f"Terrakube has not answered since {since:%Y-%m-%d %H:%M} UTC "
            "(GET job: no answer in 30 s). The bridge keeps trying."
        )
        assert await stage.revision() == revision + 1

        stage.server.failures.clear()
        await stage.after(MINUTE)
        run = await stage.run()
        assert (run.state, run.trouble) == (RunState.RUNNING, "")
        assert await stage.revision() == revision + 2

    async def test_a_refusal_is_told_at_once(self, stage: Stage) -> None:
        await start(stage)
        denied = NotAllowedError("GET job: token expired", service="terrakube", status=401)
        stage.server.failures["jobs"] = [denied]
        await stage.after(3)
        run = await stage.run()
        assert run.state is RunState.ERROR
        assert "token expired" in run.trouble

    async def test_after_six_hours_runs_are_given_up(self, stage: Stage) -> None:
        await start(stage)
        stage.server.failures["jobs"] = [unavailable()] * 1_000
        await stage.after(3)
        stage.clock.advance(5.9 * HOUR)
        await stage.settle()
        assert (await stage.run()).phase is RunPhase.CREATED
        await stage.after(0.2 * HOUR)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.ERROR,
            (
                "Terrakube could not be reached for 6 hours; what became of its job is not known. "
                "Last: GET job: no answer in 30 s."
            ),
        )
        assert (await stage.organization())["due_at"] is not None


class TestJobsThatDoNotBegin:
    async def test_people_hear_what_it_waits_for(self, stage: Stage) -> None:
        plan = stage.a_plan()
        stage.server.add_job(plan.workspace, status="waitingApproval")
        await stage.want(plan)
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await wait_long(stage)
        run = await stage.run()
        assert (run.state, run.trouble) == (
            RunState.QUEUED,
            "It waits for job 1 of the same workspace, which is waiting for an approval.",
        )
        revision = await stage.revision()

        stage.server.start("2")
        await stage.after(15)

        run = await stage.run()
        assert (run.state, run.trouble) == (RunState.RUNNING, "")
        assert await stage.revision() == revision + 1

    async def test_one_that_can_never_run_is_cancelled_and_the_cause_told(
        self, stage: Stage
    ) -> None:
        run = await start(stage)
        stage.server.lock(stage.server.spaces[run.request.workspace.id])
        await wait_long(stage)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.ERROR,
            (
                "Workspace acme/network is locked in Terrakube. Unlock it there, then say "
                "`tk plan` again. Job 1 was cancelled, as it could not start and may hold up "
                "others."
            ),
        )
        assert stage.server.known["1"].status == "cancelled"

    async def test_one_whose_next_step_can_never_run_is_cancelled_too(self, stage: Stage) -> None:
        strange = (*PLAN_FLOW, FlowStep(type="terraformAply", number=200, name="Apply"))
        stage.server.add_template("Plan", flow=strange)
        await start(stage)
        stage.server.start("1")
        await stage.after(3)
        job = stage.server.start("1", 1)
        waiting = (job.steps[0], replace(job.steps[1], status="pending"))
        stage.server.known["1"] = replace(job, status="pending", steps=waiting)
        await stage.after(15)
        assert (await stage.run()).state is RunState.RUNNING
        await wait_long(stage)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.ERROR,
            (
                "Template 'Plan' goes on with a step of type 'terraformAply', which Terrakube "
                "does not know. Correct it there. Job 1 was cancelled, as it could not go on and "
                "may hold up others."
            ),
        )

    async def test_one_locked_between_two_steps_is_told_of_and_left_alone(
        self, stage: Stage
    ) -> None:
        stage.server.add_template("Plan", flow=APPLY_FLOW)
        started = await start(stage)
        workspace = stage.server.spaces[started.request.workspace.id]
        running = stage.server.start("1", 1)
        await stage.after(3)
        waiting = (running.steps[0], replace(running.steps[1], status="pending"))
        stage.server.known["1"] = replace(running, status="pending", steps=waiting)
        stage.server.lock(workspace, "moving state")
        await stage.after(61)
        assert (await stage.run()).trouble == ""
        troubles, revision = [], await stage.revision()
        for _ in range(6):
            await wait_long(stage)
            run = await stage.run()
            troubles.append(run.trouble)
            assert (run.phase, run.state) == (RunPhase.CREATED, RunState.RUNNING)
        assert troubles == [troubles[0]] * 6
        assert "is locked in Terrakube (moving state), so job 1 does not go on." in troubles[0]
        assert await stage.revision() == revision + 1  # looks in between do not take it back

        # Older versions do not go on after the unlock.
        stage.server.unlock(workspace)
        await wait_long(stage)
        assert "Job 1 waits between two steps." in (await stage.run()).trouble
        stage.server.known["1"] = replace(running, status="running")
        await stage.after(61)
        run = await stage.run()
        assert (run.state, run.trouble) == (RunState.RUNNING, "")
        assert stage.server.count("cancel_job") == 0

    async def test_one_the_bridge_may_not_cancel_is_named(self, stage: Stage) -> None:
        run = await start(stage)
        stage.server.lock(stage.server.spaces[run.request.workspace.id])
        denied = NotAllowedError("PATCH: no", service="terrakube", status=403)
        stage.server.failures["cancel_job"] = [denied]
        await wait_long(stage)
        run = await stage.run()
        assert run.phase is RunPhase.FINISHED
        assert run.reason.endswith(
            "The bridge may not cancel job 1; it may hold up others until you do."
        )

    async def test_a_question_that_fails_is_asked_again(self, stage: Stage) -> None:
        await start(stage)
        failing: Sequence[RemoteError] = [unavailable("workspace")] * 3
        stage.server.failures["workspace"] = list(failing)
        await wait_long(stage)
        assert (await stage.run()).trouble == ""
        stage.server.failures.clear()
        await wait_long(stage)
        assert (await stage.run()).trouble.startswith("It waits for Terrakube")


class TestCollecting:
    async def end(self, stage: Stage) -> None:
        await start(stage)
        stage.server.start("1")
        await stage.after(12)
        stage.server.complete("1")

    async def test_trouble_is_tried_again(self, stage: Stage) -> None:
        await self.end(stage)
        stage.collector.failures = [unavailable("GET log")] * 2
        await stage.after(6)
        run = await stage.run()
        assert (run.phase, run.state) == (RunPhase.COLLECTING, RunState.RUNNING)
        await stage.after(1)
        await stage.after(2)
        assert (await stage.run()).counts == COLLECTED.counts

    async def test_it_does_not_go_on_for_ever(self, stage: Stage) -> None:
        await self.end(stage)
        stage.collector.failures = [unavailable("GET log")] * 100
        await stage.after(6)
        for _ in range(15):
            await stage.after(MINUTE)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.SUCCEEDED,
            "What it wrote could not be read from Terrakube: GET log: no answer in 30 s.",
        )

    async def test_a_job_deleted_before_it_was_read_ends_as_it_was_seen_to(
        self, stage: Stage
    ) -> None:
        await self.end(stage)
        gone = NotFoundError("GET job: answered 404", service="terrakube", status=404)
        stage.server.failures["job"] = [gone]
        await stage.after(6)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.SUCCEEDED,
            "What it wrote could not be read from Terrakube: GET job: answered 404.",
        )

    async def test_a_bug_in_reading_does_not_lose_the_end(self, stage: Stage) -> None:
        await self.end(stage)
        stage.collector.failures = [ValueError("a bug")] * 100
        await stage.after(6)
        for _ in range(10):
            await stage.after(5 * MINUTE)
        run = await stage.run()
        assert (run.phase, run.state, run.reason) == (
            RunPhase.FINISHED,
            RunState.SUCCEEDED,
            "What it wrote could not be read from Terrakube: ValueError: a bug.",
        )


async def wait_long(stage: Stage) -> None:
    """Let five minutes pass, as looks see them."""
    for _ in range(5):
        await stage.after(61)


async def hinted(organizations: Organizations) -> None:
    """Wait until hints are written."""
    task = organizations._hinting  # noqa: SLF001 - a hint is not awaited by anybody
    assert task is not None
    await task


async def stories(stage: Stage) -> list[tuple[str, str, str]]:
    return [(row["actor"], row["action"], row["detail"]) for row in await stage.audits()]


def _with(job: Job, *, status: str) -> Job:
    return replace(job, status=status)


def _give_jobs(connection: Connection, jobs: Mapping[str, str]) -> None:
    statement = update(run).where(run.c.id == bindparam("run_id")).values(job_id=bindparam("job"))
    connection.execute(statement, [{"run_id": one, "job": jobs[one]} for one in jobs])
