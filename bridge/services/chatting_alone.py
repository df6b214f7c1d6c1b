"""Telling one person alone, wherever they are.

An answer is not lost because of where it was asked. First comes the address the question came
with, which works where the bridge is not; then the channel, for their eyes only; then their own
conversation with the bridge.
"""

from typing import Final

import structlog

from bridge.domain.chat import ChatMessage
from bridge.domain.errors import (
    ChatRefusalError,
    RemoteError,
)
from bridge.domain.posts import RemotePart
from bridge.logs import CHANNEL, REASON
from bridge.services.chatting_messages import Messages
from bridge.services.chatting_texts import hash_of, with_hint

log = structlog.get_logger(__name__)

_OUTSIDE: Final = frozenset({"channel_not_found", "not_in_channel"})


async def tell(messages: Messages, message: ChatMessage) -> None:
    """Tell whoever asked, alone, in the first way that works; once."""
    messages.note_again(0)
    is_told = await messages.once(0, lambda: _told(messages, message)) is not False
    if not is_told:
        log.warning("chat.unheard", **{CHANNEL: messages.post.target.where})
    messages.writes += is_told
    await messages.keep(0, RemotePart(id="", hash=hash_of(message)))


async def tell_outside(messages: Messages, refusal: ChatRefusalError) -> None:
    """Tell whoever asked alone what could not be said for all, and what helps."""
    target = messages.post.chat_target
    if messages.unsaid is None or not (target.response_url or target.user):
        return
    hint = "The bridge cannot write here for all to see."
    if refusal.code in _OUTSIDE:
        hint = f"{hint} Let it in: /invite {await _name(messages)}"
    await tell(messages, with_hint(messages.unsaid, hint))


async def _name(messages: Messages) -> str:
    try:
        return f"<@{(await messages.chat.account()).user}>"
    except RemoteError:
        return "and the name of the app"


async def _told(messages: Messages, message: ChatMessage) -> bool:
    target, lease = messages.post.chat_target, messages.lease
    if target.response_url:
        lease.check()
        if await messages.chat.respond(target.response_url, message):
            return True
    if not target.user:
        return False
    if target.channel and await _whispered(messages, message, target.thread):
        return True
    await lease.pay("post", target.user)
    try:
        await messages.chat.post(target.user, message)
    except ChatRefusalError as error:
        log.info("chat.not_whispered", **{CHANNEL: target.user, REASON: str(error)})
        return False
    return True


async def _whispered(messages: Messages, message: ChatMessage, thread: str) -> bool:
    target = messages.post.chat_target
    await messages.lease.pay("whisper")
    try:
        await messages.chat.whisper(target.channel, target.user, message, thread=thread)
    except ChatRefusalError as error:
        log.info("chat.not_whispered", **{CHANNEL: target.channel, REASON: str(error)})
        return bool(thread) and await _whispered(messages, message, "")
    return True
