"""When pull requests can be merged, and what merging them sets off."""

from collections.abc import Awaitable, Callable, Mapping

from bridge.sandbox.forge.git import NOTHING, GitError
from bridge.sandbox.forge.happenings import Happening
from bridge.sandbox.forge.model import Account, Flavour, PullRequest
from bridge.sandbox.forge.pulls import PullRequestError
from bridge.sandbox.forge.pushing import close, compare_refs, mark_merged, refs_moved
from bridge.sandbox.forge.world import World, context_key

_FINE = frozenset({"success", "neutral", "skipped"})


class ConflictError(PullRequestError):
    """It cannot be merged without a person."""


class HeadMovedError(PullRequestError):
    """The head is not the one the caller looked at."""


async def mergeable(pull_request: PullRequest) -> bool:
    """Tell whether base and head go together."""
    git = pull_request.repository.git
    base = await git.tip(pull_request.base_branch)
    if base is None or pull_request.state != "open":
        return False
    return await git.merges_cleanly(base, pull_request.head_sha)


def missing_checks(flavour: Flavour, pull_request: PullRequest, sha: str = "") -> list[str]:
    """List the required contexts that are not successful on the head, or on *sha*."""
    repository = pull_request.repository
    rule = repository.protection.get(pull_request.base_branch)
    sha = sha or pull_request.head_sha
    good = {one.key for one in repository.latest_statuses(sha) if one.state == "success"}
    good |= {
        context_key(flavour, one.name)
        for one in repository.checks.get(sha, [])
        if one.conclusion in _FINE
    }
    wanted = rule.contexts if rule else ()
    return [context for context in wanted if context_key(flavour, context) not in good]


async def is_behind(pull_request: PullRequest) -> bool:
    """Tell whether the rule asks for a head that holds all of the base, and this one does not."""
    repository = pull_request.repository
    rule = repository.protection.get(pull_request.base_branch)
    base = await repository.git.tip(pull_request.base_branch)
    if rule is None or not rule.up_to_date or base is None:
        return False
    return not await repository.git.contains(pull_request.head_sha, base)


async def merge_pull_request(
    world: World,
    pull_request: PullRequest,
    *,
    actor: Account,
    method: str = "merge",
    message: str = "",
    head: str | None = None,
) -> str:
    """Merge it and return the commit that is now the base's tip.

    Raises:
        HeadMovedError: *head* is given and is not its head.
        ConflictError: Base and head do not go together.
        PullRequestError: It is not open.
    """
    repository = pull_request.repository
    async with world.lock(repository):
        _check_open(pull_request, head)
        before = await repository.git.refs()
        commit = await _combine(pull_request, before, actor, method=method, message=message)
        await repository.git.set_ref(f"refs/heads/{pull_request.base_branch}", commit)
        updates = await compare_refs(repository, before, await repository.git.refs())
        mark_merged(world, pull_request, commit, actor)
        closed = close(world, pull_request, actor)
    await _tell_merge(world, closed, lambda: refs_moved(world, repository, updates, actor=actor))
    return commit


def _check_open(pull_request: PullRequest, head: str | None) -> None:
    if pull_request.state != "open":
        msg = "Pull Request is not mergeable"
        raise PullRequestError(msg)
    if head is not None and head != pull_request.head_sha:
        msg = "Head branch was modified. Review and try the merge again."
        raise HeadMovedError(msg)


async def _combine(
    pull_request: PullRequest,
    refs: Mapping[str, str],
    actor: Account,
    *,
    method: str,
    message: str,
) -> str:
    base = refs.get(f"refs/heads/{pull_request.base_branch}", NOTHING)
    try:
        return await pull_request.repository.git.merge(
            base,
            pull_request.head_sha,
            method=method,
            author=(actor.login, actor.email),
            message=message or _merge_message(pull_request),
        )
    except GitError as error:
        raise ConflictError(str(error)) from error


def _merge_message(pull_request: PullRequest) -> str:
    return (
        f"Merge pull request #{pull_request.number} from {pull_request.head_branch}\n\n"
        f"{pull_request.title}"
    )


async def _tell_merge(
    world: World, closed: Happening, tell_push: Callable[[], Awaitable[None]]
) -> None:
    # Either may come first in life. Forgejo handles pushes in a queue of their own, which takes
    # longer (3.4-3.8 s against 1-2 s were observed).
    if world.flavour is Flavour.GITHUB:
        await tell_push()
    await world.announce(closed)
    if world.flavour is Flavour.FORGEJO:
        await tell_push()
