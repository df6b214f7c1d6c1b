"""Pushes: the branch or the tag that workspaces follow starts what the rules say."""

from collections.abc import Sequence

from bridge.decisions.pushes import (
    GoOn,
    Wait,
    decide_followed,
    decide_late,
    decide_moment,
    decide_overtaken,
    decide_push,
    decide_tag,
    decide_tag_moment,
    may_be_late,
)
from bridge.decisions.triggers import Facts, Ignore, Start
from bridge.domain.errors import NotYetError
from bridge.domain.events import BranchNoticed, BranchPushed, RefDeleted, TagPushed
from bridge.domain.vcs import PullRequestRef, Repository
from bridge.domain.work import BranchSeen, PullRequestSeen, Work
from bridge.routing import Router, Services
from handlers.reading import (
    TRIES,
    already_ran,
    gather_facts,
    merged_pull_requests,
    pushed_files,
)
from handlers.writing import Pushed, request_push_runs

router = Router()


@router.on(BranchPushed)
async def run_push(event: BranchPushed, services: Services, work: Work) -> None:
    """Start what the rules say in the workspaces that follow the branch and hold a changed file."""
    forge = services.forges[event.repository.forge]
    repository = await forge.repository_by_id(event.repository)
    facts = await gather_facts(repository, services)
    match await _is_due(event, facts, services, work):
        case Ignore(reason=reason):
            work.ignored = reason
        case Wait(reason=reason):
            raise NotYetError(reason, tries=TRIES)
        case GoOn():
            await _run(event, repository, facts, services, work)


@router.on(TagPushed)
async def run_tag(event: TagPushed, services: Services, work: Work) -> None:
    """Start what the rules say about a tag, at the commit it points to now."""
    forge = services.forges[event.repository.forge]
    repository = await forge.repository_by_id(event.repository)
    decision = decide_tag(await gather_facts(repository, services), tag=event.tag)
    match decision:
        case Ignore(reason=reason):
            work.ignored = reason
        case Start():
            commit = await forge.tag_commit(event.repository, event.tag)
            _run_tag(event, commit, decision, services, work)


@router.on(RefDeleted)
async def note_deletion(event: RefDeleted, services: Services, work: Work) -> None:
    """Start nothing: what is gone cannot be planned, and what it made stays."""
    work.ignored = f"the {'tag' if event.is_tag else 'branch'} {event.ref} was deleted"


@router.on(BranchNoticed)
async def remember_branch(event: BranchNoticed, services: Services, work: Work) -> None:
    """Remember where a followed branch is, so that its next move is noticed."""
    if await services.store.branch_head(event.repository, event.branch) is not None:
        work.ignored = "a push told about the branch in the meantime"
        return
    seen = BranchSeen(repository=event.repository, branch=event.branch, sha=event.sha)
    work.branches.append(seen)


async def _is_due(
    event: BranchPushed, facts: Facts, services: Services, work: Work
) -> Ignore | Wait | GoOn:
    followed = decide_followed(facts, branch=event.branch)
    if isinstance(followed, Ignore):
        return followed
    forge = services.forges[event.repository.forge]
    now = await forge.branch(event.repository, event.branch)
    head = now.sha if now else None
    seen = await services.store.branch_head(event.repository, event.branch)
    moment = decide_moment(event, head=head, seen=seen, patient=work.attempt <= TRIES)
    if isinstance(moment, GoOn) and head is not None and head != event.after:
        held = await forge.is_ancestor(event.repository, event.after, head)
        moment = decide_overtaken(event, head=head, held=held)
    if not isinstance(moment, GoOn) or seen is None or not may_be_late(event, head=head, seen=seen):
        return moment
    held = await forge.is_ancestor(event.repository, event.after, seen)
    return decide_late(event, seen=seen, held=held)


async def _run(
    event: BranchPushed, repository: Repository, facts: Facts, services: Services, work: Work
) -> None:
    changed = await pushed_files(event, repository, services)
    seen = BranchSeen(repository=event.repository, branch=event.branch, sha=event.after)
    work.branches.append(seen)
    ran = await already_ran(event, services)
    match decide_push(facts, branch=event.branch, changed=changed, ran=ran):
        case Ignore(reason=reason):
            work.ignored = reason
        case Start(targets=targets):
            merged = await merged_pull_requests(event.repository, event.after, services)
            await _remember(merged, services, work)
            request_push_runs(work, _pushed_branch(event), targets, services.policy, merged)


async def _remember(merged: Sequence[PullRequestRef], services: Services, work: Work) -> None:
    """Remember pull requests from before the bridge's time: their comment gets the outcome."""
    for ref in merged:
        if await services.store.pull_request(ref) is None:
            found = await services.forges[ref.repository.forge].pull_request(ref)
            work.pull_requests.append(PullRequestSeen(pull_request=found))


def _pushed_branch(event: BranchPushed) -> Pushed:
    return Pushed(
        repository=event.repository,
        ref=f"refs/heads/{event.branch}",
        before=event.before,
        after=event.after,
        commit=event.after,
        actor=event.actor,
    )


def _run_tag(
    event: TagPushed, commit: str | None, decision: Start, services: Services, work: Work
) -> None:
    match decide_tag_moment(event, commit=commit, patient=work.attempt <= TRIES):
        case Ignore(reason=reason):
            work.ignored = reason
        case Wait(reason=reason):
            raise NotYetError(reason, tries=TRIES)
        case GoOn():
            pushed = Pushed(
                repository=event.repository,
                ref=f"refs/tags/{event.tag}",
                before=event.before,
                after=event.after,
                commit=commit or event.after,
                actor=event.actor,
            )
            request_push_runs(work, pushed, decision.targets, services.policy)
