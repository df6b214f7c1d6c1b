"""What runs are called and how several are summed up, the same in comments and statuses."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.reports import RunReport
from bridge.domain.runs import Review, Run, RunPhase, RunState, Verb
from bridge.domain.terrakube import PlanCounts
from bridge.rendering.durations import counted

APPROVAL_LIFE = timedelta(hours=6)
"""After its creation Terrakube fails a job, whatever it waits for (contract section 6.4)."""

TROUBLED = frozenset({RunState.FAILED, RunState.ERROR, RunState.REJECTED})

APPLYING = frozenset({Verb.APPLY, Verb.DESTROY})
"""Verbs of runs that people see next to the plans they carry out."""

_ICONS = {
    RunState.QUEUED: "⏳",
    RunState.RUNNING: "🔄",
    RunState.WAITING: "✋",
    RunState.SUCCEEDED: "✅",
    RunState.FAILED: "❌",
    RunState.ERROR: "⚠️",
    RunState.REJECTED: "🚫",
    RunState.CANCELLED: "⏹️",
    RunState.SUPERSEDED: "⏭️",
}
_ORDER = (
    RunState.FAILED,
    RunState.ERROR,
    RunState.REJECTED,
    RunState.CANCELLED,
    RunState.WAITING,
    RunState.RUNNING,
    RunState.QUEUED,
    RunState.SUCCEEDED,
    RunState.SUPERSEDED,
)
_DONE = {Verb.PLAN: "planned", Verb.APPLY: "applied", Verb.DESTROY: "destroyed"}
_DOING = {Verb.PLAN: "planning", Verb.APPLY: "applying", Verb.DESTROY: "destroying"}


def icon(state: RunState) -> str:
    """Return the sign of a state."""
    return _ICONS[state]


def rank(report: RunReport) -> tuple[int, bool]:
    """Sort trouble first, then what goes on, then what changes something."""
    run = report.run
    return _ORDER.index(run.state), run.plan_changes is False


def by_rank(report: RunReport) -> tuple[int, bool, str]:
    """Sort by rank, then by the workspace's name."""
    return (*rank(report), str(report.run.request.workspace))


def word(run: Run) -> str:
    """Say in a word or two what a run does or did."""
    verb = run.request.verb
    match run.state:
        case RunState.SUCCEEDED if run.plan_changes is False:
            return "unchanged"
        case RunState.SUCCEEDED:
            return _DONE.get(verb, "applied" if run.request.applies else "planned")
        case RunState.RUNNING if run.review in {Review.DUE, Review.ASKED}:
            return "planning again"  # nothing is changed before the approval
        case RunState.RUNNING:
            return _DOING.get(verb, "running")
        case RunState.WAITING:
            return _waiting_word(run)
        case state:
            return state.value


def _waiting_word(run: Run) -> str:
    if is_answered(run):
        return "answered"
    comparing = run.review is Review.DUE
    return "comparing with the reviewed plan" if comparing else "waiting for approval"


def is_answered(run: Run) -> bool:
    """Tell whether somebody answered to a job that waits, and Terrakube is being told."""
    return run.phase is RunPhase.REVIEWING and bool(run.decided_by)


def waits_for_a_person(run: Run) -> bool:
    """Tell whether a job goes on only when somebody says so."""
    own = run.review is Review.DUE
    return run.state is RunState.WAITING and not own and not is_answered(run)


def expires_at(run: Run) -> datetime:
    """Return when Terrakube ends the job, whatever it waits for."""
    return (run.posted_at or run.created_at) + APPROVAL_LIFE


def state_text(run: Run, *, expired: bool) -> str:
    """Say what a run does, with what people have to know about it."""
    text = word(run)
    if run.state is RunState.WAITING:
        text = _waiting_text(run, text, expired=expired)
    elif run.state is RunState.FAILED and run.request.verb is not Verb.PUSH:
        text = f"{run.request.verb.value} failed"
    elif run.state is RunState.SUCCEEDED and run.plan_changes is False:
        text = "no changes"
    elif run.state is RunState.RUNNING and run.started_at and not run.cancel_requested:
        text = f"{text} since {run.started_at:%H:%M} UTC"
    if run.cancel_requested and not run.concluded:
        text = f"{text}, being cancelled"
    return f"{icon(run.state)} {text}"


def options_of(run: Run) -> tuple[str, ...]:
    """Name what a run leaves out or does besides, as Terraform spells it: people have to know."""
    options = run.request.options
    known = run.request.verb is Verb.DESTROY  # its name says so
    return (replace(options, destroy=False) if known else options).flags


def _waiting_text(run: Run, text: str, *, expired: bool) -> str:
    if expired:
        return "approval expired"
    if waits_for_a_person(run):
        return f"waits for approval until {expires_at(run):%H:%M} UTC"
    return "Terrakube is being told the answer" if is_answered(run) else text


def tally(runs: Iterable[Run]) -> str:
    """Count runs by what they do: ``1 failed, 2 planned``; trouble first."""
    counts: Counter[str] = Counter()
    places: dict[str, int] = {}
    for run in runs:
        text = word(run)
        counts[text] += 1
        places[text] = min(places.get(text, len(_ORDER)), _ORDER.index(run.state))
    ordered = sorted(counts, key=lambda text: (places[text], text))
    return ", ".join(f"{counts[text]:,} {text}" for text in ordered)


def counted_runs(reports: Iterable[RunReport]) -> list[RunReport]:
    """Return the runs whose counts add up: they succeeded, or wait for an approval."""
    ready = {RunState.SUCCEEDED, RunState.WAITING}
    return [one for one in reports if one.run.counts and one.run.state in ready]


def total(reports: Iterable[RunReport]) -> PlanCounts | None:
    """Add up the changes of the runs that have any to tell; None when there are none."""
    found = [one.run.counts for one in counted_runs(reports) if one.run.counts]
    if not found:
        return None
    return PlanCounts(
        add=sum(counts.add for counts in found),
        change=sum(counts.change for counts in found),
        destroy=sum(counts.destroy for counts in found),
    )


def changes(counts: PlanCounts) -> str:
    """Write counts as Terraform does: ``2 to add, 1 to change, 0 to destroy``."""
    return f"{counts.add:,} to add, {counts.change:,} to change, {counts.destroy:,} to destroy"


def changed(counts: PlanCounts) -> str:
    """Write counts of what was done as Terraform does: ``2 added, 1 changed, 0 destroyed``."""
    return f"{counts.add:,} added, {counts.change:,} changed, {counts.destroy:,} destroyed"


def workspaces(reports: Iterable[RunReport]) -> str:
    """Count the workspaces of runs."""
    return counted(len({report.run.request.workspace.id for report in reports}), "workspace")
