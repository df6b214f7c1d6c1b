"""Messages of a chat, brought to what they should say: written once, edited, kept by their place.

A post is made of places, one for each message. Of a place is known:

====================  =============  ==============================================================
id                    hash           what it means
====================  =============  ==============================================================
``ts`` of a message   of what it     There it is. It is edited when it should say something else.
                      says
empty                 empty          It was about to be written when the process died. It is written
                                     (again): that it is there twice is better than never.
empty                 of what was    Nobody knows where it is: Slack may have kept it and answered
                      sent           with an error, or somebody deleted it. It is never written a
                                     second time; something newer may be, see ``Wanted.repeats``.
====================  =============  ==============================================================

Each call is paid for right before it is made, and a place is stored before its message is written.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import structlog

from bridge.chat_ports import Chat
from bridge.domain.access import SLACK
from bridge.domain.chat import ChatMessage
from bridge.domain.errors import (
    BudgetSpentError,
    ChatRefusalError,
    MaybeDoneError,
    RemoteError,
    TemporaryRemoteError,
)
from bridge.domain.posts import Post, RemotePart
from bridge.logs import CHANNEL, REASON
from bridge.ports import PostLease, Published
from bridge.services.chatting_texts import hash_of, shorter

log = structlog.get_logger(__name__)

T = TypeVar("T")

NOWHERE: Final = RemotePart(id="", hash="")

CLOSED: Final = frozenset(
    {
        "channel_not_found",
        "channel_is_archived",
        "is_archived",
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
    }
)
"""Refusals after which nothing is sent to a channel any more."""

_UNCHANGEABLE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_TOO_LONG: Final = frozenset(
    {"msg_blocks_too_long", "msg_too_long", "invalid_blocks", "invalid_blocks_format"}
)
_NO_THREAD: Final = frozenset({"thread_not_found", "cannot_reply_to_message"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A message that is to be there.

    Attributes:
        thread: ``ts`` of the message it is said below; empty for the channel itself.
        broadcast: Whether a reply shows in the channel, too.
        replaces: Whether it is written as a new message when the one before was deleted, or
            may not be edited any more; else nothing more is said at that place.
        repeats: Whether it is written as a new message, having changed, although nobody knows
            whether the one before is there.
        gap: Seconds since the last version before it is edited; 0 for at once, before others.
    """

    message: ChatMessage
    thread: str = ""
    broadcast: bool = False
    replaces: bool = False
    repeats: bool = False
    gap: float = 0.0


@dataclass(slots=True, kw_only=True)
class Messages:
    """The messages of one post while they are brought up to date.

    Attributes:
        writes: Calls that wrote something so far.
        unsaid: What was refused last; None while nothing was.
    """

    chat: Chat
    post: Post
    lease: PostLease
    writes: int = 0
    unsaid: ChatMessage | None = None
    parts: list[RemotePart] = field(init=False)

    def __post_init__(self) -> None:
        self.parts = list(self.post.parts)

    def published(self) -> Published:
        """Say what was done."""
        return Published(parts=tuple(self.parts), writes=self.writes)

    def at(self, index: int) -> RemotePart:
        """Return what is known of a place."""
        return self.parts[index] if index < len(self.parts) else NOWHERE

    async def bring(self, index: int, wanted: Wanted) -> None:
        """Make the message at a place say what is wanted."""
        known, found = self.at(index), hash_of(wanted.message)
        if known.hash == found:
            return
        if known.id:
            if await self._update(known.id, wanted):
                await self.keep(index, RemotePart(id=known.id, hash=found))
                return
            # It is gone for good: while a new one is not paid for, nobody looks for it again.
            await self.keep(index, NOWHERE if wanted.replaces else RemotePart(id="", hash=found))
            if not wanted.replaces:
                return
        elif known.hash and not wanted.repeats:
            return
        await self._write(index, wanted, found)

    async def keep(self, index: int, part: RemotePart) -> None:
        """Store what is known of a place."""
        self._set(index, part)
        await self.lease.save(self.parts)

    async def _write(self, index: int, wanted: Wanted, found: str) -> None:
        self.note_again(index)
        await self.lease.pay("post", self.post.target.where)
        try:
            ts = await self.once(index, lambda: self._post(wanted)) or ""
        except (RemoteError, BudgetSpentError):
            self.unsaid = wanted.message
            raise
        self.writes += 1
        await self.keep(index, RemotePart(id=ts, hash=found))

    def note_again(self, index: int) -> None:
        """Say in the log that something is written that may be there: the process died over it."""
        if index < len(self.parts) and self.parts[index] == NOWHERE:
            log.info("chat.said_again", **{CHANNEL: self.post.target.where})

    async def once(self, index: int, write: Callable[[], Awaitable[T]]) -> T | None:
        """Write something whose place is stored before; the caller keeps what comes of it.

        Returns:
            What *write* returns; None when nobody knows whether it was written.

        Raises:
            RemoteError: It was surely not: the place is as it was before.
            BudgetSpentError: Likewise.
        """
        before = self.parts[:]
        await self.keep(index, NOWHERE)
        try:
            return await write()
        except MaybeDoneError as error:
            log.warning("chat.maybe_said", **{CHANNEL: self.post.target.where, REASON: str(error)})
            return None
        except (RemoteError, BudgetSpentError):
            self.parts = before
            await self.lease.save(before)
            raise

    async def _post(self, wanted: Wanted) -> str:
        try:
            return await self._post_in(wanted.thread, wanted)
        except ChatRefusalError as error:
            if error.code not in _NO_THREAD or not wanted.thread:
                raise
        # Somebody deleted what it was to stand below.
        await self.lease.pay("post", self.post.target.where)
        return await self._post_in("", wanted)

    async def _post_in(self, thread: str, wanted: Wanted) -> str:
        channel, broadcast = self.post.target.where, bool(thread) and wanted.broadcast

        async def send(message: ChatMessage) -> str:
            return await self.chat.post(channel, message, thread=thread, broadcast=broadcast)

        return await _fitting(wanted.message, send, lambda: self.lease.pay("post", channel))

    async def _update(self, ts: str, wanted: Wanted) -> bool:
        """Edit a message; tell whether it could be edited."""
        channel = self.post.target.where

        async def send(message: ChatMessage) -> None:
            await self.chat.update(channel, ts, message)

        await self.lease.pay("update", gap=wanted.gap)
        try:
            await _fitting(wanted.message, send, lambda: self.lease.pay("update"))
        except ChatRefusalError as error:
            if error.code not in _UNCHANGEABLE:
                raise
            log.info("chat.not_editable", **{CHANNEL: channel, REASON: error.code})
            return False
        except MaybeDoneError as error:
            # The same edit may be made twice.
            msg = str(error)
            raise TemporaryRemoteError(msg, service=SLACK, status=error.status) from error
        self.writes += 1
        return True

    def _set(self, index: int, part: RemotePart) -> None:
        while len(self.parts) <= index:
            self.parts.append(NOWHERE)
        self.parts[index] = part


def count_known(parts: Sequence[RemotePart]) -> int:
    """Count the places up to the last of which something was said."""
    return max((at for at, part in enumerate(parts, start=1) if part != NOWHERE), default=0)


async def _fitting(
    message: ChatMessage,
    send: Callable[[ChatMessage], Awaitable[T]],
    pay: Callable[[], Awaitable[None]],
) -> T:
    """Send a message, or as much of it as the chat takes; each try but the first is paid for."""
    *longer, shortest = shorter(message)
    for one in longer:
        try:
            return await send(one)
        except ChatRefusalError as error:
            if error.code not in _TOO_LONG:
                raise
            log.warning("chat.shortened", **{REASON: str(error)})
        await pay()
    return await send(shortest)
