"""What a chat is told of runs: the live message, and below it who is asked and what came of it.

It is composed when it is sent, so it says how things stand then. What stands below the live
message waits for that to be written; where that has no place that is known, it stands in the
channel and says by itself what it is about.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from bridge.chat_ports import ChatStore
from bridge.decisions.approving import demand_for
from bridge.domain.access import AccessRule
from bridge.domain.chat import ChatMessage, ChatReportKey
from bridge.domain.posts import Post, RemotePart
from bridge.domain.reports import ChatReport
from bridge.ports import Published
from bridge.rendering.slack import render_live, render_prompts, render_result
from bridge.rendering.slack.wanting import has_failed
from bridge.rendering.wording import waits_for_a_person
from bridge.services.chatting_messages import NOWHERE, Messages, Wanted, count_known
from bridge.services.chatting_texts import (
    Redact,
    has_buttons,
    hash_of,
    masked,
    masked_report,
)

T = TypeVar("T")

SOON: Final = timedelta(seconds=1)
"""After which is looked again for a live message that is about to be written."""

_ENDED: Final = RemotePart(id="", hash="ended")
"""Place of a live message that cannot be found, and whose runs have all ended."""

_SHORTEST_GAP: Final = 3.0
_LONGEST_GAP: Final = 15.0
_PATIENCE: Final = 20.0  # a run that goes on for so many times a gap is edited that seldom


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Composes what follows runs, and brings it to the chat.

    Attributes:
        access: Rules that say how many people approve a job.
        confirm_deletions: An approval that deletes more than this takes the workspace's name.
    """

    store: ChatStore
    access: tuple[AccessRule, ...] | None
    redact: Redact
    confirm_deletions: int

    async def live(self, messages: Messages) -> None:
        """Bring the live message to how its runs stand."""
        report = await self._report(messages.post)
        if report is None:
            return
        is_over = all(one.report.run.concluded for one in report.runs)
        message = await self._made(_live, report, messages)
        if message is not None:
            wanted = Wanted(
                message=message,
                thread=report.key.thread,
                replaces=not is_over,
                repeats=_repeats(report, messages.at(0), is_over=is_over),
                gap=_gap(report),
            )
            await messages.bring(0, wanted)
        if is_over and _is_lost(messages.at(0)):
            await messages.keep(0, _ENDED)

    async def prompts(self, messages: Messages) -> Published:
        """Ask for each step that waits, and say of each that waits no more what came of it."""
        post = messages.post
        report = await self._report(post, about=post.chat_target.run_id)
        if report is None:
            return messages.published()
        found = await self._made(_prompts, report, messages)
        changed = [at for at, one in enumerate(found) if messages.at(at).hash != hash_of(one)]
        asks = any(messages.at(at) == NOWHERE and has_buttons(found[at]) for at in changed)
        if asks and (due := await self.store.awaits_parent(post.report)):
            return later(messages, report, due)
        thread = await self.thread(post) if changed else ""
        for at in changed:
            if messages.at(at) == NOWHERE and not has_buttons(found[at]):
                # Decided before anybody was asked here: the live message says so.
                await messages.keep(at, RemotePart(id="", hash=hash_of(found[at])))
            else:
                await messages.bring(at, _prompt(found[at], report, thread))
        return messages.published()

    async def result(self, messages: Messages) -> Published:
        """Say how what a trigger started came out."""
        post = messages.post
        report = await self._report(post, about=_trigger(post))
        message = await self._made(_result, report, messages) if report else None
        if report is None or message is None or messages.at(0).hash == hash_of(message):
            return messages.published()
        is_new = not count_known(messages.parts)
        if is_new and (due := await self.store.awaits_parent(post.report)):
            return later(messages, report, due)
        failed = any(has_failed(one) for one in report.runs)
        wanted = Wanted(
            message=message,
            thread=await self.thread(post),
            broadcast=failed and not report.quiet,
            replaces=True,
            repeats=True,
        )
        await messages.bring(0, wanted)
        return messages.published()

    async def thread(self, post: Post) -> str:
        """Return the ``ts`` below which something is said; empty for the channel itself.

        A live message in a thread is a reply itself, and nothing is said below a reply.
        """
        return post.chat_target.thread or await self.store.chat_parent(post.report) or ""

    async def _report(self, post: Post, about: str = "") -> ChatReport | None:
        report = await self.store.chat_report(post.report, about)
        return report if report is not None and report.runs else None

    async def _made(
        self, make: Callable[["_Page"], T], report: ChatReport, messages: Messages
    ) -> T:
        # Plans have megabytes: deliveries are answered meanwhile.
        def make_it() -> T:
            return make(_Page(self, masked_report(report, self.redact), messages))

        return await asyncio.to_thread(make_it)


@dataclass(frozen=True, slots=True)
class _Page:
    """A report that is to be shown, and what is there of it already."""

    following: Following
    report: ChatReport
    messages: Messages

    @property
    def sent(self) -> int:
        """Count the messages that are there."""
        return count_known(self.messages.parts)

    @property
    def quorums(self) -> Mapping[str, int]:
        """Say how many people must approve, by run id."""
        runs = (one.report.run for one in self.report.runs)
        return {run.id: demand_for(run, self.following.access).quorum for run in runs}

    def masked(self, message: ChatMessage) -> ChatMessage:
        """Make a message ready to be sent."""
        return masked(message, self.following.redact)


def later(messages: Messages, report: ChatReport, due: datetime) -> Published:
    """Look again when the live message may be there, which is *due* then.

    Slack may want an hour's pause, and as many as wait for it would look all the time.
    """
    return replace(messages.published(), again_at=max(due, report.now) + SOON)


def _live(page: _Page) -> ChatMessage | None:
    message = render_live(
        page.report,
        sent=page.sent > 0,
        quorums=page.quorums,
        confirm_deletions=page.following.confirm_deletions,
    )
    return None if message is None else page.masked(message)


def _prompts(page: _Page) -> Sequence[ChatMessage]:
    run_id = page.messages.post.chat_target.run_id
    found = render_prompts(
        page.report,
        run_id,
        sent=page.sent,
        quorum=page.quorums.get(run_id, 1),
        confirm_deletions=page.following.confirm_deletions,
    )
    return [page.masked(message) for message in found]


def _prompt(message: ChatMessage, report: ChatReport, thread: str) -> Wanted:
    asks = has_buttons(message)
    return Wanted(
        message=message, thread=thread, broadcast=asks and not report.quiet, replaces=asks
    )


def _result(page: _Page) -> ChatMessage | None:
    trigger = _trigger(page.messages.post)
    message = render_result(page.report, trigger, sent=page.sent > 0)
    return None if message is None else page.masked(message)


def _trigger(post: Post) -> str:
    key = ChatReportKey.parse(post.report)
    return post.chat_target.slot.removeprefix(f"{key.group}|" if key else "")


def _is_lost(part: RemotePart) -> bool:
    return not part.id and bool(part.hash)


def _repeats(report: ChatReport, known: RemotePart, *, is_over: bool) -> bool:
    """Tell whether a live message nobody can find is written again, as it has changed.

    When something begins anew that had come to its end; and in the end, where nothing else says
    how that was.
    """
    if known == _ENDED:
        return not is_over
    return is_over and report.quiet and not report.asked


def _gap(report: ChatReport) -> float:
    """Say how long a live message rests between two versions, in seconds.

    The longer its runs go on, the less there is that changes. When nothing goes on by itself any
    more, somebody may be waiting for that.
    """
    runs = [one.report.run for one in report.runs]
    going = [run for run in runs if not run.concluded and not waits_for_a_person(run)]
    if not going:
        return 0.0
    age = max((report.now - run.created_at).total_seconds() for run in going)
    return min(max(age / _PATIENCE, _SHORTEST_GAP), _LONGEST_GAP)
