"""Pushes through the router: branches, tags, what is gone, and what was noticed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from bridge.domain.errors import NotAllowedError, NotFoundError, NotYetError
from bridge.domain.events import BranchNoticed, RefDeleted, TagPushed
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.reports import CommitReport, RunReport
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.runs import Run, RunPhase, RunRequest, RunState, TemplateChoice, Verb
from bridge.domain.vcs import (
    ChangedFiles,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
)
from bridge.domain.work import BranchSeen, PullRequestSeen, Work
from tests.fakes import runs as fake_runs
from tests.fakes.forge import BASE, HEAD, INFRA, MERGE, FakeForge, a_pull_request
from tests.fakes.store import a_record
from tests.handlers.conftest import NOW, World, posts, pushed, runs

SEEN = BranchSeen(repository=INFRA, branch="main", sha=HEAD)
OTHER = "d" * 40


@dataclass(slots=True)
class ComparingForge(FakeForge):
    """Answers each comparison as told, and remembers what was compared."""

    compared: list[tuple[str, str]] = field(default_factory=list)
    answers: dict[tuple[str, str], ChangedFiles] = field(default_factory=dict)
    no_branches: bool = False

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        self.compared.append((before, after))
        if (before, after) not in self.answers:
            msg = f"compare {before}...{after}: answered 404"
            raise NotFoundError(msg, service=self.name, status=404)
        return self.answers[before, after]

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        found = await FakeForge.repository_by_id(self, repository)
        if not self.no_branches:
            return found
        return Repository(
            ref=found.ref, clone_urls=found.clone_urls, web_url="", default_branch=None
        )


@pytest.fixture
def world(world: World) -> World:
    world.forge.heads["main"] = HEAD
    return world


@pytest.fixture
def comparing(world: World) -> ComparingForge:
    forge = ComparingForge(heads={"main": HEAD, "release": HEAD})
    world.forge = forge
    world.workspace("release", branch="release", folder="/network")
    return forge


async def test_a_push_to_a_followed_branch_runs_the_workspaces_template(world: World) -> None:
    work = await world.deliver(pushed())
    (space,) = world.server.spaces.values()
    (_, apply) = world.server.stored_templates.values()
    commit = f"commit:code:7:{HEAD}"
    status = PostTarget(repository=INFRA, sha=HEAD, context="terrakube/push")
    one = PostTarget(repository=INFRA, sha=HEAD, context="terrakube/push: acme/network")
    assert work == Work(
        runs=[
            RunRequest(
                trigger=f"push:code:7:refs/heads/main@{BASE}..{HEAD}",
                actor="alice",
                verb=Verb.PUSH,
                workspace=space.ref,
                template=TemplateChoice(reference="default", id=apply.id, name=apply.name),
                commit_id=HEAD,
                repository=INFRA,
                reports=(commit,),
                branch="main",
                why="The built-in rule for pushes: the workspace follows main, and "
                "network/main.tf lies in its folder network.",
                applies=True,
            )
        ],
        posts=[
            PostUpsert(kind=PostKind.STATUS, target=status, report=commit),
            PostUpsert(kind=PostKind.STATUS, target=one, report=commit),
        ],
        branches=[SEEN],
    )


async def test_a_push_that_touches_no_workspace_is_remembered_and_starts_nothing(
    world: World,
) -> None:
    world.forge.files = ChangedFiles(paths=("README.md",))
    assert await world.deliver(pushed()) == Work(
        branches=[SEEN],
        ignored="no workspace that follows main has a rule for pushes and a changed file",
    )


async def test_a_branch_nobody_follows_costs_no_comparison(
    world: World, comparing: ComparingForge
) -> None:
    work = await world.deliver(pushed(branch="feature"))
    assert work == Work(ignored="no workspace follows the branch feature")
    assert not comparing.compared


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # Said to be no forced push: one direction is enough.
        ({"forced": False}, [(BASE, HEAD)]),
        # Forced, or not said: what was dropped counts as well.
        ({"forced": True}, [(BASE, HEAD), (HEAD, BASE)]),
        ({"forced": None}, [(BASE, HEAD), (HEAD, BASE)]),
    ],
)
async def test_a_forced_push_is_compared_in_both_directions(
    world: World,
    comparing: ComparingForge,
    changes: dict[str, bool | None],
    expected: Sequence[tuple[str, str]],
) -> None:
    comparing.answers[BASE, HEAD] = ChangedFiles(paths=("README.md",))
    comparing.answers[HEAD, BASE] = ChangedFiles(paths=("network/dropped.tf",))
    work = await world.deliver(pushed(**changes))
    assert comparing.compared == expected
    assert bool(work.runs) is (len(expected) > 1)


async def test_a_commit_that_cannot_be_compared_affects_everything(
    world: World, comparing: ComparingForge
) -> None:
    world.workspace("dns")
    work = await world.deliver(pushed(forced=True))
    assert [name for name, _, _ in runs(work)] == ["dns", "network"]
    assert work.runs[0].why.endswith("anything may have changed (bbbbbbbbbbbb is gone).")
    comparing.answers[BASE, HEAD] = ChangedFiles(paths=("README.md",))
    assert len((await world.deliver(pushed(forced=True))).runs) == 2


async def test_a_new_branch_is_compared_with_the_default_branch(
    world: World, comparing: ComparingForge
) -> None:
    comparing.answers["main", HEAD] = ChangedFiles(paths=("network/main.tf",))
    work = await world.deliver(pushed(branch="release", before=None, forced=None))
    assert runs(work) == [("release", "Plan and apply", HEAD)]
    assert work.runs[0].trigger == f"push:code:7:refs/heads/release@..{HEAD}"
    assert comparing.compared == [("main", HEAD)]


@pytest.mark.parametrize("no_branches", [True, False])
async def test_the_first_push_of_a_repository_affects_everything(
    world: World, comparing: ComparingForge, *, no_branches: bool
) -> None:
    comparing.no_branches = no_branches
    work = await world.deliver(pushed(before=None))
    assert runs(work) == [("network", "Plan and apply", HEAD)]
    assert not comparing.compared


async def test_a_push_nobody_told_about_is_made_up_for(
    world: World, comparing: ComparingForge
) -> None:
    """The files since what was dealt with last count, not only those of this push."""
    world.store.heads["code:7", "main"] = OTHER
    comparing.answers[OTHER, HEAD] = ChangedFiles(paths=("network/main.tf",))
    comparing.answers[HEAD, OTHER] = ChangedFiles(paths=())
    work = await world.deliver(pushed())
    assert runs(work) == [("network", "Plan and apply", HEAD)]


async def test_a_late_push_does_not_run_an_older_commit_over_a_newer_one(world: World) -> None:
    world.forge.heads["main"] = OTHER
    world.store.heads["code:7", "main"] = OTHER
    work = await world.deliver(pushed())
    assert work == Work(ignored="the branch went on to dddddddddddd, which was dealt with already")


async def test_a_push_that_a_newer_one_made_up_for_is_not_run_over_it(
    world: World,
) -> None:
    """Three pushes; the first is told last, when the second was dealt with and a third waits."""
    newest = "e" * 40
    world.forge.heads["main"] = newest
    world.store.heads["code:7", "main"] = OTHER
    world.forge.ancestors |= {(HEAD, OTHER), (HEAD, newest)}

    late = await world.deliver(pushed(before=BASE, after=HEAD))

    assert late == Work(ignored=f"main was dealt with at {OTHER[:12]}, which holds {HEAD[:12]}")


async def test_a_push_that_is_told_after_it_was_made_up_for_does_not_run_again(
    world: World,
) -> None:
    """The comparison has seen an older commit before it: another trigger, the same runs."""
    made_up_for = await world.deliver(pushed(before=OTHER, after=HEAD))
    (request,) = made_up_for.runs
    ran = RunReport(run=a_run(request), job_url="")
    report = CommitReport(repository=INFRA, sha=HEAD, verdicts=(), runs=(ran,))
    world.store.commit_reports = {(INFRA.key, HEAD): report}

    told = await world.deliver(pushed(before=BASE, after=HEAD))

    assert runs(told) == []
    assert told.ignored == "the push was dealt with already"


def a_run(request: RunRequest) -> Run:
    return fake_runs.a_run(
        request,
        id="r-1",
        phase=RunPhase.FINISHED,
        state=RunState.SUCCEEDED,
        job_id="1",
        job_status="completed",
        created_at=NOW,
    )


async def test_a_push_that_was_overtaken_runs_at_its_own_commit(world: World) -> None:
    world.forge.heads["main"] = OTHER
    world.forge.ancestors.add((HEAD, OTHER))
    assert runs(await world.deliver(pushed())) == [("network", "Plan and apply", HEAD)]
    later = await world.deliver(pushed(before=HEAD, after=OTHER))
    assert runs(later) == [("network", "Plan and apply", OTHER)]


async def test_a_commit_that_the_branch_does_not_hold_is_not_run(world: World) -> None:
    """It was pushed over, or the delivery lies; what a branch starts may apply."""
    world.forge.heads["main"] = OTHER
    work = await world.deliver(pushed())
    assert work == Work(ignored="main is at dddddddddddd, which does not hold aaaaaaaaaaaa")
    later = await world.deliver(pushed(before=HEAD, after=OTHER, forced=True))
    assert runs(later) == [("network", "Plan and apply", OTHER)]


async def test_an_api_that_lags_behind_is_asked_again_a_few_times(world: World) -> None:
    world.forge.heads["main"] = BASE
    for attempt in range(1, 6):
        with pytest.raises(NotYetError):
            await world.deliver(pushed(), attempt=attempt)
    work = await world.deliver(pushed(), attempt=6)
    assert work == Work(attempt=6, ignored="the branch main is back at bbbbbbbbbbbb")


async def test_a_branch_that_is_gone_by_now_starts_nothing(world: World) -> None:
    del world.forge.heads["main"]
    work = await world.deliver(pushed(), attempt=6)
    assert work == Work(attempt=6, ignored="the branch main is gone")


REF = PullRequestRef(repository=INFRA, number=1)


async def test_a_push_belongs_to_the_pull_request_whose_merge_it_is(world: World) -> None:
    merged = a_pull_request(1, state=PullRequestState.MERGED, merge_commit=HEAD)
    world.store.records[REF.key] = a_record(merged)
    work = await world.deliver(pushed())
    assert [run.reports for run in work.runs] == [(f"commit:code:7:{HEAD}", REF.key)]
    assert posts(work) == [
        "report:1",
        "status:terrakube/push",
        "status:terrakube/push: acme/network",
    ]
    assert not work.pull_requests


async def test_a_push_that_comes_before_the_closing_asks_the_forge(world: World) -> None:
    world.store.records[REF.key] = a_record(world.forge.pulls[1])
    world.forge.merged_by[HEAD] = [1]
    work = await world.deliver(pushed())
    assert work.runs[0].reports[1:] == (REF.key,)
    assert not work.pull_requests


async def test_a_pull_request_from_before_the_bridge_is_remembered_for_its_push(
    world: World,
) -> None:
    world.open(state=PullRequestState.MERGED, merge_commit=HEAD)
    world.forge.merged_by[HEAD] = [1]
    work = await world.deliver(pushed())
    assert work.pull_requests == [PullRequestSeen(pull_request=world.forge.pulls[1])]
    assert work.runs[0].reports[1:] == (REF.key,)


@dataclass(slots=True)
class SecretiveForge(FakeForge):
    """Does not say which pull requests brought a commit."""

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        msg = "GET commits: answered 403"
        raise NotAllowedError(msg, service=self.name, status=403)


async def test_a_push_runs_although_the_forge_hides_its_pull_request(world: World) -> None:
    world.forge = SecretiveForge(heads={"main": HEAD})
    assert runs(await world.deliver(pushed())) == [("network", "Plan and apply", HEAD)]


def tagged(**changes: object) -> TagPushed:
    values: dict[str, object] = {
        "delivery_id": "d-1",
        "received_at": NOW,
        "actor": "alice",
        "repository": INFRA,
        "tag": "v1",
        "before": None,
        "after": OTHER,
        "commit": HEAD,
    }
    return TagPushed(**{**values, **changes})  # type: ignore[arg-type]  # named by each test


@pytest.fixture
def releasing(world: World) -> World:
    rule = Rule(on=On.TAG, template="Plan and apply", tags=("v*",), name="rule 1")
    world.policy = Policy(rules=(rule,))
    world.forge.tags["v1"] = HEAD
    return world


async def test_a_tag_runs_at_its_peeled_commit_under_its_bare_name(releasing: World) -> None:
    """Also when the delivery names the tag object only, as for an annotated tag."""
    for commit in (HEAD, None):
        work = await releasing.deliver(tagged(commit=commit))
        (run,) = work.runs
        assert (run.tag, run.branch, run.commit_id) == ("v1", "", HEAD)
        assert run.trigger == f"push:code:7:refs/tags/v1@..{OTHER}"
        assert posts(work)[0] == "status:terrakube/push"


async def test_a_tag_without_a_rule_starts_nothing(world: World) -> None:
    work = await world.deliver(tagged())
    assert work == Work(ignored="no rule is about the tag v1")


async def test_a_tag_that_moved_since_is_the_newer_pushs_matter(releasing: World) -> None:
    releasing.forge.tags["v1"] = MERGE
    with pytest.raises(NotYetError):
        await releasing.deliver(tagged())
    work = await releasing.deliver(tagged(), attempt=6)
    assert work == Work(attempt=6, ignored="the tag v1 was moved or deleted since")


@pytest.mark.parametrize(("is_tag", "what"), [(True, "tag"), (False, "branch")])
async def test_what_is_deleted_starts_nothing(world: World, *, is_tag: bool, what: str) -> None:
    event = RefDeleted(
        delivery_id="d-1",
        received_at=NOW,
        actor="alice",
        repository=INFRA,
        ref="main",
        is_tag=is_tag,
    )
    assert await world.deliver(event) == Work(ignored=f"the {what} main was deleted")


async def test_a_branch_looked_at_for_the_first_time_is_only_remembered(world: World) -> None:
    event = BranchNoticed(
        delivery_id="d-1",
        received_at=NOW,
        actor="terrakube-bridge",
        repository=INFRA,
        branch="main",
        sha=HEAD,
    )
    assert await world.deliver(event) == Work(branches=[SEEN])
    again = await world.deliver(event)
    assert again == Work(ignored="a push told about the branch in the meantime")
