"""Once, whatever is lost or comes twice: one trigger, one job, one comment, statuses concluded."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from bridge.http import Timeouts
from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.delivering import Attempt
from bridge.sandbox.forge.faults import COMMENT
from bridge.sandbox.terrakube import CreateFault
from bridge.sandbox.terrakube.model import Organization
from bridge.store.schema import run
from tests.e2e.conftest import SetStage
from tests.e2e.stage import INSTANCE_SECRET, SLUG, Stage

IDS = ("X-GitHub-Delivery", "X-Forgejo-Delivery", "X-Gitea-Delivery", "X-Gogs-Delivery")


def with_new_id(attempt: Attempt) -> dict[str, str | None]:
    """Give a delivery another id, as a second hook would, or a stranger who caught it."""
    return {name: str(uuid4()) for name in attempt.headers if name in IDS}


def assert_once(stage: Stage, sha: str, verb: str = "plan") -> None:
    """Every key the bridge sent has one job, all ended well, and the aggregate says so."""
    assert set(stage.server.creates.values()) == {1}
    assert {str(job.status) for job in stage.jobs()} == {"completed"}
    statuses = stage.statuses(sha)
    assert set(statuses.values()) == {"success"}
    assert f"terrakube/{verb}" in statuses


@pytest.mark.parametrize(("flavour", "new_id"), [(Flavour.GITHUB, False), (Flavour.FORGEJO, True)])
async def test_a_delivery_that_comes_ten_times_more_counts_once(
    set_stage: SetStage, flavour: Flavour, *, new_id: bool
) -> None:
    stage = await set_stage(flavour=flavour)
    pull_request = await stage.propose("network")
    await stage.quiet()
    merged = await stage.merge(pull_request)
    for attempt in (stage.deliveries("pull_request", "opened")[0], stage.deliveries("push")[-1]):
        answers = await asyncio.gather(
            *(
                stage.replay(attempt, headers=with_new_id(attempt) if new_id else None)
                for _ in range(10)
            )
        )
        assert set(answers) == {202}
    await stage.quiet()

    assert [template for _, template, _ in stage.started()] == ["Plan", "Plan and apply"]
    assert_once(stage, pull_request.head_sha)
    assert_once(stage, merged, "push")
    assert len(stage.comments(pull_request)) == 1


async def test_two_hooks_that_tell_of_one_push_start_it_once(stage: Stage) -> None:
    """The installed hook, and an organization's: different ids, different secrets."""
    own = stage.forge.world.repository(SLUG).hooks[0]
    stage.forge.add_hook(
        SLUG,
        f"{stage.url()}/webhooks/{stage.name}",
        secret=INSTANCE_SECRET,
        events=own.events,
    )
    pull_request = await stage.propose("network", "app")
    await stage.quiet()
    merged = await stage.merge(pull_request)
    await stage.quiet()

    assert len(stage.deliveries("pull_request", "opened")) == 2
    assert [one.status_code for one in stage.deliveries("push")] == [202] * 4
    assert [name for name, _, _ in stage.started()] == ["app", "network", "app", "network"]
    assert_once(stage, pull_request.head_sha)
    assert_once(stage, merged, "push")
    assert len(stage.comments(pull_request)) == 1


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        (CreateFault.COMMIT_THEN_DROP, "adopted"),
        (CreateFault.COMMIT_THEN_500, "adopted"),
        (CreateFault.COMMIT_THEN_HANG, "adopted"),
        (CreateFault.COMMIT_LATE, "adopted"),
        (CreateFault.DROP, "posted"),
        (CreateFault.FAIL_500, "posted"),
    ],
)
async def test_a_lost_answer_to_the_job_post_makes_no_second_job(
    set_stage: SetStage, fault: CreateFault, how: str
) -> None:
    stage = await set_stage(timeouts=Timeouts(read=0.5, total=1.0))
    stage.server.faults.on_create(fault)
    pull_request = await stage.propose("network")
    await stage.until(lambda: stage.logs("job.unanswered"))
    await asyncio.sleep(0.3 if fault is CreateFault.COMMIT_LATE else 0)
    await stage.quiet()

    assert [line["how"] for line in stage.logs("run.started")] == [how]
    assert len(stage.jobs()) == 1
    assert_once(stage, pull_request.head_sha)
    assert len(stage.comments(pull_request)) == 1


async def test_a_500_after_the_comment_exists_makes_no_second_comment(github: Stage) -> None:
    stage = github
    stage.forge.faults.store_then_fail(match=COMMENT)
    pull_request = await stage.propose("network")
    await stage.quiet()
    assert len(stage.comments(pull_request)) == 1
    assert "1 planned" in stage.comment(pull_request)
    assert_once(stage, pull_request.head_sha)


async def test_a_500_after_a_status_or_an_edit_was_stored_changes_nothing(stage: Stage) -> None:
    stage.forge.faults.store_then_fail(match=r"POST .*/statuses/", times=2)
    stage.forge.faults.store_then_fail(match=r"PATCH .*/comments/", times=1)
    pull_request = await stage.propose("network")
    await stage.quiet()
    assert_once(stage, pull_request.head_sha)
    assert len(stage.comments(pull_request)) == 1
    assert "1 planned" in stage.comment(pull_request)


async def test_a_forge_that_limits_is_left_alone_for_as_long_as_it_says(github: Stage) -> None:
    stage = github
    stage.forge.faults.limit(match=r"POST .*/(statuses|comments)", retry_after=40, times=3)
    pull_request = await stage.propose("network")
    await stage.quiet()
    assert_once(stage, pull_request.head_sha)
    assert len(stage.comments(pull_request)) == 1
    assert stage.clock.ahead >= timedelta(seconds=38)
    refused = [seen for seen in stage.forge.requests if seen.status == 429]
    assert len(refused) == 3


async def test_a_forge_that_is_away_for_a_while_loses_nothing(stage: Stage) -> None:
    stage.forge.faults.fail(match=r"GET .*/pulls/", times=3)  # each request is tried thrice
    pull_request = await stage.propose("network")
    await stage.quiet()
    assert stage.logs("delivery.postponed")
    assert_once(stage, pull_request.head_sha)


async def test_a_push_and_a_pull_request_for_one_commit_share_a_plan_only_run(
    set_stage: SetStage,
) -> None:
    """A branch that a workspace follows and that is a pull request's head, too."""

    def follow_both(_: object, acme: Organization) -> None:
        for workspace in acme.workspaces.values():
            workspace.branch = "main,change"

    rules = "rules:\n  - {on: push, template: Plan}\n  - {on: pull_request, template: Plan}\n"

    stage = await set_stage(
        document=rules,
        prepare=follow_both,
    )
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(stage.jobs)
    await stage.forge.settled()
    stage.executor.let_go()
    await stage.quiet()

    assert len(stage.jobs()) == 1
    (row,) = await stage.rows(run)
    assert row["shared"] == 1
    statuses = stage.statuses(pull_request.head_sha)
    assert (statuses["terrakube/plan"], statuses["terrakube/push"]) == ("success", "success")
    assert set(statuses.values()) == {"success"}
    assert "1 planned" in stage.comment(pull_request)
