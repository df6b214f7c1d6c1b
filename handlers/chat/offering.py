"""Answers with buttons below them: what may have been meant, and what may be said next."""

from bridge.decisions.asking import Refuse
from bridge.decisions.naming import Unknown
from bridge.domain.commands import Word
from bridge.domain.work import Work
from bridge.rendering.answers import Shown, offered
from bridge.rendering.slack import render_answer
from bridge.routing import Said, Services
from handlers.chat.writing import answer_said


def answer(shown: Shown, said: Said, services: Services, work: Work) -> str:
    """Answer with buttons where there are some; return what is left to be said, in Markdown."""
    if not shown.says:
        return shown.text
    message = render_answer(shown.text, shown.says)
    answer_said(work, said, message, now=services.clock.now())
    return ""


def offer(refusal: Refuse, word: Word) -> Shown:
    """Offer the same about workspaces with names like the one that is not known."""
    near = refusal.near if isinstance(refusal, Unknown) else ()
    return offered(refusal.text, word.value, near)
