"""Answers to jobs: approve, reject and cancel go the same way."""

from typing import cast

from bridge.decisions.asking import Refuse
from bridge.decisions.deciding_jobs import (
    ANSWERS,
    Give,
    JobCommand,
    Shown,
    decide_answer,
    decide_cancel,
    meant,
    workspaces_of,
)
from bridge.domain.commands import CancelCommand, word_of
from bridge.domain.runs import RunState
from bridge.domain.work import Decide, Work
from bridge.routing import Asked, Services
from handlers.allowing import refuse
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
            work.decides += [
                Decide(
                    run_id=run.id,
                    answer=answer,
                    actor=asked.actor,
                    door=asked.door,
                    digest=run.digest,
                )
                for run in runs
            ]
            names = ", ".join(f"{run.request.verb} {run.request.workspace}" for run in runs)
            audit(work, asked, action=action, result="done", detail=names)
            return text


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
    return await refuse(asked, word, services, workspaces_of(concerned)) or decision


async def _shown(command: JobCommand, asked: Asked, services: Services) -> Shown:
    pull_request, store = asked.pull_request, services.store
    runs = await store.shown_runs(pull_request.ref, pull_request.head_sha)
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
