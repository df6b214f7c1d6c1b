"""``link CODE`` and ``unlink``: an account of the forge and a person of the chat are one, or two.

A code is said by an account that may write here. Others could say nothing in the chat that they
are linked for, and whoever made a second account would be two people with it. What follows from one
that is right is said where everybody reads it: it may be somebody else's who had them say it.
"""

from typing import cast

from bridge.decisions.access import stranger_text
from bridge.decisions.linking import (
    MOST_WRONG,
    WITHIN,
    Linked,
    NotLinked,
    decide_link,
    hash_of_code,
    no_code_text,
    unlinked_text,
)
from bridge.domain.access import SLACK
from bridge.domain.commands import LinkCommand, UnlinkCommand
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.work import LINKING, WRONG_CODE, AuditEntry, LinkUse, Unlink, Work
from bridge.routing import Asked, Router, Services

router = Router()

_NO_CHAT = "There is no Slack here: the bridge is not configured for it."


@router.on_command(LinkCommand)
async def link(asked: Asked, services: Services, work: Work) -> str:
    """Make whoever says a code one with the person it was told to, or say why not."""
    written = cast("LinkCommand", asked.command).code
    name = services.policy.command_names[0]
    if services.chats is None or not services.code_key:
        return _NO_CHAT
    if asked.door == SLACK or not written:
        return no_code_text(name, services.chat_command)
    code_hash = hash_of_code(written, services.code_key)
    if code_hash in [used.code_hash for used in work.links_used]:
        return ""  # the same line twice in a comment
    if text := stranger_text(asked.permission):
        _audit(work, asked, action=LINKING, result="refused", detail=text)
        return text
    match await _decide(code_hash, asked, services, work):
        case NotLinked(text=text, wrong=wrong):
            result = WRONG_CODE if wrong else "refused"
            _audit(work, asked, action=LINKING, result=result, detail="" if wrong else text)
            return text
        case Linked(identity=identity, text=text, detail=detail):
            work.links_used.append(LinkUse(code_hash=code_hash, identity=identity))
            _audit(work, asked, action=LINKING, result="done", detail=detail)
            _tell(work, asked, text)
            return ""


@router.on_command(UnlinkCommand)
async def unlink(asked: Asked, services: Services, work: Work) -> str:
    """Let whoever says it be nobody in the chat."""
    if services.chats is None:
        return _NO_CHAT
    forge = asked.pull_request.ref.repository.forge
    found = await services.chats.identities_of_login(forge, asked.actor)
    for one in found:
        work.unlinks.append(Unlink(team=one.team, forge=forge, login=one.login))
        who = f"{one.login} on {forge} was {one.name} ({one.user} of {one.team}) in Slack"
        _audit(work, asked, action="account.unlinked", result="done", detail=who)
    return unlinked_text(found)


async def _decide(
    code_hash: str, asked: Asked, services: Services, work: Work
) -> Linked | NotLinked:
    ref, chats, now = asked.pull_request.ref, services.chats, services.clock.now()
    # Those of this very comment are not stored yet.
    wrong = sum(one.result == WRONG_CODE for one in work.audits)
    wrong += await services.store.wrong_codes(ref, asked.actor, since=now - WITHIN, most=MOST_WRONG)
    offer = None
    if chats is not None and code_hash and wrong < MOST_WRONG:
        offer = await chats.link_offer(code_hash)
    forge = ref.repository.forge
    return decide_link(
        offer,
        now=now,
        wrong=wrong,
        forge=forge,
        login=asked.actor,
        before=await chats.identities(offer.team, offer.user) if chats and offer else (),
        others=await chats.identities_of_login(forge, asked.actor) if chats and offer else (),
        name=services.policy.command_names[0],
        chat_command=services.chat_command,
    )


def _tell(work: Work, asked: Asked, text: str) -> None:
    """Say it in an answer of its own, for the account's other people to see, too."""
    ref = asked.pull_request.ref
    target = PostTarget(
        repository=ref.repository, number=ref.number, content=f"linked:{asked.trigger}"
    )
    work.posts.append(PostUpsert(kind=PostKind.REPLY, target=target, report=ref.key, content=text))


def _audit(work: Work, asked: Asked, *, action: str, result: str, detail: str = "") -> None:
    """Record it without the words it was asked in: a wrong code may be a right one mistyped."""
    work.audits.append(
        AuditEntry(
            actor=asked.actor,
            action=action,
            door=asked.door,
            subject=asked.pull_request.ref.key,
            result=result,
            detail=" ".join(detail.split()),
        )
    )
