"""``logs`` in the chat, and the buttons *Logs* and *Plan*: what a job wrote, to whoever asks."""

from collections.abc import Iterable, Sequence
from typing import Final, cast

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.plans import steps_with_logs
from bridge.decisions.wording import code, listed
from bridge.domain.chat_controls import Control, RunButton
from bridge.domain.chat_events import ButtonPressed
from bridge.domain.commands import LogsCommand, Word
from bridge.domain.errors import RemoteError
from bridge.domain.reports import RunReport
from bridge.domain.runs import OutputKind, Run
from bridge.domain.terrakube import Step, WorkspaceRef
from bridge.domain.work import Work
from bridge.rendering.answers import Shown, log_shown, plan_shown
from bridge.rendering.slack import render_answer
from bridge.routing import Router, Said, Services
from bridge.services.job_logs import JobLogs
from handlers.chat.access import refuse_said
from handlers.chat.finding import SILENT, FoundJob, find_job, job_url, open_jobs, runs_of
from handlers.chat.offering import answer, find_or_offer
from handlers.chat.recognising import recognise
from handlers.chat.targets import runs_of_thread
from handlers.chat.writing import whisper

log = structlog.get_logger(__name__)

router = Router()

_TAIL: Final = 50
_GONE: Final = "What that button is for is not known here any more: it ended long ago."
_KEPT: Final = (OutputKind.ERROR, OutputKind.APPLY, OutputKind.PLAN)


@router.on_said(LogsCommand)
async def logs(said: Said, services: Services, work: Work) -> str:
    """Show the end of what a job wrote: of one step, or of the last that wrote something."""
    if refusal := await refuse_said(said.speaker, Word.LOGS, services):
        return refusal.text
    command = cast("LogsCommand", said.command)
    job = command.job or await _newest_job(said, services)
    shown = (
        job if isinstance(job, Shown) else await _of_job(job, command.step, command.tail, services)
    )
    return answer(shown, said, services, work)


@router.on(ButtonPressed)
async def show_more(event: ButtonPressed, services: Services, work: Work) -> None:
    """Show whoever presses a button the end of a log, or the complete plan."""
    control = event.control
    if control not in {Control.LOGS, Control.PLAN}:
        return
    speaker = await recognise(event, services)
    if isinstance(speaker, Refuse):
        whisper(work, event, speaker.text)
        return
    if refusal := await refuse_said(speaker, Word.LOGS, services):
        whisper(work, event, refusal.text)
        return
    button = RunButton.parse(event.value)
    run = await services.store.run(button.run_id) if button else None
    if run is None:
        whisper(work, event, _GONE)
        return
    shown = await (_plan_of(run, services) if control == Control.PLAN else _log_of(run, services))
    whisper(work, event, render_answer(shown.text, shown.says))


async def _newest_job(said: Said, services: Services) -> str | Shown:
    """Find the newest job of the workspace that is named, or of the thread's runs."""
    command = cast("LogsCommand", said.command)
    runs = () if command.selection.workspaces else await runs_of_thread(said, services)
    if not runs:
        found = await find_or_offer(said, services)
        if isinstance(found, Shown):
            return found
        if len(found) != 1:
            names = listed([str(one.ref) for one in found])
            return Shown(text=f"Logs are of one workspace, and that is {len(found)}: {names}.")
        return await _newest_of(found[0].ref, services)
    return _newest(one.job_id for one in runs)


async def _newest_of(ref: WorkspaceRef, services: Services) -> str | Shown:
    """Find the newest job of a workspace; of those that others started, the open ones."""
    runs = await runs_of(ref, services)
    jobs = await open_jobs([ref.organization_id], services) or ()
    strange = [one.id for one in jobs if one.workspace_id == ref.id]
    return _newest([*(one.job_id for one in runs), *strange])


def _newest(job_ids: Iterable[str]) -> str | Shown:
    newest = max((int(one) for one in job_ids if one), default=None)
    nothing = "No job is known here; name one by its number, as its page in Terrakube has it."
    return Shown(text=nothing) if newest is None else str(newest)


async def _log_of(run: Run, services: Services) -> Shown:
    if not run.job_id:
        return Shown(text="Its job is not created yet, so it wrote nothing.")
    return await _of_job(run.job_id, "", _TAIL, services)


async def _plan_of(run: Run, services: Services) -> Shown:
    outputs = tuple(await services.store.outputs(run.id))
    url = job_url(run.request.workspace, run.job_id, services)
    return plan_shown(RunReport(run=run, job_url=url, outputs=outputs))


async def _of_job(job_id: str, step: str, tail: int, services: Services) -> Shown:
    found = await find_job(job_id, services)
    if isinstance(found, Refuse):
        return Shown(text=found.text)
    if found.job is None or services.server is None:
        return await _kept(found, tail, services)
    chosen = [one for one in found.job.steps if step in {"", str(one.number)}]
    if not chosen:
        return Shown(text=_no_step(job_id, step, found.job.steps))
    try:
        reader = JobLogs(server=services.server, redactor=services.redactor)
        read = await reader.read(found.job, chosen)
    except RemoteError as error:
        log.warning("log.lost", job_id=job_id, error=str(error))
        return Shown(text=SILENT)
    if read is None:
        what = f"step {code(step)} of job {code(job_id)}" if step else f"job {code(job_id)}"
        return Shown(text=f"Nothing was written by {what} yet: it is {code(found.job.status)}.")
    others = [one for one in steps_with_logs(found.job.steps) if one.id != read.step.id]
    return log_shown(
        read.text,
        job_id=job_id,
        url=job_url(found.workspace, job_id, services),
        step=f"step {read.step.number} {read.step.name}".strip(),
        tail=tail,
        workspace=found.workspace,
        others=others,
    )


async def _kept(found: FoundJob, tail: int, services: Services) -> Shown:
    """Show what was stored of a run whose job Terrakube does not show (any more)."""
    outputs = await services.store.outputs(found.run.id) if found.run else ()
    texts = {one.kind: one.text for one in outputs if one.text.strip()}
    kind = next((one for one in _KEPT if one in texts), None)
    if kind is None:
        gone = f"Terrakube has no job {code(found.id)} any more, and nothing of it is stored."
        return Shown(text=SILENT if found.is_silent else gone)
    return log_shown(
        texts[kind],
        job_id=found.id,
        url=job_url(found.workspace, found.id, services),
        step=f"{kind.value} as it was stored",
        tail=tail,
        workspace=found.workspace,
    )


def _no_step(job_id: str, step: str, steps: Sequence[Step]) -> str:
    if not steps:
        return f"Job {code(job_id)} has no steps yet."
    there = ", ".join(f"{one.number} ({code(one.name)})" for one in steps[:20])
    return f"Job {code(job_id)} has no step {code(step)}. There is: {there}."
