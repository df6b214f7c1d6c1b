"""What an ended job has to say, as texts for people: the plan, the apply, what went wrong.

Nothing is redacted here: that is for whoever stores them. What Terrakube itself wrote about its
servers is cut, terraform's own words are not touched.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.decisions.server_traces import cut_servers, cut_work_folder
from bridge.decisions.step_logs import (
    Role,
    apply_text,
    error_blocks,
    has_banner,
    last_lines,
    plan_text,
)
from bridge.domain.runs import Output, OutputKind
from bridge.domain.terrakube import Diagnostic, Job, JobContext, JobStatus, Step

_TEMPLATE_ERROR: Final = "Template Yaml Error"
_EXECUTOR_ERROR: Final = "Error sending to executor"
_VARIABLE_ERROR: Final = "Incomplete sensitive variables"
_SHORTEST_NAME: Final = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """The log of a step.

    Attributes:
        text: Plain, without escape sequences; empty when the step wrote none.
    """

    step: Step
    role: Role
    text: str


def outputs_of(job: Job, logs: Sequence[StepLog], context: JobContext) -> tuple[Output, ...]:
    """Write what people read: errors first, then the plan, then the apply; none is empty."""
    # A step that failed before terraform is an error, and nothing else.
    told = [log for log in logs if not (log.role is Role.OTHER and _has_failed(job, log))]
    texts = {
        OutputKind.ERROR: _errors(job, logs, context) if job.status == JobStatus.FAILED else "",
        OutputKind.PLAN: _joined(_plans(told)),
        OutputKind.APPLY: _joined(_applies(told)),
    }
    if _bare(texts[OutputKind.PLAN]) == _bare(texts[OutputKind.ERROR]):
        texts[OutputKind.PLAN] = ""  # a plan that failed says nothing but its errors
    return tuple(Output(kind=kind, text=text) for kind, text in texts.items() if text)


def reason_of(
    job: Job, logs: Sequence[StepLog], context: JobContext, *, expired: bool, unread: bool
) -> str:
    """Say in a sentence why a job failed other than by terraform; empty when its errors say it.

    Args:
        job: The ended job.
        logs: Those of its steps.
        context: Its structured output.
        expired: Whether Terrakube's time limit ended it, which is said elsewhere.
        unread: Whether a log could not be read that may say more.
    """
    if job.status != JobStatus.FAILED or expired:
        return ""
    if any(_MISSING_COMMIT.search(log.text) for log in logs if _has_failed(job, log)):
        return _NOT_FETCHED
    named = next((step.name for step in job.steps if step.status == "failed"), "")
    for beginning, reason in _REASONS.items():
        if _is_called(named, beginning):
            # Its name goes on to say what it lacks.
            return "" if _CANNOT_RUN in named else reason
    return "" if unread or _explains(job, logs, context) else _SILENT


_MISSING_COMMIT: Final = re.compile(r"^[\w.]*JGitInternalException: Missing unknown ", re.MULTILINE)
_NOT_FETCHED: Final = (
    "Terrakube did not find the commit in the repository: it fetches branches and tags only. "
    "A commit of a fork is on none of them, and one that was pushed over is no longer; "
    "push it to a branch of this repository."
)
_REASONS: Final = {
    _TEMPLATE_ERROR: (
        "Terrakube cannot read the flow of the template. Correct it in Terrakube; "
        "the log of its API says more."
    ),
    _EXECUTOR_ERROR: "Terrakube could not reach its executor. Is it running?",
    _VARIABLE_ERROR: (
        "Terrakube did not start it: a sensitive variable of the workspace has no value. "
        "Set or delete it there."
    ),
}
_CANNOT_RUN: Final = "Cannot run job"
_SILENT: Final = (
    "Terrakube does not say why the job failed; its executor may have died. Look at the job there."
)


def _explains(job: Job, logs: Sequence[StepLog], context: JobContext) -> bool:
    """Tell whether something says what went wrong; the end of a plan or an apply does not."""
    if any(_diagnoses(logs, context)) or _said(job.output):
        return True
    failed = (log for log in logs if _has_failed(job, log))
    return any(_blocks(log) or (log.role is Role.OTHER and log.text.strip()) for log in failed)


def _has_failed(job: Job, log: StepLog) -> bool:
    # After a rejection all steps that are left read failed (contract section 5).
    return job.status == JobStatus.FAILED and log.step.status == "failed"


def _plans(logs: Sequence[StepLog]) -> Iterator[str]:
    """Yield plans, and what scripts before the first apply said."""
    for log in logs:
        if log.role is Role.APPLY:
            return
        if log.role is Role.PLAN:
            yield cut_work_folder(plan_text(log.text))
        else:
            yield from _script(log)


def _applies(logs: Sequence[StepLog]) -> Iterator[str]:
    """Yield applies, and everything from the first of them on."""
    begun = False
    for log in logs:
        begun = begun or log.role is Role.APPLY
        if begun and log.role is Role.OTHER:
            yield from _script(log)
        elif begun:
            shown = apply_text if log.role is Role.APPLY else plan_text
            yield cut_work_folder(shown(log.text))


def _script(log: StepLog) -> Iterator[str]:
    if log.text.strip():
        yield f"{log.step.name}:\n{cut_work_folder(plan_text(log.text))}"


def _errors(job: Job, logs: Sequence[StepLog], context: JobContext) -> str:
    failed = [log for log in logs if _has_failed(job, log)]
    diagnosed = list(_diagnoses(logs, context))
    known = {diagnostic.summary for diagnostic in diagnosed}
    found = [_diagnostic_text(diagnostic) for diagnostic in diagnosed]
    for log in failed:
        found += [
            block for block in _blocks(log) if _summary(block) not in known or _says_more(block)
        ]
    if not found:
        found = [cut_work_folder(last_lines(log.text)) for log in failed]
    if not any(found):
        found = [*_names(job), _said(job.output)]
    return _joined(found)


def _diagnoses(logs: Sequence[StepLog], context: JobContext) -> Iterator[Diagnostic]:
    """Yield the errors the server knows with their details, each once."""
    seen: set[Diagnostic] = set()
    for log in logs:
        rows = context.applies.get(log.step.id, ()) + context.plans.get(log.step.id, ())
        of_rows = (diagnostic for row in rows for diagnostic in row.diagnostics)
        for diagnostic in (*of_rows, *context.diagnostics.get(log.step.id, ())):
            if diagnostic.severity == "error" and diagnostic not in seen:
                seen.add(diagnostic)
                yield diagnostic


def _diagnostic_text(diagnostic: Diagnostic) -> str:
    """Write a diagnostic as terraform does."""
    where = [
        line
        for line, known in (
            (f"  with {diagnostic.address},", diagnostic.address),
            (f"  on {diagnostic.location}", diagnostic.location),
        )
        if known
    ]
    parts = (f"Error: {diagnostic.summary}", "\n".join(where), diagnostic.detail.strip())
    return cut_work_folder("\n\n".join(part for part in parts if part))


def _blocks(log: StepLog) -> list[str]:
    if has_banner(log.text):
        return [cut_work_folder(block) for block in error_blocks(log.text)]
    return [cut_servers(log.text.strip())] if log.text.strip() else []


def _bare(text: str) -> str:
    """Return the words of a text, without blanks and the boxes terraform draws."""
    return "".join(sign for sign in text if not sign.isspace() and sign not in "╷│╵")


def _summary(block: str) -> str:
    return block.partition("\n")[0].removeprefix("Error: ")


def _says_more(block: str) -> bool:
    return "\n" in block


def _names(job: Job) -> Iterator[str]:
    """Yield the names of failed steps that are Terrakube's own error texts."""
    for step in job.steps:
        named = (_is_called(step.name, name) for name in (_EXECUTOR_ERROR, _TEMPLATE_ERROR))
        if step.status == "failed" and any(named):
            yield cut_servers(step.name)


def _is_called(name: str, beginning: str) -> bool:
    # Terrakube cuts an error's name to the length of the error behind it, however short.
    cut = len(name) >= _SHORTEST_NAME and beginning.startswith(name)
    return cut or name.startswith(beginning)


def _said(output: str) -> str:
    """Return the text of a job's ``output``, without the markers of steps."""
    lines = (line for line in output.splitlines() if not line.strip().startswith("Step "))
    return "\n".join(lines).strip()


def _joined(texts: Iterable[str]) -> str:
    return "\n\n".join(text for text in texts if text)
