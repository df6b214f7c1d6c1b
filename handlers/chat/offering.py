"""Answers with buttons below them: what may have been meant, and what may be said next."""

from collections.abc import Sequence

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import Unknown
from bridge.domain.commands import word_of
from bridge.domain.errors import RemoteError
from bridge.domain.terrakube import Workspace
from bridge.domain.work import Work
from bridge.rendering.answers import Shown, offered
from bridge.rendering.slack import render_answer
from bridge.routing import Said, Services
from handlers.chat.finding import SILENT
from handlers.chat.targets import find_workspaces
from handlers.chat.writing import answer_said


def answer(shown: Shown, said: Said, services: Services, work: Work) -> str:
    """Answer with buttons where there are some; return what is left to be said, in Markdown."""
    if not shown.says:
        return shown.text
    message = render_answer(shown.text, shown.says)
    answer_said(work, said, message, now=services.clock.now())
    return ""


async def find_or_offer(said: Said, services: Services) -> Sequence[Workspace] | Shown:
    """Find the workspaces a command is about, or say what is answered when there are none.

    Where one is not known, the same is offered about those with names like it.
    """
    try:
        found = await find_workspaces(said, services)
    except RemoteError:
        return Shown(text=SILENT)
    if isinstance(found, Refuse):
        near = found.near if isinstance(found, Unknown) else ()
        return offered(found.text, word_of(said.command).value, near)
    return found
