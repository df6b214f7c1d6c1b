"""``plan``: plans the workspaces a pull request affects, or those that are named."""

from typing import cast

from bridge.decisions.asking import Refuse, decide_plan, refuse_stranger
from bridge.decisions.pull_requests import decide_supersedes
from bridge.decisions.triggers import Start
from bridge.domain.commands import PlanCommand
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.reading import changed_files, gather_facts
from handlers.writing import Cause, audit, carry_out

router = Router()


@router.on_command(PlanCommand)
async def plan(asked: Asked, services: Services, work: Work) -> str:
    """Start plans at the pull request's head, or say why not."""
    decision = refuse_stranger(asked.permission) or await _decide(asked, services, work)
    match decision:
        case Refuse(text=text):
            audit(work, asked, action="plan.requested", result="refused", detail=text)
            return text
        case Start(targets=targets):
            command = cast("PlanCommand", asked.command)
            cause = Cause(trigger=asked.trigger, actor=asked.actor, options=command.options)
            carry_out(work, decision, asked.pull_request, cause, services.policy)
            names = ", ".join(str(target.workspace) for target in targets)
            audit(work, asked, action="plan.requested", result="done", detail=names)
            return ""


async def _decide(asked: Asked, services: Services, work: Work) -> Refuse | Start:
    pull_request = asked.pull_request
    facts = await gather_facts(pull_request.repository, services)
    stored = await services.store.pull_request(pull_request.ref)
    decision = decide_plan(
        cast("PlanCommand", asked.command),
        facts,
        actor=asked.actor,
        pull_request=pull_request,
        changed=await changed_files(facts, pull_request, services),
        stored=stored,
    )
    if isinstance(decision, Start):
        work.supersedes += decide_supersedes(
            facts, pull_request=pull_request, stored=stored, decision=decision
        )
    return decision
