"""What nobody tells the bridge is found and mended: statuses, locks."""

from collections.abc import Sequence

from bridge.domain.errors import NotAllowedError
from bridge.domain.posts import PostKind, PostTarget, PostUpsert, Resend
from bridge.domain.rules import Policy
from bridge.domain.runs import RunPhase
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import PullRequestSeen, Verdict, Work
from bridge.engine.inbox import Inbox
from bridge.engine.leases import Lease
from bridge.engine.posts import Posts
from bridge.engine.subjects import Subjects
from bridge.rendering.markers import Markers
from bridge.routing import Dispatcher, Services
from bridge.services.catalog import Catalog
from bridge.services.merging import MergeService
from bridge.services.publishing import PublishService
from bridge.services.watching import LockWatch, StatusWatch
from bridge.store.queries.resending import resend
from bridge.store.schema import audit, post
from bridge.wiring.duties import Comparison, Repair
from handlers import load_routers
from tests.bridge.engine.stage import OTHER, Stage
from tests.bridge.store.rows import HEAD, PULL_REQUEST, REPOSITORY, a_pull_request, rows_of

COMMIT = f"commit:{REPOSITORY.key}:{HEAD}"
PLAN = PostUpsert(
    kind=PostKind.STATUS,
    target=PostTarget(repository=REPOSITORY, sha=HEAD, context="terrakube/plan"),
    report=COMMIT,
)
KEY = PLAN.target.key(PostKind.STATUS)


class Held(Lease):
    """The right to do a round."""

    __slots__ = ()

    def __init__(self) -> None: ...

    def check(self) -> None: ...


def play_posts(stage: Stage) -> None:
    forges = {"code": stage.forge}
    publisher = PublishService(
        forges=forges,
        store=stage.store,
        policy=Policy(),
        markers=Markers(b"key"),
        merging=MergeService(forges=forges, store=stage.store, clock=stage.clock),
    )
    stage.play(Posts(stage.database, stage.keeper, publisher, metrics=stage.metrics).worker)


async def repair(stage: Stage) -> None:
    """Let the duty do a round, and what follows be sent."""
    watch = StatusWatch(forge=stage.forge, store=stage.store, policy=Policy())
    await Repair(watches=[watch], database=stage.database).repair(Held())
    await stage.after(10)


async def known(stage: Stage, kind: str = "nothing", *posts: PostUpsert) -> None:
    """Let a pull request be seen, and something be decided about it."""
    verdict = Verdict(head_sha=HEAD, kind=kind, text="", workspaces=0)
    seen = PullRequestSeen(pull_request=a_pull_request(), verdict=verdict)
    await stage.work(Work(pull_requests=[seen], posts=list(posts)))


def on_the_forge(stage: Stage) -> list[tuple[str, str]]:
    return [(one.state.value, one.description) for _, one in stage.forge.set_statuses]


async def repaired(stage: Stage) -> Sequence[str]:
    return [row["subject"] for row in await rows_of(stage.database, audit)]


NOTHING = ("success", "No workspace is affected.")


class TestStatuses:
    async def test_one_that_the_forge_lost_is_there_again_once(self, stage: Stage) -> None:
        play_posts(stage)
        await known(stage, "nothing", PLAN)
        assert on_the_forge(stage) == [NOTHING]
        stage.forge.set_statuses.clear()
        await repair(stage)
        assert on_the_forge(stage) == [NOTHING]
        await repair(stage)
        assert on_the_forge(stage) == [NOTHING]
        assert await repaired(stage) == [KEY]

    async def test_one_that_was_set_aside_concludes(self, stage: Stage) -> None:
        stage.forge.failures.append(NotAllowedError("no", service="code", status=403))
        play_posts(stage)
        await known(stage, "nothing", PLAN)
        (row,) = await rows_of(stage.database, post)
        assert (row["dead"], on_the_forge(stage)) == (1, [])
        await repair(stage)
        assert on_the_forge(stage) == [NOTHING]

    async def test_one_that_waits_for_nothing_says_what_to_do(self, stage: Stage) -> None:
        """Its runs are gone, whatever became of them."""
        play_posts(stage)
        await known(stage, "planning", PLAN)
        assert on_the_forge(stage) == [("pending", "The plans are about to start.")]
        await repair(stage)
        said = "Nothing is under way any more: say terrakube plan to plan it again."
        assert on_the_forge(stage)[1:] == [("error", said)]
        await repair(stage)
        assert len(on_the_forge(stage)) == 2

    async def test_a_plan_that_goes_on_may_stay_pending(self, stage: Stage) -> None:
        play_posts(stage)
        await known(stage, "planning", PLAN)
        await stage.want(stage.a_plan())
        stage.play(stage.runs.worker)
        await stage.settle()
        await stage.after(10)
        before = on_the_forge(stage)
        await repair(stage)
        assert {state for state, _ in on_the_forge(stage)} == {"pending"}
        assert (on_the_forge(stage), await repaired(stage)) == (before, [])

    async def test_what_was_changed_since_it_was_looked_at_is_left_alone(
        self, stage: Stage
    ) -> None:
        await known(stage, "nothing", PLAN)
        (seen,) = await stage.store.status_posts(REPOSITORY, HEAD)
        await stage.work(Work(posts=[PLAN]))
        late = Resend(key=seen.key, revision=seen.revision, content="error too late")
        assert await stage.database.write(resend, [late], stage.database.now()) == 0
        (row,) = await rows_of(stage.database, post)
        assert (row["content"], row["revision"]) == (None, seen.revision + 1)


async def test_a_lock_of_a_pull_request_that_was_closed_unnoticed_is_freed(stage: Stage) -> None:
    """Its repository feeds no workspace any more, so nothing else compares it with the store."""
    await known(stage)
    first, second = await stage.want(stage.a_reviewed(), stage.a_reviewed(number=4))
    stage.play(stage.runs.worker, stage.organizations.worker)
    await stage.settle()
    await stage.until_it_waits("1")
    stage.server.complete("1")
    await stage.after(12)
    assert (await stage.run(first)).phase is RunPhase.FINISHED
    assert [one.number for one in await stage.store.holders("code")] == [3]
    await stage.after(60)
    assert (await stage.run(second)).phase is RunPhase.PLANNED, "it waits for the workspace"

    stage.forge.pulls[3] = a_pull_request(state=PullRequestState.CLOSED)
    watch = LockWatch(forge=stage.forge, store=stage.store, clock=stage.clock)
    await Comparison(notices=[watch], inbox=Inbox(stage.database)).compare(Held())
    services = Services(
        forges={"code": stage.forge},
        catalog=Catalog(server=stage.server),
        store=stage.store,
        policy=Policy(),
    )
    dispatcher = Dispatcher(router=load_routers(), services=services)
    stage.play(Subjects(stage.database, stage.keeper, dispatcher, tell=dispatcher.tell).worker)
    await stage.after(60)
    assert await stage.store.holds(PULL_REQUEST) == []
    assert [one.pull_request for one in await stage.store.holds(OTHER)] == [OTHER]
    assert (await stage.run(second)).job_id == "2"
