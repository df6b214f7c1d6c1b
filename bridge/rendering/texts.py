"""The texts of runs, folded: errors, then how plans differ, then what changes something."""

from collections.abc import Collection, Iterator
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.runs import Output, OutputKind, RunState
from bridge.rendering.applying import differences
from bridge.rendering.diffs import closing_line, first_error
from bridge.rendering.escaping import escape, link, name
from bridge.rendering.items import Fold
from bridge.rendering.notes import shortened
from bridge.rendering.standing import is_apply
from bridge.rendering.wording import TROUBLED, by_rank

_LONGEST_QUOTE: Final = 200
_KINDS: Final = {
    OutputKind.ERROR: "error",
    OutputKind.PLAN: "plan",
    OutputKind.APPLY: "log of the apply",
}


def texts(report: PullRequestReport) -> Iterator[Fold]:
    """Fold every text: errors, what differs, then what failed, then what changes something."""
    current = sorted(report.runs, key=by_rank)
    pushes = sorted(report.pushes, key=by_rank)
    found = [
        *((one, output, "") for one in current for output in one.outputs),
        *((one, output, "after the merge, ") for one in pushes for output in one.outputs),
        *((one, output, "of an older head, ") for one in report.stale for output in one.outputs),
    ]
    errors = [entry for entry in found if entry[1].kind is OutputKind.ERROR]
    others = [entry for entry in found if entry[1].kind in {OutputKind.PLAN, OutputKind.APPLY}]
    yield from (_fold(one, output, when=when) for one, output, when in errors)
    yield from differences(report)
    planned = frozenset(
        one.run.id
        for one in report.runs
        if any(output.kind is OutputKind.PLAN for output in one.outputs)
    )
    for one, output, when in others:
        if not _is_empty_plan(one, output) and not _is_there_already(one, output, planned):
            yield _fold(one, output, when=when)


def _is_empty_plan(one: RunReport, output: Output) -> bool:
    """Tell whether a plan says nothing that the table does not say."""
    return (
        output.kind is OutputKind.PLAN
        and one.run.state is RunState.SUCCEEDED
        and one.run.plan_changes is False
        and not one.run.request.verbose
        and "Warning: " not in output.text
        and "outside of" not in output.text
    )


def _is_there_already(one: RunReport, output: Output, planned: Collection[str]) -> bool:
    """Tell whether an apply's plan is the reviewed one, which is shown as the plan it was."""
    reviewed = one.run.request.reviewed
    if output.kind is not OutputKind.PLAN or reviewed is None or reviewed.run_id not in planned:
        return False
    asked_about = one.run.state in {RunState.WAITING, RunState.REJECTED}
    return not asked_about and not set(reviewed.digest.split()).isdisjoint(one.run.digest.split())


def _fold(one: RunReport, output: Output, *, when: str) -> Fold:
    run = one.run
    told = closing_line(output.text)
    has_error = any(other.kind is OutputKind.ERROR for other in one.outputs)
    if output.kind is OutputKind.ERROR or (run.state in TROUBLED and not told and not has_error):
        told = first_error(output.text)
    quote = escape(shortened(told, _LONGEST_QUOTE))
    workspace = str(run.request.workspace)
    job = f", or {link('see the job', one.job_url)}" if one.job_url else ""
    return Fold(
        title=f"{escape(workspace)}{_kind(one)}: {when}{quote or _KINDS[output.kind]}",
        text=output.text,
        owner=run.id,
        rest=f"{name(workspace)}: {quote} `terrakube-bridge output {run.id}`{job}",
        opened=output.kind is OutputKind.ERROR,
        by_lines=output.kind is OutputKind.APPLY,
    )


def _kind(one: RunReport) -> str:
    """Tell an apply's texts from those of the plan before it."""
    return f" ({one.run.request.verb})" if is_apply(one) else ""
