"""``settings``: what holds in a channel."""

from collections.abc import Sequence
from typing import cast

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.subscribing import Change, decide_settings
from bridge.domain.commands import SettingsCommand, Word
from bridge.domain.errors import RemoteError
from bridge.domain.work import Work
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.writing import announce, audit_said, channel_of

log = structlog.get_logger(__name__)

router = Router()


@router.on_said(SettingsCommand)
async def settings(said: Said, services: Services, work: Work) -> str:
    """Show what holds in a channel, or change it before everybody there."""
    match await _decide(said, services):
        case Refuse(text=text):
            _audit(said, work, "refused", f"{said.command.text}: {text}")
            return text
        case Change(settings=changed, text=text):
            work.channels.append(changed)
            announce(work, said, text)
            _audit(said, work, "done", said.command.text)
            return ""
        case text:
            return text


async def _decide(said: Said, services: Services) -> Refuse | Change | str:
    if services.chats is None:
        return "Slack is not configured any more."
    command = cast("SettingsCommand", said.command)
    changes = command.organization is not None or command.files is not None
    if changes and (refusal := await refuse_said(said.speaker, Word.SETTINGS, services)):
        return refusal
    return decide_settings(
        command,
        await services.chats.channel(said.place.team, said.place.channel),
        organizations=await _organizations(services) if command.organization else (),
        chat_command=services.chat_command,
    )


async def _organizations(services: Services) -> Sequence[str] | None:
    try:
        return [one.name for one in await services.catalog.organizations()]
    except RemoteError as error:
        log.warning("catalog.unread", reason=str(error))
        return None


def _audit(said: Said, work: Work, result: str, detail: str) -> None:
    audit_said(
        work,
        said.speaker,
        action="channel.changed",
        subject=channel_of(said.place),
        result=result,
        detail=detail,
    )
