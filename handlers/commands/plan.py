"""``plan``: plans the workspaces a pull request affects, or those that are named."""

from typing import cast

from bridge.decisions.asking import Refuse, decide_plan
from bridge.decisions.choosing import chosen
from bridge.decisions.gates import destroy_off_text
from bridge.decisions.pull_requests import decide_supersedes
from bridge.decisions.triggers import Facts, Start
from bridge.domain.commands import PlanCommand, Word
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.work import Work
from bridge.routing import Asked, Router, Services
from handlers.allowing import refuse
from handlers.applying import reopen_applies
from handlers.reading import changed_files, gather_facts
from handlers.writing import Cause, audit, carry_out

router = Router()


@router.on_command(PlanCommand)
async def plan(asked: Asked, services: Services, work: Work) -> str:
    """Start plans at the pull request's head, or say why not."""
    command = cast("PlanCommand", asked.command)
    word = Word.DESTROY if command.destroy else Word.PLAN
    decision = (
        _refuse_destroying(command, services)
        or await refuse(asked, word, services)
        or await _decide(asked, word, services, work)
    )
    match decision:
        case Refuse(text=text):
            audit(work, asked, action="plan.requested", result="refused", detail=text)
            return text
        case Start(targets=targets):
            cause = Cause(trigger=asked.trigger, actor=asked.actor, verbose=command.verbose)
            carry_out(work, decision, asked.pull_request, cause, services.policy)
            await reopen_applies(asked.pull_request, services, work)
            names = ", ".join(str(target.workspace) for target in targets)
            audit(work, asked, action="plan.requested", result="done", detail=names)
            return ""


def _refuse_destroying(command: PlanCommand, services: Services) -> Refuse | None:
    """Refuse a destruction where it is switched off: no rule would change that."""
    is_off = command.destroy and services.policy.destroy is None
    return Refuse(text=destroy_off_text()) if is_off else None


async def _decide(asked: Asked, word: Word, services: Services, work: Work) -> Refuse | Start:
    pull_request = asked.pull_request
    command = cast("PlanCommand", asked.command)
    facts = await gather_facts(pull_request.repository, services)
    stored = await services.store.pull_request(pull_request.ref)
    decision = decide_plan(
        command,
        facts,
        actor=asked.actor,
        pull_request=pull_request,
        changed=await changed_files(facts, pull_request, services),
        stored=stored,
    )
    if isinstance(decision, Refuse):
        return decision
    if refusal := await refuse(asked, word, services, _meant(command, facts, decision)):
        return refusal
    work.supersedes += decide_supersedes(
        facts, pull_request=pull_request, stored=stored, decision=decision
    )
    return decision


def _meant(command: PlanCommand, facts: Facts, start: Start) -> tuple[WorkspaceRef, ...]:
    """List what somebody asked for: the rest is planned by itself, as an event would do it."""
    named = {one.workspace.ref.id for one in chosen(command.selection, facts.bindings)}
    return tuple(one.workspace for one in start.targets if one.workspace.id in named)
