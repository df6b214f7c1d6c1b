"""What handlers write down, in a real database: shared runs, joined pushes, allowances."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, update

from bridge.domain.events import (
    Event,
    PullRequestClosed,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestUpdated,
)
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import Work
from bridge.rendering.statuses import render_statuses
from bridge.store.database import Database
from bridge.store.queries.work import apply_work
from bridge.store.runs import SqlRunStore
from bridge.store.schema import branch_head, post, run
from tests.bridge.store.rows import rows_of
from tests.fakes.forge import BASE, HEAD, MERGE
from tests.handlers.conftest import NOW, World, about, pushed

NEWER = "d" * 40
PLAN_PUSHES = Policy(
    rules=(
        Rule(on=On.PULL_REQUEST, template="Plan"),
        Rule(on=On.PUSH, template="Plan"),
    )
)


class Stored:
    """A world whose store is a database."""

    def __init__(self, world: World, database: Database) -> None:
        self.world = world
        self.database = database
        self.store = SqlRunStore(database=database, job_url=world.server.job_url)

    async def deliver(self, event: Event) -> Work:
        work = Work()
        services = replace(self.world.services(), store=self.store)
        await self.world.router.dispatch(event, services, work)
        await self.database.write(apply_work, work, self.database.now())
        return work

    async def runs(self) -> list[tuple[str, str, str]]:
        """Verb, trigger and phase of each run, oldest first."""
        rows = await rows_of(self.database, run)
        return [(row["verb"], row["trigger"], row["phase"]) for row in rows]

    async def workspaces(self) -> list[str]:
        """Name the workspaces the living comment of pull request 1 shows."""
        report = await self.store.pull_request_report(self.world.forge.pulls[1].ref)
        assert report is not None
        return [one.run.request.workspace.name for one in (*report.runs, *report.stale)]

    async def shown(self) -> dict[str, list[str]]:
        """Verbs of the runs the living comment of pull request 1 shows, by where."""
        report = await self.store.pull_request_report(self.world.forge.pulls[1].ref)
        assert report is not None
        return {
            "runs": [one.run.request.verb.value for one in report.runs],
            "stale": [one.run.request.verb.value for one in report.stale],
            "pushes": [one.run.request.verb.value for one in report.pushes],
        }


@pytest.fixture
def stored(world: World, database: Database) -> Stored:
    world.forge.heads["main"] = HEAD
    return Stored(world, database)


@pytest.mark.parametrize("push_first", [True, False])
async def test_one_commit_as_push_and_as_pull_request_shares_a_run(
    stored: Stored, *, push_first: bool
) -> None:
    stored.world.policy = PLAN_PUSHES
    events = [pushed(), about(stored.world.forge.pulls[1])]
    for event in events if push_first else reversed(events):
        await stored.deliver(event)
    assert len(await stored.runs()) == 1
    report = await stored.store.pull_request_report(stored.world.forge.pulls[1].ref)
    assert report is not None
    assert len(report.runs) == 1


async def test_a_plan_does_not_stand_in_for_a_push_that_applies(stored: Stored) -> None:
    await stored.deliver(about(stored.world.forge.pulls[1]))
    await stored.deliver(pushed())
    assert sorted(verb for verb, _, _ in await stored.runs()) == ["plan", "push"]


async def test_ten_deliveries_of_one_event_make_one_run_and_one_comment(stored: Stored) -> None:
    for number in range(10):
        await stored.deliver(about(stored.world.forge.pulls[1], delivery_id=f"d-{number}"))
        await stored.deliver(pushed(delivery_id=f"p-{number}"))
    assert len(await stored.runs()) == 2
    kinds = sorted(row["kind"] for row in await rows_of(stored.database, post))
    assert kinds == ["report", "status", "status", "status", "status"]


@pytest.mark.parametrize("push_first", [True, False])
async def test_a_merge_and_its_push_find_each_other_in_any_order(
    stored: Stored, *, push_first: bool
) -> None:
    world = stored.world
    await stored.deliver(about(world.forge.pulls[1]))
    merged = world.open(
        state=PullRequestState.MERGED,
        merge_commit=MERGE,
        updated_at=NOW + timedelta(seconds=5),
    )
    world.forge.heads["main"] = MERGE
    closing = about(merged, PullRequestClosed, merged=True, merge_commit=MERGE)
    events = [pushed(before=BASE, after=MERGE), closing]
    for event in events if push_first else reversed(events):
        await stored.deliver(event)
    assert (await stored.shown())["pushes"] == ["push"]


async def test_a_newer_head_ends_what_is_only_planned(stored: Stored) -> None:
    await stored.deliver(about(stored.world.forge.pulls[1]))
    moved = stored.world.open(head_sha=NEWER, updated_at=NOW + timedelta(seconds=5))
    await stored.deliver(about(moved, PullRequestUpdated))
    phases = [phase for _, _, phase in await stored.runs()]
    assert sorted(phases) == ["finished", "planned"]
    assert await stored.shown() == {"runs": ["plan"], "stale": [], "pushes": []}


async def test_a_pull_request_that_comes_back_is_planned_again(stored: Stored) -> None:
    world = stored.world
    await stored.deliver(about(world.forge.pulls[1]))
    opened = world.forge.pulls[1]
    closed = world.open(state=PullRequestState.CLOSED, updated_at=NOW + timedelta(seconds=5))
    event = about(closed, PullRequestClosed, merged=False, merge_commit=None)
    await stored.deliver(event)
    again = replace(opened, updated_at=NOW + timedelta(seconds=9))
    world.forge.pulls[1] = again
    for number in range(2):  # two hooks
        await stored.deliver(about(again, PullRequestReopened, delivery_id=f"d-{number}"))
    assert sorted(phase for _, _, phase in await stored.runs()) == ["finished", "planned"]


async def test_a_retargeted_pull_request_shows_what_its_new_base_affects(stored: Stored) -> None:
    world = stored.world
    world.workspace("app", branch="release")
    world.forge.files = replace(world.forge.files, paths=("network/main.tf", "app/main.tf"))
    opened = world.forge.pulls[1]
    await stored.deliver(about(opened))
    await stored.database.write(_end_all, "failed")

    moved = world.open(base_branch="release", updated_at=NOW + timedelta(seconds=5))
    await stored.deliver(about(moved, PullRequestRetargeted))
    assert await stored.workspaces() == ["app"]
    report = await stored.store.commit_report(moved.ref.repository, HEAD)
    statuses = render_statuses(report, prefix="terrakube", per_workspace_limit=10)
    assert {status.context: status.state.value for status in statuses} == {
        "terrakube/plan": "pending",
        "terrakube/plan: acme/app": "pending",
        "terrakube/plan: acme/network": "success",
    }

    back = world.open(updated_at=NOW + timedelta(seconds=9))
    await stored.deliver(about(back, PullRequestRetargeted))
    assert await stored.workspaces() == ["network"]
    assert len(await stored.runs()) == 3


def _end_all(connection: Connection, state: str) -> None:
    connection.execute(update(run).values(phase="finished", state=state, due_at=None))


async def test_an_allowance_holds_for_its_commit_only(stored: Stored) -> None:
    world = stored.world
    fork = world.open(from_fork=True)
    await stored.deliver(about(fork))
    assert await stored.runs() == []
    said = await world.say(f"terrakube ok-to-plan {HEAD}")
    await stored.database.write(apply_work, said, stored.database.now())
    assert len(await stored.runs()) == 1
    record = await stored.store.pull_request(fork.ref)
    assert record is not None
    assert record.allowed_head == HEAD
    moved = world.open(from_fork=True, head_sha=NEWER, updated_at=NOW + timedelta(seconds=5))
    work = await stored.deliver(about(moved, PullRequestUpdated))
    assert not work.runs


async def test_followed_branches_are_remembered(stored: Stored) -> None:
    await stored.deliver(pushed())
    rows = await rows_of(stored.database, branch_head)
    assert [(row["id"], row["sha"]) for row in rows] == [("branch:code:7:main", HEAD)]
