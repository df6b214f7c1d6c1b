"""A merge queue: its commit is planned, what is applied is let through, every status concludes."""

from bridge.sandbox.forge.model import PullRequest
from bridge.store.schema import run
from tests.e2e.stage import SLUG, Stage

REQUIRED = ["terrakube/plan", "terrakube/apply"]


async def proposed(stage: Stage, *, required: list[str]) -> PullRequest:
    """Open a pull request that is planned, where these statuses are required to merge."""
    stage.forge.protect(SLUG, "main", required_statuses=required)
    pull_request = await stage.propose("network")
    await stage.quiet()
    await stage.approve(pull_request)
    return pull_request


def answered(stage: Stage, sha: str) -> dict[str, str]:
    """What the queue's commit was told for good."""
    found = stage.statuses(sha)
    return {name: found[name] for name in REQUIRED}


async def test_what_is_applied_goes_through_the_queue(github: Stage) -> None:
    stage = github
    pull_request = await proposed(stage, required=REQUIRED)
    await stage.say(pull_request, "terrakube apply")
    await stage.quiet()
    queued = await stage.forge.merge_queue(SLUG, pull_request.number)
    await stage.quiet()
    assert stage.started()[-1] == ("network", "Plan", queued)
    assert answered(stage, queued) == {"terrakube/plan": "success", "terrakube/apply": "success"}
    assert await stage.forge.leave_merge_queue(SLUG, pull_request.number)
    await stage.quiet()
    assert stage.statuses(queued)["terrakube/push"] == "success"
    assert answered(stage, queued) == {"terrakube/plan": "success", "terrakube/apply": "success"}


async def test_what_is_not_applied_is_told_so_and_does_not_wait(github: Stage) -> None:
    stage = github
    pull_request = await proposed(stage, required=["terrakube/plan"])
    queued = await stage.forge.merge_queue(SLUG, pull_request.number)
    await stage.quiet()
    assert answered(stage, queued) == {"terrakube/plan": "success", "terrakube/apply": "failure"}


async def test_a_group_that_falls_apart_ends_its_plans(github: Stage) -> None:
    stage = github
    pull_request = await proposed(stage, required=["terrakube/plan"])
    stage.executor.hold()
    queued = await stage.forge.merge_queue(SLUG, pull_request.number)
    await stage.until(lambda: stage.statuses(queued))
    assert not await stage.forge.leave_merge_queue(SLUG, pull_request.number)
    stage.executor.let_go()
    await stage.quiet()
    assert set(REQUIRED) <= stage.statuses(queued).keys()
    assert "pending" not in stage.statuses(queued).values()
    assert {row["phase"] for row in await stage.rows(run)} == {"finished"}
