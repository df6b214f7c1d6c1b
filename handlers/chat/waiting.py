"""Waiting in the chat: whoever did something is told at once that somebody does not answer."""

from bridge.decisions.waiting import Trouble, asker_text
from bridge.domain.chat_events import Interaction
from bridge.domain.posts import PostKind
from bridge.domain.work import Work
from bridge.routing import Services
from handlers.chat.writing import aside, post


async def tell_asker(event: Interaction, trouble: Trouble, services: Services, work: Work) -> None:
    """Tell whoever did something that it waits, once, or that nothing comes of it."""
    text = asker_text(trouble)
    target = aside(event, "ended" if trouble.final else "waiting", waited=trouble.waited)
    if not text or not (target.channel or target.response_url):
        return
    if await services.store.fixed_text(target.key(PostKind.CHAT_WHISPER)) is None:
        post(work, PostKind.CHAT_WHISPER, target, text)
