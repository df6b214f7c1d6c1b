"""How a run ends whose job has ended."""

from dataclasses import replace

import pytest

from bridge.domain.runs import Review, Reviewed, RunState
from bridge.domain.work import Answer
from bridge.store.codecs import RUN_REQUEST
from tests.bridge.engine.stage import Stage

OTHER = Reviewed(run_id="none", digest="json1:other")


async def test_a_plan_that_ran_at_another_commit_does_not_succeed(stage: Stage) -> None:
    """With an ssh source Terrakube plans the head of the branch, and forgets the commit."""
    await stage.want(stage.a_plan())
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    job = stage.server.complete("1")
    stage.server.known["1"] = replace(job, commit_id="")
    await stage.after(12)
    run = await stage.run()
    assert run.state is RunState.ERROR
    assert "an https address" in run.reason


async def test_a_tag_is_cloned_by_its_name(stage: Stage) -> None:
    await stage.want(stage.an_apply(tag="v1"))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    job = stage.server.complete("1")
    stage.server.known["1"] = replace(job, commit_id="")
    await stage.after(12)
    run = await stage.run()
    assert (run.state, run.reason) == (RunState.SUCCEEDED, "")


@pytest.mark.parametrize(
    ("digest", "state", "delta"),
    [
        ("json1:abc", RunState.SUCCEEDED, ""),
        ("json1:other", RunState.ERROR, "The difference lies in values that are not shown."),
        ("text1:other", RunState.SUCCEEDED, ""),
    ],
)
async def test_an_apply_that_went_past_the_bridge_is_told_and_is_no_success_when_it_was_another(
    stage: Stage, digest: str, state: RunState, delta: str
) -> None:
    """Nobody saw it waiting: somebody approved it in Terrakube, or its template asks nobody."""
    await stage.want(stage.an_apply(reviewed=Reviewed(run_id="none", digest=digest)))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    stage.server.complete("1")
    await stage.after(12)
    run = await stage.run()
    assert (run.state, run.review, run.delta) == (state, Review.APPROVED, delta)
    assert ("look at what is different" in run.reason) is bool(delta)
    who = "somebody in Terrakube"
    assert run.decided_by == who
    assert [(one["actor"], one["action"]) for one in await stage.audits()] == [
        (who, "job.approved")
    ]


async def test_who_cancels_an_apply_that_went_past_the_bridge_has_not_approved_it(
    stage: Stage,
) -> None:
    (run_id,) = await stage.want(stage.a_reviewed(reviewed=Reviewed(run_id="none", digest="")))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    await stage.until_it_waits()
    stage.server.approve("1")
    stage.server.start("1", 2)
    await stage.after(60)
    await stage.set_run(request=RUN_REQUEST.dump(stage.a_reviewed(reviewed=OTHER)))
    await stage.decide(Answer.CANCEL, run_id, actor="alice")
    await stage.after(12)
    run = await stage.run()
    assert (run.state, run.decided_by) == (RunState.CANCELLED, "alice")
    assert run.delta == "The difference lies in values that are not shown."
    done = [(one["actor"], one["action"]) for one in await stage.audits()]
    assert done == [
        ("somebody in Terrakube", "job.approved"),
        ("terrakube-bridge", "job.cancelled"),
    ]


async def test_a_cancel_is_audited_although_whoever_told_terrakube_died_before_it_could_be(
    stage: Stage,
) -> None:
    (run_id,) = await stage.want(stage.an_apply())
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    stage.server.start("1", 1)
    await stage.after(12)
    await stage.set_run(cancel_requested=1)
    stage.server.cancel("1")
    await stage.after(12)
    assert (await stage.run()).state is RunState.CANCELLED
    (entry,) = await stage.audits()
    assert (entry["action"], entry["subject"], entry["result"]) == (
        "job.cancelled",
        run_id,
        "cancelled",
    )
