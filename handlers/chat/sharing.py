"""Who else is in a channel: people of other organizations read whatever is said there for all.

Where the bridge may not look, for want of a scope or of an invitation, nobody knows.
"""

import structlog

from bridge.decisions.asking import Refuse
from bridge.domain.chat import ChatPlace
from bridge.domain.commands import (
    AllowCommand,
    ApplyCommand,
    Command,
    DestroyCommand,
    PlanCommand,
    RetryCommand,
)
from bridge.domain.errors import ChatRefusalError, RemoteError
from bridge.routing import Services

log = structlog.get_logger(__name__)

_STARTING = PlanCommand | ApplyCommand | DestroyCommand | RetryCommand | AllowCommand
"""What is shown to all where it was said."""

_SHARED = (
    "Nothing was started: people of other organizations are in this channel, and would read what "
    "it shows. Say it in a channel of your own."
)
_UNSEEN = (
    "Nothing was started: Slack did not say whether people of other organizations are in this "
    "channel, who would read what it shows. Please try again in a while."
)


async def is_shared(place: ChatPlace, services: Services) -> bool | None:
    """Tell whether people of other organizations are in a channel; None when Slack does not say."""
    if services.chat is None or not place.channel:
        return False
    try:
        return await services.chat.is_shared(place.channel)
    except ChatRefusalError:
        return False
    except RemoteError as error:
        log.warning("channel.unread", reason=str(error))
        return None


async def refuse_before_strangers(
    command: Command, place: ChatPlace, services: Services
) -> Refuse | None:
    """Refuse to start what strangers would read the plans of."""
    if not isinstance(command, _STARTING):
        return None
    return await refuse_shared(place, services, shared=_SHARED, unseen=_UNSEEN)


async def refuse_shared(
    place: ChatPlace, services: Services, *, shared: str, unseen: str
) -> Refuse | None:
    """Refuse what strangers would read, and what nobody knows whether they would.

    Args:
        place: Where.
        services: What there is.
        shared: What is said where they would.
        unseen: What is said where Slack did not say.
    """
    match await is_shared(place, services):
        case None:
            return Refuse(text=unseen)
        case True:
            return Refuse(text=shared)
        case _:
            return None
