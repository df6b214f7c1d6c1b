"""From intent to job: one POST, whatever happens to its answer."""

import asyncio
from dataclasses import replace

import pytest

from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.runs import Refusal, Run, RunPhase, RunState
from bridge.domain.terrakube import JobRequest, JobStatus
from bridge.engine.creating import LONGEST_PAUSE
from bridge.engine.runs import GRACE
from bridge.engine.workers import MAX_FAILURES
from tests.bridge.engine.stage import Stage, Terrakube, open_stage
from tests.bridge.store.rows import HEAD
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import unavailable

MINUTE = 60.0
HOUR = 3600.0


def described(run: Run) -> tuple[str, str, str]:
    return run.phase.value, run.state.value, run.job_id


class TestTheStraightWay:
    async def test_an_intent_becomes_one_job_that_carries_its_key(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()

        run = await stage.run()
        assert described(run) == ("created", "queued", "1")
        (request,) = stage.server.requests
        assert request.comments == f"bridge:{run_id} plan acme/infra#3 by ada"
        assert (request.commit_id, request.override_branch) == (HEAD, None)
        assert await stage.revision() == 2

    async def test_the_organization_looks_at_it_within_three_seconds(self, stage: Stage) -> None:
        await stage.want(stage.a_plan())
        await stage.set_organization(due_at=None)
        stage.play(stage.runs.worker)
        await stage.settle()
        due_at = (await stage.organization())["due_at"]
        assert 0 < due_at - stage.database.now() <= 3_000

    async def test_a_template_named_in_words_is_known_from_then_on(self, stage: Stage) -> None:
        plan = stage.a_plan()
        await stage.want(replace(plan, template=replace(plan.template, id="")))
        stage.play(stage.runs.worker)
        await stage.settle()
        assert (await stage.run()).request.template == plan.template

    async def test_many_are_created_once_each(self, stage: Stage) -> None:
        await stage.want(*(stage.a_plan(f"w-{at}") for at in range(60)))
        stage.play(stage.runs.worker)
        await stage.settle()
        assert len({request.comments for request in stage.server.requests}) == 60
        assert stage.server.count("create_job") == 60


class TestRefusals:
    async def test_a_locked_workspace_is_an_error_at_once(self, stage: Stage) -> None:
        plan = stage.a_plan()
        stage.server.lock(stage.server.spaces[plan.workspace.id], "maintenance")
        await stage.want(plan)
        stage.play(stage.runs.worker)
        await stage.settle()

        run = await stage.run()
        assert described(run) == ("finished", "error", "")
        assert run.reason == (
            "Workspace acme/network is locked in Terrakube (maintenance). "
            "Unlock it there, then say `tk plan` again."
        )
        assert stage.server.requests == []
        concluded = stage.metrics.runs_concluded.labels("plan", "error")
        assert concluded._value.get() == 1  # noqa: SLF001 - the library's own tests do so

    @pytest.mark.parametrize(
        "method", ["workspace", "create_job"], ids=["before the POST", "by the POST"]
    )
    async def test_what_terrakube_refuses_is_an_error_with_its_reason(
        self, stage: Stage, method: str
    ) -> None:
        refusal = NotAllowedError("POST job: may not", service="terrakube", status=403)
        stage.server.failures[method] = [refusal]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()

        run = await stage.run()
        assert described(run) == ("finished", "error", "")
        assert run.reason == "Terrakube refuses the job: POST job: may not."
        assert await stage.revision() == 2


class TestLostAnswers:
    @pytest.mark.parametrize(
        "error",
        [
            TemporaryRemoteError("POST job: no answer", service="terrakube"),
            TemporaryRemoteError("POST job: answered 500", service="terrakube", status=500),
            PermanentRemoteError("POST job: answer too large", service="terrakube", status=201),
        ],
        ids=["lost answer", "500 after commit", "unreadable answer"],
    )
    async def test_a_job_that_exists_all_the_same_is_adopted(
        self, stage: Stage, error: RemoteError
    ) -> None:
        stage.server.lost_answers["create_job"] = [error]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        assert described(await stage.run()) == ("unknown", "queued", "")

        await stage.after(1.5)

        assert described(await stage.run()) == ("created", "queued", "1")
        assert stage.server.count("create_job") == 1
        adopted = stage.metrics.jobs_created.labels("adopted")
        assert adopted._value.get() == 1  # noqa: SLF001 - the library's own tests do so

    async def test_a_job_that_does_not_exist_is_sent_again_after_the_grace_period(
        self, stage: Stage
    ) -> None:
        stage.server.failures["create_job"] = [unavailable("POST job")]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()

        await stage.after(GRACE - 1)
        assert stage.server.count("create_job") == 1
        looked = stage.server.count("jobs_with_key")
        await stage.after(2)

        assert described(await stage.run()) == ("created", "queued", "1")
        assert stage.server.count("create_job") == 2
        assert stage.server.count("jobs_with_key") == looked + 1

    async def test_a_late_commit_is_found_before_anything_is_sent_again(self, stage: Stage) -> None:
        stage.server.commits_late = 1
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.after(5)
        assert described(await stage.run()) == ("unknown", "queued", "")

        stage.server.commit()
        await stage.after(GRACE)

        assert described(await stage.run()) == ("created", "queued", "1")
        assert stage.server.count("create_job") == 1

    async def test_of_several_jobs_with_the_key_the_oldest_is_adopted(self, stage: Stage) -> None:
        stage.server.commits_late = 1
        stage.server.lost_answers["create_job"] = []
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        stage.server.lost_answers["create_job"] = [unavailable("POST job")]
        await stage.after(GRACE + 1)
        assert described(await stage.run()) == ("unknown", "queued", "")

        stage.server.commit()
        await stage.after(1.5)

        assert described(await stage.run()) == ("created", "queued", "1")
        assert sorted(stage.server.known) == ["1", "2"]

    async def test_somebody_elses_job_with_our_key_is_not_adopted(self, stage: Stage) -> None:
        stage.server.failures["create_job"] = [unavailable("POST job")]
        plan = stage.a_plan()
        (run_id,) = await stage.want(plan)
        other = stage.server.add_workspace("other").ref
        stage.server.add_job(
            other,
            comments=f"bridge:{run_id} copied",
            template_reference=plan.template.id,
            commit_id=HEAD,
            created_by=stage.server.me,
        )
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.after(GRACE + 1)
        assert described(await stage.run()) == ("created", "queued", "2")

    async def test_a_bug_after_the_post_does_not_send_it_again(self, stage: Stage) -> None:
        async def stumble() -> None:
            await asyncio.sleep(0)
            msg = "a bug"
            raise ValueError(msg)

        stage.server.before_create = stumble
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        row = await stage.row()
        assert (row["phase"], row["failures"], row["last_error"]) == (
            "unknown",
            1,
            "ValueError: a bug",
        )


class TestLeases:
    async def test_without_the_lease_nothing_is_sent(self, stage: Stage) -> None:
        """Frozen between the write and the POST: the deadline has passed, so there is no call."""
        await stage.want(stage.a_plan())
        prepare = stage.service.prepare

        async def freeze(run: Run) -> JobRequest | Refusal:
            stage.boot += 31
            return await prepare(run)

        stage.preparer.prepare_with = freeze
        stage.play(stage.runs.worker)
        await stage.idle_except_leases()

        assert stage.server.count("create_job") == 0
        assert (await stage.run()).phase is RunPhase.POSTING

        stage.preparer.prepare_with = prepare
        await stage.after(31)
        await stage.after(GRACE + 1)
        assert described(await stage.run()) == ("created", "queued", "1")
        assert stage.server.count("create_job") == 1

    async def test_a_post_under_way_when_its_holder_dies_is_looked_for(self, stage: Stage) -> None:
        """As a kill -9 leaves it: posting, a lease that runs out, and a job."""
        stage.server.lost_answers["create_job"] = [unavailable("POST job")]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        now = stage.database.now()
        await stage.set_run(
            phase="posting", due_at=now - 1, owner="dead", lease_until=now + 9_000, fence=7
        )

        stage.clock.advance(8.9)
        await stage.idle_except_leases()
        assert (await stage.run()).phase is RunPhase.POSTING
        await stage.after(0.2)

        assert described(await stage.run()) == ("created", "queued", "1")
        assert stage.server.count("create_job") == 1

    async def test_two_replicas_create_each_job_once(self, postgres_url: str) -> None:
        clock = FakeClock()
        server = Terrakube(clock=clock)
        async with open_stage(postgres_url, clock=clock, server=server) as one:
            async with open_stage(postgres_url, clock=clock, server=server) as two:
                await one.want(*(one.a_plan(f"w-{at}") for at in range(100)))
                one.play(one.runs.worker)
                two.play(two.runs.worker)
                await one.settle()
                await two.settle()
                assert {run.phase for run in await one.all_runs()} == {RunPhase.CREATED}
        keys = [request.comments for request in server.requests]
        assert (len(keys), len(set(keys))) == (100, 100)

    async def test_stopping_leaves_a_post_under_way_to_be_looked_for(
        self, database_url: str
    ) -> None:
        clock = FakeClock()
        server = Terrakube(clock=clock)
        posted = asyncio.Event()

        async def hang() -> None:
            posted.set()
            await asyncio.Event().wait()

        server.before_create = hang
        async with open_stage(database_url, clock=clock, server=server, grace=0.01) as stage:
            await stage.want(stage.a_plan())
            stage.play(stage.runs.worker)
            await stage.wake()
            await posted.wait()
        async with open_stage(database_url, clock=clock, server=server) as stage:
            row = await stage.row()
            assert (row["phase"], row["owner"], row["lease_until"]) == ("posting", None, None)
            server.before_create = None
            stage.play(stage.runs.worker)
            await stage.settle()
            assert (await stage.run()).phase is RunPhase.UNKNOWN


class TestOrder:
    async def test_pushes_that_apply_are_created_in_the_order_of_their_intents(
        self, stage: Stage
    ) -> None:
        ids = await stage.want(stage.an_apply(trigger="push:1"))
        stage.server.failures["create_job"] = [unavailable("POST job")]
        stage.play(stage.runs.worker)
        await stage.settle()
        for number in range(2, 6):
            stage.clock.advance(0.001)
            push = stage.an_apply(trigger=f"push:{number}", commit_id=str(number) * 40)
            ids += await stage.want(push)
        await stage.settle()
        await stage.after(3)
        assert stage.server.requests == []

        await stage.after(GRACE)
        await stage.after(0)

        keys = [request.comments.split()[0] for request in stage.server.requests]
        assert len(keys) == 5
        assert keys == [f"bridge:{run_id}" for run_id in ids]

    async def test_a_plan_does_not_wait_for_them(self, stage: Stage) -> None:
        await stage.want(stage.an_apply(trigger="push:1"))
        stage.server.failures["create_job"] = [unavailable("POST job")]
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.want(stage.a_plan())
        await stage.settle()
        assert len(stage.server.requests) == 1

    async def test_another_workspace_does_not_wait_for_them(self, stage: Stage) -> None:
        await stage.want(stage.an_apply(trigger="push:1"))
        stage.server.failures["create_job"] = [unavailable("POST job")]
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.want(stage.an_apply("other", trigger="push:1"))
        await stage.settle()
        assert len(stage.server.requests) == 1


class TestPatience:
    @pytest.mark.parametrize("method", ["workspace", "create_job"])
    async def test_people_hear_after_ten_minutes_and_the_run_is_kept(
        self, stage: Stage, method: str
    ) -> None:
        stage.server.failures[method] = [unavailable(f"{method}")] * 200
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        started = stage.clock.moment
        while (stage.clock.moment - started).total_seconds() < 9.5 * MINUTE:
            await stage.after(LONGEST_PAUSE / 2)
        assert (await stage.run()).trouble == ""

        for _ in range(8):
            await stage.after(LONGEST_PAUSE / 2)
        run = await stage.run()
        assert run.state is RunState.ERROR
        assert run.trouble == (
            f"Terrakube has not answered since 2026-11-24 12:00 UTC "
            f"({method}: no answer in 30 s). The bridge keeps trying."
        )
        revision = await stage.revision()
        for _ in range(4):
            await stage.after(LONGEST_PAUSE)
        assert await stage.revision() == revision  # said once

        stage.server.failures[method].clear()
        await stage.after(GRACE + 1)
        await stage.after(GRACE + 1)
        run = await stage.run()
        assert (run.phase, run.state, run.trouble) == (RunPhase.CREATED, RunState.QUEUED, "")

    @pytest.mark.parametrize(
        ("phase", "reason"),
        [
            ("planned", "Terrakube could not be reached for 6 hours. Last: x: no answer in 30 s."),
            (
                "unknown",
                (
                    "Terrakube could not be reached for 6 hours; a job may have been started "
                    "there all the same. Last: x: no answer in 30 s."
                ),
            ),
        ],
    )
    async def test_after_six_hours_a_run_is_given_up(
        self, stage: Stage, phase: str, reason: str
    ) -> None:
        failing: list[RemoteError] = [unavailable("x")] * 100
        stage.server.failures = {"workspace": failing, "jobs_with_key": failing}
        await stage.want(stage.a_plan())
        now = stage.database.now()
        await stage.set_run(phase=phase, trouble_since=now, posted_at=now, times_posted=1)
        stage.clock.advance(6 * HOUR)
        stage.play(stage.runs.worker)
        await stage.settle()
        run = await stage.run()
        assert (described(run), run.reason) == (("finished", "error", ""), reason)

    async def test_a_refused_look_is_told_at_once_and_tried_again(self, stage: Stage) -> None:
        """The token ran out: the job may exist, so the run must not end here."""
        stage.server.lost_answers["create_job"] = [unavailable("POST job")]
        denied = NotAllowedError("GET job: the token expired", service="terrakube", status=401)
        stage.server.failures["jobs_with_key"] = [denied]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.after(1.5)
        run = await stage.run()
        assert (run.phase, run.state) == (RunPhase.UNKNOWN, RunState.ERROR)
        assert "the token expired" in run.trouble

        await stage.after(LONGEST_PAUSE)
        assert described(await stage.run()) == ("created", "queued", "1")

    async def test_retry_after_is_honoured(self, stage: Stage) -> None:
        limited = TemporaryRemoteError(
            "429", service="terrakube", status=429, retry_after=200.0, account_wide=True
        )
        stage.server.failures["workspace"] = [limited]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.after(199)
        assert stage.server.count("workspace") == 1
        await stage.after(2)
        assert described(await stage.run()) == ("created", "queued", "1")

    async def test_a_run_whose_holders_die_again_and_again_is_set_aside(self, stage: Stage) -> None:
        await stage.want(stage.a_plan())
        await stage.set_run(failures=MAX_FAILURES, last_error="killed")
        stage.play(stage.runs.worker)
        await stage.settle()
        run = await stage.run()
        assert (described(run), run.reason) == (
            ("finished", "error", ""),
            "The bridge failed on this run: killed. See its log.",
        )


class TestNotWantedAnyMore:
    async def test_a_superseded_run_in_doubt_is_not_sent_again(self, stage: Stage) -> None:
        stage.server.failures["create_job"] = [unavailable("POST job")]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.supersede("c" * 40)

        await stage.after(GRACE + 1)

        run = await stage.run()
        assert (described(run), run.reason) == (
            ("finished", "superseded", ""),
            "Cancelled, as a newer commit replaced it.",
        )
        assert stage.server.count("create_job") == 1

    async def test_one_whose_job_was_created_meanwhile_is_cancelled_when_it_is_old_enough(
        self, stage: Stage
    ) -> None:
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.supersede("c" * 40)
        await stage.after(9)
        assert stage.server.count("cancel_job") == 0

        await stage.after(1.1)

        assert stage.server.known["1"].status == JobStatus.CANCELLED
        run = await stage.run()
        assert (run.phase, run.cancel_requested) == (RunPhase.CREATED, True)
        assert (await stage.row())["due_at"] is None
        assert [(row["action"], row["result"]) for row in await stage.audits()] == [
            ("job.cancelled", "cancelled")
        ]

    @pytest.mark.parametrize(
        ("error", "result"),
        [
            (NotAllowedError("PATCH: may not", service="terrakube", status=403), "refused"),
            (NotFoundError("PATCH: gone", service="terrakube", status=404), "gone"),
        ],
    )
    async def test_a_cancel_that_is_refused_is_recorded_and_the_job_followed(
        self, stage: Stage, error: RemoteError, result: str
    ) -> None:
        stage.server.failures["cancel_job"] = [error]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.supersede("c" * 40)
        await stage.after(11)
        assert described(await stage.run()) == ("created", "queued", "1")
        assert (await stage.row())["due_at"] is None
        assert [row["result"] for row in await stage.audits()] == [result]

    async def test_people_are_told_of_a_job_the_bridge_may_not_cancel(self, stage: Stage) -> None:
        error = NotAllowedError("PATCH: may not", service="terrakube", status=403)
        stage.server.failures["cancel_job"] = [error]
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.supersede("c" * 40)
        before = await stage.revision()
        await stage.after(11)
        assert (await stage.run()).trouble == (
            "Job 1 is not wanted any more, but Terrakube does not let the bridge cancel it "
            "(PATCH: may not). It may run all the same unless somebody cancels it there."
        )
        assert await stage.revision() == before + 1
        stage.server.complete("1")
        await stage.after(15)
        run = await stage.run()
        assert (described(run), run.trouble, run.reason) == (
            ("finished", "succeeded", "1"),
            "",
            "It was to be cancelled, but ran all the same.",
        )

    async def test_one_that_was_not_sent_is_dropped_before_it_is(self, stage: Stage) -> None:
        await stage.want(stage.a_plan())
        await stage.set_run(cancel_requested=1)
        stage.play(stage.runs.worker)
        await stage.settle()
        run = await stage.run()
        assert (described(run), run.reason) == (
            ("finished", "cancelled", ""),
            "Cancelled by the bridge.",
        )
        assert stage.server.requests == []
