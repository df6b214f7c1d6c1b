"""What is said once: to all in a channel, to one person alone, or as a modal."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog

from bridge.domain.errors import ChatRefusalError, MaybeDoneError
from bridge.domain.posts import RemotePart
from bridge.logs import CHANNEL, REASON
from bridge.rendering.slack import check_view, render_error
from bridge.services.chatting_alone import tell
from bridge.services.chatting_messages import Messages, Wanted
from bridge.services.chatting_texts import Redact, hash_of, masked_view, said

log = structlog.get_logger(__name__)

_TOO_LATE: Final = frozenset({"expired_trigger_id", "invalid_trigger_id", "trigger_expired"})
_OPENED: Final = "exchanged_trigger_id"
_FORGOTTEN: Final = timedelta(minutes=30)
_AGAIN: Final = "It took too long to open the form. Please do that once more."
_NOT_OPENED: Final = "The form could not be opened."


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Says what is said once."""

    redact: Redact

    async def reply(self, messages: Messages) -> None:
        """Say something for all to see."""
        post = messages.post
        if post.content is not None:
            message = said(post.content, self.redact)
            await messages.bring(0, Wanted(message=message, thread=post.chat_target.thread))

    async def whisper(self, messages: Messages, now: datetime) -> None:
        """Say something to one person alone, while the address for it may be used."""
        post = messages.post
        message = None if post.content is None else said(post.content, self.redact)
        if message is None or messages.at(0).hash == hash_of(message):
            return
        if _lateness(messages, now) > timedelta(0):
            log.warning("chat.too_late", **{CHANNEL: post.chat_target.channel})
        else:
            await tell(messages, message)

    async def view(self, messages: Messages, now: datetime) -> None:
        """Open a modal, or say that it took too long."""
        post = messages.post
        if post.content is None or any(part.hash for part in messages.parts):
            return
        late = _lateness(messages, now)
        problem = _AGAIN if late > timedelta(0) else await self._open(messages, post.content)
        if problem:
            log.warning("chat.not_opened", **{CHANNEL: post.chat_target.channel, REASON: problem})
        if problem and late < _FORGOTTEN:
            await tell(messages, render_error(problem, "" if problem is _AGAIN else post.id))

    async def _open(self, messages: Messages, content: str) -> str:
        """Open a modal; return what is wrong when it does not open, for people."""
        view = masked_view(json.loads(content), self.redact)
        if problems := check_view(view):
            log.error("chat.view_refused", **{REASON: "; ".join(map(str, problems))})
            return _NOT_OPENED
        await messages.lease.pay("view")
        try:
            await messages.chat.open_view(messages.post.chat_target.trigger_id, view)
        except MaybeDoneError as error:
            log.warning("chat.maybe_said", **{REASON: str(error)})
        except ChatRefusalError as error:
            if error.code in _TOO_LATE:
                return _AGAIN
            if error.code != _OPENED:
                log.error("chat.view_refused", **{REASON: str(error)})  # noqa: TRY400 - Slack's word, no traceback of ours
                return _NOT_OPENED
        messages.writes += 1
        await messages.keep(0, RemotePart(id="", hash="opened"))
        return ""


def _lateness(messages: Messages, now: datetime) -> timedelta:
    """Say how long ago it could have been said last."""
    expires_at = messages.post.chat_target.expires_at
    seconds = now.timestamp() - expires_at / 1000 if expires_at is not None else -1.0
    return timedelta(seconds=seconds)
