"""Every status concludes, and says why, whatever happens to Terrakube and to a job."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from bridge.sandbox import terrakube
from bridge.sandbox.terrakube.model import Organization, Status
from bridge.store.schema import audit
from tests.e2e.conftest import SetStage
from tests.e2e.stage import SLUG, TIMINGS, Stage


async def test_a_locked_workspace_is_an_error_at_once_and_can_be_planned_later(
    github: Stage,
) -> None:
    stage = github
    stage.server.lock(stage.workspace("network"), "migration by @ops <b>, token=ab12CD34ef56GH")
    pull_request = await stage.propose("network", "app")
    await stage.quiet(within=timedelta(seconds=20))
    assert [name for name, _, _ in stage.started()] == ["app"]
    assert stage.statuses(pull_request.head_sha) == {
        "terrakube/plan": "error",
        "terrakube/plan: acme/app": "success",
        "terrakube/plan: acme/network": "error",
    }
    comment = stage.comment(pull_request)
    assert "is locked in Terrakube" in comment
    assert "@ops" not in comment.replace("&#64;ops", "")
    assert "ab12CD34ef56GH" not in comment

    stage.server.unlock(stage.workspace("network"))
    await stage.say(pull_request, "terrakube plan")
    await stage.quiet()
    assert set(stage.statuses(pull_request.head_sha).values()) == {"success"}


async def test_a_template_that_exists_elsewhere_is_an_error_at_once(set_stage: SetStage) -> None:
    def prepare(server: terrakube.StandIn, acme: Organization) -> None:
        other = server.add_organization("other")
        server.add_template(other, "Special", "flow:\n  - {type: terraformPlan, step: 100}\n")

    stage = await set_stage(
        document="rules:\n  - {on: pull_request, template: Special}\n",
        extra={"BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme,other"},
        prepare=prepare,
    )
    pull_request = await stage.propose("network")
    await stage.quiet(within=timedelta(seconds=20))
    assert stage.jobs() == []
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "error"
    assert "does not exist in organization acme" in stage.comment(pull_request)


async def test_a_job_that_can_never_run_is_reported_and_cancelled(set_stage: SetStage) -> None:
    """It would hold up the jobs of everybody for six hours."""
    stage = await set_stage(timings=replace(TIMINGS, first_run=0.4))
    pull_request = await stage.propose("network")
    await stage.until(stage.jobs)
    stage.server.lock(stage.workspace("network"))
    await stage.quiet(within=timedelta(minutes=8))
    assert [job.status for job in stage.jobs()] == [Status.CANCELLED]
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "error"
    assert "Job 1 was cancelled, as it could not start" in stage.comment(pull_request)


async def test_a_push_while_terrakube_is_away_starts_when_it_is_back(stage: Stage) -> None:
    stage.bridge.inside.catalog.forget()
    await stage.server.down()
    sha = await stage.push("network", branch="main")
    await stage.until(lambda: stage.logs("delivery.postponed"))
    await stage.server.up()
    await stage.quiet()
    assert stage.started() == [("network", "Plan and apply", sha)]
    assert stage.statuses(sha)["terrakube/push"] == "success"


async def test_ten_minutes_without_terrakube_are_an_error_and_the_run_is_kept(
    stage: Stage,
) -> None:
    await stage.server.down()  # what workspaces there are is remembered for a few seconds
    pull_request = await stage.propose("network")
    await stage.until(lambda: stage.logs("run.postponed"))
    await stage.skip(timedelta(minutes=11))
    head = pull_request.head_sha
    await stage.until(lambda: stage.statuses(head).get("terrakube/plan") == "error")
    await stage.until(lambda: "Terrakube has not answered since" in stage.comment(pull_request))
    await stage.server.up()
    await stage.quiet()
    assert len(stage.jobs()) == 1
    assert stage.statuses(head)["terrakube/plan"] == "success"
    assert "has not answered" not in stage.comment(pull_request)


async def test_a_running_job_outlives_an_outage_of_terrakube(stage: Stage) -> None:
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.RUNNING])
    await stage.server.down()
    await stage.until(lambda: stage.logs("poll.failed"))
    await stage.skip(timedelta(minutes=11))
    head = pull_request.head_sha
    await stage.until(lambda: stage.statuses(head)["terrakube/plan"] == "error")
    stage.executor.let_go()
    await stage.server.up()
    await stage.quiet()
    assert stage.statuses(head)["terrakube/plan"] == "success"
    assert len(stage.jobs()) == 1


async def test_a_job_deleted_in_terrakube_is_an_error(github: Stage) -> None:
    stage = github
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.RUNNING])
    stage.server.delete(stage.jobs()[0])
    await stage.quiet()
    stage.executor.let_go()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "error"
    assert "Its job was deleted in Terrakube" in stage.comment(pull_request)
    assert [row["action"] for row in await stage.rows(audit)] == ["job.deleted"]


async def test_a_lost_executor_is_a_failed_plan(stage: Stage) -> None:
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.RUNNING])
    stage.server.lose_executor()
    await asyncio.sleep(0.1)
    stage.executor.let_go()
    await stage.quiet()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "failure"
    assert "❌" in stage.comment(pull_request)


async def test_a_job_cancelled_in_terrakube_is_told_and_recorded(stage: Stage) -> None:
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.RUNNING])
    stage.server.set_status(stage.jobs()[0], "cancelled")
    await stage.quiet()
    stage.executor.let_go()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "error"
    assert "Cancelled in Terrakube, not by the bridge" in stage.comment(pull_request)
    assert [row["action"] for row in await stage.rows(audit)] == ["job.cancelled"]


async def test_a_job_that_terrakube_ends_after_six_hours_is_an_error(stage: Stage) -> None:
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.RUNNING])
    await stage.skip(timedelta(hours=6, minutes=2))
    await stage.until(lambda: [job for job in stage.jobs() if job.status is Status.FAILED])
    await stage.quiet()
    stage.executor.let_go()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "error"
    assert "6 hours" in stage.comment(pull_request)


async def test_the_stable_version_of_terrakube_will_do_too(set_stage: SetStage) -> None:
    stage = await set_stage(version="stable")
    pull_request = await stage.propose("network")
    await stage.quiet()
    merged = await stage.merge(pull_request)
    await stage.quiet()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"
    assert stage.statuses(merged)["terrakube/push"] == "success"
    assert "**After the merge:** 1 applied" in stage.comment(pull_request)


async def test_a_repository_terrakube_does_not_know_is_left_alone(stage: Stage) -> None:
    await stage.forge.create_repository(
        "acme/blog", files={"a": "b\n"}, access=stage.forge.world.repository(SLUG).access
    )
    hook = stage.forge.world.repository(SLUG).hooks[0]
    url = f"{stage.url()}/webhooks/{stage.name}"
    secret = stage.environment[f"BRIDGE_FORGES__{stage.name.upper()}__WEBHOOK_SECRET"]
    stage.forge.add_hook("acme/blog", url, secret=secret, events=hook.events)
    await stage.forge.commit("acme/blog", "post", {"a": "c\n"})
    opened = await stage.forge.open_pull_request("acme/blog", "post")
    await stage.quiet()
    assert opened.comments == []
    assert stage.forge.statuses("acme/blog", opened.head_sha) == {}
