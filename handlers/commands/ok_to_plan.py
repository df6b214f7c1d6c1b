"""``ok-to-plan SHA``: allows one commit of a fork to be planned."""

from typing import cast

from bridge.decisions.asking import Allow, Refuse, decide_allowance
from bridge.decisions.pull_requests import decide_pull_request, decide_supersedes
from bridge.decisions.triggers import Ignore, Start, Tell
from bridge.domain.commands import AllowCommand, Word
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.work import Allowance, Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.reading import changed_files, gather_facts
from handlers.writing import Cause, audit, carry_out

router = Router()


@router.on_command(AllowCommand)
async def ok_to_plan(asked: Asked, services: Services, work: Work) -> str:
    """Remember the allowance and plan what the pull request affects, or say why not."""
    refusal = await refuse(asked, Word.OK_TO_PLAN, services)
    decision = refusal or await _allow(asked, services, work)
    match decision:
        case Refuse(text=text):
            audit(work, asked, action="fork.allowed", result="refused", detail=text)
            return text
        case Allow(sha=sha):
            audit(work, asked, action="fork.allowed", result="done", detail=sha)
            return ""


async def _allow(asked: Asked, services: Services, work: Work) -> Refuse | Allow:
    pull_request = asked.pull_request
    facts = await gather_facts(pull_request.repository, services)
    stored = await services.store.pull_request(pull_request.ref)
    decision = decide_allowance(
        cast("AllowCommand", asked.command), facts, pull_request=pull_request, stored=stored
    )
    if isinstance(decision, Refuse):
        return decision
    planned = decide_pull_request(
        facts,
        pull_request=pull_request,
        changed=await changed_files(facts, pull_request, services),
        stored=stored,
        allowed=pull_request.head_sha,
    )
    # The commit is allowed as a whole, so in every workspace that would run it.
    workspaces = _workspaces(planned)
    if refusal := await refuse(asked, Word.OK_TO_PLAN, services, workspaces):
        return refusal
    work.allowances.append(
        Allowance(pull_request=pull_request.ref, head_sha=decision.sha, actor=asked.actor)
    )
    work.supersedes += decide_supersedes(
        facts, pull_request=pull_request, stored=stored, decision=planned
    )
    # The command's own: said again, it plans again, which events about the same head do not.
    cause = Cause(trigger=asked.trigger, actor=asked.actor)
    carry_out(work, planned, pull_request, cause, services.policy)
    return decision


def _workspaces(planned: Ignore | Tell | Start) -> tuple[WorkspaceRef, ...]:
    targets = planned.targets if isinstance(planned, Start) else ()
    return tuple(one.workspace for one in targets)
