"""The living comment of a pull request.

What people must not miss comes first: what failed, what would be destroyed, what is in the way,
the table of workspaces. Then the texts, errors before plans. All of it is concatenated from
pieces that are inert by construction (see escaping and diffs); nothing formats over data.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.runs import Output, OutputKind, RunState, Verb
from bridge.domain.work import Verdict
from bridge.rendering.diffs import closing_line, first_error
from bridge.rendering.durations import counted, duration
from bridge.rendering.escaping import clean, escape, link, name, prose
from bridge.rendering.items import Fold, Item, Measure, Paragraph, Table
from bridge.rendering.splitting import Split, split
from bridge.rendering.wording import (
    APPROVAL_LIFE,
    TROUBLED,
    changes,
    counted_runs,
    icon,
    rank,
    state_text,
    tally,
    total,
    workspaces,
)

_SHORT: Final = 8
_DESTROYED_SHOWN: Final = 20
_NAMES_SHOWN: Final = 10
_LONGEST_REASON: Final = 1_000
_LONGEST_QUOTE: Final = 200

_HEAD: Final = (
    "| Workspace | State | Add | Change | Destroy | Took | Job |\n"
    "| --- | --- | ---: | ---: | ---: | ---: | --- |"
)
_UNPLANNED: Final = {
    "nothing": "✅ no workspace is affected",
    "fork": "🔒 not planned, as it comes from a fork",
    "draft": "💤 not planned while it is a draft",
    "too_many": "✋ too many workspaces to plan without being asked",
    "error": "⚠️ nothing could be planned",
}
_KINDS: Final = {
    OutputKind.ERROR: "error",
    OutputKind.PLAN: "plan",
    OutputKind.APPLY: "log of the apply",
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
    items = [*_opening(report), *_texts(report)]
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
        worst = min(report.runs, key=rank).run.state
        return f"{icon(worst)} {tally(one.run for one in report.runs)}"
    if verdict is not None and verdict.kind != "planning":
        return _UNPLANNED.get(verdict.kind, _UNPLANNED["error"])
    if report.pushes:
        worst = min(report.pushes, key=rank).run.state
        return f"{icon(worst)} merged: {tally(one.run for one in report.pushes)}"
    return "⏳ about to be planned"


def _verdict(report: PullRequestReport) -> Verdict | None:
    """Return what was decided about this head; what was about an older one is no longer true."""
    verdict = report.verdict
    return verdict if verdict is not None and verdict.head_sha == report.head_sha else None


def _opening(report: PullRequestReport) -> Iterator[Item]:
    yield Paragraph(text=_subject_line(report))
    yield from (Paragraph(text=text) for text in _destroy_warnings(report))
    verdict = _verdict(report)
    if verdict is not None and verdict.text.strip():
        yield Paragraph(text=clean(verdict.text).strip())
    yield from _notes(report)
    current = [(_rank(one), _row(report, one)) for one in report.runs]
    stale = [
        ((99, False, str(one.run.request.workspace)), _row(report, one, stale=True))
        for one in report.stale
    ]
    yield from _table(_HEAD, [*current, *stale])
    if report.pushes:
        tallied = tally(one.run for one in report.pushes)
        yield from _table(
            f"**After the merge:** {tallied}\n\n{_HEAD}",
            [(_rank(one), _row(report, one)) for one in report.pushes],
        )
    again, more = name(f"{report.command} plan"), name(f"{report.command} help")
    first = f"Comment {again} to plan again; " if report.runs else "Comment "
    yield Paragraph(text=f"{first}{more} {'says' if report.runs else 'to see'} what else there is.")


def _subject_line(report: PullRequestReport) -> str:
    planned = counted_runs(one for one in report.runs if one.run.request.verb is Verb.PLAN)
    counts = total(planned)
    summary = f"**Plan: {changes(counts)}** in {workspaces(planned)}. " if counts else ""
    return f"{summary}Commit `{report.head_sha}`."


def _destroy_warnings(report: PullRequestReport) -> Iterator[str]:
    """Warn about what is going to be deleted: by a plan people look at, or by an apply."""
    told = [one for one in report.runs if _destroys(one)]
    if not told:
        return
    known = [(one, address) for one in told for address in one.destroyed]
    count = sum(
        max(len(one.destroyed), one.run.counts.destroy if one.run.counts else 0) for one in told
    )
    lines = [f"⚠️ **{counted(count, 'resource')} would be destroyed or replaced:**"]
    for one in told:
        shown_here = [address for owner, address in known[:_DESTROYED_SHOWN] if owner is one]
        if shown_here:
            addresses = ", ".join(name(address) for address in shown_here)
            lines.append(f"> - {name(str(one.run.request.workspace))}: {addresses}")
    if len(known) > _DESTROYED_SHOWN:
        lines.append(f"> - and {len(known) - _DESTROYED_SHOWN:,} more")
    elif not known:
        lines += [f"> - {name(str(one.run.request.workspace))}" for one in told[:_NAMES_SHOWN]]
    yield "\n".join(f"> {line}" if index == 0 else line for index, line in enumerate(lines))


def _destroys(report: RunReport) -> bool:
    run = report.run
    ahead = run.state is RunState.WAITING or (
        run.state is RunState.SUCCEEDED and run.request.verb is Verb.PLAN
    )
    return ahead and bool(report.destroyed or (run.counts and run.counts.destroy))


def _notes(report: PullRequestReport) -> Iterator[Item]:
    """Say what is in the way, or why something ended, once for all it happened to."""
    affected: dict[str, list[str]] = {}
    for one in sorted((*report.runs, *report.pushes), key=_rank):
        for text in (one.run.trouble, one.run.reason):
            if text.strip():
                affected.setdefault(text, []).append(str(one.run.request.workspace))
    rows = [_note(text, names) for text, names in affected.items()]
    if rows:
        yield Table(
            head="**Please note:**\n",
            rows=[(row,) for row in rows],
            more=lambda number: f"- and {number:,} more of this kind",
        )


def _note(text: str, names: Sequence[str]) -> str:
    shown_names = ", ".join(name(one) for one in names[:_NAMES_SHOWN])
    more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
    return f"- {shown_names}{more}: {prose(_shortened(text, _LONGEST_REASON))}"


def _table(
    head: str, rows: Sequence[tuple[tuple[int, bool, str], Sequence[str]]]
) -> Iterator[Item]:
    if rows:
        yield Table(
            head=head,
            rows=[row for _, row in sorted(rows, key=lambda pair: pair[0])],
            more=lambda number: f"and {counted(number, 'workspace')} more, none in a worse state",
        )


def _row(report: PullRequestReport, one: RunReport, *, stale: bool = False) -> Sequence[str]:
    """Spell a row in full, and without the address of its job."""
    run = one.run
    state = state_text(run, expired=report.now >= run.created_at + APPROVAL_LIFE)
    if stale:
        state = f"🕓 of the older head `{run.request.commit_id[:_SHORT]}`: {state}"
    counts = (
        [f"{run.counts.add:,}", f"{run.counts.change:,}", f"{run.counts.destroy:,}"]
        if run.counts
        else [""] * 3
    )
    took = duration(run.started_at or run.created_at, run.finished_at)
    cells = " | ".join((name(str(run.request.workspace)), state, *counts, took))
    job = f"job {run.job_id}" if run.job_id else ""
    full = link(job, one.job_url) if job and one.job_url else escape(job)
    return f"| {cells} | {full} |", f"| {cells} | {escape(job)} |"


def _texts(report: PullRequestReport) -> Iterator[Item]:
    """Fold every text: errors, then what failed, then what changes something."""
    current = sorted(report.runs, key=_rank)
    pushes = sorted(report.pushes, key=_rank)
    found = [
        *((one, output, "") for one in current for output in one.outputs),
        *((one, output, "after the merge, ") for one in pushes for output in one.outputs),
        *((one, output, "of an older head, ") for one in report.stale for output in one.outputs),
    ]
    errors = [entry for entry in found if entry[1].kind is OutputKind.ERROR]
    others = [entry for entry in found if entry[1].kind in {OutputKind.PLAN, OutputKind.APPLY}]
    for one, output, when in (*errors, *others):
        if not _is_empty_plan(one, output):
            yield _fold(one, output, when=when)


def _is_empty_plan(one: RunReport, output: Output) -> bool:
    """Tell whether a plan says nothing that the table does not say."""
    return (
        output.kind is OutputKind.PLAN
        and one.run.state is RunState.SUCCEEDED
        and one.run.plan_changes is False
        and "Warning: " not in output.text
        and "outside of" not in output.text
    )


def _fold(one: RunReport, output: Output, *, when: str) -> Fold:
    run = one.run
    told = closing_line(output.text)
    has_error = any(other.kind is OutputKind.ERROR for other in one.outputs)
    if output.kind is OutputKind.ERROR or (run.state in TROUBLED and not told and not has_error):
        told = first_error(output.text)
    quote = escape(_shortened(told, _LONGEST_QUOTE))
    workspace = str(run.request.workspace)
    job = f", or {link('see the job', one.job_url)}" if one.job_url else ""
    return Fold(
        title=f"{escape(workspace)}: {when}{quote or _KINDS[output.kind]}",
        text=output.text,
        owner=run.id,
        rest=f"{name(workspace)}: {quote} `terrakube-bridge output {run.id}`{job}",
        opened=output.kind is OutputKind.ERROR,
        by_lines=output.kind is OutputKind.APPLY,
    )


def _rank(one: RunReport) -> tuple[int, bool, str]:
    return (*rank(one), str(one.run.request.workspace))


def _shortened(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
