"""A job that waits: answered once, by whoever was first, and only when its plan was reviewed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import NotAllowedError, TemporaryRemoteError
from bridge.domain.runs import Output, OutputKind, Review, Reviewed, Run, RunPhase
from bridge.domain.terrakube import JobStatus
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import Answer, Decide, DecisionPhase, FreeHolds, Work
from bridge.services.collecting import Planned
from bridge.store.queries.work import apply_work
from bridge.store.schema import decision
from tests.bridge.engine.stage import COLLECTED, PLANNED, Stage
from tests.bridge.store.rows import PULL_REQUEST, a_pull_request, rows_of
from tests.fakes.jobserver import unavailable
from tests.waiting import until

NEW_HEAD = "c" * 40
HOURS = 3600.0


def described(run: Run) -> tuple[str, str, str, str]:
    return run.phase.value, run.state.value, run.review.value, run.decided_by


async def an_apply_that_waits(stage: Stage, **changes: Any) -> str:  # noqa: ANN401 - of the request
    """Ask for an apply, and let its job come to its approval."""
    (run_id,) = await stage.want(stage.a_reviewed(**changes))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    await stage.until_it_waits()
    return run_id


async def actions(stage: Stage) -> Sequence[tuple[str, str, str]]:
    return [(row["actor"], row["action"], row["result"]) for row in await stage.audits()]


class TestComparing:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_what_was_reviewed_is_approved_in_the_name_of_who_asked(
        self, stage: Stage
    ) -> None:
        await an_apply_that_waits(stage)

        run = await stage.run()
        assert described(run) == ("created", "running", "approved", "ada")
        assert stage.server.known["1"].status == JobStatus.APPROVED
        assert await actions(stage) == [("ada", "apply.approved", "approved")]
        outputs = await stage.store.outputs(run.id)
        assert [one.kind for one in outputs] == [OutputKind.PLAN], "the plan is shown already"

        stage.server.complete("1")
        await stage.after(12)
        run = await stage.run()
        assert described(run) == ("finished", "succeeded", "approved", "ada")
        assert (run.trouble, run.reason) == ("", "")
        assert stage.server.count("approve_job") == 1

    async def test_another_plan_is_rejected_and_the_difference_shown(self, stage: Stage) -> None:
        (plan_id,) = await stage.want(stage.a_plan())
        before = '[{"address":"a.one","actions":["create"],"after":{"size":1}}]'
        grown = '{"address":"a.one","actions":["create"],"after":{"size":2}}'
        now = f'[{grown},{{"address":"a.two","actions":["delete"]}}]'
        stage.collector.planned = a_plan_of(now, digest="json1:other text1:same")
        reviewed = Reviewed(run_id=plan_id, digest="json1:abc text1:same")
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.collector.result = replace(COLLECTED, outputs=(changes(before),))
        stage.server.complete("1")
        await stage.after(12)
        (run_id,) = await stage.want(stage.a_reviewed(reviewed=reviewed))
        await stage.settle()
        await stage.until_it_waits("2")

        run = await stage.run(run_id)
        assert described(run) == ("finished", "rejected", "rejected", "")
        assert run.reason.startswith("The plan is not the one that was reviewed any more")
        assert run.delta.splitlines() == ["new: a.two (delete)", "different: a.one (create): size"]
        assert stage.server.known["2"].status == JobStatus.REJECTED
        assert await stage.store.hold_of(run.request.workspace.id) is None

    @pytest.mark.parametrize(
        ("reviewed", "planned"),
        [
            (Reviewed(run_id="01", digest=""), PLANNED),
            (Reviewed(run_id="01", digest="text1:abc"), PLANNED),
            (
                Reviewed(run_id="01", digest=COLLECTED.digest, ask_when_sensitive=True),
                replace(PLANNED, sensitive=True),
            ),
        ],
        ids=["no digest", "no common type", "sensitive values"],
    )
    async def test_what_cannot_be_compared_is_asked_about(
        self, stage: Stage, reviewed: Reviewed, planned: Planned
    ) -> None:
        stage.collector.planned = planned
        run_id = await an_apply_that_waits(stage, reviewed=reviewed)

        run = await stage.run()
        assert described(run) == ("created", "waiting", "asked", "")
        assert "A person has to decide, as " in run.trouble
        await stage.after(60)
        assert (await stage.run()).trouble == run.trouble, "looking on does not take it back"

        await stage.decide(Answer.APPROVE, run_id)
        assert described(await stage.run()) == ("created", "running", "approved", "bob")
        assert (await stage.run()).trouble == ""
        assert await actions(stage) == [("bob", "apply.approved", "approved")]


class TestPullRequestsThatChange:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    @pytest.mark.parametrize(
        ("change", "word"),
        [
            ({"head_sha": NEW_HEAD}, "moved to cccccccccccc before the apply started"),
            ({"state": PullRequestState.CLOSED}, "was closed before"),
            ({"from_fork": True}, "What a fork holds"),
        ],
        ids=["moved", "closed", "fork"],
    )
    @pytest.mark.parametrize("when", ["before create", "before approve"])
    async def test_nothing_starts_that_is_not_reviewed(
        self, stage: Stage, change: dict[str, object], word: str, when: str
    ) -> None:
        changed = a_pull_request(**change)
        if when == "before create":
            stage.forge.pulls[3] = changed
            (run_id,) = await stage.want(stage.a_reviewed())
            stage.play(stage.runs.worker, stage.organizations.worker)
            await stage.settle()
        else:
            (run_id,) = await stage.want(stage.a_reviewed())
            stage.play(stage.runs.worker, stage.organizations.worker)
            await stage.settle()
            stage.forge.pulls[3] = changed
            await stage.until_it_waits()

        run = await stage.run(run_id)
        assert (run.state.value, run.phase) == ("superseded", RunPhase.FINISHED)
        assert word in run.reason
        assert stage.server.count("approve_job") == 0
        assert stage.server.count("create_job") == int(when == "before approve")
        assert await stage.store.holds(PULL_REQUEST) == []

    async def test_a_push_between_comparing_and_approving_is_seen(self, stage: Stage) -> None:
        stage.mortal.die_at(99, after=False)
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.mortal.die_at(1, after=True)  # claimed, then dead
        await until_held(stage)
        stage.forge.pulls[3] = a_pull_request(head_sha=NEW_HEAD)
        await stage.after(31)
        run = await stage.run()
        assert (run.state.value, stage.server.count("approve_job")) == ("superseded", 0)
        assert stage.server.known["1"].status == JobStatus.REJECTED

    async def test_a_new_head_makes_the_bridge_reject_what_waits_for_a_person(
        self, stage: Stage
    ) -> None:
        await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        stage.forge.pulls[3] = a_pull_request(head_sha=NEW_HEAD)
        await stage.supersede(NEW_HEAD)
        run = await stage.run()
        assert (run.state.value, stage.server.known["1"].status) == ("superseded", "rejected")

    async def test_what_runs_is_never_touched(self, stage: Stage) -> None:
        await an_apply_that_waits(stage)
        await stage.supersede(NEW_HEAD)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")

    async def test_an_objection_ends_it_before_it_starts(self, stage: Stage) -> None:
        stage.gatekeeper.objections = ["It is not approved any more."]
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker)
        await stage.settle()
        run = await stage.run()
        assert (run.state.value, run.reason) == ("error", "It is not approved any more.")
        assert stage.server.count("create_job") == 0


class TestPeople:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_the_first_of_two_answers_counts(self, stage: Stage) -> None:
        run_id = await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        both = [
            Decide(run_id=run_id, answer=Answer.REJECT, actor="bob", door="comment"),
            Decide(run_id=run_id, answer=Answer.APPROVE, actor="eve", door="slack"),
        ]
        await stage.work(Work(decides=both))
        run = await stage.run()
        assert described(run) == ("finished", "rejected", "rejected", "bob")
        assert run.reason == "Rejected by bob."
        assert stage.server.count("approve_job") == 0
        first = await stage.store.decision(run_id)
        assert first is not None
        assert (first.actor, first.answer, first.phase) == (
            "bob",
            Answer.REJECT,
            DecisionPhase.CONFIRMED,
        )
        assert await actions(stage) == [
            ("eve", "run.approve", "late"),
            ("bob", "apply.rejected", "rejected"),
        ]

    async def test_a_push_that_asks_is_approved_without_a_pull_request(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.an_apply())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.until_it_waits()
        assert described(await stage.run()) == ("created", "waiting", "", "")
        await stage.decide(Answer.APPROVE, run_id)
        assert described(await stage.run()) == ("created", "running", "approved", "bob")

    async def test_what_does_not_wait_is_not_approved(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        await stage.decide(Answer.APPROVE, run_id)
        assert (await stage.run()).decided_by == ""
        assert await stage.store.decision(run_id) is None

    async def test_an_answer_given_in_terrakube_is_told_and_recorded(self, stage: Stage) -> None:
        await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        stage.server.approve("1")
        await stage.after(60)
        who = "somebody in Terrakube"
        assert described(await stage.run()) == ("created", "running", "approved", who)
        assert await actions(stage) == [(who, "job.approved", "seen")]

    async def test_somebody_in_terrakube_may_be_faster_than_a_person(self, stage: Stage) -> None:
        run_id = await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        stage.server.reject("1")
        await stage.decide(Answer.APPROVE, run_id)
        await stage.after(12)
        run = await stage.run()
        assert (run.state.value, run.reason) == ("rejected", "Rejected in Terrakube.")
        assert await stage.store.decision(run_id) is None

    async def test_unlocking_rejects_what_waits(self, stage: Stage) -> None:
        await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        await stage.work(Work(frees=[FreeHolds(pull_request=PULL_REQUEST)]))
        run = await stage.run()
        assert (run.state.value, stage.server.known["1"].status) == ("superseded", "rejected")
        assert "was unlocked" in run.reason
        assert await stage.store.holds(PULL_REQUEST) == []


class TestCrashes:
    @pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after it"])
    @pytest.mark.parametrize("write", [1, 2, 3], ids=["claim", "send", "confirm"])
    async def test_whoever_takes_up_an_approval_ends_with_one(
        self, stage: Stage, write: int, *, after: bool
    ) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.mortal.die_at(write, after=after)
        await until_held(stage)
        await stage.after(31)

        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        assert stage.server.count("approve_job") == 1
        assert await actions(stage) == [("ada", "apply.approved", "approved")]
        (row,) = await rows_of(stage.database, decision)
        assert (row["phase"], row["door"], row["step"]) == ("confirmed", "bridge", "150")

    @pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after it"])
    @pytest.mark.parametrize("write", [1, 2, 3], ids=["claim", "send", "confirm"])
    async def test_whoever_takes_up_a_rejection_ends_with_one(
        self, stage: Stage, write: int, *, after: bool
    ) -> None:
        other = replace(COLLECTED, digest="json1:other")
        stage.collector.planned = Planned(collected=other, sensitive=False)
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.mortal.die_at(write, after=after)
        await until_held(stage)
        await stage.after(31)

        run = await stage.run()
        assert described(run) == ("finished", "rejected", "rejected", "")
        assert run.reason.startswith("The plan is not the one")
        assert stage.server.count("reject_job") == 1

    async def test_an_apply_that_failed_meanwhile_was_approved_by_the_bridge(
        self, stage: Stage
    ) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.mortal.die_at(3, after=False)  # Terrakube was told
        await until_held(stage)
        stage.server.fail("1", 2)
        await stage.after(31)
        await stage.after(12)

        run = await stage.run()
        assert described(run) == ("finished", "failed", "approved", "ada")
        assert [hold.busy for hold in await stage.store.holds(PULL_REQUEST)] == [False]

    async def test_a_cancel_does_not_make_it_forgotten_who_approved(self, stage: Stage) -> None:
        (run_id,) = await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        stage.mortal.die_at(3, after=False)  # Terrakube was told
        await until_held(stage)
        wanted = Decide(run_id=run_id, answer=Answer.CANCEL, actor="bob", door="comment")
        await stage.database.write(apply_work, Work(decides=[wanted]), stage.database.now())
        await stage.after(31)
        await stage.after(12)

        assert described(await stage.run())[:2] == ("finished", "cancelled")
        assert await actions(stage) == [
            ("ada", "apply.approved", "approved"),
            ("terrakube-bridge", "job.cancelled", "cancelled"),
        ]
        phases = {row["step"]: row["phase"] for row in await rows_of(stage.database, decision)}
        assert phases == {"150": "confirmed", "cancel": "claimed"}

    async def test_without_the_lease_nothing_is_approved(self, stage: Stage) -> None:
        await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()

        def freeze() -> None:
            stage.boot += 31
            stage.mortal.is_dead = True

        stage.collector.on_review = freeze
        await until_held(stage)
        assert stage.server.count("approve_job") == 0
        stage.collector.on_review = lambda: None
        await stage.after(31)
        assert stage.server.count("approve_job") == 1


class TestErrors:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_a_lost_answer_is_not_given_again(self, stage: Stage) -> None:
        stage.server.lost_answers["approve_job"] = [unavailable("PATCH job")]
        await an_apply_that_waits(stage)
        assert (await stage.run()).phase is RunPhase.REVIEWING
        await stage.after(2)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        assert stage.server.count("approve_job") == 1

    async def test_a_forge_that_does_not_answer_is_waited_for(self, stage: Stage) -> None:
        away = TemporaryRemoteError("GET pull: answered 503", service="code", status=503)
        stage.forge.read_failures = [away] * 30
        (run_id,) = await stage.want(stage.a_reviewed())
        stage.play(stage.runs.worker, stage.organizations.worker)
        await stage.settle()
        for _ in range(12):
            await stage.after(61)
        run = await stage.run(run_id)
        assert (run.phase, stage.server.count("create_job")) == (RunPhase.PLANNED, 0)
        assert run.trouble.startswith("The forge code has not answered since")

        stage.forge.read_failures.clear()
        await stage.after(61)
        stage.forge.read_failures = [away] * 30
        await stage.until_it_waits()
        for _ in range(12):
            await stage.after(61)
        run = await stage.run(run_id)
        assert (run.phase, run.state.value) == (RunPhase.REVIEWING, "waiting")
        assert run.trouble.startswith("The job waits, and forge code does not answer")
        assert stage.server.count("approve_job") == 0

    async def test_a_token_without_the_right_is_told_at_once(self, stage: Stage) -> None:
        refusal = NotAllowedError("PATCH job: answered 403", service="terrakube", status=403)
        stage.server.failures["approve_job"] = [refusal]
        await an_apply_that_waits(stage)
        run = await stage.run()
        assert (run.phase, run.review) == (RunPhase.REVIEWING, Review.DUE)
        assert "Give the team of its token the right to approve jobs" in run.trouble
        await stage.after(2)
        assert described(await stage.run()) == ("created", "running", "approved", "ada")
        assert (await stage.run()).trouble == ""

    async def test_a_question_outlives_an_outage_of_terrakube(self, stage: Stage) -> None:
        await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        question = (await stage.run()).trouble
        stage.server.failures["jobs"] = [unavailable("GET jobs")] * 30
        for _ in range(15):
            await stage.after(61)
        assert (await stage.run()).trouble != question
        stage.server.failures["jobs"] = []
        await stage.after(61)
        await stage.after(3)
        run = await stage.run()
        assert (run.state.value, run.review, run.trouble) == ("waiting", Review.ASKED, question)

    async def test_a_review_the_bridge_fails_on_is_left_to_people(self, stage: Stage) -> None:
        def stumble() -> None:
            msg = "a bug"
            raise ValueError(msg)

        stage.collector.on_review = stumble
        run_id = await an_apply_that_waits(stage)
        for _ in range(10):
            await stage.after(301)
        run = await stage.run()
        assert described(run) == ("created", "waiting", "asked", "")
        assert run.trouble == "The bridge failed on this run: ValueError: a bug. See its log."
        await stage.decide(Answer.APPROVE, run_id)
        assert described(await stage.run()) == ("created", "running", "approved", "bob")

    async def test_an_approval_that_comes_too_late_says_what_to_do(self, stage: Stage) -> None:
        await an_apply_that_waits(stage, reviewed=Reviewed(run_id="01", digest=""))
        stage.clock.advance(6 * HOURS)
        stage.server.expire("1")
        await stage.after(60)
        run = await stage.run()
        assert (run.state.value, run.phase) == ("error", RunPhase.FINISHED)
        assert run.reason == (
            "Its approval has expired: Terrakube ends every job 6 hours after it was created. "
            "Nothing was changed; say `tk apply` again."
        )
        assert await stage.store.holds(PULL_REQUEST) == []


def changes(text: str) -> Output:
    return Output(kind=OutputKind.CHANGES, text=text)


def a_plan_of(text: str, *, digest: str) -> Planned:
    collected = replace(COLLECTED, digest=digest, outputs=(changes(text),))
    return Planned(collected=collected, sensitive=False)


async def until_held(stage: Stage) -> None:
    """Let the job wait, and whoever reviews it die over it."""
    stage.server.wait_for_approval("1")
    stage.clock.advance(12)
    await stage.wake()
    # Time must not go on before: a lease that is taken later runs out later, too.
    await until(lambda: stage.mortal.is_dead)
    await stage.idle_except_leases()
