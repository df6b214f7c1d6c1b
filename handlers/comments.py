"""Comments: a new one may ask for something; ours is put right when somebody changes it."""

import asyncio
from collections.abc import Sequence

from bridge.decisions.access import READS
from bridge.decisions.hearing import Account, decide_genuine, decide_hearing, decide_repair
from bridge.decisions.replies import explain_misunderstood, to_stranger
from bridge.decisions.triggers import Ignore
from bridge.domain.commands import Command, Conversation, Misunderstood, word_of
from bridge.domain.errors import NotFoundError
from bridge.domain.events import CommentCreated, CommentDeleted, CommentEdited, CommentEvent
from bridge.domain.posts import PostKind
from bridge.domain.vcs import Permission
from bridge.domain.work import AuditEntry, Work
from bridge.ports import Forge
from bridge.routing import Asked, Router, Services
from handlers.reading import permission_now
from handlers.writing import react, reply, reply_stranger, stranger_target, tell_comment

router = Router()

_ANSWERED = "{} may not write here and was answered within this hour"


@router.on(CommentCreated)
async def answer_comment(event: CommentCreated, services: Services, work: Work) -> None:
    """Carry out the commands of a new comment, and answer what cannot be."""
    heard = await _hear(event, services)
    if isinstance(heard, Ignore):
        work.ignored = heard.reason
        return
    forge = services.forges[event.repository.forge]
    permission = await permission_now(forge, event.repository, event.author)
    is_stranger = permission is None or not permission.allows_writing()
    if not is_stranger:
        react(work, event.pull_request, event.comment_id)
    elif await _was_answered(event, services) and _only_reads(heard.commands):
        work.ignored = _ANSWERED.format(event.author)
        return
    answer = explain_misunderstood(heard.commands)
    if not answer:
        answer = await _carry_out(heard, event, permission, services, work)
    if is_stranger:
        await _answer_stranger(event, answer, services, work)
    elif answer:
        reply(work, event.pull_request, event.comment_id, answer)


@router.on(CommentEdited, CommentDeleted)
async def repair_comment(event: CommentEvent, services: Services, work: Work) -> None:
    """Write a comment of ours anew when somebody else changed or deleted it."""
    forge = services.forges[event.repository.forge]
    owner = await services.store.own_comment_owner(event.repository, event.comment_id)
    decision = decide_repair(event, is_ours=owner is not None, own=await _account(forge))
    if decision is not None or owner is None:
        work.ignored = decision.reason if decision else None
        return
    ref, _ = owner
    tell_comment(work, ref, resend=True)
    how = "edited" if isinstance(event, CommentEdited) else "deleted"
    work.audits.append(
        AuditEntry(
            actor=event.actor,
            action="comment.repaired",
            door="webhook",
            subject=ref.key,
            result="done",
            detail=f"comment {event.comment_id} was {how}",
        )
    )


async def _hear(event: CommentCreated, services: Services) -> Ignore | Conversation:
    forge = services.forges[event.repository.forge]
    own = await _account(forge)
    # Beside the loop: whoever may comment chooses how long it takes to read.
    heard = await asyncio.to_thread(
        decide_hearing, event, names=services.policy.command_names, own=own
    )
    if isinstance(heard, Ignore):
        return heard
    try:
        found = await forge.comment(event.repository, event.comment_id)
    except NotFoundError:
        found = None
    return decide_genuine(event, heard, found=found, own=own)


async def _answer_stranger(
    event: CommentCreated, answer: str, services: Services, work: Work
) -> None:
    """Answer whoever may not write once an hour: answers cost writes, which everybody shares."""
    if not answer:  # a command said what there is to say by itself
        react(work, event.pull_request, event.comment_id)
        return
    if await _was_answered(event, services):
        work.ignored = _ANSWERED.format(event.author)
        return
    target = stranger_target(event.pull_request, event.author, event.received_at)
    react(work, event.pull_request, event.comment_id)
    reply_stranger(work, event.pull_request, target, to_stranger(answer))


async def _was_answered(event: CommentCreated, services: Services) -> bool:
    target = stranger_target(event.pull_request, event.author, event.received_at)
    return await services.store.fixed_text(target.key(PostKind.REPLY)) is not None


def _only_reads(commands: Sequence[Command]) -> bool:
    """Tell whether there is nothing to record, so that there is nothing to look up, either."""
    return all(isinstance(one, Misunderstood) or word_of(one) in READS for one in commands)


async def _carry_out(
    heard: Conversation,
    event: CommentCreated,
    permission: Permission | None,
    services: Services,
    work: Work,
) -> str:
    forge = services.forges[event.repository.forge]
    pull_request = await forge.pull_request(event.pull_request)
    answers: list[str] = []
    for command in heard.commands:
        asked = Asked(
            command=command,
            actor=event.author,
            permission=permission,
            door="comment",
            trigger=f"comment:{event.repository.key}:{event.comment_id}:{command.line}",
            pull_request=pull_request,
        )
        answers.append(await services.answer(asked, services, work))
    return "\n\n".join(dict.fromkeys(answer for answer in answers if answer))


async def _account(forge: Forge) -> Account:
    login, user_id = await forge.whoami()
    return Account(login=login, id=user_id)
