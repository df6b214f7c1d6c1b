"""Who is it: asked of Slack at each click and command, before anything else (slack.md section 11).

Being in the chat is no permission, and a payload is no proof: people of shared channels, guests,
programs and switched-off accounts can all press buttons.
"""

from dataclasses import replace

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.wording import code
from bridge.domain.chat import ChatPlace, ChatUser
from bridge.domain.chat_controls import FormPlace
from bridge.domain.chat_events import FormSent, Interaction
from bridge.domain.errors import ChatRefusalError, NotFoundError, RemoteError
from bridge.routing import Services, Speaker

log = structlog.get_logger(__name__)

_UNASKED = (
    "Nothing was done: Slack did not say who you are, and without that the answer is no. Please "
    "try again in a while."
)
_UNABLE = (
    "Nothing was done: the bridge may not ask Slack who you are, as its app lacks the scope "
    "{scope}. Whoever runs the bridge can add it."
)
_STRANGER = "Nothing was done: you are of another organization than this bridge's."


async def recognise(event: Interaction, services: Services) -> Speaker | Refuse:
    """Find out who does something, and refuse whoever may do nothing at all.

    That Slack does not say is a no: what was asked for minutes ago is not done out of the blue.
    """
    if services.chat is None or services.chats is None:
        return Refuse(text="Slack is not configured any more.")
    if event.place.team != services.chat.team or event.user_team not in {"", event.place.team}:
        return Refuse(text=_STRANGER)
    try:
        user = await services.chat.user(event.actor)
    except NotFoundError:
        return Refuse(text=_STRANGER)
    except RemoteError as error:
        log.warning("chat.unknown_user", actor=event.actor, reason=str(error))
        return Refuse(text=_unasked(error))
    if reason := _excluded(user, services.chat.team):
        return Refuse(text=f"Nothing was done: {reason}.")
    identities = await services.chats.identities(event.place.team, event.actor)
    return Speaker(user=user, identities=tuple(identities))


def _unasked(error: RemoteError) -> str:
    """Say why nobody knows who it is; trying again does not help where the app lacks a scope."""
    needed = error.needed if isinstance(error, ChatRefusalError) else ""
    return _UNABLE.format(scope=code(needed)) if needed else _UNASKED


def where_opened(event: FormSent) -> FormSent:
    """Put a form that says no channel where it was opened, as the bridge wrote into it."""
    if event.place.channel:
        return event
    place = FormPlace.parse(event.metadata)
    there = ChatPlace(team=event.place.team, channel=place.channel, thread=place.thread)
    return replace(event, place=there)


def _excluded(user: ChatUser, team: str) -> str:
    """Say why somebody may do nothing here, whatever the rules say; empty when they may."""
    if user.team != team or user.is_stranger:
        return "you are of another organization than this bridge's"
    if user.deleted:
        return "this account is switched off"
    if user.is_bot:
        return "programs may not ask for anything here"
    if user.is_guest:
        return "guests may not ask for anything here"
    return ""
