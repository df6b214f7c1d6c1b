"""What people do with pull requests, and what it sets off."""

from dataclasses import dataclass

from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.happenings import Change, PullRequestChanged
from bridge.sandbox.forge.model import (
    Account,
    Flavour,
    Label,
    PullRequest,
    Repository,
)
from bridge.sandbox.forge.pushing import close, take_head
from bridge.sandbox.forge.world import DRAFT_PREFIXES, World, titled_draft


class PullRequestError(Exception):
    """It cannot be done; the text says why, in the forge's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPullRequest:
    """What somebody wants to open; *head_repository* is the base's own or a fork."""

    title: str
    body: str
    head_repository: Repository
    head_branch: str
    base_branch: str
    draft: bool = False


async def open_pull_request(
    world: World, repository: Repository, wanted: NewPullRequest, actor: Account
) -> PullRequest:
    """Open it and tell.

    Raises:
        PullRequestError: A branch is missing, there is nothing to merge (GitHub), or one is open.
    """
    async with world.lock(repository):
        pull_request = await _open(world, repository, wanted, actor)
    await world.announce(_changed(pull_request, actor, Change.OPENED))
    return pull_request


async def _open(
    world: World, repository: Repository, wanted: NewPullRequest, actor: Account
) -> PullRequest:
    head = await wanted.head_repository.git.tip(wanted.head_branch)
    base = await repository.git.tip(wanted.base_branch)
    if head is None or base is None:
        msg = "the head or the base branch does not exist"
        raise PullRequestError(msg)
    if any(_is_same(other, wanted) for other in repository.pull_requests):
        msg = f"A pull request already exists for {wanted.head_branch}."
        raise PullRequestError(msg)
    pull_request = _make(world, repository, wanted, actor, head=head, base=base)
    await take_head(world, pull_request, head)
    if world.flavour is Flavour.GITHUB and await repository.git.contains(base, head):
        await repository.git.set_ref(f"refs/pull/{pull_request.number}/head", NOTHING)
        msg = f"No commits between {wanted.base_branch} and {wanted.head_branch}"
        raise PullRequestError(msg)
    repository.issues[pull_request.number] = pull_request
    return pull_request


def _is_same(other: PullRequest, wanted: NewPullRequest) -> bool:
    return (
        other.state == "open"
        and other.head_repository is wanted.head_repository
        and (other.head_branch, other.base_branch) == (wanted.head_branch, wanted.base_branch)
    )


def _make(
    world: World,
    repository: Repository,
    wanted: NewPullRequest,
    actor: Account,
    *,
    head: str,
    base: str,
) -> PullRequest:
    title, now = wanted.title, world.now()
    if world.flavour is Flavour.FORGEJO and wanted.draft and not titled_draft(title):
        title = f"WIP: {title}"
    return PullRequest(
        id=world.next_id(), number=repository.take_number(), repository=repository,
        account=actor, title=title, body=wanted.body, created_at=now, updated_at=now,
        head_repository=wanted.head_repository, head_branch=wanted.head_branch, head_sha=head,
        base_branch=wanted.base_branch, base_sha=base,
        draft=wanted.draft if world.flavour is Flavour.GITHUB else titled_draft(title),
    )  # fmt: skip


def _changed(pull_request: PullRequest, actor: Account, change: Change) -> PullRequestChanged:
    return PullRequestChanged(
        repository=pull_request.repository, actor=actor, pull_request=pull_request, change=change
    )


async def edit_pull_request(
    world: World,
    pull_request: PullRequest,
    *,
    actor: Account,
    title: str | None = None,
    body: str | None = None,
    base: str | None = None,
) -> None:
    """Change what is given; one delivery per field, as the forms of both forges do it.

    Raises:
        PullRequestError: The new base branch does not exist.
    """
    if title is not None:
        old, pull_request.title = pull_request.title, title
        if world.flavour is Flavour.FORGEJO:
            pull_request.draft = titled_draft(title)
        await _edited(world, pull_request, actor, {"title": old})
    if body is not None:
        old, pull_request.body = pull_request.body, body
        await _edited(world, pull_request, actor, {"body": old})
    if base is not None:
        await _change_base(world, pull_request, base, actor)


async def _change_base(world: World, pull_request: PullRequest, base: str, actor: Account) -> None:
    tip = await pull_request.repository.git.tip(base)
    if tip is None:
        msg = f"Proposed base branch '{base}' was not found"
        raise PullRequestError(msg)
    old = {"base": pull_request.base_branch, "base_sha": pull_request.base_sha}
    pull_request.base_branch, pull_request.base_sha = base, tip
    await _edited(world, pull_request, actor, old)


async def _edited(
    world: World, pull_request: PullRequest, actor: Account, changes: dict[str, str]
) -> None:
    pull_request.updated_at = world.now()
    await world.announce(
        PullRequestChanged(
            repository=pull_request.repository, actor=actor, pull_request=pull_request,
            change=Change.EDITED, changes=changes,
        )
    )  # fmt: skip


async def set_draft(
    world: World, pull_request: PullRequest, *, draft: bool, actor: Account
) -> None:
    """Make it a draft or ready for review; on Forgejo that is a change of the title."""
    if pull_request.draft == draft:
        return
    if world.flavour is Flavour.FORGEJO:
        title = pull_request.title
        for prefix in DRAFT_PREFIXES:
            title = title[len(prefix) :].lstrip() if title.upper().startswith(prefix) else title
        title = f"WIP: {title}" if draft else title
        await edit_pull_request(world, pull_request, actor=actor, title=title)
        return
    pull_request.draft, pull_request.updated_at = draft, world.now()
    change = Change.DRAFTED if draft else Change.READY
    await world.announce(_changed(pull_request, actor, change))


async def close_pull_request(world: World, pull_request: PullRequest, actor: Account) -> None:
    """Close it without merging."""
    if pull_request.state == "open":
        await world.announce(close(world, pull_request, actor))


async def reopen_pull_request(world: World, pull_request: PullRequest, actor: Account) -> None:
    """Open it again; commits pushed meanwhile are simply there.

    Raises:
        PullRequestError: It was merged, or its branch is gone.
    """
    head = pull_request.head_repository
    tip = await head.git.tip(pull_request.head_branch) if head else None
    if pull_request.merged_at is not None or tip is None:
        msg = "state cannot be changed. The pull request cannot be reopened."
        raise PullRequestError(msg)
    await take_head(world, pull_request, tip)
    pull_request.state, pull_request.closed_at = "open", None
    await world.announce(_changed(pull_request, actor, Change.REOPENED))


async def set_labels(
    world: World, pull_request: PullRequest, names: list[str], *, actor: Account
) -> None:
    """Make these its labels; unknown ones are made."""
    repository, old = pull_request.repository, {label.name for label in pull_request.labels}
    for name in names:
        if name not in repository.labels:
            repository.labels[name] = Label(id=world.next_id(), name=name)
    pull_request.labels = [repository.labels[name] for name in names]
    pull_request.updated_at = world.now()
    moves = [(Change.LABELED, name) for name in names if name not in old]
    moves += [(Change.UNLABELED, name) for name in sorted(old - set(names))]
    for change, label in moves:
        await world.announce(
            PullRequestChanged(
                repository=repository, actor=actor, pull_request=pull_request, change=change,
                label=label,
            )
        )  # fmt: skip


async def delete_repository(world: World, repository: Repository, actor: Account) -> None:
    """Delete it; pull requests that came from it lose their head and close."""
    del world.repositories[repository.id]
    for pull_request in world.pull_requests_from(repository):
        pull_request.head_repository, pull_request.head_deleted = None, True
        await close_pull_request(world, pull_request, actor)


async def pull_requests_of(repository: Repository, sha: str) -> list[PullRequest]:
    """List the pull requests that brought a commit, or hold it; the newest first."""
    found = []
    for one in repository.pull_requests:
        git = repository.git
        is_held = (
            one.merge_commit != sha
            and await git.contains(one.head_sha, sha)
            and not await git.contains(one.base_sha, sha)
        )
        if is_held or one.merge_commit == sha:
            found.append(one)
    return found[::-1]
