"""Jobs that nothing was reviewed for, from the chat or from Terrakube: people answer them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bridge.domain.runs import RunPhase, Verb
from bridge.domain.terrakube import FlowType, JobStatus
from bridge.domain.work import AdoptJob, Answer, Decide, Work
from bridge.store.queries.work import apply_work
from bridge.store.schema import decision, vote
from tests.bridge.engine.stage import Stage
from tests.bridge.engine.test_reviewing import actions, described
from tests.bridge.engine.test_reviewing_races import flow
from tests.bridge.store.rows import rows_of

ADA, GRACE = "Ada Lovelace (slack:U1)", "Grace Hopper (slack:U2)"
HALVES = (FlowType.PLAN, FlowType.APPROVAL, FlowType.APPLY)


async def that_waits(stage: Stage, verb: Verb) -> str:
    """Let a job wait that was asked for in the chat, or that somebody started in Terrakube."""
    wanted = replace(stage.an_apply(trigger="slack:T1:1.2"), verb=Verb.APPLY, actor=GRACE)
    if verb is Verb.JOB:
        job = stage.server.add_job(wanted.workspace)
        stage.server.flows[job.id] = stage.server.inline_flow
        stage.server.start(job.id)
        adopted = AdoptJob(workspace=wanted.workspace, job=stage.server.known[job.id])
        await stage.database.write(apply_work, Work(adopts=[adopted]), stage.database.now())
    else:
        await stage.want(wanted)
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    await stage.until_it_waits()
    return (await stage.run()).id


def an_answer(run_id: str, actor: str = ADA, answer: Answer = Answer.APPROVE) -> Decide:
    return Decide(run_id=run_id, answer=answer, actor=actor, door="slack", step="150")


async def steps_decided(stage: Stage) -> Sequence[tuple[str, str, str]]:
    rows = await rows_of(stage.database, decision)
    return [(row["step"], row["actor"], row["phase"]) for row in rows]


@pytest.mark.parametrize("verb", [Verb.APPLY, Verb.JOB])
class TestAnswers:
    @pytest.fixture
    def database_url(self, sqlite_url: str) -> str:
        return sqlite_url

    async def test_an_approval_lets_exactly_that_job_go_on(self, stage: Stage, verb: Verb) -> None:
        run_id = await that_waits(stage, verb)
        assert described(await stage.run()) == ("created", "waiting", "", "")
        await stage.work(Work(decides=[an_answer(run_id)]))
        assert described(await stage.run()) == ("created", "running", "approved", ADA)
        assert stage.server.known["1"].status == JobStatus.APPROVED
        assert await actions(stage) == [(ADA, f"{verb}.approved", "approved")]
        stage.server.complete("1")
        await stage.after(12)
        assert described(await stage.run()) == ("finished", "succeeded", "approved", ADA)

    async def test_a_rejection_ends_it(self, stage: Stage, verb: Verb) -> None:
        run_id = await that_waits(stage, verb)
        await stage.work(Work(decides=[an_answer(run_id, answer=Answer.REJECT)]))
        run = await stage.run()
        assert described(run) == ("finished", "rejected", "rejected", ADA)
        assert run.reason == f"Rejected by {ADA}."
        assert stage.server.count("approve_job") == 0

    async def test_a_cancel_ends_it(self, stage: Stage, verb: Verb) -> None:
        run_id = await that_waits(stage, verb)
        await stage.work(Work(decides=[an_answer(run_id, answer=Answer.CANCEL)]))
        await stage.after(61)
        run = await stage.run()
        assert (run.phase, run.state.value) == (RunPhase.FINISHED, "cancelled")
        assert stage.server.known["1"].status == JobStatus.CANCELLED

    async def test_terrakube_hears_of_it_when_the_quorum_is_full(
        self, stage: Stage, verb: Verb
    ) -> None:
        run_id = await that_waits(stage, verb)
        await stage.work(Work(decides=[replace(an_answer(run_id), quorum=2)]))
        assert described(await stage.run()) == ("created", "waiting", "", "")
        assert stage.server.count("approve_job") == 0
        await stage.work(Work(decides=[replace(an_answer(run_id, GRACE), quorum=2)]))
        assert described(await stage.run()) == ("created", "running", "approved", GRACE)
        assert stage.server.count("approve_job") == 1
        assert [row["actor"] for row in await rows_of(stage.database, vote)] == [ADA]

    async def test_each_step_is_answered_for_itself(self, stage: Stage, verb: Verb) -> None:
        stage.server.inline_flow = flow(*HALVES, FlowType.APPROVAL, FlowType.APPLY)
        run_id = await that_waits(stage, verb)
        await stage.work(Work(decides=[replace(an_answer(run_id), step="200", quorum=1)]))
        stage.server.wait_for_approval("1", 2)
        await stage.after(12)
        await stage.after(61)
        assert described(await stage.run()) == ("created", "waiting", "", ADA)

        await stage.work(Work(decides=[replace(an_answer(run_id, GRACE), step="200")]))
        assert stage.server.count("approve_job") == 1, "it was for the step that has passed"
        await stage.work(Work(decides=[replace(an_answer(run_id, GRACE), step="400")]))
        assert described(await stage.run()) == ("created", "running", "approved", GRACE)
        assert await steps_decided(stage) == [
            ("200", ADA, "confirmed"),
            ("400", GRACE, "confirmed"),
        ]

    async def test_somebody_in_terrakube_was_faster(self, stage: Stage, verb: Verb) -> None:
        run_id = await that_waits(stage, verb)
        stage.server.reject("1")
        await stage.work(Work(decides=[an_answer(run_id)]))
        await stage.after(12)
        run = await stage.run()
        assert (run.state.value, run.reason) == ("rejected", "Rejected in Terrakube.")
        assert stage.server.count("approve_job") == 0

    async def test_what_is_looked_at_is_seen_at_once(self, stage: Stage, verb: Verb) -> None:
        run_id = await that_waits(stage, verb)
        stage.server.approve("1")
        await stage.work(Work(looks=[run_id]))
        assert (await stage.run()).state.value == "running"


async def test_two_people_at_once_make_one_call(stage: Stage) -> None:
    """Case 32."""
    run_id = await that_waits(stage, Verb.APPLY)
    works = [Work(decides=[an_answer(run_id, actor)]) for actor in (ADA, GRACE)]
    await asyncio.gather(
        *(stage.database.write(apply_work, one, stage.database.now()) for one in works)
    )
    await stage.settle()
    assert stage.server.count("approve_job") == 1
    assert len(await rows_of(stage.database, decision)) == 1
    assert sorted(result for _, _, result in await actions(stage)) == ["approved", "late"]


@pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after it"])
@pytest.mark.parametrize("write", [1, 2], ids=["send", "confirm"])
async def test_whoever_takes_up_an_approval_ends_with_one_call(
    stage: Stage, write: int, *, after: bool
) -> None:
    """Case 39: at most one call in all, whenever the bridge dies."""
    run_id = await that_waits(stage, Verb.APPLY)
    stage.mortal.die_at(write, after=after)
    work = Work(decides=[an_answer(run_id)])
    await stage.database.write(apply_work, work, stage.database.now())
    await stage.wake()
    await asyncio.sleep(0)
    await stage.idle_except_leases()
    await stage.after(31)
    assert described(await stage.run()) == ("created", "running", "approved", ADA)
    assert stage.server.count("approve_job") == 1
    assert await steps_decided(stage) == [("150", ADA, "confirmed")]
