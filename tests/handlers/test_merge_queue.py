"""A merge queue's commit: what it affects is planned there, and every status concludes."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import NotFoundError
from bridge.domain.events import MergeQueueChecked, MergeQueueLeft
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.reports import CommitReport
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.runs import Reviewed, RunRequest, RunState, TemplateChoice, Verb
from bridge.domain.vcs import ChangedFiles, PullRequestRef, RepositoryRef
from bridge.domain.work import SupersedeCommit, Verdict, Work
from bridge.rendering.statuses import render_statuses
from bridge.store.database import Database
from bridge.store.schema import post, run
from tests.bridge.store.rows import rows_of
from tests.fakes.forge import BASE, HEAD, INFRA, FakeForge
from tests.fakes.store import a_record
from tests.handlers.conftest import NOW, World, on_forge, runs
from tests.handlers.test_with_a_database import Stored

QUEUED = "e" * 40
COMMIT = f"commit:code:7:{QUEUED}"
REF = PullRequestRef(repository=INFRA, number=1)
EVENT = MergeQueueChecked(
    delivery_id="d-1",
    received_at=NOW,
    actor="alice",
    repository=INFRA,
    head_sha=QUEUED,
    base_branch="main",
    base_sha=BASE,
    pull_request=REF,
)
LEFT = MergeQueueLeft(
    delivery_id="d-2",
    received_at=NOW,
    actor="alice",
    repository=INFRA,
    head_sha=QUEUED,
    merged=False,
)
ELSEWHERE = ChangedFiles(paths=("README.md",))


def said(work: Work) -> dict[str, str | None]:
    """What each status says, by its name; None where the plans say it."""
    return {on_forge(one).context: one.content for one in work.posts}


def planned_verdict(world: World) -> None:
    verdict = Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1)
    world.store.records[REF.key] = a_record(world.forge.pulls[1], verdict=verdict)


def apply_of(world: World) -> None:
    """Let what was planned be applied."""
    (plan,) = world.store.runs.values()
    request = replace(
        plan.request, verb=Verb.APPLY, reviewed=Reviewed(run_id=plan.id, digest=plan.digest)
    )
    done = replace(plan, id="run-9", request=request, state=RunState.SUCCEEDED)
    world.store.runs = {plan.id: plan, done.id: done}


async def test_what_the_queue_would_change_is_planned_at_its_commit(world: World) -> None:
    work = await world.deliver(EVENT)
    (workspace,) = world.server.spaces.values()
    (template,) = [one for one in world.server.stored_templates.values() if one.name == "Plan"]
    assert work.runs == [
        RunRequest(
            trigger=f"queue:code:7:main@{BASE}..{QUEUED}",
            actor="alice",
            verb=Verb.PLAN,
            workspace=workspace.ref,
            template=TemplateChoice(reference="Plan", id=template.id, name="Plan"),
            commit_id=QUEUED,
            repository=INFRA,
            reports=(COMMIT,),
            why="The built-in rule for pull requests: the workspace follows main, and "
            "network/main.tf lies in its folder network.",
        )
    ]
    statuses = [
        PostUpsert(
            kind=PostKind.STATUS,
            target=PostTarget(repository=INFRA, sha=QUEUED, context=context),
            report=COMMIT,
            content=content,
        )
        for context, content in (
            ("terrakube/plan", None),
            ("terrakube/plan: acme/network", None),
            ("terrakube/apply", "failure Not planned at the pull request's head."),
        )
    ]
    assert work == Work(runs=work.runs, posts=statuses)


async def test_where_nothing_is_affected_both_statuses_succeed_at_once(world: World) -> None:
    world.forge.files = ELSEWHERE
    work = await world.deliver(EVENT)
    assert (work.runs, said(work)) == (
        [],
        {
            "terrakube/plan": "success No workspace is affected.",
            "terrakube/apply": "success No workspace is affected.",
        },
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("applied", "success Applied at the pull request's head."),
        ("not applied", "failure Not applied: acme/network."),
        ("without changes", "success Nothing to apply: no plan of the pull request changes"),
        ("plan failed", "failure Without a good plan: acme/network."),
        ("head moved", "failure Not planned at the pull request's head."),
        ("gone", "failure Which pull request it is for is not known"),
        ("not said", "failure Which pull request it is for is not known"),
    ],
)
async def test_a_queue_lets_through_what_is_applied_only(
    world: World, case: str, expected: str
) -> None:
    planned_verdict(world)
    world.ran(
        state=RunState.FAILED if case == "plan failed" else RunState.SUCCEEDED,
        plan_changes=case != "without changes",
    )
    if case == "applied":
        apply_of(world)
    if case == "head moved":
        world.open(head_sha="d" * 40)
    if case == "gone":
        world.forge.pulls.clear()
    ref = None if case == "not said" else REF
    work = await world.deliver(replace(EVENT, pull_request=ref))
    assert (said(work)["terrakube/apply"] or "").startswith(expected)


@pytest.mark.parametrize("base_sha", ["", "0" * 40])
async def test_what_cannot_be_compared_may_have_changed_anything(
    world: World, base_sha: str
) -> None:
    class Forgetful(FakeForge):
        async def compared_files(
            self, repository: RepositoryRef, before: str, after: str
        ) -> ChangedFiles:
            msg = "gone"
            raise NotFoundError(msg, service=self.name, status=404)

    world.forge = Forgetful(pulls=world.forge.pulls)
    work = await world.deliver(replace(EVENT, base_sha=base_sha))
    assert runs(work) == [("network", "Plan", QUEUED)]


class TestTemplates:
    """A rule may plan and apply; a queue never does."""

    APPLYING = (Rule(on=On.PULL_REQUEST, template="Plan and apply"),)

    async def test_one_that_may_change_something_gives_way_to_the_commands(
        self, world: World
    ) -> None:
        world.policy = Policy(rules=self.APPLYING)
        work = await world.deliver(EVENT)
        assert runs(work) == [("network", "Plan", QUEUED)]
        assert [one.applies for one in work.runs] == [False]

    @pytest.mark.parametrize("template", ["Plan and apply", "Gone"])
    async def test_without_any_that_only_plans_it_is_said(
        self, world: World, template: str
    ) -> None:
        world.policy = Policy(rules=self.APPLYING, plan_template=template)
        work = await world.deliver(EVENT)
        text = f"error Not planned: nothing says that template {template} only plans."
        assert (work.runs, said(work)) == ([], {"terrakube/plan": text, "terrakube/apply": text})


async def test_the_head_of_a_pull_request_is_not_the_queues(world: World) -> None:
    """What is said to a queue is said for ever, whatever the plans come to."""
    verdict = Verdict(head_sha=QUEUED, kind="fork", text="")
    known = CommitReport(repository=INFRA, sha=QUEUED, verdicts=(verdict,), runs=())
    world.store.commit_reports = {(INFRA.key, QUEUED): known}
    assert await world.deliver(EVENT) == Work(
        ignored="the commit is a pull request's or a branch's, which has statuses of its own"
    )


async def test_the_queue_of_a_strange_repository_is_left_alone(world: World) -> None:
    world.server.spaces.clear()
    work = await world.deliver(EVENT)
    assert work == Work(ignored="no workspace in Terrakube takes its code from this repository")


async def test_a_group_that_fell_apart_drops_its_plans(world: World) -> None:
    dropped = SupersedeCommit(
        repository=INFRA, sha=QUEUED, reason="The merge queue needs it no longer."
    )
    assert await world.deliver(LEFT) == Work(superseded_commits=[dropped])


async def test_a_merged_group_keeps_what_it_says(world: World) -> None:
    work = await world.deliver(replace(LEFT, merged=True))
    assert work == Work(ignored="what the queue made is merged: what its push starts is told there")


class TestWithADatabase:
    @pytest.fixture
    def stored(self, world: World, database: Database) -> Stored:
        return Stored(world, database)

    async def statuses(self, stored: Stored) -> dict[str, str]:
        """State of each composed status of the queue's commit."""
        report = await stored.store.commit_report(INFRA, QUEUED)
        found = render_statuses(report, prefix="terrakube", per_workspace_limit=10)
        return {one.context: one.state.value for one in found}

    async def phases(self, stored: Stored) -> list[tuple[Any, ...]]:
        rows = await rows_of(stored.database, run)
        return [(row["verb"], row["pull_request"], row["phase"], row["state"]) for row in rows]

    async def test_asked_twice_it_is_planned_once(self, stored: Stored) -> None:
        await stored.deliver(EVENT)
        await stored.deliver(replace(EVENT, delivery_id="d-9"))
        assert await self.phases(stored) == [("plan", None, "planned", "queued")]
        assert set((await self.statuses(stored)).values()) == {"pending"}

    async def test_what_is_dropped_concludes_and_may_be_queued_again(self, stored: Stored) -> None:
        await stored.deliver(EVENT)
        before = {row["key"]: row["revision"] for row in await rows_of(stored.database, post)}
        await stored.deliver(LEFT)
        assert await self.phases(stored) == [("plan", None, "finished", "superseded")]
        assert set((await self.statuses(stored)).values()) == {"error"}
        after = {row["key"]: row["revision"] for row in await rows_of(stored.database, post)}
        assert [key for key in before if after[key] > before[key]] == [
            f"status:code:7:{QUEUED}:terrakube/plan",
            f"status:code:7:{QUEUED}:terrakube/plan: acme/network",
        ]
        await stored.deliver(replace(EVENT, delivery_id="d-9"))
        assert [one[2] for one in await self.phases(stored)] == ["finished", "planned"]

    async def test_plans_of_others_are_not_dropped(self, stored: Stored) -> None:
        await stored.deliver(replace(EVENT, head_sha=HEAD))
        await stored.deliver(LEFT)
        assert await self.phases(stored) == [("plan", None, "planned", "queued")]
