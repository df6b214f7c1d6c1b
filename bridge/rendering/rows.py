"""Tables of runs: the applies with who asked for them, the plans, and what a merge started."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.runs import Review, Run, RunState
from bridge.rendering.durations import counted, duration
from bridge.rendering.escaping import escape, link, name
from bridge.rendering.items import Item, Table
from bridge.rendering.notes import shortened
from bridge.rendering.standing import is_apply
from bridge.rendering.wording import by_rank, expires_at, is_answered, options_of, state_text, tally

_SHORT: Final = 8
_OPTIONS_SHOWN: Final = 5
_LONGEST_OPTION: Final = 100
_HEAD: Final = (
    "| Workspace | State | Add | Change | Destroy | Took | Job |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | --- |"
)
_APPLIES_HEAD: Final = (
    "| Workspace | State | Asked by | Add | Change | Destroy | Took | Job |\n"
    "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |"
)


def tables(report: PullRequestReport) -> Iterator[Item]:
    """Write a row for every run; applies stand above the plans they carry out."""
    held = frozenset(hold.workspace.id for hold in report.holds)
    applies, plans = _ordered(report, applies=True), _ordered(report, applies=False)
    plain = _Rows(report=report, held=held)
    yield from replace(plain, asked=True).table(f"**Applies**\n\n{_APPLIES_HEAD}", applies)
    yield from plain.table(f"**Plans**\n\n{_HEAD}" if applies else _HEAD, plans)
    if report.pushes:
        tallied = tally(one.run for one in report.pushes)
        pushes = sorted(report.pushes, key=by_rank)
        rows = replace(plain, merged=True)
        yield from rows.table(f"**After the merge:** {tallied}\n\n{_HEAD}", pushes)


def _ordered(report: PullRequestReport, *, applies: bool) -> Sequence[RunReport]:
    """Put runs of this head by rank, those of an older one behind them by name."""
    stale = sorted(report.stale, key=lambda one: str(one.run.request.workspace))
    ordered = (*sorted(report.runs, key=by_rank), *stale)
    return [one for one in ordered if is_apply(one) is applies]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Spells the rows of a table.

    Attributes:
        held: Ids of workspaces the pull request has locked.
        asked: Whether it says who asked for a run.
        merged: Whether its runs are those of the merge, and so never of an older head.
    """

    report: PullRequestReport
    held: frozenset[str]
    asked: bool = False
    merged: bool = False

    def table(self, head: str, runs: Sequence[RunReport]) -> Iterator[Item]:
        """Write a table; nothing without rows."""
        if runs:
            yield Table(head=head, rows=[self._row(one) for one in runs], more=_more)

    def _row(self, one: RunReport) -> Sequence[str]:
        """Spell a row in full, and without the address of its job."""
        run = one.run
        counts = (
            [f"{run.counts.add:,}", f"{run.counts.change:,}", f"{run.counts.destroy:,}"]
            if run.counts
            else [""] * 3
        )
        took = duration(run.started_at or run.created_at, run.finished_at)
        who = [name(run.request.actor)] if self.asked else []
        cells = " | ".join((self._workspace(one), self._state(one), *who, *counts, took))
        job = f"job {run.job_id}" if run.job_id else ""
        full = link(job, one.job_url) if job and one.job_url else escape(job)
        return f"| {cells} | {full} |", f"| {cells} | {escape(job)} |"

    def _workspace(self, one: RunReport) -> str:
        workspace = one.run.request.workspace
        written = name(str(workspace))
        return f"{written} 🔒" if workspace.id in self.held else written

    def _state(self, one: RunReport) -> str:
        run = one.run
        state = state_text(run, expired=self.report.now >= expires_at(run))
        if options := options_of(run):
            state = f"{state} with {_options(options)}"
        if one.queue is not None:
            first = one.queue.position == 1
            state = f"{state}, next" if first else f"{state} at place {one.queue.position:,}"
        if is_answered(run):
            state = f"{state} of {name(run.decided_by)}"
        elif _is_approved_by_another(run):
            state = f"{state}, approved by {name(run.decided_by)}"
        if self.merged or run.request.commit_id == self.report.head_sha:
            return state
        return f"🕓 of the older head `{run.request.commit_id[:_SHORT]}`: {state}"


def _options(flags: Sequence[str]) -> str:
    """Name what a plan leaves out or does besides: who applies it has to know."""
    left = len(flags) - _OPTIONS_SHOWN
    shown = ", ".join(name(shortened(one, _LONGEST_OPTION)) for one in flags[:_OPTIONS_SHOWN])
    return f"{shown} and {left:,} more" if left > 0 else shown


def _is_approved_by_another(run: Run) -> bool:
    """Tell whether somebody else said yes; who asked stands in a column of its own."""
    # Of one that is cancelled it is known who cancelled it, not who approved it before.
    cancelled = run.cancel_requested or run.state in {RunState.CANCELLED, RunState.SUPERSEDED}
    other = run.decided_by not in {"", run.request.actor}
    return run.review is Review.APPROVED and other and not cancelled


def _more(number: int) -> str:
    return f"and {counted(number, 'workspace')} more, none in a worse state"
