"""Bringing comments and statuses to what their posts say; merges are left to another service.

A post is a desired state, so publishing compares and sends only what differs. Between a create
and the moment its id is stored the process may die, and a forge may answer 500 to a comment it
kept. So a place is stored before a comment is created, and an empty place means: look for the
hidden marker among our own comments before writing another one.
"""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Final, Protocol

from ulid import ULID

from bridge.decisions.gates import gates_of
from bridge.domain.errors import (
    NotAllowedError,
    NotFoundError,
    TemporaryRemoteError,
    TooLargeError,
)
from bridge.domain.posts import Post, PostKind, RemotePart
from bridge.domain.reports import PullRequestReport
from bridge.domain.rules import Policy
from bridge.domain.vcs import Comment, CommitStatus, PullRequestRef, StatusState
from bridge.ports import Forge, PostLease, Published, RunStore
from bridge.rendering.comments import render_pull_request
from bridge.rendering.markers import Markers
from bridge.rendering.replies import render_reply
from bridge.rendering.statuses import render_status

_NOWHERE = RemotePart(id="", hash="")
_DONE = "-"  # stands for the id of what has none
_UNSEEN: Final = 300.0  # seconds until our comments are looked for again among too many


class Merging(Protocol):
    """What is needed of services.merging.MergeService."""

    async def merge(self, post: Post, lease: PostLease) -> Published:
        """Do what is to be done about a wish to merge."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishService:
    """Composes a post from the store and brings the forge to it; see ports.Publisher.

    Attributes:
        merging: Merges pull requests.
        redact: Masks the secrets the bridge holds. What is stored was masked already: this is the
            second lock, for what is put in by another way.
    """

    forges: Mapping[str, Forge]
    store: RunStore
    policy: Policy
    markers: Markers
    merging: Merging
    redact: Callable[[str], str] = str

    async def publish(self, post: Post, lease: PostLease) -> Published:
        """See Publisher.publish."""
        forge = self._forge(post)
        match post.kind:
            case PostKind.REPORT:
                texts = await self._report_texts(post, forge)
                return await self._comments(post, forge, lease).bring(texts)
            case PostKind.REPLY:
                texts = (self._reply_text(post, forge),) if post.content else ()
                return await self._comments(post, forge, lease).bring(texts)
            case PostKind.STATUS:
                return await self._bring_status(post, forge, lease)
            case PostKind.REACTION:
                return await _react(post, forge, lease)
            case PostKind.MERGE:
                return await self.merging.merge(post, lease)
            case _:
                msg = f"post {post.id} does not go to a forge"
                raise ValueError(msg)

    def _reply_text(self, post: Post, forge: Forge) -> str:
        limit = forge.comment_limit - self._marker_size(post, forge)
        return render_reply(self.redact(post.content or ""), measure=forge.measure, limit=limit)

    def _marker_size(self, post: Post, forge: Forge) -> int:
        return forge.measure(f"{self.markers.make(post, self.policy.max_comments)}\n")

    async def _report_texts(self, post: Post, forge: Forge) -> Sequence[str]:
        report = await self.store.pull_request_report(_pull_request(post))
        if report is None:
            return ()
        report = replace(report, gates=gates_of(self.policy.apply), locks=self.policy.locks)
        marker = self._marker_size(post, forge)
        # Megabytes of plans take a while: deliveries are answered meanwhile.
        return await asyncio.to_thread(self._render, report, forge, marker)

    def _render(self, report: PullRequestReport, forge: Forge, marker: int) -> Sequence[str]:
        texts = render_pull_request(
            report,
            measure=forge.measure,
            limit=forge.comment_limit - marker,
            max_parts=self.policy.max_comments,
            folds=forge.folds,
        )
        return [self.redact(text) for text in texts]

    async def _bring_status(self, post: Post, forge: Forge, lease: PostLease) -> Published:
        target, status = post.forge_target, await self._status(post)
        if status is None:
            return Published(parts=post.parts, writes=0)
        status = replace(status, description=self.redact(status.description))
        wanted = _hash(f"{status.state}\n{status.description}\n{status.target_url}")
        if any(part.hash == wanted for part in post.parts):
            return Published(parts=post.parts, writes=0)
        lease.check()
        await forge.set_status(target.repository, target.sha, status)
        return Published(parts=(RemotePart(id=_DONE, hash=wanted),), writes=1)

    async def _status(self, post: Post) -> CommitStatus | None:
        target = post.forge_target
        if post.content is not None:  # says the same for ever: its state, a blank, its description
            state, _, description = post.content.partition(" ")
            return CommitStatus(
                context=target.context, state=StatusState(state), description=description
            )
        return render_status(
            await self.store.commit_report(target.repository, target.sha),
            target.context,
            prefix=self.policy.status_prefix,
            per_workspace_limit=self.policy.status_limit,
        )

    def _comments(self, post: Post, forge: Forge, lease: PostLease) -> "_Comments":
        return _Comments(
            forge=forge, post=post, lease=lease, markers=self.markers, parts=list(post.parts)
        )

    def _forge(self, post: Post) -> Forge:
        name = post.forge_target.repository.forge
        try:
            return self.forges[name]
        except KeyError as error:
            msg = f"the forge {name!r} is no longer configured"
            raise NotFoundError(msg, service=name) from error


@dataclass(slots=True, kw_only=True)
class _Comments:
    """The comments of one post while they are brought up to date.

    Attributes:
        parts: What exists remotely, as far as is known.
        writes: Content writes so far.
    """

    forge: Forge
    post: Post
    lease: PostLease
    markers: Markers
    parts: list[RemotePart]
    writes: int = 0
    _own: Sequence[Comment] | None = field(default=None, repr=False)

    async def bring(self, texts: Sequence[str]) -> Published:
        """Make the comments say *texts*, one each, and say what was done."""
        for index, text in enumerate(texts):
            if index == len(self.parts):
                self.parts.append(_NOWHERE)
            await self._bring(index, f"{self.markers.make(self.post, index + 1)}\n{text}")
        while len(self.parts) > max(len(texts), 1):
            await self._drop_last()
        return Published(parts=tuple(self.parts), writes=self.writes)

    async def _bring(self, index: int, body: str) -> None:
        wanted = _hash(body)
        if not self.parts[index].id:
            await self._adopt(index)
        if self.parts[index].hash == wanted:
            return
        if self.parts[index].id and await self._edit(index, body):
            await self._keep(index, RemotePart(id=self.parts[index].id, hash=wanted))
            return
        # The place is stored first: whoever finds it empty looks before writing.
        await self._keep(index, _NOWHERE)
        self.lease.check()
        comment_id = await self.forge.create_comment(_pull_request(self.post), body)
        self.writes += 1
        await self._keep(index, RemotePart(id=comment_id, hash=wanted))

    async def _edit(self, index: int, body: str) -> bool:
        """Return whether there was something to edit: somebody may have deleted it."""
        self.lease.check()
        try:
            await self.forge.edit_comment(
                self.post.forge_target.repository, self.parts[index].id, body
            )
        except NotFoundError:
            return False
        self.writes += 1
        return True

    async def _adopt(self, index: int) -> None:
        """Take over what an attempt that died left behind; of several, the first."""
        found = [
            comment
            for comment in await self._look(index)
            if self.markers.matches(comment.body, self.post, index + 1)
        ]
        for comment in found[1:]:
            await self._delete(comment.id)
        if found:
            await self._keep(index, RemotePart(id=found[0].id, hash=_hash(found[0].body)))

    async def _look(self, index: int) -> Sequence[Comment]:
        """List our own comments, of which one may stand at this place."""
        if self._own is None:
            written = ULID.from_str(self.post.id).datetime  # no comment of it is older
            try:
                self._own = await self.forge.own_comments(_pull_request(self.post), written)
            except TooLargeError as error:
                if index >= len(self.post.parts):
                    # Nothing was ever tried here, nor further on: a place is stored before its
                    # comment is created. So there is nothing to find.
                    self._own = ()
                    return self._own
                msg = f"whether the comment exists cannot be seen: {error}"
                raise TemporaryRemoteError(
                    msg, service=error.service, retry_after=_UNSEEN
                ) from error
        return self._own

    async def _drop_last(self) -> None:
        """Delete a continuation the text no longer needs."""
        index = len(self.parts) - 1
        if not self.parts[index].id:
            await self._adopt(index)
        if self.parts[index].id:
            await self._delete(self.parts[index].id)
        self.parts.pop()
        await self.lease.save(self.parts)

    async def _delete(self, comment_id: str) -> None:
        self.lease.check()
        await self.forge.delete_comment(self.post.forge_target.repository, comment_id)
        self.writes += 1

    async def _keep(self, index: int, part: RemotePart) -> None:
        self.parts[index] = part
        await self.lease.save(self.parts)


async def _react(post: Post, forge: Forge, lease: PostLease) -> Published:
    if post.parts:
        return Published(parts=post.parts, writes=0)
    done = (RemotePart(id=_DONE, hash=_DONE),)
    lease.check()
    try:
        await forge.react(
            post.forge_target.repository, post.forge_target.comment_id, post.forge_target.content
        )
    except NotFoundError:
        return Published(parts=done, writes=0)  # the comment is gone
    except NotAllowedError as error:
        if error.status != HTTPStatus.FORBIDDEN:
            raise
        # The conversation is locked, or the instance allows other reactions only.
        return Published(parts=done, writes=0)
    return Published(parts=done, writes=1)


def _pull_request(post: Post) -> PullRequestRef:
    if post.forge_target.number is None:
        msg = f"post {post.id} names no pull request"
        raise ValueError(msg)
    return PullRequestRef(repository=post.forge_target.repository, number=post.forge_target.number)


def _hash(text: str) -> str:
    # Forges give line ends and outer blanks back in their own way; that alone is no difference.
    return hashlib.sha256(
        text.replace("\r\n", "\n").strip().encode("utf-8", "surrogatepass")
    ).hexdigest()
