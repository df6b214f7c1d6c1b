"""``link`` and ``unlink`` in the chat: a code for whoever asks, and the end of it."""

import secrets
from typing import cast

from bridge.decisions.linking import (
    CODE_BITS,
    LIFETIME,
    code_of,
    elsewhere_text,
    hash_of_code,
    offer_text,
    unlinked_in_chat_text,
)
from bridge.domain.chat import LinkOffer
from bridge.domain.commands import LinkCommand, UnlinkCommand
from bridge.domain.posts import PostKind
from bridge.domain.work import Unlink, Work
from bridge.routing import Router, Said, Services
from handlers.chat.writing import audit_said, post, target_of

router = Router()


@router.on_said(LinkCommand)
async def offer_link(said: Said, services: Services, work: Work) -> str:
    """Tell a code to whoever asks, and to nobody else: who says it becomes them."""
    if cast("LinkCommand", said.command).code:
        return elsewhere_text(services.policy.command_names[0], services.chat_command)
    if services.chat is None or not services.code_key:
        return "Nothing can be linked here: the bridge has no key for that."
    account = await services.chat.account()
    written = code_of(secrets.randbits(CODE_BITS))
    offer = LinkOffer(
        code_hash=hash_of_code(written, services.code_key),
        team=said.place.team,
        team_name=account.team_name,
        user=said.speaker.user.id,
        name=said.speaker.user.name,
        expires_at=services.clock.now() + LIFETIME,
    )
    work.offers.append(offer)
    text = offer_text(
        written,
        name=services.policy.command_names[0],
        chat_command=services.chat_command,
        forges=sorted(services.forges),
    )
    _whisper(work, said, text, offer)
    audit_said(work, said.speaker, action="account.offered", subject=_who(said), result="done")
    return ""


@router.on_said(UnlinkCommand)
async def unlink_all(said: Said, services: Services, work: Work) -> str:
    """Let whoever asks be nobody but themselves."""
    found = said.speaker.identities
    if found:
        work.unlinks.append(Unlink(team=said.place.team, user=said.speaker.user.id))
        accounts = ", ".join(f"{one.login} on {one.forge}" for one in found)
        audit_said(
            work,
            said.speaker,
            action="account.unlinked",
            subject=_who(said),
            result="done",
            detail=accounts,
        )
    return unlinked_in_chat_text(found, services.chat_command)


def _whisper(work: Work, said: Said, text: str, offer: LinkOffer) -> None:
    """Say it to them alone, also where they asked before everybody; not when it is of no use."""
    post(work, PostKind.CHAT_WHISPER, target_of(said, expires=offer.expires_at), text)


def _who(said: Said) -> str:
    return f"slack:{said.place.team}:{said.speaker.user.id}"
