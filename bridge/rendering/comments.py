"""The living comment of a pull request.

What people must not miss comes first: what failed, what would be destroyed, what is in the way,
the table of workspaces. Then the texts, errors before plans. All of it is concatenated from
pieces that are inert by construction (see escaping and diffs); nothing formats over data.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.rules import Gate
from bridge.domain.runs import Run, RunState
from bridge.domain.work import Verdict
from bridge.rendering.applying import held, questions, queued, stopped, unmerged
from bridge.rendering.destroying import destroy_warning
from bridge.rendering.escaping import clean, name
from bridge.rendering.items import Item, Measure, Paragraph
from bridge.rendering.notes import troubles
from bridge.rendering.rows import tables
from bridge.rendering.splitting import Split, split
from bridge.rendering.standing import is_apply, plans_ahead, plans_to_apply, plans_to_destroy
from bridge.rendering.texts import texts
from bridge.rendering.wording import (
    changed,
    changes,
    counted_runs,
    icon,
    rank,
    tally,
    total,
    workspaces,
)

_SHORT: Final = 8

_UNPLANNED: Final = {
    "nothing": "✅ no workspace is affected",
    "fork": "🔒 not planned, as it comes from a fork",
    "draft": "💤 not planned while it is a draft",
    "too_many": "✋ too many workspaces to plan without being asked",
    "error": "⚠️ nothing could be planned",
}
_GATES: Final = {
    Gate.APPROVED: "approved",
    Gate.MERGEABLE: "mergeable",
    Gate.UNDIVERGED: "up to date with its base branch",
    Gate.NOT_DRAFT: "no draft any more",
    Gate.STATUSES: "green in the statuses that are asked for",
}
_INCOMPLETE: Final = (
    "✂️ **Not everything fits into these comments.** What is missing is named at the end of the "
    "last one, with how to read it."
)


def render_pull_request(
    report: PullRequestReport, *, measure: Measure, limit: int, max_parts: int, folds: bool
) -> Sequence[str]:
    """Write the comments of a pull request, the first of them and its continuations.

    Args:
        report: What there is to say.
        measure: Counts a text as the forge's limit does.
        limit: Largest comment, as measured.
        max_parts: Most comments, the first included; at least 1.
        folds: Whether the forge shows ``<details>``.
    """
    items = [*_opening(report), *texts(report)]
    written = _spread(items, report, measure=measure, limit=limit, most=max_parts, folds=folds)
    if not written.complete:
        items.insert(1, Paragraph(text=_INCOMPLETE))
        written = _spread(items, report, measure=measure, limit=limit, most=max_parts, folds=folds)
    return written.parts


def _spread(
    items: Sequence[Item],
    report: PullRequestReport,
    *,
    measure: Measure,
    limit: int,
    most: int,
    folds: bool,
) -> Split:
    title = _title(report)

    def headline(number: int, count: int) -> str:
        place = f" ({number}/{count})" if count > 1 else ""
        told = title if number == 1 else "continued"
        return f"### Terrakube at `{report.head_sha[:_SHORT]}`{place}: {told}"

    return split(
        items, headline=headline, measure=measure, limit=limit, max_parts=most, folds=folds
    )


def _title(report: PullRequestReport) -> str:
    verdict = _verdict(report)
    if report.runs:
        return _summed_up(report.runs)
    if verdict is not None and verdict.kind != "planning":
        return _UNPLANNED.get(verdict.kind, _UNPLANNED["error"])
    if report.pushes:
        worst = min(report.pushes, key=rank).run.state
        return f"{icon(worst)} merged: {tally(one.run for one in report.pushes)}"
    return "⏳ about to be planned"


def _summed_up(runs: Sequence[RunReport]) -> str:
    """Count runs, those of each kind by themselves once there are several."""
    worst = icon(min(runs, key=rank).run.state)
    kinds: dict[str, list[Run]] = {"apply": [], "destroy": [], "plan": []}
    for one in runs:
        kinds[one.run.request.verb.value if is_apply(one) else "plan"].append(one.run)
    if len(kinds["plan"]) == len(runs):
        return f"{worst} {tally(kinds['plan'])}"
    told = (f"{kind}: {tally(found)}" for kind, found in kinds.items() if found)
    return f"{worst} {'; '.join(told)}"


def _verdict(report: PullRequestReport) -> Verdict | None:
    """Return what was decided about this head; what was about an older one is no longer true."""
    verdict = report.verdict
    return verdict if verdict is not None and verdict.head_sha == report.head_sha else None


def _opening(report: PullRequestReport) -> Iterator[Item]:
    yield Paragraph(text=_subject_line(report))
    yield from destroy_warning(report)
    yield from questions(report)
    yield from stopped(report)
    verdict = _verdict(report)
    if verdict is not None and verdict.text.strip():
        yield Paragraph(text=clean(verdict.text).strip())
    yield from unmerged(report)
    yield from troubles(report)
    yield from queued(report)
    yield from tables(report)
    yield from held(report)
    yield Paragraph(text=_hint(report))


def _subject_line(report: PullRequestReport) -> str:
    applied = [one for one in report.runs if is_apply(one) and one.run.state is RunState.SUCCEEDED]
    told = []
    if counts := total(applied):
        told.append(f"**Applied: {changed(counts)}** in {workspaces(counted_runs(applied))}.")
    planned = counted_runs(plans_ahead(report))
    if counts := total(planned):
        told.append(f"**Plan: {changes(counts)}** in {workspaces(planned)}.")
    return " ".join((*told, f"Commit `{report.head_sha}`."))


def _hint(report: PullRequestReport) -> str:
    """Say what people may say next."""
    again, more = name(f"{report.command} plan"), name(f"{report.command} help")
    if not report.runs or report.pushes:  # what is merged is planned no more
        return f"Comment {more} to see what else there is."
    if not report.can_apply:
        return f"Comment {again} to plan again; {more} says what else there is."
    destroys = name(f"{report.command} destroy") if plans_to_destroy(report) else ""
    if plans_to_apply(report):
        apply = name(f"{report.command} apply")
        also = f"{destroys} destroys what is planned to be; " if destroys else ""
        return (
            f"Comment {apply} to apply what is planned here{_once(report)}; {also}{again} plans "
            f"again; {more} says what else there is."
        )
    if destroys:
        return (
            f"Comment {destroys} to destroy what is planned to be; {again} plans again; {more} "
            "says what else there is."
        )
    return f"Comment {again} to plan again; {more} says what else there is."


def _once(report: PullRequestReport) -> str:
    """Say what an apply asks for besides."""
    needed = [_GATES[gate] for gate in report.gates if gate in _GATES]
    if not needed:
        return ""
    *others, last = needed
    return f", once it is {', '.join(others)} and {last}" if others else f", once it is {last}"
