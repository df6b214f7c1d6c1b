"""Approve, reject and cancel in the chat: by a button, by a name that is typed in, by words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, cast

import structlog

from bridge.decisions.approving import SAID, is_name_of, name_of
from bridge.decisions.asking import Refuse
from bridge.decisions.choosing import named_text
from bridge.decisions.deciding_jobs import (
    ANSWERS,
    JobCommand,
    cancelled_text,
    refuse_answer,
)
from bridge.decisions.wording import code, listed
from bridge.domain.chat_controls import Control, Form, FormPlace, RunButton
from bridge.domain.chat_events import ButtonPressed, FormSent, Interaction
from bridge.domain.commands import ApproveCommand, CancelCommand, RejectCommand
from bridge.domain.errors import TemporaryRemoteError
from bridge.domain.posts import PostKind, PostUpsert
from bridge.domain.reports import RunReport
from bridge.domain.runs import Run, RunState
from bridge.domain.work import Answer, Work
from bridge.rendering.slack import render_confirm_view
from bridge.routing import Router, Said, Services, Speaker
from handlers.approving import standing_with
from handlers.chat.answering import Given, Objection, decision_of, object_to
from handlers.chat.recognising import recognise, where_opened
from handlers.chat.targets import find_workspaces, runs_of_thread
from handlers.chat.writing import (
    audit_said,
    open_view,
    refuse_stranger,
    report_key,
    target_of,
    whisper,
    whisper_later,
)

log = structlog.get_logger(__name__)

router = Router()

_BUTTONS: Final[Mapping[str, Answer]] = {
    Control.APPROVE: Answer.APPROVE,
    Control.TYPE_NAME: Answer.APPROVE,
    Control.REJECT: Answer.REJECT,
    Control.CANCEL: Answer.CANCEL,
}
_SKEW: Final = timedelta(seconds=5)
"""By how much the clocks of two replicas may differ."""

_UNKNOWN = "is not known here any more: it ended long ago."
# What waits when it answers again may be something that whoever approves has not seen.
_TOO_LATE = (
    "Terrakube does not say just now which workspaces there are. Please try again in a while."
)


@router.on(ButtonPressed)
async def press(event: ButtonPressed, services: Services, work: Work) -> None:
    """Answer a run by a button of its message."""
    control = event.control
    answer = _BUTTONS.get(control)
    if answer is None:
        return
    heard = await _hear(event, event.value, answer, services, work)
    if heard is None:
        return
    given, run = heard
    await _carry_out(
        event, replace(given, asks_name=control == Control.TYPE_NAME), run, services, work
    )


@router.on(FormSent)
async def type_name(event: FormSent, services: Services, work: Work) -> None:
    """Approve a run whose workspace's name was typed in."""
    if event.form != Form.CONFIRM:
        return
    event = where_opened(event)
    button = FormPlace.parse(event.metadata).button
    heard = await _hear(event, button, Answer.APPROVE, services, work)
    if heard is None:
        return
    given, run = heard
    if not is_name_of(event.values.get(Control.NAME, ""), run.request.workspace):
        name = code(run.request.workspace.name)
        text = f"Nothing was approved: the name that was typed is not {name}."
        _refuse(event, given, run, Objection(text=text), work)
        return
    await _carry_out(event, replace(given, is_named=True), run, services, work)


@router.on_said(ApproveCommand)
async def approve(said: Said, services: Services, work: Work) -> str:
    """Let jobs go on that wait for an approval."""
    return await _answer_said(said, services, work)


@router.on_said(RejectCommand)
async def reject(said: Said, services: Services, work: Work) -> str:
    """End jobs that wait for an approval."""
    return await _answer_said(said, services, work)


@router.on_said(CancelCommand)
async def cancel(said: Said, services: Services, work: Work) -> str:
    """Drop what waits and cancel what runs."""
    return await _answer_said(said, services, work)


async def _hear(
    event: Interaction, value: str, answer: Answer, services: Services, work: Work
) -> tuple[Given, Run] | None:
    """Find out who answers what; None when that is said already."""
    speaker = await recognise(event, services)
    button = RunButton.parse(value)
    subject = button.run_id if button else ""
    if isinstance(speaker, Refuse):
        refuse_stranger(work, event, speaker.text, action=_action(answer), subject=subject)
        return None
    run = await services.store.run(subject) if subject else None
    if button is None or run is None:
        text = f"Nothing was {SAID[answer]}: what that button is for {_UNKNOWN}"
        whisper(work, event, text)
        _audit(work, speaker, answer, subject, text, result="refused")
        return None
    return Given(answer=answer, speaker=speaker, seen=button), run


async def _carry_out(
    event: Interaction, given: Given, run: Run, services: Services, work: Work
) -> None:
    objection = await object_to(given, run, services)
    if objection is not None and objection.asks_name:
        place = FormPlace(
            channel=event.place.channel, thread=event.place.thread, button=str(given.seen)
        )
        open_view(work, event, render_confirm_view(RunReport(run=run, job_url=""), place))
        if not given.asks_name:
            detail = f"{_named(run)}: {objection.text}"
            _audit(work, given.speaker, given.answer, run.id, detail, result="refused")
    elif objection is not None:
        _refuse(event, given, run, objection, work)
    else:
        work.decides.append(decision_of(given, run, services, whisper_later(event)))
        _audit(work, given.speaker, given.answer, run.id, _named(run))


def _refuse(event: Interaction, given: Given, run: Run, objection: Objection, work: Work) -> None:
    whisper(work, event, objection.text)
    work.looks += [run.id] if objection.looks else []
    detail = f"{_named(run)}: {objection.text}"
    _audit(work, given.speaker, given.answer, run.id, detail, result="refused")


async def _answer_said(said: Said, services: Services, work: Work) -> str:
    command = cast("JobCommand", said.command)
    answer = ANSWERS[type(command)]
    runs = await _meant(said, answer, services)
    if isinstance(runs, Refuse):
        detail = f"{command.text}: {runs.text}"
        _audit(work, said.speaker, answer, "", detail, result="refused")
        return runs.text
    texts: list[str] = []
    decided: list[Run] = []
    for run in runs:
        typed = any(is_name_of(one, run.request.workspace) for one in command.selection.workspaces)
        given = Given(answer=answer, speaker=said.speaker, is_named=typed)
        if objection := await object_to(given, run, services):
            texts.append(f"{_capital(name_of(run.request))}: {objection.text}")
            _refuse_said(said, given, run, objection, work)
            continue
        is_counted = await _is_counted(given, run, services)
        # Whoever else is needed may approve in this moment: then it is decided after all.
        done = _done(answer, [run])[0] if is_counted else ""
        decision = decision_of(given, run, services, _told(said, run))
        work.decides.append(replace(decision, done=done))
        _audit(work, said.speaker, answer, run.id, command.text)
        decided += [] if is_counted else [run]
    return "\n\n".join([*_done(answer, decided), *texts])


def _refuse_said(said: Said, given: Given, run: Run, objection: Objection, work: Work) -> None:
    work.looks += [run.id] if objection.looks else []
    detail = f"{said.command.text}: {objection.text}"
    _audit(work, said.speaker, given.answer, run.id, detail, result="refused")


async def _is_counted(given: Given, run: Run, services: Services) -> bool:
    """Tell whether an approval is not enough alone: then it is told how many there are."""
    if given.answer is not Answer.APPROVE:
        return False
    return bool(await standing_with(run, given.actor_for(run), services))


async def _meant(said: Said, answer: Answer, services: Services) -> Refuse | tuple[Run, ...]:
    """Find the runs that are named, by their job, their workspace or the thread they are in."""
    command = cast("JobCommand", said.command)
    if services.chats is None:
        return Refuse(text="Slack is not configured any more.")
    if command.job:
        run = await services.chats.run_of_job(command.job)
        return (run,) if run else refuse_answer(answer, [_unfollowed(command.job, services)])
    if not command.selection.workspaces:
        return await _in_thread(said, answer, services)
    try:
        # A name that several organizations have is none: nobody answers to what they did not mean.
        spaces = await find_workspaces(said, services)
    except TemporaryRemoteError as error:
        if answer is not Answer.APPROVE:
            raise
        log.warning("catalog.unread", reason=str(error))
        return refuse_answer(answer, [_TOO_LATE])
    if isinstance(spaces, Refuse):
        return refuse_answer(answer, [spaces.text])
    there = [run for one in spaces for run in await services.chats.runs_of_workspace(one.ref.id)]
    # It may have waited for Terrakube: what began meanwhile nobody had in mind.
    found = [run for run in there if said.said_at is None or run.created_at <= said.said_at + _SKEW]
    named = named_text(command.selection)
    nothing = f"Nothing that matches {named} {_standing(answer)}, as far as is known."
    return _open(found[::-1], answer) or refuse_answer(answer, [nothing])


async def _in_thread(said: Said, answer: Answer, services: Services) -> Refuse | tuple[Run, ...]:
    """Find the runs that are meant where none are named: those the thread is about."""
    shown = await runs_of_thread(said, services)
    if not shown:
        example = code(f"{services.chat_command} {answer} organization/workspace")
        return refuse_answer(answer, [f"Say which: {example}, or the number of a job."])
    nothing = f"Nothing in this thread {_standing(answer)}, as far as is known."
    return _open(shown, answer) or refuse_answer(answer, [nothing])


def _open(runs: Sequence[Run], answer: Answer) -> tuple[Run, ...]:
    """Leave out the runs that cannot be answered so."""
    return tuple(
        run
        for run in runs
        if not run.concluded and (answer is Answer.CANCEL or run.state is RunState.WAITING)
    )


def _standing(answer: Answer) -> str:
    return "is under way" if answer is Answer.CANCEL else "waits for an approval"


def _unfollowed(job: str, services: Services) -> str:
    subscribe = code(f"{services.chat_command} subscribe organization/workspace")
    return (
        f"The bridge does not follow job {code(job)}. It follows what it started itself, and "
        f"whatever runs where a channel has subscribed ({subscribe}); others are answered in "
        "Terrakube."
    )


def _done(answer: Answer, runs: list[Run]) -> list[str]:
    if not runs or answer is Answer.CANCEL:
        return cancelled_text(runs) if runs else []
    names = listed(sorted({_named(run) for run in runs}))
    return [f"{_capital(SAID[answer])}: {names}."]


def _told(said: Said, run: Run) -> PostUpsert:
    """Make the answer that says that somebody was faster, or that more are needed."""
    target = target_of(said, f"{said.trigger}|{run.id}")
    report = report_key(said.place, target.slot)
    return PostUpsert(kind=PostKind.CHAT_WHISPER, target=target, report=report)


def _audit(
    work: Work, speaker: Speaker, answer: Answer, subject: str, detail: str, *, result: str = "done"
) -> None:
    audit_said(work, speaker, action=_action(answer), subject=subject, result=result, detail=detail)


def _action(answer: Answer) -> str:
    return f"{answer}.requested"


def _named(run: Run) -> str:
    return f"{run.request.verb} {run.request.workspace}"


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"
