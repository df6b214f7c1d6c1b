"""What follows an apply by itself: another plan when it failed, the merge when all went well."""

from dataclasses import replace
from typing import Any, cast

import pytest

from bridge.domain.errors import PermanentRemoteError
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import Policy
from bridge.domain.runs import Reviewed, RunRequest, RunState
from bridge.domain.vcs import MergeMethod, PullRequestState
from bridge.domain.work import PullRequestSeen, Verdict, Work
from bridge.engine.posts import Posts
from bridge.rendering.markers import Markers
from bridge.services.merging import PAUSES, MergeService
from bridge.services.publishing import PublishService
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.schema import audit, post
from tests.bridge.engine.stage import COLLECTED, Stage
from tests.bridge.store.rows import HEAD, PULL_REQUEST, REPOSITORY, a_pull_request, rows_of

NEW_HEAD = "c" * 40
HOURS = 3600.0
COMMIT = f"commit:{REPOSITORY.key}:{HEAD}"
TARGET = PostTarget(repository=REPOSITORY, number=3, sha=HEAD, content="squash")
WISH = PostUpsert(
    kind=PostKind.MERGE,
    target=TARGET,
    report=PULL_REQUEST.key,
    resend=True,
)
REFUSED = PermanentRemoteError("it conflicts", service="code", status=405)


def seen(**changes: Any) -> Work:  # noqa: ANN401 - of the pull request
    """What was decided about the pull request: one workspace is planned."""
    verdict = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)
    found = a_pull_request(**changes)
    return Work(pull_requests=[PullRequestSeen(pull_request=found, verdict=verdict)])


async def planned(stage: Stage) -> str:
    """Let a workspace be planned with changes; return the plan's id."""
    await stage.work(seen())
    (run_id,) = await stage.want(stage.a_plan())
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    stage.server.complete("1")
    await stage.after(12)
    return run_id


def an_apply(stage: Stage, plan: str, **changes: Any) -> RunRequest:  # noqa: ANN401 - of the request
    wanted = {
        "reviewed": Reviewed(run_id=plan, digest=COLLECTED.digest),
        "reports": (PULL_REQUEST.key, COMMIT),
    }
    return stage.a_reviewed(**{**wanted, **changes})


async def applied(stage: Stage, plan: str, **changes: Any) -> str:  # noqa: ANN401 - of the request
    """Apply it as job 2, up to where Terraform is at work; return the apply's id."""
    (run_id,) = await stage.want(an_apply(stage, plan, **changes))
    await stage.settle()
    await stage.until_it_waits("2")
    return run_id


def play_posts(stage: Stage, database: Database) -> None:
    """Let posts be sent, too."""
    publisher = PublishService(
        forges={"code": stage.forge},
        store=stage.store,
        policy=Policy(),
        markers=Markers(b"key"),
        merging=MergeService(forges={"code": stage.forge}, store=stage.store, clock=stage.clock),
    )
    stage.play(Posts(database, stage.keeper, publisher, metrics=stage.metrics).worker)


async def merges(stage: Stage) -> list[tuple[str, str, str]]:
    """Who merged, and with which result."""
    rows = await rows_of(stage.database, audit)
    return [
        (row["actor"], row["action"], row["result"])
        for row in rows
        if row["action"] == "pull_request.merged"
    ]


async def told(stage: Stage) -> str:
    """Read why the comment says that it is not merged."""
    report = await stage.store.pull_request_report(PULL_REQUEST)
    assert report is not None
    return report.merging


def bodies(stage: Stage) -> list[str]:
    return [comment.body for _, comment in stage.forge.comments.values()]


async def verbs(stage: Stage) -> list[tuple[str, str]]:
    return [(one.request.verb.value, one.state.value) for one in await stage.all_runs()]


class TestFollowUp:
    async def test_what_failed_is_planned_again_once_and_the_comment_says_so(
        self, stage: Stage
    ) -> None:
        plan = await planned(stage)
        apply = await applied(stage, plan, follow_up=True)
        stage.server.fail("2")
        await stage.after(12)

        failed = await stage.run(apply)
        assert failed.state is RunState.FAILED
        assert failed.reason.endswith("It is planned again by itself, to show what is left to do.")
        (again,) = [one for one in await stage.all_runs() if one.id not in {plan, apply}]
        assert again.request == replace(
            stage.a_plan(),
            trigger=f"follow-up:{apply}",
            why="Planned again by itself, as the apply failed.",
            # As it was sent the first time.
            template=(await stage.run(plan)).request.template,
        )
        assert stage.server.count("create_job") == 3
        report = await stage.store.pull_request_report(PULL_REQUEST)
        assert report is not None
        assert [one.run.id for one in report.runs] == [apply, again.id]

    @pytest.mark.parametrize(
        "case", ["not asked for", "went well", "rejected", "head moved", "closed"]
    )
    async def test_nothing_else_is_planned_again(self, stage: Stage, case: str) -> None:
        plan = await planned(stage)
        other = Reviewed(run_id=plan, digest="json1:other" if case == "rejected" else "json1:abc")
        await applied(stage, plan, follow_up=case != "not asked for", reviewed=other)
        if case == "head moved":
            await stage.work(seen(head_sha=NEW_HEAD))
        elif case == "closed":
            await stage.work(seen(state=PullRequestState.CLOSED))
        match case:
            case "went well":
                stage.server.complete("2")
            case "rejected":
                pass  # by the bridge, as the plan differs
            case _:
                stage.server.fail("2")
        await stage.after(12)
        assert len(await verbs(stage)) == 2
        assert "again by itself" not in (await stage.all_runs())[1].reason


class TestMerging:
    @pytest.fixture
    async def merging(self, stage: Stage) -> Stage:
        """A stage whose posts are sent, too; the pull request is on the forge."""
        stage.forge.pulls[3] = a_pull_request()
        play_posts(stage, stage.database)
        return stage

    async def test_it_is_merged_when_the_last_apply_has_ended(self, merging: Stage) -> None:
        stage = merging
        plan = await planned(stage)
        await stage.work(Work(posts=[WISH]))
        await applied(stage, plan)
        assert stage.forge.merges == []
        stage.server.complete("2")
        await stage.after(12)
        assert stage.forge.merges == [(3, MergeMethod.SQUASH)]
        assert ("ada", "pull_request.merged", "done") in await merges(stage)
        # What happens afterwards merges nothing and asks nothing.
        await stage.work(seen())
        await stage.after(3600)
        assert len(stage.forge.merges) == 1

    async def test_a_refusal_is_told_in_the_comment_and_not_repeated_for_ever(
        self, merging: Stage
    ) -> None:
        stage = merging
        plan = await planned(stage)
        await applied(stage, plan)
        stage.server.complete("2")
        await stage.after(12)
        stage.forge.merge_failures = [REFUSED] * (len(PAUSES) + 5)
        await stage.work(Work(posts=[WISH]))
        await stage.after(PAUSES[0])
        assert await told(stage) == ""
        await stage.after(PAUSES[1])
        assert await told(stage) == "it conflicts"
        await stage.after(3)
        assert any("it conflicts" in body for body in bodies(stage))
        for _ in range(10):
            await stage.after(1000)
        assert len(stage.forge.merge_failures) == 4
        assert await merges(stage) == [("ada", "pull_request.merged", "refused")]

        # Whoever says it again has it tried again.
        stage.forge.merge_failures.clear()
        await stage.work(Work(posts=[WISH]))
        assert stage.forge.merges == [(3, MergeMethod.SQUASH)]
        assert await told(stage) == ""

    async def test_taken_back_it_is_not_merged(self, merging: Stage) -> None:
        stage = merging
        plan = await planned(stage)
        await stage.work(Work(posts=[WISH]))
        await stage.work(Work(posts=[replace(WISH, target=replace(TARGET, content=""))]))
        await applied(stage, plan)
        stage.server.complete("2")
        await stage.after(12)
        assert stage.forge.merges == []

    @pytest.mark.parametrize("after", [False, True])
    @pytest.mark.parametrize("write", [1, 2, 3])
    async def test_whoever_dies_on_the_way_merges_once(
        self, stage: Stage, write: int, *, after: bool
    ) -> None:
        """The budget is paid, the try is written down, the end is: dead around each of them."""
        stage.forge.pulls[3] = a_pull_request()
        plan = await planned(stage)
        await applied(stage, plan)
        stage.server.complete("2")
        await stage.after(12)
        play_posts(stage, cast("Database", stage.mortal))
        await stage.settle()
        stage.mortal.die_at(write, after=after)
        await stage.database.write(apply_work, Work(posts=[WISH]), stage.database.now())
        await stage.idle_except_leases()
        stage.boot += 60
        await stage.after(60)
        await stage.after(60)
        assert stage.forge.merges == [(3, MergeMethod.SQUASH)]
        assert [result for _, _, result in await merges(stage)] == ["done"]
        (row,) = [one for one in await rows_of(stage.database, post) if one["kind"] == "merge"]
        assert (row["due_at"], row["dead"]) == (None, 0)


async def test_an_approval_that_expired_while_nobody_looked_is_concluded(stage: Stage) -> None:
    """The bridge was away for a day: Terrakube ended the job, and the workspace was locked."""
    plan = await planned(stage)
    unlike = Reviewed(run_id=plan, digest="")
    apply = await applied(stage, plan, reviewed=unlike)
    assert (await stage.run(apply)).state is RunState.WAITING
    stage.clock.advance(6 * HOURS)
    stage.server.expire("2")
    await stage.after(18 * HOURS)
    ended = await stage.run(apply)
    assert (ended.state, ended.concluded) == (RunState.ERROR, True)
    assert "Its approval has expired" in ended.reason
    assert await stage.store.holds(PULL_REQUEST) == []
