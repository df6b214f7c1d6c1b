"""Waiting: what is said while an event cannot be handled, and what becomes of that.

Nobody can ask Terrakube then whom an event concerns. A repository the bridge did something for
before is fed by workspaces, so there the status says why nothing comes; elsewhere nothing is said.
Of a tag nobody knows whether it is anybody's business, so nothing is said about tags.
"""

import asyncio
from dataclasses import dataclass

from bridge.decisions.hearing import Account, decide_hearing
from bridge.decisions.pull_requests import UNKNOWN_REPOSITORY
from bridge.decisions.triggers import Ignore
from bridge.decisions.waiting import Notice, Trouble, decide_notice, is_notice
from bridge.domain.chat_events import Interaction
from bridge.domain.events import (
    BranchPushed,
    CommentCreated,
    Event,
    Happening,
    MergeQueueChecked,
    PullRequestClosed,
    PullRequestEvent,
    PullRequestReviewed,
)
from bridge.domain.posts import PostKind, PostTarget
from bridge.domain.runs import Verb
from bridge.domain.vcs import StatusState
from bridge.domain.work import Work
from bridge.rendering.statuses import context_of
from bridge.routing import Services
from handlers.chat.waiting import tell_asker
from handlers.writing import react, reply, reply_target, tell_commit, tell_fixed_status


@dataclass(frozen=True, slots=True)
class _Place:
    """The aggregate an event will have a say in."""

    sha: str
    verb: Verb


async def tell_waiting(event: Happening, trouble: Trouble, services: Services, work: Work) -> None:
    """Say why nothing comes of an event yet, where people wait for it."""
    if isinstance(event, Interaction):
        await tell_asker(event, trouble, services, work)
    notice = decide_notice(trouble)
    if not isinstance(event, Event):
        return
    if notice is None or not await _is_followed(event, services):
        return
    if isinstance(event, CommentCreated):
        await _answer(event, notice, services, work)
        return
    place = _place(event)
    if place is not None:
        again = notice.final and place.verb is Verb.PLAN
        text = f"{notice.text} {_try_again(services)}" if again else notice.text
        _set(event, place, services, work, state=notice.state, text=text)


async def conclude_waiting(event: Happening, services: Services, work: Work) -> None:
    """Take away what was said while an event was waited for, unless its handler did."""
    if not isinstance(event, Event):
        return
    if isinstance(event, CommentCreated):
        target = reply_target(event.pull_request, event.comment_id)
        if await _stands(PostKind.REPLY, target, services, work):
            done = f"Nothing was done: {work.ignored}." if work.ignored else "It was carried out."
            reply(work, event.pull_request, event.comment_id, f"Terrakube answers again. {done}")
        return
    place = _place(event)
    if place is not None:
        context = context_of(services.policy.status_prefix, place.verb)
        target = PostTarget(repository=event.repository, sha=place.sha, context=context)
        if await _stands(PostKind.STATUS, target, services, work):
            await _conclude(event, place, services, work)


async def _conclude(event: Event, place: _Place, services: Services, work: Work) -> None:
    report = await services.store.commit_report(event.repository, place.sha)
    if report.runs or (place.verb is Verb.PLAN and report.verdicts):
        tell_commit(work, event.repository, place.sha, verb=place.verb, policy=services.policy)
    elif work.ignored == UNKNOWN_REPOSITORY:
        text = "No workspace is affected."
        _set(event, place, services, work, state=StatusState.SUCCESS, text=text)
    elif place.verb is Verb.PUSH:
        text = f"Nothing is run: {work.ignored or 'another delivery was dealt with instead'}."
        _set(event, place, services, work, state=StatusState.SUCCESS, text=text)
    else:
        # Never a success: what is required must not be let through without a plan.
        why = work.ignored or "the pull request went on, or was closed"
        text = f"Not planned: {why}."
        _set(event, place, services, work, state=StatusState.ERROR, text=text)


async def _answer(event: CommentCreated, notice: Notice, services: Services, work: Work) -> None:
    login, user_id = await services.forges[event.repository.forge].whoami()
    own = Account(login=login, id=user_id)
    # Beside the loop: whoever may comment chooses how long it takes to read.
    names = services.policy.command_names
    heard = await asyncio.to_thread(decide_hearing, event, names=names, own=own)
    if isinstance(heard, Ignore):
        return
    react(work, event.pull_request, event.comment_id)
    if notice.state is StatusState.ERROR:
        kept = "Say it again." if notice.final else "What you asked for is kept for six hours."
        reply(work, event.pull_request, event.comment_id, f"{notice.text} {kept}")


async def _is_followed(event: Event, services: Services) -> bool:
    """Tell whether the bridge did something about this before."""
    if isinstance(event, BranchPushed):
        return await services.store.branch_head(event.repository, event.branch) is not None
    known = await services.store.known_repositories(event.repository.forge)
    return any(one.key == event.repository.key for one in known)


def _place(event: Event) -> _Place | None:
    match event:
        case PullRequestClosed() | PullRequestReviewed():
            return None
        case PullRequestEvent(head_sha=sha) | MergeQueueChecked(head_sha=sha) if sha:
            return _Place(sha, Verb.PLAN)
        case BranchPushed(after=sha):
            return _Place(sha, Verb.PUSH)
        case _:
            return None


async def _stands(kind: PostKind, target: PostTarget, services: Services, work: Work) -> bool:
    """Tell whether a notice stands there that nothing in *work* replaces."""
    key = target.key(kind)
    if any(one.target.key(one.kind) == key for one in work.posts):
        return False
    said = await services.store.fixed_text(key)
    if said is None:
        return False
    return is_notice(said.partition(" ")[2] if kind is PostKind.STATUS else said)


def _set(
    event: Event, place: _Place, services: Services, work: Work, *, state: StatusState, text: str
) -> None:
    context = context_of(services.policy.status_prefix, place.verb)
    tell_fixed_status(work, event.repository, place.sha, context, text, state=state)


def _try_again(services: Services) -> str:
    return f"Say {services.policy.command_names[0]} plan to try again."
