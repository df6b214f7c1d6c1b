"""Answers to jobs: approve, reject and cancel go the same way."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from bridge.decisions.approving import demand_for, is_destroy, name_of
from bridge.decisions.asking import Refuse
from bridge.decisions.deciding_jobs import (
    ANSWERS,
    Give,
    JobCommand,
    Shown,
    decide_answer,
    decide_cancel,
    meant,
    refuse_answer,
    workspaces_of,
)
from bridge.domain.commands import ApproveCommand, CancelCommand, Word, word_of
from bridge.domain.runs import Run, RunState
from bridge.domain.work import Answer, Decide, Work
from bridge.routing import Asked, Services
from handlers.allowing import refuse
from handlers.approving import refuse_own, refuse_twice, standing_with
from handlers.reading import in_folders
from handlers.writing import audit


async def carry_out_answer(asked: Asked, services: Services, work: Work) -> str:
    """Write down what somebody says to jobs, or say why it does not count."""
    command = cast("JobCommand", asked.command)
    answer = ANSWERS[type(command)]
    action = f"{answer}.requested"
    match await _decide(command, asked, services):
        case Refuse(text=text):
            audit(work, asked, action=action, result="refused", detail=text)
            return text
        case Give(runs=runs, text=text):
            work.decides += [_decision(run, answer, asked, services) for run in runs]
            names = ", ".join(f"{run.request.verb} {run.request.workspace}" for run in runs)
            audit(work, asked, action=action, result="done", detail=names)
            return text


def _decision(run: Run, answer: Answer, asked: Asked, services: Services) -> Decide:
    return Decide(
        run_id=run.id,
        answer=answer,
        actor=asked.actor,
        door=asked.door,
        digest=run.digest,
        quorum=demand_for(run, services.policy.access).quorum,
    )


async def _decide(command: JobCommand, asked: Asked, services: Services) -> Refuse | Give:
    word = word_of(command)
    if refusal := await refuse(asked, word, services):
        return refusal
    shown = await _shown(command, asked, services)
    decision = (
        decide_cancel(command, shown)
        if isinstance(command, CancelCommand)
        else decide_answer(command, shown)
    )
    concerned = decision.runs if isinstance(decision, Give) else meant(command, shown)
    if refusal := await refuse(asked, word, services, workspaces_of(concerned)):
        return refusal
    if isinstance(decision, Give) and isinstance(command, ApproveCommand):
        return await _approve(decision, asked, services)
    return decision


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What is said about an approval.

    Attributes:
        objection: Why it does not count; empty when it does.
        standing: How many more it takes; empty when it is enough.
    """

    run: Run
    objection: str = ""
    standing: str = ""

    @property
    def text(self) -> str:
        name, said = name_of(self.run.request), self.objection or self.standing
        return f"{name[0].upper()}{name[1:]}: {said}" if said else ""


async def _approve(wanted: Give, asked: Asked, services: Services) -> Refuse | Give:
    """Choose of the runs that could be approved those that this very person may approve."""
    destroys = [run for run in wanted.runs if is_destroy(run)]
    if destroys and (
        refusal := await refuse(asked, Word.DESTROY, services, workspaces_of(destroys))
    ):
        return refusal
    said = [await _say(run, asked, services) for run in wanted.runs]
    given = tuple(one.run for one in said if not one.objection)
    texts = [*filter(None, (one.text for one in said)), *filter(None, [wanted.text])]
    if not given:
        return refuse_answer(Answer.APPROVE, texts)
    return Give(runs=given, text="\n\n".join(texts))


async def _say(run: Run, asked: Asked, services: Services) -> _Said:
    for objecting in (refuse_own, refuse_twice):
        if objection := await objecting(run, asked.actor, services):
            return _Said(run=run, objection=objection)
    return _Said(run=run, standing=await standing_with(run, asked.actor, services))


async def _shown(command: JobCommand, asked: Asked, services: Services) -> Shown:
    pull_request, store = asked.pull_request, services.store
    runs: Sequence[Run] = await store.shown_runs(pull_request.ref, pull_request.head_sha)
    found = [
        await store.decision(one.id)
        for one in runs
        if one.state is RunState.WAITING and not one.concluded
    ]
    return Shown(
        pull_request=pull_request.ref,
        runs=runs,
        in_folders=await in_folders(command.selection, pull_request, services),
        decisions={one.run_id: one for one in found if one},
    )
