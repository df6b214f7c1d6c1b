"""``whoami``: who the bridge takes somebody for, and what they may say here."""

import structlog

from bridge.decisions.linking import person_text
from bridge.domain.access import SLACK, PrincipalKind
from bridge.domain.commands import WhoamiCommand
from bridge.domain.errors import RemoteError
from bridge.domain.work import Work
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said

log = structlog.get_logger(__name__)

router = Router()


@router.on_said(WhoamiCommand)
async def whoami(said: Said, services: Services, work: Work) -> str:
    """Say it; anybody may ask."""
    speaker = said.speaker
    mine = [
        word for word in services.said_words if await refuse_said(speaker, word, services) is None
    ]
    return person_text(
        speaker.user,
        identities=speaker.identities,
        groups=await _groups(said, services),
        words=mine,
        is_ruled=services.policy.access is not None,
        chat_command=services.chat_command,
    )


async def _groups(said: Said, services: Services) -> dict[str, bool | None]:
    """Say of each group that a rule names whether they are in it; None where Slack did not."""
    names = {
        one.name
        for rule in services.policy.access or ()
        for one in rule.who
        if one.door == SLACK and one.kind is PrincipalKind.GROUP
    }
    found: dict[str, bool | None] = {}
    chat = services.chat
    if chat is None:
        return found
    for name in sorted(names):
        try:
            found[name] = await chat.in_group(said.speaker.user.id, name)
        except RemoteError as error:
            log.warning("team.unknown", actor=said.speaker.user.actor, reason=f"{name}: {error}")
            found[name] = None
    return found
