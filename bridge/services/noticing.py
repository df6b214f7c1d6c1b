"""Noticing what no webhook told: pull requests and branches are compared with the store.

Forges lose deliveries (a receiver that was down, more refs in one push than they announce), and
some keep no list of the lost ones. What the comparison finds goes the same way as a delivery:
one stored row of its subject, so order, retries and dead letters are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import TypeAdapter, ValidationError

from bridge.decisions.bindings import followed_branches
from bridge.decisions.repositories import Matcher
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError, PermanentRemoteError
from bridge.domain.events import (
    BranchNoticed,
    BranchPushed,
    Event,
    PullRequestClosed,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestUpdated,
)
from bridge.domain.terrakube import Workspace
from bridge.domain.vcs import Branch, PullRequest, Repository, RepositoryRef
from bridge.ports import Clock, Forge, PullRequestRecord, RunStore
from bridge.services.catalog import Catalog

log = structlog.get_logger(__name__)

NOTICED = "noticed"
"""Source of the deliveries the bridge writes itself; no forge may have this name."""

SLOT = 600
"""Seconds: one difference is announced at most once in such a slot."""

ACTOR = "terrakube-bridge"
"""Who is named when nobody told us who did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeService:
    """Compares one forge's open pull requests and followed branches with the store.

    Attributes:
        since: When this installation was first started; pull requests not touched after it are
            none of its business until somebody pushes or asks.
        matcher: Tells which workspaces a repository feeds.
    """

    forge: Forge
    catalog: Catalog
    store: RunStore
    clock: Clock
    since: datetime
    matcher: Matcher

    async def compare(self) -> Sequence[Delivery]:
        """Return what no delivery told, as deliveries to store.

        A repository that is gone, or no longer ours to read, does not keep the others from theirs.
        """
        found: list[Delivery] = []
        workspaces = await self.catalog.workspaces()
        for known in await self.store.known_repositories(self.forge.name):
            try:
                found += await self._compare_one(known, workspaces)
            except PermanentRemoteError as error:
                log.warning("comparison.skipped", repository=known.slug, reason=str(error))
        if found:
            log.warning("delivery.missed", forge=self.forge.name, count=len(found))
        return found

    async def _compare_one(
        self, known: RepositoryRef, workspaces: Sequence[Workspace]
    ) -> Sequence[Delivery]:
        repository = await self.forge.repository_by_id(known)
        fed = [
            workspace
            for workspace in workspaces
            if self.matcher.feeds(repository.clone_urls, workspace.source)
        ]
        if not fed:
            return ()
        return (*await self._pull_requests(repository), *await self._branches(repository, fed))

    async def _pull_requests(self, repository: Repository) -> Sequence[Delivery]:
        stored = {
            one.ref.number: one for one in await self.store.known_open_pull_requests(repository.ref)
        }
        listed = {
            one.ref.number: one for one in await self.forge.open_pull_requests(repository.ref)
        }
        events: list[Event] = [
            self._updated(pull_request, stored.get(number))
            for number, pull_request in listed.items()
            if self._is_news(pull_request, stored.get(number))
        ]
        gone = sorted(stored.keys() - listed.keys())
        events += [self._closed(stored[number]) for number in gone]
        return [encode_event(event) for event in events]

    def _is_news(self, pull_request: PullRequest, stored: PullRequestRecord | None) -> bool:
        if stored is None:
            touched = pull_request.updated_at
            return touched is None or touched >= self.since
        return (stored.head_sha, stored.base_branch) != (
            pull_request.head_sha,
            pull_request.base_branch,
        )

    def _updated(self, pull_request: PullRequest, stored: PullRequestRecord | None) -> Event:
        kind = PullRequestOpened if stored is None else PullRequestUpdated
        return kind(
            delivery_id=self._id(f"{pull_request.ref.key}@{pull_request.head_sha}"),
            received_at=self.clock.now(),
            actor=pull_request.author or ACTOR,
            repository=pull_request.ref.repository,
            pull_request=pull_request.ref,
            head_sha=pull_request.head_sha,
            head_branch=pull_request.head_branch,
            base_branch=pull_request.base_branch,
            from_fork=pull_request.from_fork,
            updated_at=pull_request.updated_at,
        )

    def _closed(self, stored: PullRequestRecord) -> Event:
        return PullRequestClosed(
            delivery_id=self._id(f"{stored.ref.key}:closed"),
            received_at=self.clock.now(),
            actor=ACTOR,
            repository=stored.ref.repository,
            pull_request=stored.ref,
            head_sha=stored.head_sha,
            head_branch="",
            base_branch=stored.base_branch,
            from_fork=stored.from_fork,
            merged=False,
            merge_commit=None,
        )

    async def _branches(
        self, repository: Repository, workspaces: Sequence[Workspace]
    ) -> Sequence[Delivery]:
        followed = {name for one in workspaces for name in followed_branches(one)}
        found: list[Delivery] = []
        for branch in await self.forge.branches(repository.ref):
            if branch.name not in followed:
                continue
            before = await self.store.branch_head(repository.ref, branch.name)
            if before is None:
                found.append(encode_event(self._noticed(repository, branch)))
            elif before != branch.sha:
                found.append(encode_event(self._pushed(repository, branch, before)))
        return found

    def _noticed(self, repository: Repository, branch: Branch) -> Event:
        return BranchNoticed(
            delivery_id=self._id(f"{repository.ref.key}:{branch.name}@{branch.sha}:first"),
            received_at=self.clock.now(),
            actor=ACTOR,
            repository=repository.ref,
            branch=branch.name,
            sha=branch.sha,
        )

    def _pushed(self, repository: Repository, branch: Branch, before: str) -> Event:
        return BranchPushed(
            delivery_id=self._id(f"{repository.ref.key}:{branch.name}@{branch.sha}"),
            received_at=self.clock.now(),
            actor=ACTOR,
            repository=repository.ref,
            branch=branch.name,
            before=before,
            after=branch.sha,
            forced=None,
        )

    def _id(self, difference: str) -> str:
        return f"{difference}/{int(self.clock.now().timestamp()) // SLOT}"


_KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        BranchNoticed,
        BranchPushed,
        PullRequestClosed,
        PullRequestOpened,
        PullRequestUpdated,
    )
}
_ADAPTERS = {name: TypeAdapter(kind) for name, kind in _KINDS.items()}


def encode_event(event: Event) -> Delivery:
    """Write an event as a delivery of the bridge's own."""
    kind = type(event).__name__
    return Delivery(
        source=NOTICED,
        key=event.delivery_id,
        kind=kind,
        subject=_subject(event),
        semantic_key=None,
        repository_id=event.repository.id,
        headers={},
        body=_ADAPTERS[kind].dump_json(event),
        received_at=event.received_at,
    )


def decode_event(delivery: Delivery) -> Event:
    """Read back what :func:`encode_event` wrote; PayloadError when it did not."""
    try:
        return _ADAPTERS[delivery.kind].validate_json(delivery.body)
    except (KeyError, ValidationError) as error:
        msg = f"reading a noticed {delivery.kind}: it is not one of the bridge's own"
        raise PayloadError(msg) from error


def _subject(event: Event) -> str:
    if isinstance(event, PullRequestEvent):
        return event.pull_request.key
    if isinstance(event, BranchNoticed | BranchPushed):
        return f"branch:{event.repository.key}:refs/heads/{event.branch}"
    msg = f"{type(event).__name__} has no subject"
    raise TypeError(msg)
