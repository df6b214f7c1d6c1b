"""What ``logs`` and the buttons *Logs* and *Plan* answer: the end of a log, or a plan."""

import re
from collections.abc import Sequence
from typing import Final

from bridge.domain.reports import RunReport
from bridge.domain.runs import OutputKind
from bridge.domain.terrakube import Step, WorkspaceRef
from bridge.rendering.answers.pieces import Shown, about, command, job_link, named, short
from bridge.rendering.durations import counted
from bridge.rendering.escaping import clean, link, name
from bridge.rendering.slack.excerpts import plan_excerpt, text_of

_ROOM: Final = 5_500
_LONGEST_LINE: Final = 290
_SPARE: Final = 8  # times as much of a line is looked at as is shown: cleaning may shorten it
_TICKS: Final = re.compile(r"`{3,}")
_MORE: Final = 100
_MOST_STEPS: Final = 4


def log_shown(
    log: str,
    *,
    job_id: str,
    url: str,
    step: str,
    tail: int,
    workspace: WorkspaceRef | None = None,
    others: Sequence[Step] = (),
) -> Shown:
    """Show the end of a log.

    Args:
        log: All of it, redacted.
        job_id: Whose.
        url: Terrakube's page of the job.
        step: What of it: ``step 100 Plan``.
        tail: Lines, at most.
        workspace: Its workspace; None when that is not known.
        others: Steps that have a log, too.
    """
    lines = log.strip("\n").split("\n")
    # Only what is shown is cleaned: a log may have megabytes, and others wait meanwhile.
    last = "\n".join(line[: _LONGEST_LINE * _SPARE] for line in lines[-tail:])
    shown = _end(clean(last).split("\n"), tail)
    where = f" of {named(workspace)}" if workspace else ""
    said = f"**{job_link(job_id, url)}**{where}, {name(short(step))}"
    part = counted(len(lines), "line")
    if len(shown) < len(lines):
        whole = link("all of it is in Terrakube", url)
        part = f"the last {len(shown):,} of {part}; {whole}"
    says = [
        (f"Step {one.number}", command("logs", job_id, str(one.number)))
        for one in others[:_MOST_STEPS]
    ]
    if tail < _MORE and len(shown) == tail < len(lines):
        says.append((f"{_MORE} lines", command("logs", job_id, f"tail={_MORE}")))
    return Shown(text=f"{said}: {part}\n\n{fenced(shown)}", says=tuple(says))


def plan_shown(report: RunReport) -> Shown:
    """Show a complete plan, or so much of it as a message holds."""
    whole = text_of(report, OutputKind.PLAN)
    job_id = report.run.job_id
    if not whole.strip():
        text = f"Nothing is stored of the plan of {about(report)}: it is too old, or made none."
        return Shown(text=text, says=_logs(job_id))
    excerpt = plan_excerpt(report, _ROOM)
    note = ""
    if len(excerpt) < len(whole.strip("\n")):
        more = link("all of it is in Terrakube", report.job_url)
        note = f" It has {counted(whole.count(chr(10)) + 1, 'line')}: {more}."
    text = f"The plan of **{about(report)}**.{note}\n\n{fenced(excerpt.split(chr(10)))}"
    return Shown(text=text, says=_logs(job_id))


def fenced(lines: Sequence[str]) -> str:
    """Put lines into a block of code that none of them ends."""
    longest = max((len(run) for line in lines for run in _TICKS.findall(line)), default=2)
    fence = "`" * max(3, longest + 1)
    return "\n".join([fence, *lines, fence])


def _logs(job_id: str) -> tuple[tuple[str, str], ...]:
    return (("Logs", command("logs", job_id)),) if job_id else ()


def _end(lines: Sequence[str], tail: int) -> list[str]:
    """Take lines from the end, as long as there is room for them."""
    kept: list[str] = []
    room = _ROOM
    for line in reversed(lines[-tail:]):
        told = line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 1]}…"
        room -= len(told) + 1
        if room < 0:
            break
        kept.append(told)
    return [*reversed(kept)]
