"""What ``status`` answers in a chat: a job, workspaces, or what goes on in a channel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.domain.holds import Hold
from bridge.domain.reports import RunReport
from bridge.domain.runs import RunState, Verb
from bridge.domain.terrakube import Job, Step, Workspace, WorkspaceRef
from bridge.rendering.answers.pieces import (
    MOST_BUTTONS,
    Says,
    Shown,
    about,
    about_job,
    bounded,
    command,
    holder,
    in_line,
    job_link,
    last_job,
    named,
    person,
    revision,
    short,
)
from bridge.rendering.durations import counted, duration, moment
from bridge.rendering.escaping import name, prose
from bridge.rendering.wording import (
    changed,
    changes,
    expires_at,
    icon,
    state_text,
    waits_for_a_person,
    word,
)

_MOST: Final = 20
_MOST_STEPS: Final = 12
_MOST_LAST: Final = 5
_LONGEST_REASON: Final = 600
_UNKNOWN: Final = "Terrakube did not say just now what else it runs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """How one workspace stands.

    Attributes:
        workspace: As Terrakube shows it now, or as it was seen last.
        hold: Which pull request has it for itself; None for none.
        open: Runs that have not ended, oldest first.
        last: Runs that have ended, the newest first.
        others: Open jobs of Terrakube that are no run's, with their pages, oldest first.
        is_silent: Whether Terrakube did not say how it stands now.
    """

    workspace: Workspace
    hold: Hold | None = None
    open: Sequence[RunReport] = ()
    last: Sequence[RunReport] = ()
    others: Sequence[tuple[Job, str]] = ()
    is_silent: bool = False


def run_shown(report: RunReport, now: datetime) -> Shown:
    """Show one run."""
    run = report.run
    lines = [f"- {one}" for one in (*_facts(report, now), *_reasons(report))]
    lines += _steps(run.steps)
    text = f"**{about(report)}**: {_state(report, now)}"
    return Shown(text="\n".join([text, "", *lines]), says=_says_of_job(run.job_id, report))


def job_shown(job: Job, workspace: WorkspaceRef | None, url: str, now: datetime) -> Shown:
    """Show a job of Terrakube that is no run of the bridge's."""
    where = f" in {named(workspace)}" if workspace else ""
    since = f", created {moment(job.created_at, now)}" if job.created_at else ""
    by = f" by {person(job.created_by)}" if job.created_by else ""
    text = f"**{job_link(job.id, url)}**{where}: {name(short(job.status))}"
    note = f"- started in Terrakube{by}{since}; the bridge does not follow it"
    return Shown(
        text="\n".join([text, "", note, *_steps(job.steps)]),
        says=(("Logs", command("logs", job.id)), ("Why?", command("why", job.id))),
    )


def space_shown(space: Space, now: datetime) -> Shown:
    """Show one workspace: what is in its way, what goes on, what came before."""
    own = space.workspace
    parts = [[f"**{named(own.ref)}**{_on(own)}", *_locks(space, now)]]
    going = [f"- {run_line(one, now)}" for one in space.open]
    going += [f"- {about_job(job, url)}: {name(short(job.status))}" for job, url in space.others]
    parts.append(["Under way:", "", *bounded(going, _MOST)] if going else ["Nothing is under way."])
    if space.is_silent:
        parts.append([_UNKNOWN])
    last = [f"- {run_line(one, now)}" for one in space.last[:_MOST_LAST]]
    if last:
        parts.append(["Before that:", "", *last])
    return Shown(text="\n\n".join("\n".join(lines) for lines in parts), says=_says_of_space(space))


def spaces_shown(spaces: Sequence[Space], total: int, now: datetime) -> Shown:
    """Show several workspaces, a line each.

    Args:
        spaces: The first of them.
        total: How many there are.
        now: When it is shown.
    """
    lines = [_space_line(one, now) for one in spaces]
    lines += [""] * (total - len(spaces))  # only counted
    shown = bounded(lines, len(spaces), more="name fewer of them to see those")
    start = f"{counted(total, 'workspace')}:"
    refs = [str(one.workspace.ref) for one in spaces if one.open][:MOST_BUTTONS]
    says = tuple((one, command("status", one)) for one in refs)
    return Shown(text="\n".join([start, "", *shown]), says=says)


def under_way_shown(
    reports: Sequence[RunReport], total: int, now: datetime, *, where: str, hint: str = ""
) -> Shown:
    """Show what goes on, what waits for somebody first.

    Args:
        reports: The first of them.
        total: How many there are.
        now: When it is shown.
        where: The end of a sentence: ``in this thread``.
        hint: What helps when there is nothing, in Markdown.
    """
    if not total:
        text = f"Nothing runs and nothing waits {where}."
        return Shown(text=f"{text} {hint}".strip(), says=(("Workspaces", "workspaces"),))
    waiting = sum(waits_for_a_person(one.run) for one in reports)
    lines = [f"- {run_line(one, now)}" for one in reports]
    lines += [""] * (total - len(reports))  # only counted
    asks = f" ({waiting:,} to be approved or rejected by somebody)" if waiting else ""
    start = f"{counted(total, 'run')} {where}{asks}:"
    says = [_says(one.run.job_id) for one in reports if one.run.job_id][:MOST_BUTTONS]
    return Shown(text="\n".join([start, "", *bounded(lines, len(reports))]), says=tuple(says))


def run_line(report: RunReport, now: datetime) -> str:
    """Say of a run in one line what it does, what it changes, and what it waits for."""
    run = report.run
    told = [f"{about(report)}: {_state(report, now)}", *_numbers(report)]
    told.append(f"for {person(run.request.actor)}")
    if run.concluded and run.finished_at:
        told.append(moment(run.finished_at, now))
    if report.queue is not None and not run.concluded:
        told.append(in_line(report.queue))
    return ", ".join(told)


def _state(report: RunReport, now: datetime) -> str:
    return state_text(report.run, expired=now >= expires_at(report.run))


def _numbers(report: RunReport) -> Iterator[str]:
    run = report.run
    if run.counts is None or run.plan_changes is False:
        return
    applied = run.state is RunState.SUCCEEDED and run.request.verb is not Verb.PLAN
    yield changed(run.counts) if applied else changes(run.counts)


def _facts(report: RunReport, now: datetime) -> Iterator[str]:
    run = report.run
    of = f" of {revision(run)}" if revision(run) else ""
    template = run.request.template.name or run.request.template.reference
    with_template = f" with template {name(short(template))}" if template else ""
    yield f"for {person(run.request.actor)}{of}{with_template}"
    yield from _numbers(report)
    if run.started_at:
        took = duration(run.started_at, run.finished_at)
        yield f"started {moment(run.started_at, now)}{f', took {took}' if took else ''}"
    if run.decided_by:
        yield f"answered by {person(run.decided_by)}"


def _reasons(report: RunReport) -> Iterator[str]:
    """Say what is in the way of a run, and why it ended as it did."""
    run = report.run
    if report.queue is not None and not run.concluded:
        yield f"it {in_line(report.queue)}"
    trouble = "" if run.concluded else run.trouble
    yield from (prose(text[:_LONGEST_REASON]) for text in (trouble, run.reason) if text.strip())


def _steps(steps: Sequence[Step]) -> list[str]:
    lines = [
        f"- step {one.number} {name(short(one.name)) if one.name.strip() else ''}: "
        f"{name(short(one.status or 'pending'))}"
        for one in steps
    ]
    return bounded(lines, _MOST_STEPS)


def _on(workspace: Workspace) -> str:
    branch = f" on {name(short(workspace.branch))}" if workspace.branch.strip() else ""
    last = last_job(workspace)
    return f"{branch}{f', {last}' if last else ''}"


def _locks(space: Space, now: datetime) -> list[str]:
    lines: list[str] = []
    if space.workspace.locked:
        why = space.workspace.lock_description.strip()
        said = f": {name(short(why))}" if why else ""
        lines.append(f"- 🔒 locked in Terrakube{said}; jobs wait there until somebody unlocks it")
    if space.hold is not None:
        lines.append(f"- {holder(space.hold)} since {moment(space.hold.since, now)}")
    return ["", *lines] if lines else []


def _space_line(space: Space, now: datetime) -> str:
    told = [f"- {named(space.workspace.ref)}"]
    if space.workspace.locked:
        told.append("🔒 locked in Terrakube")
    if space.hold is not None:
        told.append(holder(space.hold))
    if space.open:
        first = space.open[0]
        job = f" ({job_link(first.run.job_id, first.job_url)})" if first.run.job_id else ""
        told.append(f"{first.run.request.verb}{job} {_state(first, now)}")
        told += [f"{len(space.open) - 1:,} more under way"] if len(space.open) > 1 else []
    elif space.last:
        run = space.last[0].run
        at = f" {moment(run.finished_at, now)}" if run.finished_at else ""
        told.append(f"{icon(run.state)} {word(run)}{at}")
    elif last := last_job(space.workspace):
        told.append(last)
    else:
        told.append("nothing ran here")
    return ", ".join(told)


def _says(job_id: str) -> tuple[str, str]:
    return f"Job {job_id}", command("status", job_id)


def _says_of_job(job_id: str, report: RunReport) -> Says:
    ref = str(report.run.request.workspace)
    of_job: Says = ()
    if job_id:
        of_job = (("Logs", command("logs", job_id)), ("Why?", command("why", job_id)))
    return (*of_job, ("Workspace", command("status", ref)))


def _says_of_space(space: Space) -> Says:
    ref = str(space.workspace.ref)
    jobs = [_says(one.run.job_id) for one in (*space.open, *space.last) if one.run.job_id]
    return (("Why?", command("why", ref)), ("Logs", command("logs", ref)), *jobs[:3])
