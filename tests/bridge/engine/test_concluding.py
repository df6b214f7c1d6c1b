"""How a run ends whose job has ended."""

from dataclasses import replace

from bridge.domain.runs import RunState
from tests.bridge.engine.stage import Stage


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
