"""Merge queues and checks."""

import pytest

from bridge.domain.events import CheckRerequested, MergeQueueChecked
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.reports import CommitReport
from bridge.domain.work import Verdict, Work
from tests.fakes.forge import INFRA, MERGE
from tests.handlers.conftest import NOW, World

QUEUE = MergeQueueChecked(
    delivery_id="d-1",
    received_at=NOW,
    actor="alice",
    repository=INFRA,
    head_sha=MERGE,
    base_branch="main",
)


async def test_a_merge_queue_is_not_kept_waiting(world: World) -> None:
    post = PostUpsert(
        kind=PostKind.STATUS,
        target=PostTarget(repository=INFRA, sha=MERGE, context="terrakube/plan"),
        report=f"commit:code:7:{MERGE}",
        content="success planned at the pull request's head",
    )
    assert await world.deliver(QUEUE) == Work(posts=[post])


async def test_the_head_of_a_pull_request_is_not_waved_through(world: World) -> None:
    """What is said to a queue is said for ever, whatever the plans come to."""
    verdict = Verdict(head_sha=MERGE, kind="fork", text="")
    known = CommitReport(repository=INFRA, sha=MERGE, verdicts=(verdict,), runs=())
    world.store.commit_reports = {(INFRA.key, MERGE): known}
    assert await world.deliver(QUEUE) == Work(
        ignored="the commit is a pull request's or a branch's, which has statuses of its own"
    )


async def test_the_queue_of_a_strange_repository_is_left_alone(world: World) -> None:
    world.server.spaces.clear()
    work = await world.deliver(QUEUE)
    assert work == Work(ignored="no workspace in Terrakube takes its code from this repository")


@pytest.mark.parametrize("external_id", ["", "somebody's"])
async def test_a_check_is_somebody_elses(world: World, external_id: str) -> None:
    event = CheckRerequested(
        delivery_id="d-1",
        received_at=NOW,
        actor="alice",
        repository=INFRA,
        head_sha=MERGE,
        external_id=external_id,
    )
    assert await world.deliver(event) == Work(
        ignored="the bridge has no checks; `terrakube plan` in a comment plans again"
    )
