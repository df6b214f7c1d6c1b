"""What happens while a job is looked at, or between its approvals: nothing of it is lost."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from bridge.domain.errors import NotAllowedError
from bridge.domain.runs import Review, Reviewed, RunPhase
from bridge.domain.terrakube import FlowStep, FlowType, JobStatus
from bridge.domain.work import Answer, Decide, FreeHolds, Supersede, Work
from bridge.services.collecting import Planned
from bridge.store.queries.work import apply_work
from bridge.store.schema import decision
from tests.bridge.engine.stage import COLLECTED, PLANNED, Stage
from tests.bridge.engine.test_reviewing import (
    NEW_HEAD,
    actions,
    an_apply_that_waits,
    described,
)
from tests.bridge.store.rows import PULL_REQUEST, a_pull_request, rows_of
from tests.fakes.jobserver import unavailable

UNSURE = Reviewed(run_id="01", digest="")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


class TestWhatComesInBetween:
    @pytest.mark.parametrize("what", ["a new head", "unlocked", "closed"])
    async def test_what_comes_while_a_question_is_made_is_heard(
        self, stage: Stage, what: str
    ) -> None:
        await stage.want(stage.a_reviewed(reviewed=UNSURE))
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        come = {
            "a new head": Work(
                supersedes=[Supersede(pull_request=PULL_REQUEST, keep_head=NEW_HEAD, reason="new")]
            ),
            "unlocked": Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]),
            "closed": Work(
                frees=[FreeHolds(pull_request=PULL_REQUEST, ends_queued="It was closed.")]
            ),
        }[what]
        stage.collector.between = writes(stage, come)
        if what == "a new head":
            stage.collector.on_review = moves(stage)
        await stage.until_it_waits()

        run = await stage.run()
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "superseded")
        assert stage.server.known["1"].status == JobStatus.REJECTED

    async def test_who_cancels_does_not_wait_for_a_forge(self, stage: Stage) -> None:
        away = NotAllowedError("GET pull: answered 429", service="code", status=429)
        (run_id,) = await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.forge.read_failures = [away] * 30
        await stage.until_it_waits()
        await stage.after(40)
        assert (await stage.run()).phase is RunPhase.REVIEWING
        await stage.decide(Answer.CANCEL, run_id)
        assert stage.server.known["1"].status == JobStatus.CANCELLED

    async def test_a_plan_for_a_branch_that_it_left_is_not_applied(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        space = (await stage.run()).request.workspace.id
        left = Supersede(
            pull_request=PULL_REQUEST,
            keep_head=None,
            reason="another branch",
            workspaces=frozenset({space}),
        )
        await stage.work(Work(supersedes=[left]))
        await stage.until_it_waits()
        run = await stage.run(run_id)
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "superseded")
        assert run.reason == "The pull request goes to another branch now; the apply never started."
        assert stage.server.count("approve_job") == 0


class TestRefusals:
    async def test_what_expires_while_a_forge_is_away_is_told(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        away = NotAllowedError("GET pull: answered 401", service="code", status=401)
        stage.forge.read_failures = [away] * 1_000
        await stage.until_it_waits()
        stage.clock.advance(6 * 3600)
        stage.server.expire("1")
        await stage.settle()
        await stage.after(12)
        run = await stage.run()
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "error")
        assert run.reason.startswith("Its approval has expired")
        assert await stage.store.holds(PULL_REQUEST) == []

    async def test_an_apply_that_finds_nothing_to_do_waits_for_nobody(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.server.complete("1", changes=False)
        await stage.after(12)
        run = await stage.run()
        assert described(run) == ("finished", "succeeded", "due", "")
        assert (run.plan_changes, run.reason, await actions(stage)) == (False, "", [])
        assert await stage.store.holds(PULL_REQUEST) == []

    async def test_a_token_that_has_expired_is_waited_for(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        expired = NotAllowedError("GET job: the token expired", service="terrakube", status=401)
        stage.server.failures["job"] = [expired] * 30
        await stage.until_it_waits()
        for _ in range(12):
            await stage.after(61)
        run = await stage.run()
        assert (run.phase, run.review) == (RunPhase.REVIEWING, Review.DUE)
        assert run.trouble.startswith("The job waits, and Terrakube does not answer")

        stage.server.failures["job"] = []
        await stage.after(61)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")

    async def test_what_was_refused_was_not_said(self, stage: Stage) -> None:
        refusal = NotAllowedError("PATCH job: answered 403", service="terrakube", status=403)
        stage.server.failures["approve_job"] = [refusal] * 30
        await an_apply_that_waits(stage)
        stage.server.approve("1")
        await stage.after(61)
        await stage.after(61)
        who = "somebody in Terrakube"
        assert described(await stage.run()) == ("created", "running", "approved", who)
        assert await actions(stage) == [(who, "job.approved", "seen")]

    async def test_what_may_have_been_approved_stays_locked(self, stage: Stage) -> None:
        stage.server.lost_answers["approve_job"] = [unavailable("PATCH job")]
        await an_apply_that_waits(stage)
        stage.server.failures["job"] = [unavailable()] * 1_000
        await stage.after(2)
        stage.clock.advance(6 * 3600)
        await stage.settle()
        run = await stage.run()
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "error")
        assert [hold.busy for hold in await stage.store.holds(PULL_REQUEST)] == [True]

    async def test_an_approval_that_was_overruled_is_nobodys(self, stage: Stage) -> None:
        run_id = await an_apply_that_waits(stage, reviewed=UNSURE)
        stage.forge.pulls[3] = a_pull_request(head_sha=NEW_HEAD)
        await stage.decide(Answer.APPROVE, run_id)
        run = await stage.run()
        assert (run.state.value, run.decided_by) == ("superseded", "")

    async def test_what_the_bridge_fails_on_people_can_still_answer(self, stage: Stage) -> None:
        def stumble() -> None:
            msg = "a bug"
            raise ValueError(msg)

        run_id = await an_apply_that_waits(stage, reviewed=UNSURE)
        stage.server.failures["approve_job"] = [ValueError("a bug")] * 8  # type: ignore[list-item]  # a bug, for once
        await stage.decide(Answer.APPROVE, run_id)
        for _ in range(10):
            await stage.after(301)
        assert (await stage.run()).trouble.startswith("The bridge failed on this run")
        assert described(await stage.run()) == ("created", "waiting", "asked", "")
        await stage.decide(Answer.APPROVE, run_id, actor="eve")
        assert described(await stage.run()) == ("created", "running", "approved", "eve")


def flow(*types: str) -> tuple[FlowStep, ...]:
    return tuple(
        FlowStep(type=kind, number=at * 100, name=kind) for at, kind in enumerate(types, 1)
    )


class TestSeveralApprovals:
    @pytest.fixture(autouse=True)
    def _flow(self, stage: Stage) -> None:
        stage.server.inline_flow = flow(
            FlowType.PLAN, FlowType.APPROVAL, FlowType.APPROVAL, FlowType.APPLY
        )

    async def test_each_is_answered_while_the_plan_is_the_same(self, stage: Stage) -> None:
        await an_apply_that_waits(stage)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        stage.server.wait_for_approval("1", 2)
        await stage.after(12)
        await stage.after(12)
        assert stage.server.count("approve_job") == 2
        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        assert await actions(stage) == [("ada", "apply.approved", "approved")] * 2
        rows = await rows_of(stage.database, decision)
        assert [(row["step"], row["phase"]) for row in rows] == [
            ("200", "confirmed"),
            ("300", "confirmed"),
        ]

    async def test_the_second_may_follow_at_once(self, stage: Stage) -> None:
        stage.server.after_approve = lambda: stage.server.wait_for_approval("1", 2)
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.until_it_waits()
        stage.server.after_approve = None
        await stage.after(61)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        rows = await rows_of(stage.database, decision)
        assert [row["phase"] for row in rows] == ["confirmed", "confirmed"]

    async def test_an_approval_before_the_plan_does_not_stand_for_the_one_after_it(
        self, stage: Stage
    ) -> None:
        stage.server.inline_flow = flow(
            FlowType.APPROVAL, FlowType.PLAN, FlowType.APPROVAL, FlowType.APPLY
        )
        nothing = replace(COLLECTED, digest="", outputs=())
        stage.collector.planned = Planned(collected=nothing, sensitive=False)
        run_id = await an_apply_that_waits(stage)
        await stage.decide(Answer.APPROVE, run_id)
        other = replace(COLLECTED, digest="json1:other")
        stage.collector.planned = Planned(collected=other, sensitive=False)
        stage.server.wait_for_approval("1", 2)
        await stage.after(12)
        await stage.after(12)
        run = await stage.run()
        assert described(run) == ("finished", "rejected", "rejected", "bob")
        assert run.reason.startswith("The plan is not the one that was reviewed")

    async def test_people_are_asked_at_each_step(self, stage: Stage) -> None:
        run_id = await an_apply_that_waits(stage, reviewed=UNSURE)
        # Before anybody looks the job waits at the second one already.
        stage.server.approve("1")
        stage.server.wait_for_approval("1", 2)
        late = Decide(run_id=run_id, answer=Answer.APPROVE, actor="bob", door="comment")
        await stage.database.write(apply_work, Work(decides=[late]), stage.database.now())
        await stage.settle()
        run = await stage.run()
        assert described(run)[:3] == ("created", "waiting", "asked")
        assert stage.server.count("approve_job") == 0
        assert await stage.store.decision(run_id) is None

        await stage.decide(Answer.APPROVE, run_id, actor="eve")
        assert described(await stage.run()) == ("created", "running", "approved", "eve")
        assert await actions(stage) == [("eve", "apply.approved", "approved")]

    async def test_somebody_in_terrakube_may_answer_one_between_two_looks(
        self, stage: Stage
    ) -> None:
        await an_apply_that_waits(stage, reviewed=UNSURE)
        stage.server.approve("1")
        stage.server.wait_for_approval("1", 2)
        stage.collector.planned = replace(
            PLANNED, collected=replace(COLLECTED, digest="json1:other")
        )
        await stage.after(61)
        run = await stage.run()
        assert described(run)[:3] == ("created", "waiting", "asked")
        assert await actions(stage) == [("somebody in Terrakube", "job.approved", "seen")]
        kept = await stage.run()
        assert kept.digest == "json1:other", "it is asked about what waits now"

    async def test_a_push_that_asks_twice_is_approved_twice(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.an_apply())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.until_it_waits()
        await stage.decide(Answer.APPROVE, run_id)
        stage.server.wait_for_approval("1", 2)
        await stage.after(12)
        assert described(await stage.run())[:3] == ("created", "waiting", "")
        assert await stage.store.decision(run_id) is None
        await stage.decide(Answer.APPROVE, run_id, actor="eve")
        assert described(await stage.run()) == ("created", "running", "approved", "eve")

    async def test_what_comes_after_a_change_is_for_people(self, stage: Stage) -> None:
        stage.server.inline_flow = flow(
            FlowType.PLAN, FlowType.APPROVAL, FlowType.APPLY, FlowType.APPROVAL, FlowType.SCRIPTS
        )
        await an_apply_that_waits(stage)
        stage.collector.planned = replace(PLANNED, begun=True)
        stage.server.wait_for_approval("1", 2)
        await stage.after(12)
        await stage.after(12)
        run = await stage.run()
        assert described(run)[:3] == ("created", "waiting", "asked")
        assert "something was changed already" in run.trouble


def writes(stage: Stage, work: Work) -> Callable[[], Awaitable[None]]:
    """Let a handler write something down while a job is read."""

    async def write() -> None:
        stage.clock.advance(1)
        await stage.database.write(apply_work, work, stage.database.now())
        stage.collector.between = None

    return write


def moves(stage: Stage) -> Callable[[], None]:
    def move() -> None:
        stage.forge.pulls[3] = a_pull_request(head_sha=NEW_HEAD)

    return move
