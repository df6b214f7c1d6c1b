"""The comparison of a forge with the store, and what it announces."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.decisions.repositories import Matcher
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import NotAllowedError, NotFoundError, PayloadError, RemoteError
from bridge.domain.events import (
    BranchNoticed,
    BranchPushed,
    Event,
    PullRequestClosed,
    PullRequestOpened,
    PullRequestUpdated,
    RefDeleted,
)
from bridge.domain.vcs import PullRequestState, Repository, RepositoryRef
from bridge.services.catalog import Catalog
from bridge.services.noticing import NoticeService, decode_event, encode_event
from tests.fakes.clock import FakeClock
from tests.fakes.forge import BASE, HEAD, INFRA, FakeForge, a_pull_request
from tests.fakes.jobserver import FakeJobServer
from tests.fakes.store import FakeRunStore, a_record

START = datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
NEWER = "d" * 40


@dataclass(slots=True)
class PartlyForge(FakeForge):
    """Some repositories cannot be read."""

    unreadable: dict[str, RemoteError] = field(default_factory=dict)

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        if repository.id in self.unreadable:
            raise self.unreadable[repository.id]
        return await FakeForge.repository_by_id(self, repository)


@dataclass(slots=True)
class World:
    forge: PartlyForge = field(default_factory=PartlyForge)
    server: FakeJobServer = field(default_factory=FakeJobServer)
    store: FakeRunStore = field(default_factory=lambda: FakeRunStore(repositories=[INFRA]))
    clock: FakeClock = field(default_factory=FakeClock)

    async def compare(self) -> list[Delivery]:
        service = NoticeService(
            forge=self.forge,
            catalog=Catalog(server=self.server),
            store=self.store,
            clock=self.clock,
            since=START,
            matcher=Matcher(),
        )
        return list(await service.compare())

    async def events(self) -> list[Event]:
        return [decode_event(delivery) for delivery in await self.compare()]


@pytest.fixture
def world() -> World:
    """Everything is as the store says."""
    world = World()
    world.server.add_workspace("network", branch="main,release")
    pull_request = a_pull_request(1)
    world.forge.pulls[1] = pull_request
    world.store.records[pull_request.ref.key] = a_record(pull_request)
    world.store.heads["code:7", "main"] = BASE
    return world


async def test_nothing_is_announced_while_nothing_was_missed(world: World) -> None:
    assert await world.compare() == []


async def test_a_pull_request_nobody_told_about_is_announced(world: World) -> None:
    world.forge.pulls[2] = a_pull_request(2)
    (event,) = await world.events()
    assert event == PullRequestOpened(
        delivery_id=f"pr:code:7:2@{HEAD}/{int(world.clock.now().timestamp()) // 600}",
        received_at=world.clock.now(),
        actor="alice",
        repository=INFRA,
        pull_request=world.forge.pulls[2].ref,
        head_sha=HEAD,
        head_branch="feature",
        base_branch="main",
        from_fork=False,
        updated_at=world.forge.pulls[2].updated_at,
    )


async def test_what_was_not_touched_since_the_first_start_is_none_of_our_business(
    world: World,
) -> None:
    world.forge.pulls[2] = a_pull_request(2, updated_at=START - timedelta(seconds=1))
    assert await world.compare() == []
    world.forge.pulls[2] = a_pull_request(2, updated_at=None)
    assert len(await world.compare()) == 1


@pytest.mark.parametrize("changes", [{"head_sha": NEWER}, {"base_branch": "release"}])
async def test_a_moved_head_or_base_is_announced(world: World, changes: dict[str, str]) -> None:
    world.forge.pulls[1] = a_pull_request(1, **changes)
    assert [type(event) for event in await world.events()] == [PullRequestUpdated]


@pytest.mark.parametrize("state", [PullRequestState.CLOSED, PullRequestState.MERGED])
async def test_a_pull_request_that_is_over_is_announced(
    world: World, state: PullRequestState
) -> None:
    world.forge.pulls[1] = a_pull_request(1, state=state)
    (event,) = await world.events()
    assert isinstance(event, PullRequestClosed)
    assert event.pull_request == world.forge.pulls[1].ref


async def test_a_followed_branch_that_moved_is_announced(world: World) -> None:
    world.forge.heads = {"main": NEWER, "feature": NEWER}
    (delivery,) = await world.compare()
    assert delivery.subject == "branch:code:7:refs/heads/main"
    event = decode_event(delivery)
    assert isinstance(event, BranchPushed)
    assert (event.branch, event.before, event.after, event.forced) == ("main", BASE, NEWER, None)


async def test_a_followed_branch_is_remembered_at_first_sight(world: World) -> None:
    world.forge.heads["release"] = HEAD
    (event,) = await world.events()
    assert isinstance(event, BranchNoticed)
    assert (event.branch, event.sha) == ("release", HEAD)


async def test_a_repository_that_feeds_no_workspace_is_not_looked_at(world: World) -> None:
    world.server.spaces.clear()
    world.forge.pulls[2] = a_pull_request(2)
    world.forge.heads["main"] = NEWER
    assert await world.compare() == []


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("answered 404", service="code", status=404),
        NotAllowedError("answered 403", service="code", status=403),
    ],
)
async def test_one_repository_that_cannot_be_read_does_not_hide_the_others(
    world: World, error: RemoteError
) -> None:
    gone = RepositoryRef(forge="code", id="6", slug="acme/gone")
    world.store.repositories = [gone, replace(INFRA, forge="elsewhere"), INFRA]
    world.forge.unreadable["6"] = error
    world.forge.heads["main"] = NEWER
    assert len(await world.compare()) == 1


async def test_one_difference_is_announced_once_in_ten_minutes(world: World) -> None:
    """Until it was dealt with each round finds it again; one delivery of it is enough."""
    world.forge.heads["main"] = NEWER
    keys = []
    for _ in range(3):
        (delivery,) = await world.compare()
        keys.append(delivery.key)
        world.clock.advance(300)
    assert keys[0] == keys[1] != keys[2]


def test_an_event_nobody_has_an_order_for_is_not_written() -> None:
    event = RefDeleted(
        delivery_id="d-1",
        received_at=START,
        actor="alice",
        repository=INFRA,
        ref="main",
        is_tag=False,
    )
    with pytest.raises(TypeError, match="RefDeleted has no subject"):
        encode_event(event)


async def test_a_damaged_delivery_of_our_own_is_refused(world: World) -> None:
    world.forge.heads["main"] = NEWER
    (delivery,) = await world.compare()
    for damaged in (replace(delivery, kind="RefDeleted"), replace(delivery, body=b"{}")):
        with pytest.raises(PayloadError, match="is not one of the bridge's own"):
            decode_event(damaged)
