"""A merge queue (GitHub's): commits of its own that the required statuses are asked for."""

from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.happenings import QueueAsked
from bridge.sandbox.forge.merging import missing_checks
from bridge.sandbox.forge.model import Account, PullRequest
from bridge.sandbox.forge.pulls import PullRequestError
from bridge.sandbox.forge.pushing import close, mark_merged, move_ref
from bridge.sandbox.forge.world import World

_PREFIX = "refs/heads/gh-readonly-queue"


async def queue_pull_request(world: World, pull_request: PullRequest, *, actor: Account) -> str:
    """Put it into the queue: make the commit it would be merged as, and ask for its statuses.

    Raises:
        PullRequestError: A required status of its head has not succeeded, or there is no base.
    """
    missing = missing_checks(world.flavour, pull_request)
    git = pull_request.repository.git
    base = await git.tip(pull_request.base_branch)
    if missing or base is None:
        msg = f"The merge queue waits for {', '.join(missing) or 'a base branch'}."
        raise PullRequestError(msg)
    commit = await git.merge(
        base,
        pull_request.head_sha,
        method="merge",
        author=(actor.login, actor.email),
        message=f"Merge pull request #{pull_request.number}",
    )
    pull_request.queued = (base, commit)
    await move_ref(world, pull_request.repository, _name(pull_request), commit, actor=actor)
    await world.announce(_asked(pull_request, actor))
    return commit


async def leave_queue(world: World, pull_request: PullRequest, *, actor: Account) -> bool:
    """Merge it if the required statuses of the queue's commit succeeded; it leaves either way."""
    if pull_request.queued is None:
        msg = "it is in no queue"
        raise PullRequestError(msg)
    (_, commit), repository = pull_request.queued, pull_request.repository
    succeeded = not missing_checks(world.flavour, pull_request, commit)
    gone = _asked(pull_request, actor, reason="merged" if succeeded else "dequeued")
    name, pull_request.queued = _name(pull_request), None
    if succeeded:
        mark_merged(world, pull_request, commit, actor)
        closed = close(world, pull_request, actor)
        base = f"refs/heads/{pull_request.base_branch}"
        await move_ref(world, repository, base, commit, actor=actor)
        await world.announce(closed)
    await move_ref(world, repository, name, NOTHING, actor=actor)
    await world.announce(gone)
    return succeeded


def _name(pull_request: PullRequest) -> str:
    base = pull_request.queued[0] if pull_request.queued else NOTHING
    return f"{_PREFIX}/{pull_request.base_branch}/pr-{pull_request.number}-{base}"


def _asked(pull_request: PullRequest, actor: Account, *, reason: str = "") -> QueueAsked:
    base, commit = pull_request.queued or (NOTHING, NOTHING)
    return QueueAsked(
        repository=pull_request.repository,
        actor=actor,
        head_ref=_name(pull_request),
        head_sha=commit,
        base_ref=f"refs/heads/{pull_request.base_branch}",
        base_sha=base,
        reason=reason,
    )
