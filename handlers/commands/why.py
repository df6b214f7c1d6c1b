"""``why``: says why something was planned or not, what blocks an apply, and who can help."""

from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.explaining import explain, why_text
from bridge.domain.commands import WhyCommand, Word
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.standing import gather_stand

router = Router()


@router.on_command(WhyCommand)
async def why(asked: Asked, services: Services, work: Work) -> str:
    """Explain the workspaces that are named, or all that the pull request is about."""
    if refusal := await refuse(asked, Word.WHY, services):
        return refusal.text
    command = cast("WhyCommand", asked.command)
    found = await gather_stand(command.selection, asked, services)
    if isinstance(found, Refuse):
        return found.text
    explained = [
        explain(found.facts, asked.pull_request, found.changed, one)
        for one in found.overview.workspaces
    ]
    return why_text(found.overview, explained)
