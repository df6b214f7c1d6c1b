"""The whole way: a push and a pull request become jobs, the plan comes back, the merge applies."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.sandbox import terrakube
from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.pulls import (
    close_pull_request,
    edit_pull_request,
    reopen_pull_request,
    set_draft,
)
from bridge.sandbox.terrakube import Plan, make_plan
from bridge.sandbox.terrakube.model import Organization
from tests.e2e.conftest import SetStage
from tests.e2e.masks import together
from tests.e2e.stage import SLUG, WRITER, Stage, git
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"

PLANNED = {
    "terrakube/plan": "success",
    "terrakube/plan: acme/app": "success",
    "terrakube/plan: acme/network": "success",
}
PUSHED = {
    "terrakube/push": "success",
    "terrakube/push: acme/app": "success",
    "terrakube/push: acme/network": "success",
}


async def test_a_pull_request_is_planned_and_its_merge_applied(
    either: Stage, request: pytest.FixtureRequest
) -> None:
    stage = either
    pull_request = await stage.propose("network", "app")
    await stage.quiet()

    head = pull_request.head_sha
    assert stage.started() == [("app", "Plan", head), ("network", "Plan", head)]
    assert stage.statuses(head) == PLANNED
    check_golden(request, GOLDEN / "planned.md", together(stage.comments(pull_request)))

    merged = await stage.merge(pull_request)
    await stage.quiet()

    applied = [("app", "Plan and apply", merged), ("network", "Plan and apply", merged)]
    assert stage.started()[2:] == applied
    assert stage.statuses(merged) == PUSHED
    assert stage.statuses(head) == PLANNED
    check_golden(request, GOLDEN / "merged.md", together(stage.comments(pull_request)))


async def test_a_real_git_push_to_a_followed_branch_applies_what_it_changes(github: Stage) -> None:
    clone = github.folder / "clone"
    clone.mkdir()
    await git(clone, "clone", "--quiet", github.forge.clone_url(SLUG, WRITER), ".")
    (clone / "app" / "main.tf").write_text("# by hand\n")
    await git(clone, "commit", "--quiet", "--all", "--message", "By hand")
    await git(clone, "push", "--quiet", "origin", "main")
    sha = await git(clone, "rev-parse", "HEAD")
    await github.quiet()

    assert github.started() == [("app", "Plan and apply", sha)]
    assert github.statuses(sha) == {
        "terrakube/push": "success",
        "terrakube/push: acme/app": "success",
    }


@pytest.mark.parametrize(
    ("flavour", "push_first"), [(Flavour.GITHUB, False), (Flavour.FORGEJO, True)]
)
async def test_the_merged_pull_request_gets_the_outcome_in_the_less_usual_order_too(
    set_stage: SetStage, flavour: Flavour, *, push_first: bool
) -> None:
    """GitHub tells of the push first, Forgejo of the pull request."""
    stage = await set_stage(flavour=flavour)
    pull_request = await stage.propose("network")
    await stage.quiet()
    async with stage.unreachable():
        merged = await stage.merge(pull_request)
    told = [stage.deliveries("push")[-1], stage.deliveries("pull_request", "closed")[-1]]

    for attempt in told if push_first else reversed(told):
        assert await stage.replay(attempt) == 202
        await stage.quiet()

    assert stage.started()[1:] == [("network", "Plan and apply", merged)]
    assert stage.statuses(merged)["terrakube/push"] == "success"
    assert "**After the merge:** 1 applied" in stage.comment(pull_request)


async def test_what_no_delivery_told_is_found_by_comparing(either: Stage) -> None:
    stage = either
    pull_request = await stage.propose("network")
    await stage.quiet()
    await stage.ten_minutes_later()  # where the branches are is looked at for the first time
    async with stage.unreachable():
        merged = await stage.merge(pull_request)
        other = await stage.propose("app", branch="lost")
    await stage.ten_minutes_later()
    assert sorted(stage.started()[1:]) == [
        ("app", "Plan", other.head_sha),
        ("network", "Plan and apply", merged),
    ]
    assert "**After the merge:** 1 applied" in stage.comment(pull_request)
    assert "1 planned" in stage.comment(other)


async def test_a_push_that_touches_no_workspace_starts_and_says_nothing(stage: Stage) -> None:
    sha = await stage.forge.commit(SLUG, "main", {"README.md": "# more\n"})
    await stage.quiet()
    assert (stage.jobs(), stage.statuses(sha)) == ([], {})


async def test_a_pull_request_that_affects_no_workspace_succeeds_and_says_why(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    sha = await stage.forge.commit(SLUG, "docs", {"README.md": "# more\n"})
    pull_request = await stage.forge.open_pull_request(SLUG, "docs")
    await stage.quiet()
    assert stage.jobs() == []
    assert stage.statuses(sha) == {"terrakube/plan": "success"}
    check_golden(request, GOLDEN / "nothing.md", together(stage.comments(pull_request)))


async def test_a_failed_plan_comes_first_and_the_status_fails(
    stage: Stage, request: pytest.FixtureRequest
) -> None:
    stage.server.plan_for(stage.workspace("network"), Plan(error="Unsupported argument"))
    pull_request = await stage.propose("network", "app")
    await stage.quiet()
    assert stage.statuses(pull_request.head_sha) == {
        "terrakube/plan": "failure",
        "terrakube/plan: acme/app": "success",
        "terrakube/plan: acme/network": "failure",
    }
    check_golden(request, GOLDEN / "failed.md", together(stage.comments(pull_request)))


async def test_new_commits_are_planned_in_the_same_comment_and_old_statuses_stay(
    github: Stage,
) -> None:
    stage = github
    pull_request = await stage.propose("network")
    await stage.quiet()
    first = pull_request.head_sha
    second = await stage.push("app", text="second")
    await stage.quiet()
    assert stage.started()[1:] == [("app", "Plan", second), ("network", "Plan", second)]
    assert f"Commit `{second}`" in stage.comment(pull_request)
    assert stage.statuses(first)["terrakube/plan"] == "success"
    assert stage.statuses(second) == PLANNED


async def test_superseded_plans_are_cancelled_while_they_are_queued(github: Stage) -> None:
    stage = github
    stage.executor.hold()
    stage.server.scheduler.executor_down = True  # nothing even begins
    pull_request = await stage.propose("network")
    first = pull_request.head_sha
    await stage.until(lambda: len(stage.jobs()) == 1)
    second = await stage.push("network", text="second")
    await stage.quiet(within=timedelta(minutes=1))
    assert [str(job.status) for job in stage.jobs()] == ["cancelled", "pending"]

    stage.server.scheduler.executor_down = False
    stage.executor.let_go()
    await stage.quiet()

    assert [str(job.status) for job in stage.jobs()] == ["cancelled", "completed"]
    assert stage.started() == [("network", "Plan", first), ("network", "Plan", second)]
    assert stage.statuses(first)["terrakube/plan"] == "error"
    assert stage.statuses(second)["terrakube/plan"] == "success"


async def test_a_closed_pull_request_drops_its_plans_and_a_reopened_one_plans_again(
    stage: Stage,
) -> None:
    actor = stage.forge.account(WRITER)
    stage.server.scheduler.executor_down = True
    pull_request = await stage.propose("network")
    await stage.until(lambda: len(stage.jobs()) == 1)
    await close_pull_request(stage.forge.world, pull_request, actor)
    await stage.quiet(within=timedelta(minutes=1))
    assert [str(job.status) for job in stage.jobs()] == ["cancelled"]

    stage.server.scheduler.executor_down = False
    await reopen_pull_request(stage.forge.world, pull_request, actor)
    await stage.quiet()
    assert [str(job.status) for job in stage.jobs()] == ["cancelled", "completed"]
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"
    assert "1 planned" in stage.comment(pull_request).splitlines()[1]


async def test_a_retargeted_pull_request_is_planned_for_its_new_base(set_stage: SetStage) -> None:
    def prepare(server: terrakube.StandIn, acme: Organization) -> None:
        _, app = acme.workspaces.values()
        app.branch = "release"

    stage = await set_stage(prepare=prepare)
    await stage.forge.commit(SLUG, "release", {"RELEASE": "1\n"})
    pull_request = await stage.propose("network", "app")
    await stage.quiet()
    assert [name for name, _, _ in stage.started()] == ["network"]

    actor = stage.forge.account(WRITER)
    await edit_pull_request(stage.forge.world, pull_request, actor=actor, base="release")
    await stage.quiet()

    assert [name for name, _, _ in stage.started()] == ["network", "app"]
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"
    assert "`acme/app`" in stage.comment(pull_request)


async def test_drafts_are_planned_by_default(github: Stage) -> None:
    pull_request = await github.propose("network", draft=True)
    await github.quiet()
    assert len(github.jobs()) == 1
    actor = github.forge.account(WRITER)
    await set_draft(github.forge.world, pull_request, draft=False, actor=actor)
    await github.quiet()
    assert len(github.jobs()) == 1, "the same head is planned once"


async def test_drafts_wait_until_they_are_ready_when_told_to(
    set_stage: SetStage, flavour: Flavour
) -> None:
    stage = await set_stage(flavour=flavour, document="plan_drafts: false\n")
    pull_request = await stage.propose("network", draft=True)
    await stage.quiet()
    assert stage.jobs() == []
    assert "Drafts are not planned by themselves" in stage.comment(pull_request)
    assert stage.statuses(pull_request.head_sha) == {"terrakube/plan": "error"}

    actor = stage.forge.account(WRITER)
    await set_draft(stage.forge.world, pull_request, draft=False, actor=actor)
    await stage.quiet()
    assert len(stage.jobs()) == 1
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"


async def test_a_tag_starts_what_its_rule_says(set_stage: SetStage) -> None:
    rules = 'rules:\n  - {on: tag, tags: ["v*"], workspaces: ["acme/app"], template: Plan}\n'
    stage = await set_stage(document=rules)
    sha = await stage.forge.commit(SLUG, "main", {"app/main.tf": "# tagged\n"})
    await stage.quiet()
    await stage.forge.tag(SLUG, "v1.0", sha, annotated=True)
    await stage.forge.tag(SLUG, "nightly", sha)
    await stage.quiet()
    (job,) = stage.jobs()
    assert (job.workspace.name, job.override_branch, job.commit_id) == ("app", "v1.0", sha)


async def test_a_plan_without_changes_says_so(stage: Stage) -> None:
    stage.server.plan_for(stage.workspace("network"), make_plan(create=0))
    pull_request = await stage.propose("network")
    await stage.quiet()
    assert "no changes" in stage.comment(pull_request).lower()
    assert stage.statuses(pull_request.head_sha)["terrakube/plan"] == "success"
