"""``unlock``: frees workspaces that a pull request has for itself."""

from collections.abc import Sequence
from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.bindings import Binding
from bridge.decisions.choosing import chosen
from bridge.decisions.unlocking import (
    Free,
    Locks,
    decide_unlock,
    holds_meant,
    is_own,
    told_holder,
)
from bridge.domain.commands import UnlockCommand, Word
from bridge.domain.holds import Hold
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import FreeHolds, Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.reading import gather_facts, in_folders
from handlers.writing import audit, tell_comment

router = Router()


@router.on_command(UnlockCommand)
async def unlock(asked: Asked, services: Services, work: Work) -> str:
    """Free what the pull request has locked, or what is named, whoever locked it."""
    match await _decide(asked, services):
        case Refuse(text=text):
            audit(work, asked, action="unlock.requested", result="refused", detail=text)
            return text
        case Free(holds=holds, text=text):
            _free(holds, asked, work)
            names = ", ".join(f"{one.workspace} of {one.pull_request.key}" for one in holds)
            audit(work, asked, action="unlock.requested", result="done", detail=names)
            return text


async def _decide(asked: Asked, services: Services) -> Refuse | Free:
    command = cast("UnlockCommand", asked.command)
    if refusal := await refuse(asked, Word.UNLOCK, services):
        return refusal
    locks = await _locks(command, asked, services)
    meant = holds_meant(command, locks)
    for own in (True, False):
        found = tuple(one.workspace for one in meant if is_own(one, locks.pull_request) is own)
        if found and (refusal := await refuse(asked, Word.UNLOCK, services, found, own=own)):
            return refusal
    return decide_unlock(command, locks)


async def _locks(command: UnlockCommand, asked: Asked, services: Services) -> Locks:
    pull_request, store = asked.pull_request, services.store
    named: tuple[Binding, ...] = ()
    if command.selection.names_something:
        facts = await gather_facts(pull_request.repository, services)
        named = chosen(command.selection, facts.bindings)
    return Locks(
        pull_request=pull_request.ref,
        own=await store.holds(pull_request.ref),
        named={one.workspace.ref: await store.hold_of(one.workspace.ref.id) for one in named},
        in_folders=await in_folders(command.selection, pull_request, services),
    )


def _free(holds: Sequence[Hold], asked: Asked, work: Work) -> None:
    by_holder: dict[str, list[Hold]] = {}
    for hold in holds:
        by_holder.setdefault(hold.pull_request.key, []).append(hold)
    for mine in by_holder.values():
        holder = mine[0].pull_request
        work.frees.append(
            FreeHolds(
                pull_request=holder,
                workspaces=frozenset(one.workspace.id for one in mine),
                ends_queued=f"The workspace was unlocked by {asked.actor}.",
            )
        )
        tell_comment(work, holder)
        if not is_own(mine[0], asked.pull_request.ref):
            text = told_holder(mine, asked.actor, asked.pull_request.ref)
            work.posts.append(_told(holder, asked, text))


def _told(holder: PullRequestRef, asked: Asked, text: str) -> PostUpsert:
    """Write into the other pull request: its comment alone would not say why."""
    target = PostTarget(
        repository=holder.repository, number=holder.number, content=f"unlocked:{asked.trigger}"
    )
    return PostUpsert(kind=PostKind.REPLY, target=target, report=holder.key, content=text)
