"""One pull request at a time has a workspace; others wait, in order, and go when it is free."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.domain.errors import NotAllowedError
from bridge.domain.rules import Locks
from bridge.domain.runs import Run, RunPhase
from bridge.domain.terrakube import JobStatus, Step
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import Answer, FreeHolds, PullRequestSeen, Work
from bridge.engine.holding import HoldWatch
from bridge.engine.leases import Lease
from bridge.store.queries.holds import Holding
from tests.bridge.engine.stage import OTHER, Stage, Terrakube, open_stage
from tests.bridge.store.rows import PULL_REQUEST, a_pull_request
from tests.fakes.clock import FakeClock
from tests.fakes.jobserver import unavailable

NEW_HEAD = "c" * 40
CLOSED = "The pull request was closed."


def described(run: Run) -> tuple[str, str, str]:
    return run.phase.value, run.state.value, run.job_id


async def both(stage: Stage) -> tuple[str, str]:
    """Two pull requests want to apply in one workspace; the first one may."""
    first, second = await stage.want(stage.a_reviewed(), stage.a_reviewed(number=4))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    assert (await stage.run(first)).job_id == "1"
    return first, second


async def holders(stage: Stage) -> list[tuple[int, bool]]:
    """Pull request and whether it is busy, of each workspace that is held."""
    found = [*await stage.store.holds(PULL_REQUEST), *await stage.store.holds(OTHER)]
    return [(one.pull_request.number, one.busy) for one in found]


async def apply_to_its_end(stage: Stage, job_id: str) -> None:
    await stage.until_it_waits(job_id)
    stage.server.complete(job_id)
    await stage.after(12)


async def watch(stage: Stage) -> None:
    """Let the duty do a round."""

    class Held(Lease):
        __slots__ = ()

        def __init__(self) -> None: ...

        def check(self) -> None: ...

    await HoldWatch(stage.database, stage.server).watch(Held())
    await stage.settle()


class TestTwoPullRequests:
    async def test_the_second_waits_and_says_for_whom(self, stage: Stage) -> None:
        known = [a_pull_request(), a_pull_request(ref=OTHER)]
        await stage.work(Work(pull_requests=[PullRequestSeen(pull_request=one) for one in known]))
        _, second = await both(stage)

        waiting = await stage.run(second)
        assert described(waiting) == ("planned", "queued", "")
        report = await stage.store.pull_request_report(OTHER)
        assert report is not None
        (shown,) = report.runs
        assert shown.queue is not None
        hold = shown.queue.hold
        assert (hold.pull_request, hold.actor, hold.busy, shown.queue.position) == (
            PULL_REQUEST,
            "ada",
            True,
            1,
        )
        assert hold.web_url == "https://code.example.com/acme/infra/pulls/3"
        assert [one.id for one in await stage.store.queue(hold.workspace.id)] == [second]
        await stage.after(31)
        assert stage.server.count("create_job") == 1

    async def test_what_was_applied_locks_the_workspace_until_it_is_freed(
        self, stage: Stage
    ) -> None:
        first, second = await both(stage)
        await apply_to_its_end(stage, "1")
        assert (await stage.run(first)).state.value == "succeeded"
        await stage.after(31)
        assert await holders(stage) == [(3, False)]

        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert (await stage.run(second)).job_id == "2"
        assert await holders(stage) == [(4, True)]

    @pytest.mark.parametrize("how", ["rejected", "expired", "cancelled", "deleted", "plan failed"])
    async def test_what_was_not_applied_frees_it_at_once(self, stage: Stage, how: str) -> None:
        first, second = await both(stage)
        stage.forge.read_failures = []
        stage.collector.planned = replace(
            stage.collector.planned,
            collected=replace(stage.collector.planned.collected, digest=""),
        )
        if how == "plan failed":
            stage.server.fail("1")
        else:
            await stage.until_it_waits()
            await _end(stage, first, how)
        await stage.after(60)
        await stage.after(3)
        assert (await stage.run(first)).concluded
        assert (await stage.run(second)).job_id == "2"

    async def test_what_only_waits_is_in_no_trouble(self, stage: Stage) -> None:
        _, second = await both(stage)
        await stage.set_run(trouble="The forge is away.", state="error")
        await stage.after(31)
        waiting = await stage.run(second)
        assert (waiting.state.value, waiting.trouble) == ("queued", "")

    async def test_a_refused_job_frees_it(self, stage: Stage) -> None:
        refusal = NotAllowedError("POST job: may not", service="terrakube", status=403)
        stage.server.failures["create_job"] = [refusal]
        first, second = await stage.want(stage.a_reviewed(), stage.a_reviewed(number=4))
        stage.play(stage.runs.worker)
        await stage.settle()
        assert (await stage.run(first)).state.value == "error"
        assert (await stage.run(second)).job_id == "1"

    async def test_a_push_waits_for_no_queue(self, stage: Stage) -> None:
        await both(stage)
        (push,) = await stage.want(stage.an_apply())
        await stage.settle()
        assert (await stage.run(push)).job_id == "2"

    async def test_who_waits_too_long_is_told_who_was_in_the_way(self, stage: Stage) -> None:
        _, second = await both(stage)
        await apply_to_its_end(stage, "1")
        stage.clock.advance(6 * 3600)
        await stage.settle()
        run = await stage.run(second)
        assert run.reason == (
            "It waited for 6 hours. Workspace acme/network is still locked by pull request #3 of "
            "acme/infra (ada took it). Say `tk apply` again."
        )
        assert described(run) == ("finished", "error", "")

    async def test_what_is_free_by_now_is_never_too_late(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed())
        await stage.set_run(created_at=stage.database.now() - 7 * 3_600_000)
        stage.play(stage.runs.worker)
        await stage.settle()
        assert (await stage.run()).job_id == "1"

    async def test_they_go_in_the_order_in_which_they_asked(self, stage: Stage) -> None:
        first, second = await both(stage)
        stage.clock.advance(1)
        (third,) = await stage.want(stage.a_reviewed())
        (fourth,) = await stage.want(stage.a_reviewed(number=4))
        await stage.settle()
        space = (await stage.run(first)).request.workspace.id
        queue = [one.id for one in await stage.store.queue(space)]
        assert queue == [third, second, fourth], "whoever holds it comes first"
        await apply_to_its_end(stage, "1")
        assert (await stage.run(third)).job_id == "2"
        await apply_to_its_end(stage, "2")
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert (await stage.run(second)).job_id == "3"
        assert (await stage.run(fourth)).phase is RunPhase.PLANNED

    async def test_two_replicas_give_it_to_one(self, postgres_url: str) -> None:
        clock = FakeClock()
        server = Terrakube(clock=clock)
        async with open_stage(postgres_url, clock=clock, server=server) as one:
            async with open_stage(postgres_url, clock=clock, server=server) as two:
                spaces = [f"w-{at}" for at in range(15)]
                wanted = [
                    one.a_reviewed(space, number=number) for space in spaces for number in (3, 4)
                ]
                await one.want(*wanted)
                one.play(one.runs.worker)
                two.play(two.runs.worker)
                await one.settle()
                await two.settle()
                created = [run for run in await one.all_runs() if run.phase is RunPhase.CREATED]
        assert len(created) == 15
        assert len({run.request.workspace.id for run in created}) == 15


class TestPolicies:
    @pytest.fixture
    async def loose(self, sqlite_url: str) -> AsyncIterator[Stage]:
        async with open_stage(sqlite_url, holding=Holding(locks=Locks.NONE)) as stage:
            yield stage

    @pytest.fixture
    async def strict(self, database_url: str) -> AsyncIterator[Stage]:
        async with open_stage(database_url, holding=Holding(locks=Locks.PLAN)) as stage:
            yield stage

    async def test_none_holds_it_only_while_a_job_may_be_at_work(self, loose: Stage) -> None:
        _, second = await both(loose)
        await apply_to_its_end(loose, "1")
        assert (await loose.run(second)).job_id == "2"

    async def test_plan_holds_it_from_the_first_plan(self, strict: Stage) -> None:
        other = replace(strict.a_plan(), pull_request=4, trigger="other", commit_id=NEW_HEAD)
        first, second = await strict.want(strict.a_plan(), other)
        strict.play(strict.runs.worker, strict.organizations.worker)
        await strict.settle()
        strict.server.complete("1")
        await strict.after(31)
        assert (await strict.run(first)).state.value == "succeeded"
        assert (await strict.run(second)).phase is RunPhase.PLANNED
        assert await holders(strict) == [(3, False)]

        (apply,) = await strict.want(strict.a_reviewed())
        await strict.settle()
        assert (await strict.run(apply)).job_id == "2"
        await apply_to_its_end(strict, "2")
        assert (await strict.run(second)).phase is RunPhase.PLANNED
        await strict.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert (await strict.run(second)).job_id == "3"


class TestFreeing:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_what_is_busy_is_freed_when_it_has_ended(self, stage: Stage) -> None:
        _, second = await both(stage)
        await stage.until_it_waits()
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert await holders(stage) == [(3, True)]
        stage.server.complete("1")
        await stage.after(12)
        assert (await stage.run(second)).job_id == "2"

    async def test_closing_ends_what_waits(self, stage: Stage) -> None:
        _, second = await both(stage)
        await stage.work(Work(frees=[FreeHolds(pull_request=OTHER, ends_queued=CLOSED)]))
        run = await stage.run(second)
        assert (run.state.value, run.reason) == ("superseded", CLOSED)
        assert await holders(stage) == [(3, True)]

    async def test_a_new_head_drops_what_waits_with_a_word(self, stage: Stage) -> None:
        first, second = await both(stage)
        (third,) = await stage.want(stage.a_reviewed())
        await stage.supersede(NEW_HEAD)
        dropped = await stage.run(third)
        assert (dropped.state.value, dropped.superseded_by) == ("superseded", NEW_HEAD)
        assert dropped.reason.startswith("The pull request moved to cccccccccccc before the apply")
        assert [(await stage.run(one)).concluded for one in (first, second)] == [False, False]

    async def test_other_workspaces_are_left_alone(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed("one"), stage.a_reviewed("two"))
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        for job_id in ("1", "2"):
            stage.server.wait_for_approval(job_id)
        await stage.after(12)
        for job_id in ("1", "2"):
            stage.server.complete(job_id)
        await stage.after(12)
        held = await stage.store.holds(PULL_REQUEST)
        assert [one.workspace.name for one in held] == ["one", "two"]
        only = frozenset({held[0].workspace.id})
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST, workspaces=only)]))
        assert [one.workspace.name for one in await stage.store.holds(PULL_REQUEST)] == ["two"]

    @pytest.mark.parametrize("state", ["closed", "merged"])
    async def test_what_a_closed_pull_request_left_is_found(self, stage: Stage, state: str) -> None:
        _, second = await both(stage)
        await apply_to_its_end(stage, "1")
        closed = a_pull_request(state=PullRequestState(state))
        await stage.work(Work(pull_requests=[PullRequestSeen(pull_request=closed)]))
        await watch(stage)
        assert (await stage.run(second)).job_id == "2"
        (entry,) = [row for row in await stage.audits() if row["action"] == "hold.settled"]
        assert (entry["subject"], entry["result"]) == ("acme/network", "freed")


class TestLosingSight:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.mark.parametrize(
        ("end", "told"),
        [("complete", "The apply went through after all."), ("fail", "The apply failed later on.")],
    )
    async def test_what_was_given_up_is_kept_until_its_job_has_ended(
        self, stage: Stage, end: str, told: str
    ) -> None:
        first, second = await both(stage)
        stage.server.lost_answers["approve_job"] = [unavailable("PATCH job")]
        await stage.until_it_waits()
        stage.server.failures["job"] = [unavailable()] * 1_000
        await stage.after(2)
        await stage.after(6 * 3600)
        run = await stage.run(first)
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "error")
        assert await holders(stage) == [(3, True)]

        stage.server.failures["job"] = []
        stage.server.start("1", 2)  # what comes after the approval
        await watch(stage)
        assert await holders(stage) == [(3, True)]
        if end == "fail":
            stage.server.fail("1", 2)
        else:
            stage.server.complete("1")
        await watch(stage)
        assert (await stage.run(first)).reason.endswith(told)
        assert await holders(stage) == [(3, False)]
        assert (await stage.run(second)).phase is RunPhase.FINISHED


class TestCancelling:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_what_waits_ends_at_once(self, stage: Stage) -> None:
        _, second = await both(stage)
        await stage.decide(Answer.CANCEL, second, actor="alice")
        run = await stage.run(second)
        assert (run.state.value, run.decided_by) == ("cancelled", "alice")
        assert run.reason == "Cancelled by alice before it started."

    async def _cancelled(self, stage: Stage) -> tuple[str, str]:
        """Cancel an apply while terraform is at work."""
        first, second = await both(stage)
        await stage.until_it_waits()
        stage.server.start("1", 2)
        await stage.after(3)
        await stage.decide(Answer.CANCEL, first, actor="alice")
        await stage.after(12)
        run = await stage.run(first)
        assert (run.state.value, stage.server.known["1"].status) == ("cancelled", "cancelled")
        assert run.reason == (
            "Cancelled by alice. Terrakube does not stop Terraform, so a step that was running "
            "may still finish."
        )
        await watch(stage)
        assert await holders(stage) == [(3, True)]
        assert (await stage.run(second)).phase is RunPhase.PLANNED
        return first, second

    @pytest.mark.parametrize(
        ("status", "word"),
        [("completed", "went through after all"), ("failed", "for a while, and failed")],
    )
    async def test_the_workspace_is_kept_until_the_end_is_seen(
        self, stage: Stage, status: str, word: str
    ) -> None:
        first, second = await self._cancelled(stage)
        _turn(stage, status)
        await watch(stage)
        assert word in (await stage.run(first)).reason
        assert await holders(stage) == [(3, False)]
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert (await stage.run(second)).job_id == "2"

    @pytest.mark.parametrize("how", ["nobody sees it", "deleted"])
    async def test_the_workspace_is_kept_no_longer_than_the_settings_say(
        self, stage: Stage, how: str
    ) -> None:
        first, second = await self._cancelled(stage)
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        assert (await stage.run(second)).phase is RunPhase.PLANNED, "busy: freed later"
        if how == "deleted":
            stage.server.delete("1")
        (hold,) = await stage.store.holds(PULL_REQUEST)
        assert hold.busy_until is not None
        assert timedelta(minutes=58) < hold.busy_until - stage.clock.now() <= timedelta(hours=1)
        stage.clock.advance(3600)
        await watch(stage)
        assert "Nobody saw Terraform end" in (await stage.run(first)).reason
        assert (await stage.run(second)).job_id == "2"

    async def test_a_job_that_waits_is_cancelled_and_not_approved(self, stage: Stage) -> None:
        first, second = await both(stage)
        stage.server.wait_for_approval("1")
        await stage.decide(Answer.CANCEL, first, actor="alice")
        await stage.after(12)
        await stage.after(12)
        assert (await stage.run(first)).reason.startswith("Cancelled by alice.")
        assert stage.server.known["1"].status == JobStatus.CANCELLED
        assert stage.server.count("approve_job") == 0
        assert (await stage.run(second)).job_id == "2"


async def _end(stage: Stage, run_id: str, how: str) -> None:
    match how:
        case "rejected":
            await stage.decide(Answer.REJECT, run_id)
        case "cancelled":
            await stage.decide(Answer.CANCEL, run_id)
            await stage.after(12)
        case "expired":
            stage.server.expire("1")
        case _:
            stage.server.delete("1")
            await stage.after(60)


def _turn(stage: Stage, status: str) -> None:
    """Let the step that ran when its job was cancelled come to its end."""
    job = stage.server.known["1"]
    steps: tuple[Step, ...] = (*job.steps[:-1], replace(job.steps[-1], status=status))
    stage.server.known["1"] = replace(job, steps=steps)
