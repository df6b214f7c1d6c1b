"""``subscribe``, ``unsubscribe``, ``subscriptions``: what a channel hears of.

What a channel hears from now on is said in it, for all to see; a refusal is for whoever asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import structlog

from bridge.chat_ports import ChatStore
from bridge.decisions.asking import Refuse
from bridge.decisions.subscribing import (
    Leave,
    Subscribe,
    decide_subscribe,
    decide_unsubscribe,
    subscriptions_text,
)
from bridge.domain.commands import (
    SubscribeCommand,
    SubscriptionsCommand,
    UnsubscribeCommand,
    Word,
)
from bridge.domain.errors import ChatRefusalError, RemoteError
from bridge.domain.work import Unsubscribe, Work
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.sharing import refuse_shared
from handlers.chat.writing import announce, audit_said, channel_of

log = structlog.get_logger(__name__)

router = Router()

_NO_CHAT = "Slack is not configured any more."
_SHARED = (
    "Nothing was subscribed: people of other organizations are in this channel, and would read "
    "every plan. Subscribe in a channel of your own."
)
_UNSEEN = (
    "Nothing was subscribed: Slack did not say whether people of other organizations are in this "
    "channel. Please try again in a while."
)


@router.on_said(SubscribeCommand)
async def subscribe(said: Said, services: Services, work: Work) -> str:
    """Let a channel hear of workspaces from now on."""
    if services.chats is None:
        return _NO_CHAT
    decision = await _decide_subscribe(said, services, services.chats)
    detail = said.command.text
    match decision:
        case Refuse(text=text):
            _audit(said, work, "channel.subscribed", "refused", f"{detail}: {text}")
            return text
        case Subscribe(subscriptions=subscriptions, text=text):
            work.subscribes += subscriptions
            await _unpark(said, services.chats, work)
            hint = await _invitation(said, services)
            announce(work, said, "\n\n".join(filter(None, [text, hint])))
            _audit(said, work, "channel.subscribed", "done", detail)
            return ""


@router.on_said(UnsubscribeCommand)
async def unsubscribe(said: Said, services: Services, work: Work) -> str:
    """Let a channel hear of workspaces no longer."""
    if services.chats is None:
        return _NO_CHAT
    decision = await _decide_unsubscribe(said, services, services.chats)
    detail = said.command.text
    match decision:
        case Refuse(text=text):
            _audit(said, work, "channel.unsubscribed", "refused", f"{detail}: {text}")
            return text
        case Leave(patterns=patterns, text=text):
            work.unsubscribes += [
                Unsubscribe(team=said.place.team, channel=said.place.channel, pattern=one)
                for one in patterns
            ]
            announce(work, said, text)
            _audit(said, work, "channel.unsubscribed", "done", f"{detail}: {', '.join(patterns)}")
            return ""


@router.on_said(SubscriptionsCommand)
async def subscriptions(said: Said, services: Services, work: Work) -> str:
    """Say what a channel hears of, and who wanted that."""
    if services.chats is None:
        return _NO_CHAT
    if refusal := await refuse_said(said.speaker, Word.SUBSCRIPTIONS, services):
        return refusal.text
    place = said.place
    return subscriptions_text(
        await services.chats.channel(place.team, place.channel),
        await services.chats.subscriptions(place.team, place.channel),
        workspaces=await _workspaces(services),
        command=services.chat_command,
    )


async def _decide_subscribe(said: Said, services: Services, chats: ChatStore) -> Refuse | Subscribe:
    if refusal := await refuse_said(said.speaker, Word.SUBSCRIBE, services):
        return refusal
    place = said.place
    # Nobody may have in mind to tell strangers of everything from now on.
    if refusal := await refuse_shared(place, services, shared=_SHARED, unseen=_UNSEEN):
        return refusal
    return decide_subscribe(
        cast("SubscribeCommand", said.command),
        await chats.channel(place.team, place.channel),
        await chats.subscriptions(place.team, place.channel),
        workspaces=await _workspaces(services),
        actor=said.speaker.user.actor,
    )


async def _decide_unsubscribe(said: Said, services: Services, chats: ChatStore) -> Refuse | Leave:
    if refusal := await refuse_said(said.speaker, Word.UNSUBSCRIBE, services):
        return refusal
    place = said.place
    return decide_unsubscribe(
        cast("UnsubscribeCommand", said.command),
        await chats.channel(place.team, place.channel),
        await chats.subscriptions(place.team, place.channel),
    )


async def _workspaces(services: Services) -> Sequence[str] | None:
    try:
        return [str(one.ref) for one in await services.catalog.workspaces()]
    except RemoteError as error:
        log.warning("catalog.unread", reason=str(error))
        return None


async def _unpark(said: Said, chats: ChatStore, work: Work) -> None:
    """Send to the channel again: somebody is there. If the bridge is not, it will be told."""
    settings = await chats.channel(said.place.team, said.place.channel)
    if settings.parked:
        work.channels.append(replace(settings, parked=""))
        _audit(said, work, "channel.unparked", "done", settings.parked)


async def _invitation(said: Said, services: Services) -> str:
    """Say that the bridge has to be invited, where it is not and cannot write without."""
    if services.chat is None:
        return ""
    how = f"Invite it with `/invite @{services.chat_command.removeprefix('/')}`."
    try:
        if await services.chat.is_member(said.place.channel):
            return ""
    except ChatRefusalError as error:
        if error.needed:
            return ""  # it may not look: what it cannot write will say so
        return "**It hears nothing before the bridge is in it.**"  # how is said with the answer
    except RemoteError as error:
        log.warning("channel.unread", reason=str(error))
        return ""
    return f"The bridge is not in this channel: it can write here, but put no files. {how}"


def _audit(said: Said, work: Work, action: str, result: str, detail: str) -> None:
    subject = channel_of(said.place)
    audit_said(work, said.speaker, action=action, subject=subject, result=result, detail=detail)
