"""``help``: what can be said here, and the flags of one command."""

from typing import cast

from bridge.decisions.helping import help_about, help_text
from bridge.decisions.replies import not_available, not_yours
from bridge.domain.commands import HelpCommand, Word
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import sayable

router = Router()


@router.on_command(HelpCommand)
async def show_help(asked: Asked, services: Services, work: Work) -> str:
    """List what whoever asks may say here, or show one command; anybody may ask."""
    name = services.policy.command_names[0]
    word = cast("HelpCommand", asked.command).word
    # What nobody can say here is no news to anybody.
    is_off = {Word.DESTROY} if services.policy.destroy is None else set()
    is_off |= {Word.LINK, Word.UNLINK} if services.chats is None else set()
    there = [one for one in services.words if one not in is_off]
    if word is not None:
        known = word in services.words
        return help_about(name, word) if known else not_available(word, there, name)
    mine = await sayable(asked, there, services)
    others = [one for one in there if one not in mine]
    return "\n\n".join(filter(None, [help_text(name, mine), not_yours(others)]))
