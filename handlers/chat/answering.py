"""Somebody's answer to one run, from the chat: all that must hold, asked for just now and in order.

A button is only what somebody saw once: it stays where it is for ever, and gives no right to
anything (slack.md section 11). What is refused leaves no trace but an answer to whoever asked and
an entry in the audit.
"""

from dataclasses import dataclass
from typing import Final

import structlog

from bridge.decisions.approving import SAID, demand_for, is_destroy, late_text, needs_name
from bridge.decisions.deciding_jobs import ended_text, why_not
from bridge.decisions.reviewing import waiting_step
from bridge.decisions.wording import code
from bridge.domain.access import SLACK
from bridge.domain.chat_controls import RunButton, mark_of
from bridge.domain.commands import Word
from bridge.domain.errors import NotFoundError, RemoteError
from bridge.domain.posts import PostUpsert
from bridge.domain.runs import Run, RunPhase, RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus
from bridge.domain.work import Answer, Decide, DecisionPhase
from bridge.routing import Services, Speaker
from handlers.approving import refuse_own
from handlers.chat.access import refuse_said

log = structlog.get_logger(__name__)

WORDS: Final = {
    Answer.APPROVE: Word.APPROVE,
    Answer.REJECT: Word.REJECT,
    Answer.CANCEL: Word.CANCEL,
}
_STALE = (
    "that button is for a plan that is not the newest any more. Look at the newest message about "
    "it, and answer there."
)
_OLDER = "it is of an older head: what is planned now is shown in a message of its own."
_SILENT = "Terrakube does not say just now how its job stands. Please try again in a while."
_UNREAD = "its plan is being read just now. Look at it in the message about it, and answer then."
_GONE = "its job is gone: somebody deleted it in Terrakube."


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Somebody's answer to a run.

    Attributes:
        seen: What the button showed that was pressed; None for words.
        is_named: Whether they typed the name of the workspace.
        asks_name: Whether that is asked for, whatever it would delete.
    """

    answer: Answer
    speaker: Speaker
    seen: RunButton | None = None
    is_named: bool = False
    asks_name: bool = False

    def actor_for(self, run: Run) -> str:
        """Return what they are recorded as: on a pull request's forge by their login there."""
        is_pull_request = run.request.pull_request is not None
        login = self.speaker.login_on(run.request.repository.forge) if is_pull_request else ""
        return login or self.speaker.user.actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why an answer does not count.

    Attributes:
        text: In Markdown, with what can be done.
        looks: Whether the job is not as it was seen last, so that what is shown is too old.
        asks_name: Whether all is well but that the workspace's name has to be typed in.
    """

    text: str
    looks: bool = False
    asks_name: bool = False


async def object_to(given: Given, run: Run, services: Services) -> Objection | None:
    """Say why an answer to a run does not count; None when it does."""
    request, speaker = run.request, given.speaker
    place = ([request.workspace], request.repository)
    if refusal := await refuse_said(speaker, WORDS[given.answer], services, *place):
        return Objection(text=refusal.text)
    found = await _outdated(given, run, services)
    if found is None and given.answer is Answer.APPROVE:
        if text := await refuse_own(run, given.actor_for(run), services):
            return _nothing(given, text)
        if is_destroy(run) and (
            refusal := await refuse_said(speaker, Word.DESTROY, services, *place)
        ):
            return Objection(text=refusal.text)
        return _unnamed(given, run, services)
    return found


def decision_of(given: Given, run: Run, services: Services, told: PostUpsert) -> Decide:
    """Make what is written down of an answer; *told* is said when it comes too late."""
    is_cancel = given.answer is Answer.CANCEL
    seen = given.seen.step if given.seen else waiting_step(run.steps)
    return Decide(
        run_id=run.id,
        answer=given.answer,
        actor=given.actor_for(run),
        door=SLACK,
        digest=run.digest,
        quorum=demand_for(run, services.policy.access).quorum,
        step="" if is_cancel else seen,
        told=told,
    )


async def _outdated(given: Given, run: Run, services: Services) -> Objection | None:
    """Say what happened meanwhile: to the run, to its job, to the plan that was shown."""
    if run.concluded:
        by = f" ({code(run.decided_by)} decided)" if run.decided_by else ""
        return _nothing(given, f"it {ended_text(run)}{by}.")
    if run.superseded_by and given.answer is Answer.APPROVE:
        return _nothing(given, _OLDER)
    first = await services.store.decision(run.id)
    if first is not None and first.phase in {DecisionPhase.CLAIMED, DecisionPhase.SENT}:
        return Objection(text=late_text(first, given.answer, services.clock.now()))
    job = await _job_now(given, run, services)
    if isinstance(job, Objection):
        return job
    if given.answer is Answer.CANCEL:
        return _not_cancelled(given, run)
    return _not_answered(given, run, job)


async def _job_now(given: Given, run: Run, services: Services) -> Job | Objection | None:
    """Read the job again; None while there is none, or nobody to ask."""
    if services.server is None or not run.job_id:
        return None
    try:
        job = await services.server.job(run.request.workspace.organization_id, run.job_id)
    except NotFoundError:
        return _nothing(given, _GONE, looks=True)
    except RemoteError as error:
        log.warning("job.unknown", job_id=run.job_id, reason=str(error))
        return _nothing(given, _SILENT)
    if given.answer is Answer.CANCEL and job.status in TERMINAL:
        return _nothing(given, f"its job has ended: {code(job.status)}.", looks=True)
    if given.answer is not Answer.CANCEL and job.status != JobStatus.WAITING_APPROVAL:
        text = f"its job does not wait for an approval any more, it is {code(job.status)}."
        return _nothing(given, text, looks=True)
    return job


def _not_cancelled(given: Given, run: Run) -> Objection | None:
    if run.cancel_requested:
        by = f" ({code(run.decided_by)} asked for it)" if run.decided_by else ""
        return _nothing(given, f"it is being cancelled already{by}.")
    if run.phase is RunPhase.COLLECTING:
        return _nothing(given, "its job has ended, and what it left is being read.")
    return None


def _not_answered(given: Given, run: Run, job: Job | None) -> Objection | None:
    step = waiting_step(run.steps if job is None else job.steps)
    behind = step != waiting_step(run.steps)
    if given.seen and (given.seen.step != step or given.seen.mark != mark_of(run)):
        return _nothing(given, _STALE, looks=behind)
    if behind:
        return _nothing(given, "it waits anew, and is being looked at: try again.", looks=True)
    if text := why_not(run, None, given.answer):
        return _nothing(given, text, looks=run.state is not RunState.WAITING)
    if given.answer is Answer.APPROVE and _is_unread(run):
        return _nothing(given, _UNREAD)
    return None


def _is_unread(run: Run) -> bool:
    """Tell whether nobody can have seen yet what a job would do; one that cannot be read is let."""
    return run.phase is RunPhase.REVIEWING and not run.digest and run.counts is None


def _unnamed(given: Given, run: Run, services: Services) -> Objection | None:
    wanted = given.asks_name or needs_name(run, most=services.confirm_deletions)
    if not wanted or given.is_named:
        return None
    again = code(f"{services.chat_command} approve {run.request.workspace}")
    what = f"it may destroy something, so the workspace's name has to be typed, as in {again}."
    return Objection(text=_nothing(given, what).text, asks_name=True)


def _nothing(given: Given, text: str, *, looks: bool = False) -> Objection:
    return Objection(text=f"Nothing was {SAID[given.answer]}: {text}", looks=looks)
