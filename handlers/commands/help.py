"""``help``, and commands that are not available yet."""

from typing import cast

from bridge.decisions.replies import help_text, not_available
from bridge.domain.commands import HelpCommand, LaterCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services

router = Router()


@router.on_command(HelpCommand)
async def show_help(asked: Asked, services: Services, work: Work) -> str:
    """List what can be said; anybody may ask."""
    return help_text(services.policy.command_names[0])


@router.on_command(LaterCommand)
async def refuse_later(asked: Asked, services: Services, work: Work) -> str:
    """Answer a command that does not exist here yet."""
    return not_available(cast("LaterCommand", asked.command), services.policy.command_names[0])
