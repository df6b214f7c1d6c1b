"""Buttons about runs: which there are, what they carry, and what they ask before they do it."""

from collections.abc import Iterator
from typing import Any, Final

from bridge.domain.chat_controls import Control, RunButton, mark_of
from bridge.domain.reports import ChatRun, RunReport
from bridge.domain.runs import OutputKind, Run, RunPhase, Verb
from bridge.domain.terrakube import JobStatus, Step
from bridge.rendering.durations import counted
from bridge.rendering.slack.escaping import is_address, one_line
from bridge.rendering.slack.pieces import Block, plain
from bridge.rendering.slack.words import numbers
from bridge.rendering.wording import is_answered, waits_for_a_person

_LABEL: Final = 75
_TITLE: Final = 100
_TEXT: Final = 300
_YES: Final = 30
_NAME: Final = 60
_NOT_BEGUN: Final = frozenset({JobStatus.PENDING.value, JobStatus.QUEUE.value})


def answers(one: ChatRun, *, confirm_deletions: int) -> Iterator[Block]:
    """Yield approve and reject for a job that waits for somebody."""
    run = one.report.run
    if not may_be_answered(run):
        return
    if needs_name(one.report, confirm_deletions):
        yield _button(Control.TYPE_NAME, "Approve…", run, style="danger")
    else:
        yield _button(Control.APPROVE, "Approve", run, style="primary", confirm=_approving(run))
    yield _button(Control.REJECT, "Reject", run, style="danger", confirm=_rejecting(run))


def others(one: ChatRun) -> Iterator[Block]:
    """Yield cancel, what shows more, and the page of the job."""
    report, run = one.report, one.report.run
    yield from cancel(run)
    if any(output.kind is OutputKind.PLAN for output in report.outputs):
        yield _button(Control.PLAN, "Plan", run)
    if run.job_id and (run.started_at or report.outputs):  # a quick one may start unseen
        yield _button(Control.LOGS, "Logs", run)
    if is_address(report.job_url):
        yield {
            "type": "button",
            "action_id": Control.LINK.value,
            "text": plain("View run", _LABEL),
            "url": report.job_url,
        }


def cancel(run: Run) -> Iterator[Block]:
    """Yield what cancels a run that goes on."""
    if not run.concluded and not run.cancel_requested:
        yield _button(Control.CANCEL, "Cancel", run, confirm=_cancelling(run))


def may_be_answered(run: Run) -> bool:
    """Tell whether there is something to press: nobody answered, and nobody cancels it.

    Not while the plan is being read: a button from before it would be refused as too old.
    """
    is_read = run.phase is not RunPhase.REVIEWING or bool(run.digest)
    is_wanted = not run.cancel_requested and not is_answered(run)
    return waits_for_a_person(run) and is_read and is_wanted


def needs_name(report: RunReport, confirm_deletions: int) -> bool:
    """Tell whether an approval takes the workspace's name, typed in."""
    request = report.run.request
    is_destroy = request.verb is Verb.DESTROY or request.options.destroy
    return is_destroy or deletions(report) > confirm_deletions


def deletions(report: RunReport) -> int:
    """Count what would be destroyed or replaced."""
    counts = report.run.counts
    return max(len(report.destroyed), counts.destroy if counts else 0)


def step_of(run: Run) -> str:
    """Number the step a job waits at: the first that has not begun."""
    return next((_number(step) for step in run.steps if step.status in _NOT_BEGUN), "")


def _number(step: Step) -> str:
    return str(step.number)


def _button(control: Control, label: str, run: Run, **more: Any) -> Block:  # noqa: ANN401 - any JSON
    value = RunButton(run_id=run.id, step=step_of(run), mark=mark_of(run))
    known = {name: given for name, given in more.items() if given is not None}
    return {
        "type": "button",
        "action_id": control.value,
        "text": plain(label, _LABEL),
        "value": str(value),
        **known,
    }


def _approving(run: Run) -> Block:
    name = _named(run)
    destroy = run.counts.destroy if run.counts else 0
    style = {"style": "danger"} if destroy else {}
    gone = f" {counted(destroy, 'resource')} will be destroyed or replaced." if destroy else ""
    changes = f"{numbers(run)} in " if run.counts else "What the plan shows is done in "
    return _confirm(f"Approve {name}?", f"{changes}{name}.{gone}", "Approve") | style


def _rejecting(run: Run) -> Block:
    return _confirm(f"Reject {_named(run)}?", "The job ends; nothing is changed.", "Reject")


def _cancelling(run: Run) -> Block:
    text = "The job is cancelled in Terrakube. What Terraform is doing just now may go on."
    return _confirm(f"Cancel {_named(run)}?", text, "Cancel it")


def _confirm(title: str, text: str, yes: str) -> dict[str, Any]:
    return {
        "title": plain(title, _TITLE),
        "text": plain(text, _TEXT),
        "confirm": plain(yes, _YES),
        "deny": plain("Not now", _YES),
    }


def _named(run: Run) -> str:
    name = one_line(str(run.request.workspace), _NAME)
    return name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
