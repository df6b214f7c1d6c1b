"""Gathering facts: what a delivery announces is read again before anything is decided.

Handling may be repeated after a crash, so everything in here only reads.
"""

from collections.abc import Sequence

import structlog

from bridge.decisions.bindings import bindings_of
from bridge.decisions.choosing import chosen
from bridge.decisions.pull_requests import UNKNOWN_REPOSITORY
from bridge.decisions.pushes import compared_from
from bridge.decisions.repositories import Matcher
from bridge.decisions.triggers import Facts
from bridge.domain.commands import Selection
from bridge.domain.errors import (
    NotFoundError,
    NotYetError,
    PermanentRemoteError,
    RemoteError,
)
from bridge.domain.events import BranchPushed, PullRequestClosed, PullRequestEvent
from bridge.domain.runs import Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import (
    ChangedFiles,
    Permission,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
)
from bridge.domain.work import Work
from bridge.ports import Forge
from bridge.routing import Services

log = structlog.get_logger(__name__)

TRIES = 5
"""How often an older answer of the API is asked again, two seconds apart (design 10.1)."""


async def current_pull_request(event: PullRequestEvent, forge: Forge, work: Work) -> PullRequest:
    """Read the pull request as it is now.

    Raises:
        NotYetError: The API still shows an older state than the delivery; after TRIES looks it is
            taken as it is.
    """
    found = await forge.pull_request(event.pull_request)
    if work.attempt <= TRIES and _is_older(found, event):
        msg = f"{event.pull_request.key}: the API does not show what the delivery says yet"
        raise NotYetError(msg, tries=TRIES)
    return found


async def gather_facts(repository: Repository, services: Services) -> Facts:
    """Find the workspaces a repository feeds, and the templates they may use."""
    bindings = bindings_of(
        await services.catalog.workspaces(),
        repository.clone_urls,
        Matcher(ssh_hosts=services.policy.ssh_hosts),
    )
    organizations = {binding.workspace.ref.organization_id for binding in bindings}
    return Facts(
        bindings=bindings,
        policy=services.policy,
        templates={one: await services.catalog.templates(one) for one in sorted(organizations)},
        built_in=services.built_in,
        destruction=services.destruction,
    )


async def changed_files(
    facts: Facts, pull_request: PullRequest, services: Services
) -> ChangedFiles:
    """List what a pull request changes, unless no workspace could be affected anyway."""
    if not facts.bindings:
        return ChangedFiles(paths=(), complete=False, reason=UNKNOWN_REPOSITORY)
    forge = services.forges[pull_request.ref.repository.forge]
    return await forge.changed_files(pull_request.ref)


async def in_folders(
    selection: Selection, pull_request: PullRequest, services: Services
) -> frozenset[str] | None:
    """Find the ids of the workspaces in the folders that are named; None when none are."""
    if not selection.folders:
        return None
    facts = await gather_facts(pull_request.repository, services)
    found = chosen(selection, facts.bindings)
    return frozenset(one.workspace.ref.id for one in found)


async def permission_now(forge: Forge, repository: RepositoryRef, login: str) -> Permission | None:
    """Ask what somebody may do, just now; None when the forge does not say, which is a no."""
    try:
        return await forge.permission(repository, login)
    except RemoteError as error:
        log.warning("permission.unknown", actor=login, reason=str(error))
        return None


async def merged_pull_requests(
    repository: RepositoryRef, sha: str, services: Services
) -> Sequence[PullRequestRef]:
    """Find the pull requests whose merge brought *sha* to a branch: as stored, else as asked."""
    stored = await services.store.pull_request_by_merge_commit(repository, sha)
    if stored is not None:
        return (stored,)
    try:
        return await services.forges[repository.forge].pull_requests_of_commit(repository, sha)
    except PermanentRemoteError as error:
        # The push runs all the same; its pull request joins when its closing is told.
        log.warning("pull_request.not_found", head_sha=sha, reason=str(error))
        return ()


async def pushed_files(
    event: BranchPushed, repository: Repository, services: Services
) -> ChangedFiles:
    """List what a push changed; incomplete when that cannot be told.

    After a forced push what was dropped counts, too: as comparing starts from the last common
    commit, it is done in both directions.
    """
    seen = await services.store.branch_head(event.repository, event.branch)
    before = compared_from(event, seen=seen, default=repository.default_branch)
    if before is None:
        return ChangedFiles(paths=(), complete=False, reason="the branch is new")
    forge = services.forges[event.repository.forge]
    forwards = await _compared(forge, event, before, event.after)
    is_new = before == repository.default_branch
    straight = is_new or (event.forced is False and before == event.before)
    if straight or not forwards.complete:
        return forwards
    backwards = await _compared(forge, event, event.after, before)
    if not backwards.complete:
        return backwards
    return ChangedFiles(paths=tuple(sorted({*forwards.paths, *backwards.paths})))


async def already_ran(event: BranchPushed, services: Services) -> frozenset[WorkspaceRef]:
    """Find where another delivery about the same move of the branch has started its runs."""
    seen = await services.store.branch_head(event.repository, event.branch)
    if seen != event.after:
        return frozenset()  # a branch may come back to a commit that ran before
    report = await services.store.commit_report(event.repository, event.after)
    return frozenset(
        one.run.request.workspace
        for one in report.runs
        if one.run.request.verb is Verb.PUSH and one.run.request.branch == event.branch
    )


async def _compared(forge: Forge, event: BranchPushed, before: str, after: str) -> ChangedFiles:
    try:
        return await forge.compared_files(event.repository, before, after)
    except NotFoundError:
        # A forced push can leave its old commit behind, and the forge may have dropped it.
        return ChangedFiles(paths=(), complete=False, reason=f"{before[:12]} is gone")


def _is_older(found: PullRequest, event: PullRequestEvent) -> bool:
    """Tell whether the API shows less than the delivery said."""
    closed = isinstance(event, PullRequestClosed)
    differs = (
        (event.head_sha not in {"", found.head_sha})
        or (event.base_branch not in {"", found.base_branch})
        or closed is (found.state is PullRequestState.OPEN)
    )
    if not differs or found.updated_at is None or event.updated_at is None:
        return differs
    return found.updated_at <= event.updated_at
