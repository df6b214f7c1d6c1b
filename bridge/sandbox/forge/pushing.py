"""What moving refs sets off: push deliveries, and pull requests that follow their branches."""

from collections.abc import Mapping

from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.happenings import (
    Change,
    Happening,
    PullRequestChanged,
    Pushed,
    RefUpdate,
)
from bridge.sandbox.forge.model import Account, Flavour, PullRequest, Repository
from bridge.sandbox.forge.reviewing import dismiss_stale
from bridge.sandbox.forge.world import World


async def compare_refs(
    repository: Repository, before: Mapping[str, str], after: Mapping[str, str]
) -> tuple[RefUpdate, ...]:
    """Tell what moved between two looks at the refs, by name."""
    names = sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
    return tuple(
        [
            await _update(repository, name, before.get(name, NOTHING), after.get(name, NOTHING))
            for name in names
        ]
    )


async def _update(repository: Repository, name: str, before: str, after: str) -> RefUpdate:
    moved = NOTHING not in (before, after)
    forced = moved and not await repository.git.contains(after, before)
    return RefUpdate(name=name, before=before, after=after, forced=forced)


async def move_ref(
    world: World, repository: Repository, name: str, sha: str, *, actor: Account
) -> None:
    """Move one ref (`NOTHING` deletes it) as a push would, and tell everybody."""
    async with world.lock(repository):
        before = (await repository.git.refs()).get(name, NOTHING)
        if before == sha:
            return
        await repository.git.set_ref(name, sha)
        update = await _update(repository, name, before, sha)
    await refs_moved(world, repository, (update,), actor=actor)


async def refs_moved(
    world: World, repository: Repository, updates: tuple[RefUpdate, ...], *, actor: Account
) -> None:
    """Let the state follow, then tell: the push first, then what became of pull requests."""
    if not updates:
        return
    repository.pushed_at = repository.updated_at = world.now()
    followed: list[Happening] = []
    for update in updates:
        followed += await _followers(world, repository, update, actor)
    await world.announce(Pushed(repository=repository, actor=actor, updates=updates))
    for happening in followed:
        await world.announce(happening)


async def _followers(
    world: World, repository: Repository, update: RefUpdate, actor: Account
) -> list[Happening]:
    if update.is_tag:
        return []
    happenings: list[Happening] = []
    for pull_request in world.pull_requests_from(repository):
        if pull_request.head_branch == update.short and pull_request.merged_at is None:
            happenings += await _follow(world, pull_request, update, actor)
        elif pull_request.head_branch == update.short and update.deleted:
            pull_request.head_deleted = True
    if world.flavour is Flavour.GITHUB and not update.deleted:
        happenings += await _merged_by_push(world, repository, update, actor)
    return happenings


async def _follow(
    world: World, pull_request: PullRequest, update: RefUpdate, actor: Account
) -> list[Happening]:
    is_open = pull_request.state == "open"
    pull_request.head_deleted = update.deleted
    if update.deleted:
        return [close(world, pull_request, actor)] if is_open else []
    # The branch of a closed pull request moves silently.
    if not is_open and world.flavour is Flavour.GITHUB:
        return []
    before = pull_request.head_sha
    await take_head(world, pull_request, update.after)
    if not is_open:
        return []
    return [
        PullRequestChanged(
            repository=pull_request.repository, actor=actor, pull_request=pull_request,
            change=Change.MOVED, before=before,
        )
    ]  # fmt: skip


async def take_head(world: World, pull_request: PullRequest, sha: str) -> None:
    """Make *sha* the head: its commits are in the base repository from now on."""
    base, head = pull_request.repository, pull_request.head_repository
    if head is not None and head is not base:
        spare = base.git.spare_ref()
        await base.git.fetch(head.git.path, f"+refs/heads/{pull_request.head_branch}:{spare}")
        await base.git.set_ref(spare, NOTHING)
    await base.git.set_ref(f"refs/pull/{pull_request.number}/head", sha)
    pull_request.head_sha = sha
    dismiss_stale(pull_request)
    pull_request.base_sha = await base.git.tip(pull_request.base_branch) or pull_request.base_sha
    pull_request.updated_at = world.now()


async def _merged_by_push(
    world: World, repository: Repository, update: RefUpdate, actor: Account
) -> list[Happening]:
    """Find pull requests whose head came into their base by a plain push (GitHub only)."""
    happenings: list[Happening] = []
    for pull_request in repository.pull_requests:
        if pull_request.state != "open" or pull_request.base_branch != update.short:
            continue
        if await repository.git.contains(update.after, pull_request.head_sha):
            mark_merged(world, pull_request, update.after, actor)
            happenings.append(close(world, pull_request, actor))
    return happenings


def mark_merged(world: World, pull_request: PullRequest, commit: str, actor: Account) -> None:
    """Note that it was merged as *commit*."""
    pull_request.merged_at, pull_request.merged_by = world.now(), actor
    pull_request.merge_commit = commit


def close(world: World, pull_request: PullRequest, actor: Account) -> PullRequestChanged:
    """Close it, and return what to tell."""
    pull_request.state = "closed"
    pull_request.closed_at = pull_request.updated_at = world.now()
    return PullRequestChanged(
        repository=pull_request.repository, actor=actor, pull_request=pull_request,
        change=Change.CLOSED,
    )  # fmt: skip
