"""Pull requests through the router: what is written down for each event."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.domain.errors import NotYetError
from bridge.domain.events import (
    PullRequestClosed,
    PullRequestDrafted,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestReady,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestReviewed,
    PullRequestUpdated,
)
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.rules import Policy
from bridge.domain.runs import RunRequest, TemplateChoice, Verb
from bridge.domain.vcs import ChangedFiles, PullRequestState
from bridge.domain.work import FreeHolds, LinkRuns, PullRequestSeen, Supersede, Verdict, Work
from tests.fakes.forge import HEAD, INFRA, MERGE
from tests.fakes.store import a_record
from tests.handlers.conftest import NOW, World, about, posts, runs

KEY = "pr:code:7:1"
COMMIT = f"commit:code:7:{HEAD}"
NEWER = "d" * 40
KINDS = [
    PullRequestOpened,
    PullRequestUpdated,
    PullRequestReopened,
    PullRequestReady,
    PullRequestDrafted,
    PullRequestRetargeted,
]


async def test_an_opened_pull_request_is_planned_and_told(world: World) -> None:
    pull_request = world.forge.pulls[1]
    (space,) = world.server.spaces.values()
    (plan, _) = world.server.stored_templates.values()
    work = await world.deliver(about(pull_request))
    status = PostTarget(repository=INFRA, sha=HEAD, context="terrakube/plan")
    assert work == Work(
        runs=[
            RunRequest(
                trigger=f"{KEY}@{HEAD}+main",
                actor="alice",
                verb=Verb.PLAN,
                workspace=space.ref,
                template=TemplateChoice(reference="Plan", id=plan.id, name="Plan"),
                commit_id=HEAD,
                repository=INFRA,
                reports=(KEY, COMMIT),
                branch="feature",
                pull_request=1,
                why="The built-in rule for pull requests: the workspace follows main, and "
                "network/main.tf lies in its folder network.",
            )
        ],
        posts=[
            PostUpsert(
                kind=PostKind.REPORT, target=PostTarget(repository=INFRA, number=1), report=KEY
            ),
            PostUpsert(kind=PostKind.STATUS, target=status, report=COMMIT),
            PostUpsert(
                kind=PostKind.STATUS,
                target=replace(status, context="terrakube/plan: acme/network"),
                report=COMMIT,
            ),
        ],
        pull_requests=[
            PullRequestSeen(
                pull_request=pull_request,
                verdict=Verdict(head_sha=HEAD, kind="planning", text="", workspaces=1),
            )
        ],
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_every_event_leads_to_what_the_pull_request_is_now(
    world: World, kind: type[PullRequestEvent]
) -> None:
    work = await world.deliver(about(world.forge.pulls[1], kind))
    assert runs(work) == [("network", "Plan", HEAD)]


async def test_events_of_one_head_share_a_trigger_and_reopening_has_its_own(world: World) -> None:
    """What was planned before it was closed is planned again; two hooks ask for it once."""
    pull_request = world.forge.pulls[1]
    triggers = {
        kind.__name__: (await world.deliver(about(pull_request, kind))).runs[0].trigger
        for kind in KINDS
    }
    again = await world.deliver(about(pull_request, PullRequestReopened, delivery_id="d-2"))
    reopened = triggers.pop("PullRequestReopened")
    assert set(triggers.values()) == {f"{KEY}@{HEAD}+main"}
    assert reopened == f"{KEY}@{HEAD}+main@2026-11-24T12:00:00+00:00"
    assert again.runs[0].trigger == reopened


async def test_reopening_without_a_time_is_told_apart_by_its_delivery(world: World) -> None:
    event = about(world.forge.pulls[1], PullRequestReopened, updated_at=None)
    assert (await world.deliver(event)).runs[0].trigger == f"{KEY}@{HEAD}+main@d-1"


async def test_reopening_a_fork_has_no_trigger_of_its_own(world: World) -> None:
    fork = world.open(from_fork=True)
    world.store.records[KEY] = a_record(fork, allowed_head=HEAD)
    work = await world.deliver(about(fork, PullRequestReopened))
    assert [one.trigger for one in work.runs] == [f"{KEY}@{HEAD}+main"]


async def test_a_repository_terrakube_does_not_know_is_left_alone(world: World) -> None:
    world.server.spaces.clear()
    work = await world.deliver(about(world.forge.pulls[1]))
    reason = "no workspace in Terrakube takes its code from this repository"
    assert work == Work(ignored=reason)


@pytest.mark.parametrize(
    ("changes", "files", "policy", "kind"),
    [
        ({}, ChangedFiles(paths=("README.md",)), Policy(), "nothing"),
        ({"from_fork": True}, ChangedFiles(paths=("network/a",)), Policy(), "fork"),
        (
            {"draft": True},
            ChangedFiles(paths=("network/a",)),
            Policy(plan_drafts=False),
            "draft",
        ),
        ({}, ChangedFiles(paths=("network/a",)), Policy(max_workspaces=0), "too_many"),
    ],
)
async def test_what_is_not_planned_is_told_in_comment_and_aggregate(
    world: World, changes: dict[str, Any], files: ChangedFiles, policy: Policy, kind: str
) -> None:
    world.policy, world.forge.files = policy, files
    work = await world.deliver(about(world.open(**changes)))
    assert not work.runs
    assert posts(work) == ["report:1", "status:terrakube/plan"]
    (seen,) = work.pull_requests
    assert seen.verdict is not None
    assert seen.verdict.kind == kind


async def test_only_a_few_workspaces_have_a_status_of_their_own(world: World) -> None:
    for number in range(9):
        world.workspace(f"extra-{number}", folder="/network")
    assert len(posts(await world.deliver(about(world.forge.pulls[1])))) == 12
    world.workspace("one-too-many", folder="/network")
    work = await world.deliver(about(world.forge.pulls[1]))
    assert len(work.runs) == 11
    assert posts(work) == ["report:1", "status:terrakube/plan"]


async def test_a_list_of_files_that_is_not_complete_affects_everything(world: World) -> None:
    world.workspace("dns")
    world.forge.files = ChangedFiles(paths=(), complete=False, reason="more than 3000 files")
    work = await world.deliver(about(world.forge.pulls[1]))
    assert [name for name, _, _ in runs(work)] == ["dns", "network"]


async def test_a_newer_head_supersedes_plans_of_the_older_one(world: World) -> None:
    await world.deliver(about(world.forge.pulls[1]))
    work = await world.deliver(about(world.open(head_sha=NEWER), PullRequestUpdated))
    assert runs(work) == [("network", "Plan", NEWER)]
    assert work.supersedes == [
        Supersede(
            pull_request=world.forge.pulls[1].ref, keep_head=NEWER, reason="A newer commit came."
        )
    ]


async def test_another_base_plans_what_follows_it(world: World) -> None:
    release = world.workspace("release", branch="release", folder="/network")
    (network, _) = world.server.spaces.values()
    await world.deliver(about(world.forge.pulls[1]))
    moved = world.open(base_branch="release")
    work = await world.deliver(about(moved, PullRequestRetargeted))
    assert [(run.workspace, run.trigger) for run in work.runs] == [
        (release.ref, f"{KEY}@{HEAD}+release")
    ]
    assert [one.workspaces for one in work.supersedes] == [frozenset({network.ref.id})]


async def test_an_event_that_was_overtaken_leads_to_the_present_head(world: World) -> None:
    old = world.forge.pulls[1]
    world.open(head_sha=NEWER, updated_at=NOW + timedelta(seconds=9))
    work = await world.deliver(about(old, PullRequestUpdated))
    assert runs(work) == [("network", "Plan", NEWER)]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        (PullRequestUpdated, {"head_sha": NEWER, "updated_at": NOW + timedelta(seconds=1)}),
        (PullRequestUpdated, {"head_sha": NEWER, "updated_at": None}),
        (PullRequestUpdated, {"head_sha": NEWER}),
        (
            PullRequestRetargeted,
            {"base_branch": "release", "updated_at": NOW + timedelta(seconds=1)},
        ),
    ],
)
async def test_an_api_that_lags_behind_is_asked_again_a_few_times(
    world: World, kind: type[PullRequestEvent], changes: dict[str, Any]
) -> None:
    event = about(world.forge.pulls[1], kind, **changes)
    for attempt in range(1, 6):
        with pytest.raises(NotYetError):
            await world.deliver(event, attempt=attempt)
    assert runs(await world.deliver(event, attempt=6)) == [("network", "Plan", HEAD)]


def closed(world: World, **changes: Any) -> PullRequestEvent:  # noqa: ANN401 - its fields
    values: dict[str, Any] = {"state": PullRequestState.MERGED, "merge_commit": MERGE}
    pull_request = world.open(**{**values, **changes})
    merged = pull_request.state is PullRequestState.MERGED
    return about(
        pull_request, PullRequestClosed, merged=merged, merge_commit=pull_request.merge_commit
    )


async def test_merging_drops_plans_and_awaits_the_push(world: World) -> None:
    await world.deliver(about(world.forge.pulls[1]))
    work = await world.deliver(closed(world))
    ref = world.forge.pulls[1].ref
    assert work == Work(
        posts=work.posts,
        pull_requests=[PullRequestSeen(pull_request=world.forge.pulls[1])],
        supersedes=[
            Supersede(pull_request=ref, keep_head=None, reason="The pull request was merged.")
        ],
        frees=[FreeHolds(pull_request=ref, ends_queued="The pull request was merged.")],
        links=[LinkRuns(pull_request=ref, commit=MERGE)],
    )
    assert posts(work) == ["report:1", "status:terrakube/plan"]
    record = await world.store.pull_request(ref)
    assert record is not None
    assert (record.state, record.merge_commit) == ("merged", MERGE)
    assert record.verdict is not None


async def test_closing_without_merging_links_nothing(world: World) -> None:
    await world.deliver(about(world.forge.pulls[1]))
    work = await world.deliver(closed(world, state=PullRequestState.CLOSED))
    assert not work.links
    assert [one.reason for one in work.supersedes] == ["The pull request was closed."]


async def test_a_pull_request_that_was_never_followed_is_not_closed_either(world: World) -> None:
    work = await world.deliver(closed(world))
    assert work == Work(ignored="the pull request is merged and was never followed")


async def test_an_update_of_what_is_closed_by_now_closes_it(world: World) -> None:
    await world.deliver(about(world.forge.pulls[1]))
    late = about(world.forge.pulls[1], PullRequestUpdated)
    world.open(state=PullRequestState.CLOSED, updated_at=NOW + timedelta(seconds=5))
    work = await world.deliver(late)
    assert not work.runs
    assert [one.reason for one in work.supersedes] == ["The pull request was closed."]


async def test_a_closing_the_api_does_not_show_yet_is_waited_for(world: World) -> None:
    event = about(world.forge.pulls[1], PullRequestClosed, merged=True, merge_commit=MERGE)
    with pytest.raises(NotYetError):
        await world.deliver(event)


async def test_a_review_changes_no_plan(world: World) -> None:
    work = await world.deliver(about(world.forge.pulls[1], PullRequestReviewed))
    assert work == Work(ignored="a review changes nothing that is planned")


async def test_handling_twice_writes_the_same(world: World) -> None:
    """A handler may run again after a crash: what it awaits only reads."""
    event = about(world.forge.pulls[1])
    works = []
    for _ in range(2):
        work = Work()
        await world.router.dispatch(event, world.services(), work)
        works.append(work)
    assert works[0] == works[1]
    assert not world.forge.writes
    assert world.server.count("create_job") == 0
