"""``help`` and ``version`` in the chat: what can be said here, and all that one command takes."""

from collections.abc import Sequence
from typing import cast

from bridge.decisions.helping import help_about, help_text
from bridge.decisions.replies import not_available, not_yours_in_chat
from bridge.decisions.verbs import CHAT
from bridge.domain.commands import HelpCommand, VersionCommand, Word
from bridge.domain.work import Work
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.commands.version import version_text

router = Router()


@router.on_said(HelpCommand)
async def show_help(said: Said, services: Services, work: Work) -> str:
    """List what whoever asks may say here, or show one command; anybody may ask."""
    name = services.chat_command
    word = cast("HelpCommand", said.command).word
    there = _there(services)
    if word is not None:
        return help_about(name, word, CHAT) if word in there else not_available(word, there, name)
    mine = [one for one in there if await refuse_said(said.speaker, one, services) is None]
    besides = not_yours_in_chat(
        [one for one in there if one not in mine],
        name,
        ruled=services.policy.access is not None,
        linked=bool(said.speaker.identities),
    )
    return "\n\n".join(filter(None, [help_text(name, mine, CHAT), besides]))


@router.on_said(VersionCommand)
async def version(said: Said, services: Services, work: Work) -> str:
    """Name the bridge's version; anybody may ask."""
    return version_text()


def _there(services: Services) -> Sequence[Word]:
    """List what can be said here: what nobody can say is no news to anybody."""
    is_off = set(CHAT.elsewhere)
    is_off |= {Word.DESTROY} if services.policy.destroy is None else set()
    return [one for one in services.said_words if one not in is_off]
