"""One run in full, and one run of many in a line."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.reports import ChatRun, RunReport
from bridge.domain.runs import Run, RunState
from bridge.rendering.durations import counted
from bridge.rendering.slack.controls import answers, others
from bridge.rendering.slack.escaping import code, cut, link
from bridge.rendering.slack.excerpts import changed, error_excerpt, listed
from bridge.rendering.slack.pieces import Block, actions, context, preformatted, section
from bridge.rendering.slack.words import about, answered, because, counts, named_run, origin, state
from bridge.rendering.standing import has_changed_nothing

ERROR: Final = 1_200
"""Characters shown of the end of what went wrong, of a run that stands alone."""

_SHORT_REASON: Final = 160
_LINE: Final = 320
_MOST_CHANGED: Final = 10
_NOTHING_ASKED: Final = frozenset({RunState.SUPERSEDED, RunState.CANCELLED, RunState.REJECTED})


def in_full(one: ChatRun, *, quorum: int, confirm_deletions: int) -> Iterator[Block]:
    """Show a run with all there is to know and to press."""
    report = one.report
    yield section(" · ".join(filter(None, (head(report), counts(report.run)))))
    yield context([*origin(report.run)])
    lines = [*because(report), *answered(one, quorum=quorum)]
    if lines:
        yield section(cut("\n".join(lines), 2_900))
    yield from details(report)
    buttons = [*answers(one, confirm_deletions=confirm_deletions), *others(one)]
    if buttons:
        yield actions(buttons)


def details(report: RunReport, *, error: int = ERROR) -> Iterator[Block]:
    """Show what went wrong and what was left half done; else what the plan changes."""
    run = report.run
    if run.state is RunState.FAILED and (told := error_excerpt(report, error)):
        yield preformatted(told)
    if half := left_behind(report):
        yield section(half)
        if addresses := _half(report):
            yield preformatted(addresses)
    elif _is_of_interest(run) and (changes := changed(report)):
        yield preformatted(changes)


def head(report: RunReport) -> str:
    """Say what a run does: ``✅ applied: *acme/network* apply (job 17)``."""
    return f"{state(report.run)}: {about(report)}"


def in_a_line(one: ChatRun) -> str:
    """Show a run of many in one line."""
    report, run = one.report, one.report.run
    job = link(f"job {run.job_id}", report.job_url) if run.job_id else ""
    named = f"{state(run)}: {named_run(run)}"
    why = next(because(report, _SHORT_REASON), "")
    return cut(" · ".join(filter(None, (named, counts(run), job, why))), _LINE)


def left_behind(report: RunReport) -> str:
    """Say what an apply that did not come to its end has changed; empty of all others."""
    run = report.run
    if not run.concluded or run.state is RunState.SUCCEEDED:
        return ""
    if not (report.applied or report.not_applied):
        quiet = run.state is not RunState.FAILED or not run.request.applies
        return "" if quiet or not has_changed_nothing(report) else "Nothing was changed."
    changed_text = counted(len(report.applied), "resource") if report.applied else "nothing"
    left = counted(len(report.not_applied), "resource")
    seen = "Changed" if run.state is RunState.FAILED else "When it was last seen, it had changed"
    not_yet = "not changed" if run.state is RunState.FAILED else "not yet"
    rest = f", *{not_yet}: {left}*" if report.not_applied else ""
    return f"❗ {seen}: {changed_text}{rest}"


def workspaces(reports: Sequence[RunReport], most: int) -> str:
    """Name so many workspaces as people read, and count the others."""
    names = sorted({str(one.run.request.workspace) for one in reports})
    left = len(names) - most
    shown = ", ".join(code(name, 80) for name in names[:most])
    return f"{shown} and {left:,} more" if left > 0 else shown


def _is_of_interest(run: Run) -> bool:
    """Tell whether people look at what a run changes, or would change."""
    return run.state not in _NOTHING_ASKED and run.plan_changes is not False


def _half(report: RunReport) -> str:
    done = [f"+ changed: {address}" for address in report.applied]
    left = [f"! not changed: {address}" for address in report.not_applied]
    # What is not done is what somebody has to do.
    parts = (listed(left, _MOST_CHANGED), listed(done, _MOST_CHANGED))
    return "\n".join(part for part in parts if part)
