"""``status``: shows how every workspace of a pull request stands."""

from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.standing import status_text
from bridge.domain.commands import StatusCommand, Word
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.standing import gather_stand

router = Router()


@router.on_command(StatusCommand)
async def status(asked: Asked, services: Services, work: Work) -> str:
    """Say how the workspaces stand, and what an apply waits for."""
    if refusal := await refuse(asked, Word.STATUS, services):
        return refusal.text
    command = cast("StatusCommand", asked.command)
    found = await gather_stand(command.selection, asked, services)
    return found.text if isinstance(found, Refuse) else status_text(found.overview)
