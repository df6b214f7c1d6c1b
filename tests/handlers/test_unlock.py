"""Unlock through the router: own locks, those of others, and what cannot be freed."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.domain.holds import Hold
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.vcs import Permission, PullRequestRef
from bridge.domain.work import AuditEntry, FreeHolds
from tests.fakes.forge import INFRA
from tests.golden import check_golden
from tests.handlers.conftest import NOW, World, posts, replies

GOLDEN = Path(__file__).parent / "golden"
OWN = PullRequestRef(repository=INFRA, number=1)
OTHER = PullRequestRef(repository=INFRA, number=2)


@pytest.fixture
def locked(world: World) -> World:
    """This pull request has two workspaces, of which one is busy; another one has a third."""
    world.workspace("dns")
    world.workspace("prod")
    hold(world, "network")
    hold(world, "dns", busy=True)
    hold(world, "prod", OTHER)
    world.forge.permissions["root"] = Permission.ADMIN
    return world


def hold(world: World, name: str, ref: PullRequestRef = OWN, **changes: object) -> None:
    (space,) = [one.ref for one in world.server.spaces.values() if one.ref.name == name]
    values: dict[str, object] = {
        "workspace": space,
        "pull_request": ref,
        "actor": "bob",
        "web_url": "https://git.example.com/acme/infra/pulls/2",
        "since": NOW,
    }
    world.store.held[space.id] = Hold(**(values | changes))  # type: ignore[arg-type]  # named by each test


def space_id(world: World, name: str) -> str:
    return next(one.ref.id for one in world.server.spaces.values() if one.ref.name == name)


async def test_all_of_a_pull_requests_own_are_freed_but_what_is_busy(locked: World) -> None:
    work = await locked.say("terrakube unlock")
    assert work.frees == [
        FreeHolds(
            pull_request=OWN,
            workspaces=frozenset({space_id(locked, "network")}),
            ends_queued="The workspace was unlocked by alice.",
        )
    ]
    assert posts(work) == ["reaction:eyes", "report:1", "reply:1"]
    assert work.audits == [
        AuditEntry(
            actor="alice",
            action="unlock.requested",
            door="comment",
            subject=OWN.key,
            result="done",
            detail="terrakube unlock: acme/network of pr:code:7:1",
        )
    ]


async def test_another_pull_requests_lock_is_freed_by_an_administrator_and_told_there(
    locked: World,
) -> None:
    work = await locked.say("terrakube unlock -w prod", author="root")
    assert [one.pull_request for one in work.frees] == [OTHER]
    target = PostTarget(repository=INFRA, number=2, content="unlocked:comment:code:7:100:1")
    (told,) = [one for one in work.posts if one.target == target]
    assert told == PostUpsert(
        kind=PostKind.REPLY,
        target=target,
        report=OTHER.key,
        content="`root` unlocked `acme/prod` from pull request #1 of `acme/infra`: this one has "
        "it for itself no more. Whatever it had waiting there was dropped.",
    )


CASES = {
    "unlock all": ("terrakube unlock", "alice"),
    "unlock busy": ("terrakube unlock -w dns", "alice"),
    "unlock lingering": ("terrakube unlock -w dns", "alice"),
    "unlock others": ("terrakube unlock -w prod", "alice"),
    "unlock free": ("terrakube unlock -w free", "alice"),
    "unlock unknown": ("terrakube unlock -w nowhere", "alice"),
    "unlock none": ("terrakube unlock", "alice"),
    "unlock folder": ("terrakube unlock -d network", "alice"),
}


@pytest.mark.parametrize("name", CASES)
async def test_what_is_told_about_unlocking(
    locked: World, name: str, request: pytest.FixtureRequest
) -> None:
    text, author = CASES[name]
    locked.workspace("free")
    if name == "unlock lingering":
        hold(locked, "dns", busy=True, busy_until=NOW + timedelta(minutes=30))
    if name == "unlock none":
        locked.store.held.clear()
    work = await locked.say(text, author=author)
    assert bool(work.frees) is (name in {"unlock all", "unlock folder"})
    check_golden(request, GOLDEN / f"{name.replace(' ', '_')}.md", f"{replies(work)[0]}\n")
