"""Merge queues and checks: a required status must not keep anybody waiting."""

from bridge.domain.events import CheckRerequested, MergeQueueChecked
from bridge.domain.runs import Verb
from bridge.domain.work import Work
from bridge.rendering.statuses import context_of
from bridge.routing import Router, Services
from handlers.reading import gather_facts
from handlers.writing import tell_fixed_status

router = Router()

QUEUED = "planned at the pull request's head"


@router.on(MergeQueueChecked)
async def answer_queue(event: MergeQueueChecked, services: Services, work: Work) -> None:
    """Answer the queue's question with what the pull requests' heads were told.

    A queue lets nothing in whose required statuses have not succeeded at its head, and waits for
    the same ones on a commit of its own that no plan was made for. That commit is not planned: it
    is a guess about the future of the base branch, and what the push of the real merge does is
    run and reported there. So the aggregate succeeds, and says where the plans are.

    A commit that something is known of is none of the queue's: a success that stays for ever must
    not stand over what its plans say.
    """
    forge = services.forges[event.repository.forge]
    facts = await gather_facts(await forge.repository_by_id(event.repository), services)
    if not facts.bindings:
        work.ignored = "no workspace in Terrakube takes its code from this repository"
        return
    known = await services.store.commit_report(event.repository, event.head_sha)
    if known.verdicts or known.runs:
        work.ignored = "the commit is a pull request's or a branch's, which has statuses of its own"
        return
    context = context_of(services.policy.status_prefix, Verb.PLAN)
    tell_fixed_status(work, event.repository, event.head_sha, context, QUEUED)


@router.on(CheckRerequested)
async def ignore_check(event: CheckRerequested, services: Services, work: Work) -> None:
    """Start nothing: the bridge sets commit statuses, so the check is somebody else's."""
    command = services.policy.command_names[0]
    work.ignored = f"the bridge has no checks; `{command} plan` in a comment plans again"
