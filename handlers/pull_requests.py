"""Pull requests: the workspaces they affect are planned, and what is planned is said."""

from bridge.decisions.pull_requests import (
    decide_closing,
    decide_pull_request,
    decide_supersedes,
    trigger_of,
)
from bridge.domain.events import (
    PullRequestClosed,
    PullRequestDrafted,
    PullRequestEvent,
    PullRequestOpened,
    PullRequestReady,
    PullRequestReopened,
    PullRequestRetargeted,
    PullRequestReviewed,
    PullRequestUpdated,
)
from bridge.domain.runs import Verb
from bridge.domain.vcs import PullRequest, PullRequestState
from bridge.domain.work import FreeHolds, LinkRuns, PullRequestSeen, Work
from bridge.ports import PullRequestRecord
from bridge.routing import Router, Services
from handlers.applying import reopen_applies
from handlers.reading import changed_files, current_pull_request, gather_facts
from handlers.writing import Cause, carry_out, tell_comment, tell_commit

router = Router()


@router.on(
    PullRequestOpened,
    PullRequestUpdated,
    PullRequestReopened,
    PullRequestReady,
    PullRequestDrafted,
    PullRequestRetargeted,
    PullRequestClosed,
)
async def follow_pull_request(event: PullRequestEvent, services: Services, work: Work) -> None:
    """Plan what an open pull request affects; drop the plans of a closed one.

    What counts is how it is now, not what the delivery was about: deliveries overtake each other.
    """
    pull_request = await current_pull_request(event, services.forges[event.repository.forge], work)
    stored = await services.store.pull_request(pull_request.ref)
    if pull_request.state is PullRequestState.OPEN:
        await _plan(event, pull_request, stored, services, work)
    else:
        _close(pull_request, stored, services, work)


@router.on(PullRequestReviewed)
async def note_review(event: PullRequestReviewed, services: Services, work: Work) -> None:
    """Leave reviews alone: a plan needs none, and an approval is read when it is needed."""
    work.ignored = "a review changes nothing that is planned"


async def _plan(
    event: PullRequestEvent,
    pull_request: PullRequest,
    stored: PullRequestRecord | None,
    services: Services,
    work: Work,
) -> None:
    facts = await gather_facts(pull_request.repository, services)
    changed = await changed_files(facts, pull_request, services)
    decision = decide_pull_request(facts, pull_request=pull_request, changed=changed, stored=stored)
    work.supersedes += decide_supersedes(
        facts, pull_request=pull_request, stored=stored, decision=decision
    )
    cause = Cause(trigger=_trigger(event, pull_request), actor=event.actor)
    carry_out(work, decision, pull_request, cause, services.policy)
    if work.runs and (isinstance(event, PullRequestReopened) or _is_news(pull_request, stored)):
        await reopen_applies(pull_request, services, work)


def _is_news(pull_request: PullRequest, stored: PullRequestRecord | None) -> bool:
    """Tell whether this head was not looked at before, for this base."""
    return stored is None or (stored.head_sha, stored.base_branch) != (
        pull_request.head_sha,
        pull_request.base_branch,
    )


def _trigger(event: PullRequestEvent, pull_request: PullRequest) -> str:
    trigger = trigger_of(pull_request)
    if pull_request.from_fork or not isinstance(event, PullRequestReopened):
        return trigger
    # The world went on while it was closed: what was planned before is planned again. Not for a
    # fork: whoever made it would get a plan from every closing and reopening.
    moment = event.updated_at.isoformat() if event.updated_at else event.delivery_id
    return f"{trigger}@{moment}"


def _close(
    pull_request: PullRequest,
    stored: PullRequestRecord | None,
    services: Services,
    work: Work,
) -> None:
    if stored is None:
        work.ignored = f"the pull request is {pull_request.state.value} and was never followed"
        return
    ref = pull_request.ref
    work.pull_requests.append(PullRequestSeen(pull_request=pull_request))
    closing = decide_closing(pull_request)
    work.supersedes.append(closing)
    work.frees.append(FreeHolds(pull_request=ref, ends_queued=closing.reason))
    if pull_request.merge_commit and pull_request.state is PullRequestState.MERGED:
        work.links.append(LinkRuns(pull_request=ref, commit=pull_request.merge_commit))
    tell_comment(work, ref)
    # Another open pull request may have the same head: the aggregate is theirs from now on.
    head = pull_request.head_sha
    tell_commit(work, ref.repository, head, verb=Verb.PLAN, policy=services.policy)
