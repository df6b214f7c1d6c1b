"""Carrying out in the chat: what is said becomes rows of a Work. Nothing here reaches outside."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bridge.domain.access import SLACK
from bridge.domain.chat import ChatMessage, ChatPlace, ChatReportKey, ChatUser, View
from bridge.domain.chat_events import Interaction
from bridge.domain.posts import ChatTarget, PostKind, PostUpsert
from bridge.domain.work import AuditEntry, Work
from bridge.routing import Said, Speaker

_DETAIL: Final = 500
_ANSWERED_FOR: Final = timedelta(minutes=30)
"""How long a ``response_url`` may be used (slack.md section 9)."""

_OPENED_WITHIN: Final = timedelta(seconds=3)
"""How long a ``trigger_id`` may be used."""


def report_key(place: ChatPlace, group: str) -> str:
    """Name the live message of a group of runs at a place; what a run's reports hold."""
    key = ChatReportKey(team=place.team, channel=place.channel, group=group, thread=place.thread)
    return str(key)


def whisper(work: Work, event: Interaction, answer: str | ChatMessage) -> None:
    """Answer somebody alone, in Markdown or as a message that is made already."""
    post(work, PostKind.CHAT_WHISPER, _alone(event), answer)


def whisper_later(event: Interaction) -> PostUpsert:
    """Make an answer to somebody alone that says what only turns out when it is written."""
    target = _alone(event)
    report = report_key(event.place, target.slot)
    return PostUpsert(kind=PostKind.CHAT_WHISPER, target=target, report=report)


def _alone(event: Interaction) -> ChatTarget:
    return ChatTarget(
        team=event.place.team,
        channel=event.place.channel,
        slot=event.trigger,
        thread=event.place.thread,
        user=event.actor,
        response_url=event.response_url,
        expires_at=_milliseconds(event.received_at + _ANSWERED_FOR),
    )


def aside(event: Interaction, about: str, *, waited: float) -> ChatTarget:
    """Say where somebody is told something beside the answer itself, *waited* seconds later."""
    target = _alone(event)
    slot = f"{event.trigger}|{about}"
    if waited < _ANSWERED_FOR.total_seconds():
        return replace(target, slot=slot)
    # Where the bridge is in the channel, it can still be said.
    return replace(target, slot=slot, response_url="", expires_at=None)


def reply(work: Work, event: Interaction, answer: str | ChatMessage) -> None:
    """Say something once where somebody said something, for all to see."""
    target = ChatTarget(
        team=event.place.team,
        channel=event.place.channel,
        slot=event.trigger,
        thread=event.place.thread,
        user=event.actor,
    )
    post(work, PostKind.CHAT_REPLY, target, answer)


def answer_said(work: Work, said: Said, answer: str | ChatMessage, *, now: datetime) -> None:
    """Answer whoever said something alone, or for all to see where it was said in a message.

    For an answer that is more than Markdown; a command's handler then returns nothing to be said.
    """
    target = target_of(said, expires=None if said.mention else now + _ANSWERED_FOR)
    post(work, PostKind.CHAT_REPLY if said.mention else PostKind.CHAT_WHISPER, target, answer)


def announce(work: Work, said: Said, answer: str | ChatMessage) -> None:
    """Say what changed for a channel, for all to see; whoever asked alone where that cannot be."""
    post(work, PostKind.CHAT_REPLY, target_of(said), answer)


def target_of(said: Said, slot: str = "", *, expires: datetime | None = None) -> ChatTarget:
    """Say where whoever said something is answered, or told alone where that cannot be.

    Args:
        said: What was said.
        slot: Tells several answers to it apart; empty for the only one.
        expires: After which it is of no use; None for never.
    """
    return ChatTarget(
        team=said.place.team,
        channel=said.place.channel,
        slot=slot or said.trigger,
        thread=said.place.thread,
        user=said.speaker.user.id,
        response_url=said.response_url,
        expires_at=_milliseconds(expires) if expires else None,
    )


def channel_of(place: ChatPlace) -> str:
    """Name a channel for the audit: ``slack:<team>:<channel>``."""
    return f"{SLACK}:{place.team}:{place.channel}"


def open_view(work: Work, event: Interaction, view: View) -> None:
    """Open a modal for whoever did something just now."""
    target = ChatTarget(
        team=event.place.team,
        channel=event.place.channel,
        slot=event.trigger,
        user=event.actor,
        response_url=event.response_url,
        trigger_id=event.trigger_id,
        expires_at=_milliseconds(event.received_at + _OPENED_WITHIN),
    )
    work.posts.append(
        PostUpsert(
            kind=PostKind.CHAT_VIEW,
            target=target,
            report=report_key(event.place, event.trigger),
            content=json.dumps(view),
        )
    )


def follow_here(work: Work, said: Said, group: str = "") -> str:
    """Keep a live message of what *said* starts where it was said; return its report.

    Where the bridge may not write, whoever asks is told alone.

    Args:
        work: What follows.
        said: What was said.
        group: Of the runs that are shown together; empty for what this command starts.
    """
    target = target_of(said, group)
    report = report_key(said.place, target.slot)
    work.posts.append(PostUpsert(kind=PostKind.CHAT_MESSAGE, target=target, report=report))
    return report


def post(work: Work, kind: PostKind, target: ChatTarget, answer: str | ChatMessage) -> None:
    """Have something said once."""
    place = ChatPlace(team=target.team, channel=target.channel, thread=target.thread)
    content = answer if isinstance(answer, str) else _json(answer)
    report = report_key(place, target.slot)
    work.posts.append(PostUpsert(kind=kind, target=target, report=report, content=content))


def audit_said(
    work: Work, speaker: Speaker, *, action: str, subject: str, result: str, detail: str = ""
) -> None:
    """Record who asked for what in the chat, and what became of it."""
    work.audits.append(
        AuditEntry(
            actor=speaker.user.actor,
            action=action,
            door=SLACK,
            subject=subject,
            result=result,
            detail=" ".join(detail.split())[:_DETAIL],
        )
    )


def refuse_stranger(
    work: Work, event: Interaction, text: str, *, action: str, subject: str
) -> None:
    """Refuse whoever may do nothing here at all; who that is, is recorded by their id alone."""
    whisper(work, event, text)
    who = ChatUser(team=event.user_team, id=event.actor, name="")
    work.audits.append(
        AuditEntry(
            actor=who.actor,
            action=action,
            door=SLACK,
            subject=subject,
            result="refused",
            detail=text,
        )
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _json(message: ChatMessage) -> str:
    return json.dumps({"text": message.text, "blocks": list(message.blocks)})
