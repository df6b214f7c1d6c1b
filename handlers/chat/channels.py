"""What happens to channels, and to the app: where nothing can be sent, nothing is tried.

A subscription of an archived channel is kept, and goes on when the channel comes back.
"""

from dataclasses import replace

import structlog

from bridge.domain.access import SLACK
from bridge.domain.chat_events import AppRemoved, ChannelBack, ChannelGone, ChatEvent
from bridge.domain.work import AuditEntry, Work
from bridge.routing import Router, Services
from handlers.chat.writing import channel_of

log = structlog.get_logger(__name__)

router = Router()

_ELSEWHERE = "it is about another workspace of Slack than the bridge's"


@router.on(ChannelGone)
async def park_channel(event: ChannelGone, services: Services, work: Work) -> None:
    """Send nothing to a channel until it is back."""
    if services.chats is None or _is_elsewhere(event, services):
        work.ignored = _ELSEWHERE
        return
    place = event.place
    settings = await services.chats.channel(place.team, place.channel)
    if settings.parked:
        work.ignored = f"nothing is sent there already: {settings.parked}"
        return
    work.channels.append(replace(settings, parked=event.why))
    heard = await services.chats.subscriptions(place.team, place.channel)
    if heard:
        log.warning("channel.parked", subject=channel_of(place), reason=event.why)
    detail = f"{event.why}; {len(heard)} subscriptions wait"
    _audit(event, work, action="channel.parked", detail=detail)


@router.on(ChannelBack)
async def unpark_channel(event: ChannelBack, services: Services, work: Work) -> None:
    """Send to a channel again."""
    if services.chats is None or _is_elsewhere(event, services):
        work.ignored = _ELSEWHERE
        return
    settings = await services.chats.channel(event.place.team, event.place.channel)
    if not settings.parked:
        work.ignored = "it was not gone"
        return
    work.channels.append(replace(settings, parked=""))
    _audit(event, work, action="channel.unparked", detail=settings.parked)


@router.on(AppRemoved)
async def note_removal(event: AppRemoved, services: Services, work: Work) -> None:
    """Say loudly that Slack is shut; everything else goes on."""
    log.error("app.removed", reason=event.why)
    _audit(event, work, action="app.removed", detail=event.why)


def _is_elsewhere(event: ChatEvent, services: Services) -> bool:
    return services.chat is not None and event.place.team != services.chat.team


def _audit(event: ChatEvent, work: Work, *, action: str, detail: str) -> None:
    work.audits.append(
        AuditEntry(
            actor=f"{SLACK}:{event.actor}" if event.actor else SLACK,
            action=action,
            door=SLACK,
            subject=channel_of(event.place),
            result="done",
            detail=" ".join(detail.split()),
        )
    )
