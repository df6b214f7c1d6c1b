"""Complete plans as files, where a channel wants them; a beginning and a link where that fails."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bridge.domain.chat import ChatMessage
from bridge.domain.errors import ChatRefusalError, MaybeDoneError
from bridge.domain.posts import RemotePart
from bridge.domain.reports import ChatReport, ChatRun
from bridge.logs import CHANNEL, REASON
from bridge.ports import Published
from bridge.rendering.slack import ChatFile, render_excerpt, render_file
from bridge.rendering.slack.wanting import wants_run
from bridge.services.chatting_messages import Messages, Wanted
from bridge.services.chatting_reports import Following, later
from bridge.services.chatting_texts import hash_of, masked, masked_report

log = structlog.get_logger(__name__)

_OFF: Final = timedelta(minutes=10)
"""How long no file is tried after a scope was missing: somebody has to install the app again."""


@dataclass(slots=True, kw_only=True)
class Files:
    """Puts plans into channels as files; each once, as a plan does not change.

    Attributes:
        following: Knows where things are said.
    """

    following: Following
    _off_until: datetime | None = field(default=None, init=False)

    async def bring(self, messages: Messages) -> Published:
        """Put a run's plan below its live message, once there is one."""
        post, store = messages.post, self.following.store
        target = post.chat_target
        if any(part.hash for part in post.parts):
            return messages.published()
        report = await store.chat_report(post.report, target.run_id)
        if report is None or not report.runs or not wants_run(report, report.runs[0]):
            return messages.published()
        file = await asyncio.to_thread(_made, report, self.following)
        if file is None or not (await store.channel(target.team, target.channel)).files:
            return messages.published()
        if due := await store.awaits_parent(post.report):
            return later(messages, report, due)
        await self._put(messages, report, file)
        return messages.published()

    async def _put(self, messages: Messages, report: ChatReport, file: ChatFile) -> None:
        target, thread = messages.post.chat_target, await self.following.thread(messages.post)
        if not self._is_off(report.now):
            await messages.lease.pay("upload")
            try:
                await messages.chat.upload(
                    target.channel, name=file.name, title=file.title, text=file.text, thread=thread
                )
            except ChatRefusalError as error:
                self._note(error, report.now)
            except MaybeDoneError as error:
                log.warning("chat.maybe_said", **{CHANNEL: target.channel, REASON: str(error)})
                await self._done(messages, file)
                return
            else:
                await self._done(messages, file)
                return
        said = masked(render_excerpt(_run(report, self.following)), self.following.redact)
        await messages.bring(0, Wanted(message=said, thread=thread))

    async def _done(self, messages: Messages, file: ChatFile) -> None:
        messages.writes += 1
        known = hash_of(ChatMessage(text=f"{file.title}\n{file.text}"))
        await messages.keep(0, RemotePart(id="", hash=known))

    def _is_off(self, now: datetime) -> bool:
        return self._off_until is not None and now < self._off_until

    def _note(self, error: ChatRefusalError, now: datetime) -> None:
        if error.needed:
            self._off_until = now + _OFF
            log.warning("chat.scope_missing", scope=error.needed, **{REASON: str(error)})
        else:
            log.warning("chat.not_uploaded", **{REASON: str(error)})


def _made(report: ChatReport, following: Following) -> ChatFile | None:
    file = render_file(_run(report, following))
    if file is None:
        return None
    redact = following.redact
    return replace(file, title=redact(file.title), text=redact(file.text))


def _run(report: ChatReport, following: Following) -> ChatRun:
    return masked_report(report, following.redact).runs[0]
