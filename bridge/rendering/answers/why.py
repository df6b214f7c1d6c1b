"""What ``why`` answers in a chat: why something waits, does not run, or came to nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.domain.reports import RunReport
from bridge.domain.runs import CLOSED, RETARGETED, Review, Run, RunPhase, RunState
from bridge.domain.terrakube import TERMINAL, Job, JobStatus, Workspace, WorkspaceRef
from bridge.domain.work import Vote
from bridge.rendering.answers.pieces import (
    Says,
    Shown,
    about,
    about_job,
    bounded,
    command,
    in_line,
    job_link,
    named,
    person,
    short,
)
from bridge.rendering.durations import moment
from bridge.rendering.escaping import name, prose
from bridge.rendering.wording import expires_at, icon, is_answered, waits_for_a_person, word

_MOST: Final = 10
_MOST_AHEAD: Final = 3
_LONGEST: Final = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A run, and what is in its way.

    Attributes:
        workspace: As Terrakube shows it now; None when it did not say.
        ahead: Open jobs of its workspace that came before its own, with their pages.
        votes: Approvals there are, while more are needed.
        quorum: How many people must approve.
    """

    report: RunReport
    workspace: Workspace | None = None
    ahead: Sequence[tuple[Job, str]] = ()
    votes: Sequence[Vote] = ()
    quorum: int = 1


def why_runs(causes: Sequence[Cause], total: int, now: datetime, *, name_of: str) -> Shown:
    """Say of each run why it stands as it does.

    Args:
        causes: The first of them.
        total: How many there are.
        now: When it is said.
        name_of: How people address the bridge.
    """
    parts = [
        f"- **{about(one.report)}**: {icon(one.report.run.state)} "
        + " ".join(_sentences(one, now, name_of))
        for one in causes
    ]
    parts += [""] * (total - len(causes))  # only counted
    text = "\n".join(bounded(parts, _MOST, more="name one to be told about it"))
    jobs = [one.report.run for one in causes if one.report.run.job_id]
    says: Says = tuple((f"Logs of {run.job_id}", command("logs", run.job_id)) for run in jobs[:3])
    return Shown(text=text, says=says)


def why_job(
    job: Job,
    ref: WorkspaceRef | None,
    url: str,
    *,
    workspace: Workspace | None = None,
    ahead: Sequence[tuple[Job, str]] = (),
) -> Shown:
    """Say why a job stands as it does that is no run of the bridge's.

    Args:
        job: As Terrakube shows it now.
        ref: Its workspace; None when that is not known.
        url: Its page.
        workspace: As Terrakube shows it now; None when it did not say.
        ahead: Open jobs of the workspace that came before, with their pages.
    """
    where = f" in {named(ref)}" if ref else ""
    said = " ".join(_of_job(job, workspace, ahead))
    text = f"**{job_link(job.id, url)}**{where}: {said}"
    return Shown(text=text, says=(("Logs", command("logs", job.id)),))


def why_nothing(
    workspace: Workspace, reports: Sequence[RunReport], starts: Sequence[str], now: datetime
) -> Shown:
    """Say why nothing goes on in a workspace: how it ended last, and what would start something.

    Args:
        workspace: Which one.
        reports: What ended there, the newest first.
        starts: What starts something there, a line of Markdown each.
        now: When it is said.
    """
    parts = [f"Nothing is under way in {named(workspace.ref)}."]
    says: Says = (("Status", command("status", str(workspace.ref))),)
    if reports:
        run = reports[0].run
        said = " ".join(_sentences(Cause(report=reports[0]), now, ""))
        parts.append(f"Last was **{about(reports[0])}**: {icon(run.state)} {said}")
        says += (("Logs", command("logs", run.job_id)),) if run.job_id else ()
    if workspace.locked:
        parts.append(_locked(workspace))
    parts.append("\n".join(["What starts something here:", "", *bounded(starts, _MOST)]))
    return Shown(text="\n\n".join(parts), says=says)


def _sentences(cause: Cause, now: datetime, name_of: str) -> Iterator[str]:
    run = cause.report.run
    if run.concluded:
        yield from _ended(run, now)
    elif run.cancel_requested:
        yield f"It is being cancelled, as {person(run.decided_by)} asked for."
    elif run.state is RunState.WAITING:
        yield from _waiting(cause, now, name_of)
    elif run.state is RunState.QUEUED:
        yield from _queued(cause)
    else:
        since = f" since {moment(run.started_at, now)}" if run.started_at else ""
        yield f"It is {word(run)}{since}; nothing is in its way."
    trouble = "" if run.concluded else run.trouble
    if trouble.strip():
        yield _sentence(trouble)
    if run.request.why.strip():
        yield f"Why it was started: {_sentence(run.request.why)}"


def _ended(run: Run, now: datetime) -> Iterator[str]:
    at = f" at {moment(run.finished_at, now)}" if run.finished_at else ""
    by = f", answered by {person(run.decided_by)}" if run.decided_by else ""
    yield f"It ended as {name(word(run))}{at}{by}."
    if run.superseded_by == CLOSED:
        yield "Its pull request was closed."
    elif run.superseded_by == RETARGETED:
        yield "Its pull request goes to another branch now."
    elif run.superseded_by:
        yield f"Its pull request has a newer head, {name(run.superseded_by[:12])}."
    if run.reason.strip():
        yield _sentence(run.reason)


def _waiting(cause: Cause, now: datetime, name_of: str) -> Iterator[str]:
    run = cause.report.run
    if is_answered(run):
        yield f"{person(run.decided_by)} has answered, and Terrakube is being told."
    elif run.review is Review.DUE:
        yield "Its plan is being compared with the reviewed one; it goes on, or somebody is asked."
    elif waits_for_a_person(run):
        yield f"It waits for somebody who may approve: {name(f'{name_of} approve {run.job_id}')}."
        if cause.votes or cause.quorum > 1:
            who = ", ".join(person(one.actor) for one in cause.votes[:_MOST])
            needed = max(cause.quorum, len(cause.votes))
            yield f"{len(cause.votes)} of {needed} approved{f': {who}' if who else ''}."
        yield f"Terrakube ends it at {moment(expires_at(run), now)}."


def _queued(cause: Cause) -> Iterator[str]:
    run = cause.report.run
    if cause.report.queue is not None:
        yield f"It {in_line(cause.report.queue)}."
    elif run.phase is RunPhase.PLANNED:
        yield "Its job is not created yet: older runs of its workspace come first."
    elif not run.job_id:
        yield "Its job is being created in Terrakube."
    else:
        yield from _pending(cause.workspace, cause.ahead)


def _pending(workspace: Workspace | None, ahead: Sequence[tuple[Job, str]]) -> Iterator[str]:
    """Say what a job waits for that Terrakube has not begun."""
    if workspace is not None and workspace.locked:
        yield _locked(workspace)
    elif ahead:
        jobs = ", ".join(
            f"{about_job(job, url)} ({_does(job)})" for job, url in ahead[:_MOST_AHEAD]
        )
        left = len(ahead) - _MOST_AHEAD
        yield f"It waits in Terrakube behind {jobs}{f' and {left} more' if left > 0 else ''}."
    else:
        yield "Terrakube has not begun it; usually an executor has to be free first."


def _of_job(
    job: Job, workspace: Workspace | None, ahead: Sequence[tuple[Job, str]]
) -> Iterator[str]:
    if job.status == JobStatus.WAITING_APPROVAL:
        team = f"team {name(short(job.approval_team))}" if job.approval_team else "whoever may"
        yield f"It waits in Terrakube for an approval by {team}."
    elif job.status in {JobStatus.PENDING, JobStatus.QUEUE}:
        yield from _pending(workspace, ahead)
    elif job.status in TERMINAL:
        yield f"It has ended: {name(short(job.status))}."
    else:
        yield f"It is {name(short(job.status))}; nothing is in its way."
    yield "Somebody started it in Terrakube itself."


def _does(job: Job) -> str:
    is_asking = job.status == JobStatus.WAITING_APPROVAL
    return "waits for an approval" if is_asking else name(short(job.status))


def _locked(workspace: Workspace) -> str:
    why = workspace.lock_description.strip()
    said = f" ({name(short(why))})" if why else ""
    return f"The workspace is locked in Terrakube{said}: jobs wait until somebody unlocks it there."


def _sentence(text: str) -> str:
    told = prose(text.strip()[:_LONGEST])
    return told if told.endswith((".", "!", "?", "…")) else f"{told}."
