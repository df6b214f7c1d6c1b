"""``help``: what can be said here, and the flags of one command."""

from typing import cast

from bridge.decisions.helping import help_about, help_text
from bridge.decisions.replies import not_available
from bridge.domain.commands import HelpCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services

router = Router()


@router.on_command(HelpCommand)
async def show_help(asked: Asked, services: Services, work: Work) -> str:
    """List what can be said, or show one command; anybody may ask."""
    name = services.policy.command_names[0]
    word = cast("HelpCommand", asked.command).word
    if word is None:
        return help_text(name, services.words)
    if word not in services.words:
        return not_available(word, services.words, name)
    return help_about(name, word)
