"""Merge queues: the required statuses are answered on commits of the queue's own.

A queue lets nothing in whose required statuses have not succeeded at its head, and waits for the
same ones on a commit that nobody has planned. That commit holds what lies before it in the queue,
too, so what it affects is planned there. Whether it is applied is asked of the pull request's
head: the queue's commit itself is never applied. Whatever comes of it, every status concludes.
"""

from collections.abc import Sequence

from bridge.decisions.merging import Standing
from bridge.decisions.queues import (
    Conclude,
    decide_queue,
    decide_queued_apply,
    is_elsewhere,
)
from bridge.decisions.triggers import Start, Target
from bridge.domain.errors import NotFoundError
from bridge.domain.events import MergeQueueChecked, MergeQueueLeft
from bridge.domain.runs import RunRequest, Verb
from bridge.domain.vcs import ChangedFiles
from bridge.domain.work import SupersedeCommit, Work
from bridge.ports import Forge
from bridge.rendering.statuses import context_of
from bridge.routing import Router, Services
from handlers.reading import gather_facts
from handlers.writing import commit_report, tell_commit, tell_fixed_status

router = Router()


@router.on(MergeQueueChecked)
async def answer_queue(event: MergeQueueChecked, services: Services, work: Work) -> None:
    """Plan what the queue's commit changes on its base, and say whether it is applied."""
    forge = services.forges[event.repository.forge]
    facts = await gather_facts(await forge.repository_by_id(event.repository), services)
    if not facts.bindings:
        work.ignored = "no workspace in Terrakube takes its code from this repository"
        return
    # What is said to a queue must not stand over what other plans of that commit say.
    if is_elsewhere(await services.store.commit_report(event.repository, event.head_sha)):
        work.ignored = "the commit is a pull request's or a branch's, which has statuses of its own"
        return
    changed = await _changed_files(event, forge)
    match decide_queue(facts, base_branch=event.base_branch, changed=changed):
        case Conclude() as nothing:
            _conclude(event, Verb.PLAN, nothing, services, work)
            _conclude(event, Verb.APPLY, nothing, services, work)
        case Start(targets=targets):
            _plan(event, targets, services, work)
            applied = decide_queued_apply(await _standing(event, services))
            _conclude(event, Verb.APPLY, applied, services, work)


@router.on(MergeQueueLeft)
async def leave_queue(event: MergeQueueLeft, services: Services, work: Work) -> None:
    """Drop the plans of a commit nobody waits for; one that was merged keeps what it says."""
    if event.merged:
        work.ignored = "what the queue made is merged: what its push starts is told there"
        return
    dropped = SupersedeCommit(
        repository=event.repository,
        sha=event.head_sha,
        reason="The merge queue needs it no longer.",
    )
    work.superseded_commits.append(dropped)


async def _changed_files(event: MergeQueueChecked, forge: Forge) -> ChangedFiles:
    unknown = ChangedFiles(paths=(), complete=False, reason="what it is merged upon is not known")
    if not event.base_sha:
        return unknown
    try:
        return await forge.compared_files(event.repository, event.base_sha, event.head_sha)
    except NotFoundError:
        return unknown


async def _standing(event: MergeQueueChecked, services: Services) -> Standing | None:
    """Gather what is known of the queued pull request at its head."""
    ref, store = event.pull_request, services.store
    if ref is None:
        return None
    try:
        head = (await services.forges[event.repository.forge].pull_request(ref)).head_sha
    except NotFoundError:
        return None
    return Standing(
        head_sha=head,
        stored=await store.pull_request(ref),
        plans=await store.latest_plans(ref, head),
        runs=await store.shown_runs(ref, head),
    )


def _plan(
    event: MergeQueueChecked, targets: Sequence[Target], services: Services, work: Work
) -> None:
    repository, sha = event.repository, event.head_sha
    work.runs += [
        RunRequest(
            trigger=f"queue:{repository.key}:{event.base_branch}@{event.base_sha}..{sha}",
            actor=event.actor,
            verb=Verb.PLAN,
            workspace=target.workspace,
            template=target.template,
            commit_id=sha,
            repository=repository,
            reports=(commit_report(repository, sha),),
            options=target.options,
            why=target.why,
        )
        for target in targets
    ]
    workspaces = [target.workspace for target in targets]
    policy = services.policy
    tell_commit(work, repository, sha, verb=Verb.PLAN, policy=policy, workspaces=workspaces)


def _conclude(
    event: MergeQueueChecked, verb: Verb, said: Conclude, services: Services, work: Work
) -> None:
    context = context_of(services.policy.status_prefix, verb)
    repository, sha = event.repository, event.head_sha
    tell_fixed_status(work, repository, sha, context, said.text, state=said.state)
