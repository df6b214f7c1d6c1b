"""``retry``: plans again wherever something at this head came to no good end."""

from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.pull_requests import decide_supersedes
from bridge.decisions.retrying import Retry, decide_retry
from bridge.domain.commands import RetryCommand, Word
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.applying import reopen_applies
from handlers.reading import gather_facts
from handlers.writing import Cause, audit, carry_out

router = Router()


@router.on_command(RetryCommand)
async def retry(asked: Asked, services: Services, work: Work) -> str:
    """Plan again what failed, was cancelled, expired or moved; say what comes next."""
    match await _decide(asked, services, work):
        case Refuse(text=text):
            audit(work, asked, action="retry.requested", result="refused", detail=text)
            return text
        case Retry(start=start, text=text):
            cause = Cause(trigger=asked.trigger, actor=asked.actor)
            carry_out(work, start, asked.pull_request, cause, services.policy)
            await reopen_applies(asked.pull_request, services, work)
            names = ", ".join(str(target.workspace) for target in start.targets)
            audit(work, asked, action="retry.requested", result="done", detail=names)
            return text


async def _decide(asked: Asked, services: Services, work: Work) -> Refuse | Retry:
    if refusal := await refuse(asked, Word.RETRY, services):
        return refusal
    pull_request, store = asked.pull_request, services.store
    facts = await gather_facts(pull_request.repository, services)
    stored = await store.pull_request(pull_request.ref)
    decision = decide_retry(
        cast("RetryCommand", asked.command),
        facts,
        actor=asked.actor,
        pull_request=pull_request,
        runs=await store.shown_runs(pull_request.ref, pull_request.head_sha),
        stored=stored,
    )
    if isinstance(decision, Refuse):
        return decision
    workspaces = tuple(target.workspace for target in decision.start.targets)
    if refusal := await refuse(asked, Word.RETRY, services, workspaces):
        return refusal
    work.supersedes += decide_supersedes(
        facts, pull_request=pull_request, stored=stored, decision=decision.start
    )
    return decision
