"""Merging pull requests once everything is applied: looked at again with each change.

A merge cannot be taken back, and its answer may be lost. So a try is written down before it is
made, the pull request is read before each try, and one that is merged by then is left alone. A
refusal may be because of a status that is only just being sent, so it is tried again a few times;
after that it is for people.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final

from bridge.decisions.merging import (
    Later,
    Merge,
    Merged,
    Never,
    Standing,
    decide_merge,
    left_undone,
)
from bridge.domain.errors import PermanentRemoteError
from bridge.domain.posts import MERGED, REFUSED, Post, RemotePart
from bridge.domain.vcs import PullRequest, PullRequestRef
from bridge.domain.work import AuditEntry
from bridge.ports import Clock, Forge, PostLease, Published, RunStore

_TRYING: Final = RemotePart(id="", hash="")

PAUSES: Final = (3, 15, 60, 300, 900)
"""Seconds after each refusal until the next try; the last refusal is final.

The first is short: where the branch asks for the status of the apply, that is on its way.
"""

_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeService:
    """Merges a pull request that is to be merged.

    Attributes:
        forges: By name.
        redact: Masks the secrets the bridge holds.
    """

    forges: Mapping[str, Forge]
    store: RunStore
    clock: Clock
    redact: Callable[[str], str] = str

    async def merge(self, post: Post, lease: PostLease) -> Published:
        """Do what is to be done now; see Publisher.publish."""
        tries, was_trying = _tries(post)
        standing = await self._standing(post)
        if not was_trying and (_is_merged(tries) or left_undone(standing)):
            return Published(parts=tuple(tries), writes=0)  # so the forge need not be asked
        found = await self.forges[post.forge_target.repository.forge].pull_request(
            _pull_request(post)
        )
        match decide_merge(found, standing, post.forge_target.content):
            case Merged(commit=commit):
                done = RemotePart(id=commit or "-", hash=MERGED)
                # Whether it was this try or a person at the same moment nobody can tell.
                said = "It is merged; the answer to the bridge's try was lost."
                audits = (_audit(post, "", "done", said),) if was_trying else ()
                return Published(parts=(*tries, done), writes=0, audits=audits)
            case Merge() as wanted if len(_refusals(tries)) <= len(PAUSES):
                return await self._try(wanted, found, post, lease)
            case Merge() | Later() | Never():
                return Published(parts=tuple(tries), writes=0)

    async def _standing(self, post: Post) -> Standing:
        ref, sha = _pull_request(post), post.forge_target.sha
        return Standing(
            head_sha=sha,
            stored=await self.store.pull_request(ref),
            plans=await self.store.latest_plans(ref, sha),
            runs=await self.store.shown_runs(ref, sha),
        )

    async def _try(
        self, wanted: Merge, found: PullRequest, post: Post, lease: PostLease
    ) -> Published:
        forge, sha = self.forges[post.forge_target.repository.forge], post.forge_target.sha
        tries, _ = _tries(post)
        await lease.save([*tries, _TRYING])
        lease.check()
        try:
            commit = await forge.merge(found, method=wanted.method, sha=sha)
        except PermanentRemoteError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                raise  # an operator's matter: it is tried again when the credential is good
            return self._refused(wanted, post, tries, str(error))
        done = RemotePart(id=commit or "-", hash=MERGED)
        said = f"Merged {sha} ({wanted.method}): all that was planned is applied."
        return Published(
            parts=(*tries, done), writes=1, audits=(_audit(post, wanted.actor, "done", said),)
        )

    def _refused(
        self, wanted: Merge, post: Post, tries: Sequence[RemotePart], error: str
    ) -> Published:
        reason = " ".join(self.redact(error).split())[:_REASON]
        parts = (*tries, RemotePart(id=reason, hash=REFUSED))
        number = len(_refusals(parts))
        if number > len(PAUSES):
            audits = (_audit(post, wanted.actor, "refused", reason),)
            return Published(parts=parts, writes=1, audits=audits)
        again_at = self.clock.now() + timedelta(seconds=PAUSES[number - 1])
        return Published(parts=parts, writes=1, again_at=again_at)


def _tries(post: Post) -> tuple[Sequence[RemotePart], bool]:
    """Return the tries that count, and whether one was begun whose end nobody saw."""
    return [part for part in post.parts if part.hash], _TRYING in post.parts


def _is_merged(parts: Sequence[RemotePart]) -> bool:
    return any(part.hash == MERGED for part in parts)


def _refusals(parts: Sequence[RemotePart]) -> Sequence[RemotePart]:
    return [part for part in parts if part.hash == REFUSED]


def _pull_request(post: Post) -> PullRequestRef:
    if post.forge_target.number is None:
        msg = f"post {post.id} names no pull request"
        raise ValueError(msg)
    return PullRequestRef(repository=post.forge_target.repository, number=post.forge_target.number)


def _audit(post: Post, actor: str, result: str, detail: str) -> AuditEntry:
    return AuditEntry(
        actor=actor or "terrakube-bridge",
        action="pull_request.merged",
        door="bridge",
        subject=_pull_request(post).key,
        result=result,
        detail=detail,
    )
