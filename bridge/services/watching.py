"""The watch: what stands on a forge, or is locked, although it should not, is found and mended.

Nobody has to ask for it: a status somebody lost, one whose post was set aside, one that waits for
nothing any more, and the locks of pull requests that are closed without anybody having told.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import structlog

from bridge.decisions.watching import decide_resends
from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PermanentRemoteError
from bridge.domain.events import PullRequestClosed
from bridge.domain.posts import Resend, StatusPost
from bridge.domain.reports import CommitReport
from bridge.domain.rules import Policy
from bridge.domain.vcs import (
    CommitStatus,
    PullRequest,
    PullRequestState,
    RepositoryRef,
    StatusState,
)
from bridge.ports import Clock, Forge, RunStore
from bridge.rendering.statuses import render_status
from bridge.services.noticing import ACTOR, SLOT, encode_event

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWatch:
    """Compares the statuses of open pull requests' heads with what they should say.

    Attributes:
        redact: Masks the secrets the bridge holds, as when they are sent.
    """

    forge: Forge
    store: RunStore
    policy: Policy
    redact: Callable[[str], str] = str

    async def compare(self, check: Callable[[], None]) -> Sequence[Resend]:
        """Return what is to be sent again.

        Args:
            check: Raises when the right to go on is lost; called before each request.
        """
        found: list[Resend] = []
        for repository in await self.store.known_repositories(self.forge.name):
            known = await self.store.known_open_pull_requests(repository)
            for sha in sorted({one.head_sha for one in known}):
                check()
                found += await self._of_commit(repository, sha)
        if found:
            log.warning("status.lost", forge=self.forge.name, count=len(found))
        return found

    async def _of_commit(self, repository: RepositoryRef, sha: str) -> Sequence[Resend]:
        posts = await self.store.status_posts(repository, sha)
        if not posts:
            return ()
        try:
            remote = await self.forge.statuses(repository, sha)
        except PermanentRemoteError as error:
            log.warning("status.unknown", repository=repository.slug, reason=str(error))
            return ()
        report = await self.store.commit_report(repository, sha)
        return decide_resends(
            posts,
            self._wanted(posts, report),
            remote,
            is_open=any(not one.run.concluded for one in report.runs),
            command=self.policy.command_names[0],
        )

    def _wanted(
        self, posts: Sequence[StatusPost], report: CommitReport
    ) -> Mapping[str, CommitStatus]:
        found = {post.key: self._status(post, report) for post in posts}
        return {
            key: replace(status, description=self.redact(status.description))
            for key, status in found.items()
            if status is not None
        }

    def _status(self, post: StatusPost, report: CommitReport) -> CommitStatus | None:
        if post.content is not None:
            state, _, text = post.content.partition(" ")
            return CommitStatus(context=post.context, state=StatusState(state), description=text)
        return render_status(
            report,
            post.context,
            prefix=self.policy.status_prefix,
            per_workspace_limit=self.policy.status_limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LockWatch:
    """Looks whether the pull requests that have locked workspaces are still open.

    Open pull requests are compared with the store anyway, but only of repositories that feed
    workspaces: a lock may outlive that. What is known to be closed the engine frees by itself.
    """

    forge: Forge
    store: RunStore
    clock: Clock

    async def compare(self) -> Sequence[Delivery]:
        """Return what no delivery told, as deliveries to store."""
        found: list[Delivery] = []
        for ref in await self.store.holders(self.forge.name):
            stored = await self.store.pull_request(ref)
            if stored is None or stored.state != PullRequestState.OPEN:
                continue  # known to be closed: what it holds is freed as soon as it can be
            try:
                pull_request = await self.forge.pull_request(ref)
            except PermanentRemoteError as error:
                # Whether it is gone or may not be read nobody can tell: it stays locked.
                log.warning("hold.not_watched", pull_request=ref.key, reason=str(error))
                continue
            if pull_request.state is not PullRequestState.OPEN:
                found.append(encode_event(self._closed(pull_request)))
        return found

    def _closed(self, found: PullRequest) -> PullRequestClosed:
        slot = int(self.clock.now().timestamp()) // SLOT
        return PullRequestClosed(
            delivery_id=f"{found.ref.key}:unlocked/{slot}",
            received_at=self.clock.now(),
            actor=ACTOR,
            repository=found.ref.repository,
            pull_request=found.ref,
            head_sha=found.head_sha,
            head_branch=found.head_branch,
            base_branch=found.base_branch,
            from_fork=found.from_fork,
            updated_at=found.updated_at,
            merged=found.state is PullRequestState.MERGED,
            merge_commit=found.merge_commit,
        )
