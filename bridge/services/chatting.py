"""Bringing a chat to what its posts say; see ports.Publisher.

What each kind of post says and when is in the modules beside this one: ``chatting_reports`` (live
messages, prompts, results), ``chatting_files``, ``chatting_answers`` (replies, whispers, modals);
how a message is written once and edited is in ``chatting_messages``.
"""

from dataclasses import dataclass, field, replace

import structlog

from bridge.chat_ports import Chat, ChatStore
from bridge.domain.access import SLACK, AccessRule
from bridge.domain.chat import ChannelSettings
from bridge.domain.errors import ChatRefusalError
from bridge.domain.posts import ALONE, Post, PostKind
from bridge.logs import REASON, SUBJECT
from bridge.ports import Clock, PostLease, Published
from bridge.services.chatting_alone import tell_outside
from bridge.services.chatting_answers import Answers
from bridge.services.chatting_files import Files
from bridge.services.chatting_messages import CLOSED, Messages
from bridge.services.chatting_reports import Following
from bridge.services.chatting_texts import Redact

log = structlog.get_logger(__name__)


@dataclass(slots=True, kw_only=True)
class ChatPublisher:
    """Composes what is said in a chat, and brings the chat to it.

    Attributes:
        clock: Says what came too late.
        access: Rules that say how many people approve a job; None without rules.
        redact: Masks the secrets the bridge holds. What is stored was masked already: this is the
            second lock.
        confirm_deletions: An approval that deletes more than this takes the workspace's name.
    """

    chat: Chat
    store: ChatStore
    clock: Clock
    access: tuple[AccessRule, ...] | None = None
    redact: Redact = str
    confirm_deletions: int = 10
    _following: Following = field(init=False)
    _files: Files = field(init=False)
    _answers: Answers = field(init=False)

    def __post_init__(self) -> None:
        self._following = Following(
            store=self.store,
            access=self.access,
            redact=self.redact,
            confirm_deletions=self.confirm_deletions,
        )
        self._files = Files(following=self._following)
        self._answers = Answers(redact=self.redact)

    async def publish(self, post: Post, lease: PostLease) -> Published:
        """See Publisher.publish."""
        messages = Messages(chat=self.chat, post=post, lease=lease)
        try:
            return await self._bring(messages)
        except ChatRefusalError as error:
            if error.code not in CLOSED or post.kind in ALONE:
                raise
            return await _shut(messages, error)

    async def _bring(self, messages: Messages) -> Published:
        match messages.post.kind:
            case PostKind.CHAT_MESSAGE:
                await self._following.live(messages)
            case PostKind.CHAT_PROMPT:
                return await self._following.prompts(messages)
            case PostKind.CHAT_RESULT:
                return await self._following.result(messages)
            case PostKind.CHAT_FILE:
                return await self._files.bring(messages)
            case PostKind.CHAT_REPLY:
                await self._answers.reply(messages)
            case PostKind.CHAT_WHISPER:
                await self._answers.whisper(messages, self.clock.now())
            case PostKind.CHAT_VIEW:
                await self._answers.view(messages, self.clock.now())
            case _:
                msg = f"post {messages.post.id} does not go to a chat"
                raise ValueError(msg)
        return messages.published()


async def _shut(messages: Messages, refusal: ChatRefusalError) -> Published:
    """Send nothing to a channel any more that does not let the bridge write."""
    post, target = messages.post, messages.post.chat_target
    where = f"{SLACK}:{target.team}:{target.channel}"
    log.warning("channel.parked", **{SUBJECT: where, REASON: str(refusal)})
    await tell_outside(messages, refusal)
    if post.kind is PostKind.CHAT_MESSAGE:
        # It is written when the channel is open again.
        messages.parts = list(post.parts)
    parked = ChannelSettings(team=target.team, channel=target.channel, parked=str(refusal))
    return replace(messages.published(), parks=parked)
