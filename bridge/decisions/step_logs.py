"""Reading the log of a step: what of it is the plan, what it sums up to, what went wrong.

Two kinds of log exist (contract section 7). 2.32 shows terraform's own text. 2.33 shows terse
lines, then the plan once more in full, and of an error only its first line. Both begin with
banners and the output of init, and may end with what scripts of the template printed.
"""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from bridge.domain.terrakube import PlanCounts


class Role(StrEnum):
    """What a step's log is about."""

    PLAN = "plan"
    APPLY = "apply"
    OTHER = "other"
    """Scripts, an approval, or a step that failed before terraform."""


EXCERPT: Final = 30
"""Lines shown of a log in which no error can be found."""

# None goes on in the next line: one that is left open must not swallow what follows.
_ESCAPE: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours and cursor
    r"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # titles and links
    r"|[PX^_][^\x1b\n]*(?:\x1b\\)?"  # device strings
    r"|[ -/]*[0-~])?"
)
_COLOUR: Final = re.compile(r"\x1b\[[\d;:]*m")
# With those of ISO 6429 beyond ASCII: to some terminals U+009B is the start of a sequence, too.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CONTROL_BESIDE_COLOURS: Final = re.compile(r"(?!\x1b\[[\d;:]*m)[\x00-\x08\x0b-\x1f\x7f-\x9f]")
# The banner of an OpenTofu workspace says Tofu (source of its executor).
_BANNER: Final = re.compile(r"^Running (?:Terraform|Tofu|OpenTofu) ([A-Z][A-Z ]*)$", re.MULTILINE)
_STARS: Final = re.compile(r"^\*{10,}$")
_NOISE: Final = re.compile(
    r"^(?:Terraform|OpenTofu) v?\d[\w.\-+]*$|^Outputs: \d+$"
    r"|: (?:Refreshing state\.\.\.|Refresh complete|Reading\.\.\.|Still reading\.\.\."
    r"|Read complete|Plan to [a-z\-]+$)"
)
_PLAN_BEGINS: Final = re.compile(
    r"^(?:(?:Terraform|OpenTofu) (?:used the selected|will perform)|No changes\."
    r"|Changes to Outputs:|Note: Objects have changed outside)"
)
_PLANNED: Final = re.compile(
    r"^Plan: (?:\d+ to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy", re.MULTILINE
)
_APPLIED: Final = re.compile(
    r"^Apply complete! Resources: (?:\d+ imported, )?(\d+) added, (\d+) changed, (\d+) destroyed",
    re.MULTILINE,
)
_DESTROYED: Final = re.compile(r"^Destroy complete! Resources: (\d+) destroyed", re.MULTILINE)
_UNCHANGED: Final = re.compile(r"^(?:No changes\.|Changes to Outputs:)", re.MULTILINE)
_GONE: Final = re.compile(
    r"^ *# (\S.*?) (?:will be|must be|is tainted, so must be) (?:destroyed|replaced)\b",
    re.MULTILINE,
)

_DONE: Final = re.compile(
    r"^(\S.*?): (?:Creation|Modifications|Destruction) complete after ", re.MULTILINE
)


def plain(log: str) -> str:
    """Return a log as plain text: no escape sequence, no control character but tab and newline."""
    text = _ESCAPE.sub("", log.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL.sub("", text)


def coloured(log: str) -> str:
    """Return a log for a terminal: of its escape sequences only those that set colours."""

    def kept(match: re.Match[str]) -> str:
        return match[0] if _COLOUR.fullmatch(match[0]) else ""

    text = _ESCAPE.sub(kept, log.replace("\r\n", "\n").replace("\r", "\n"))
    return _CONTROL_BESIDE_COLOURS.sub("", text)


def role_of(text: str) -> Role:
    """Tell from the last banner of a plain log what the step did."""
    banners = _BANNER.findall(text)
    if not banners:
        return Role.OTHER
    return Role.PLAN if "PLAN" in banners[-1] else Role.APPLY


def has_banner(text: str) -> bool:
    """Tell whether terraform was reached at all; before it, every line is Terrakube's own."""
    return "Initializing Terrakube Job" in text or _BANNER.search(text) is not None


def plan_text(text: str) -> str:
    """Return what a plan step says to people: the plan, warnings, what scripts printed.

    Left out are banners, init, the lines about refreshing, and the short form of what follows
    in full.
    """
    lines = _below_banner(text)
    begin = _plan_begins(lines)
    if begin is None:
        return _joined(line for line in lines if not _NOISE.search(line))
    before = (line for line in lines[:begin] if not (_NOISE.search(line) or _PLANNED.match(line)))
    return _joined([*before, *lines[begin:]])


def apply_text(text: str) -> str:
    """Return what an apply step says to people, without the plan that 2.33 repeats in it."""
    lines = _below_banner(text)
    begin = _plan_begins(lines)
    if begin is not None and any(_APPLIED.match(line) for line in lines[:begin]):
        lines = [*lines[:begin], *lines[_plan_ends(lines, begin) :]]
    return _joined(line for line in lines if not _NOISE.search(line))


def resource_plan(text: str) -> str | None:
    """Return exactly the plan of a plan step, to be compared; None when it is not all there."""
    lines = _below_banner(text)
    begin = _plan_begins(lines)
    if begin is None:
        return None
    said = _joined(lines[begin : _plan_ends(lines, begin)])
    return said if _PLANNED.search(said) or _UNCHANGED.search(said) else None


def planned_counts(text: str) -> PlanCounts | None:
    """Read the last summary of a plan; a plan of outputs only, or of nothing, counts as zero."""
    found = _PLANNED.findall(text)
    if found:
        return _counts(found[-1])
    return PlanCounts(add=0, change=0, destroy=0) if _UNCHANGED.search(text) else None


def applied_counts(text: str) -> PlanCounts | None:
    """Read what an apply or a destroy did; None when it did not come to its end."""
    applied = _APPLIED.findall(text)
    if applied:
        return _counts(applied[-1])
    destroyed = _DESTROYED.findall(text)
    if destroyed:
        return PlanCounts(add=0, change=0, destroy=int(destroyed[-1]))
    return None


def destroyed_addresses(text: str) -> tuple[str, ...]:
    """Find the addresses a plan's text destroys or replaces, sorted."""
    return tuple(sorted(set(_GONE.findall(text))))


def applied_addresses(text: str) -> tuple[str, ...]:
    """Find the addresses terraform has finished changing, in the order it did; may repeat."""
    return tuple(_DONE.findall(text))


def error_blocks(text: str) -> list[str]:
    """Find the errors terraform reports in a plain log, each with all it says about it."""
    lines = text.splitlines()
    return list(_boxed_errors(lines)) or list(_plain_errors(lines))


def last_lines(text: str) -> str:
    """Return the end of a log in which no error can be found."""
    told = [line for line in _below_banner(text) if line.strip() and not _NOISE.search(line)]
    return _joined(told[-EXCERPT:])


def _boxed_errors(lines: Sequence[str]) -> Iterator[str]:
    """Yield the errors terraform draws a box around."""
    box: list[str] | None = None
    for line in lines:
        if line.startswith("╷"):
            box = []
        elif box is not None and line.startswith("╵"):
            said = _joined(box)
            if said.startswith("Error:"):
                yield said
            box = None
        elif box is not None:
            box.append(line.removeprefix("│").removeprefix(" "))


def _plain_errors(lines: Sequence[str]) -> Iterator[str]:
    """Yield errors without a box, each up to the next one or to the plan that follows."""
    current: list[str] = []
    for line in lines:
        if line.startswith(("Error: ", "Warning: ")) or _PLAN_BEGINS.match(line):
            if current:
                yield _joined(current)
            current = [line] if line.startswith("Error: ") else []
        elif current:
            current.append(line)
    if current:
        yield _joined(current)


def _below_banner(text: str) -> list[str]:
    banners = list(_BANNER.finditer(text))
    lines = (text[banners[-1].end() :] if banners else text).splitlines()
    return [line for line in lines if not _STARS.match(line)]


def _plan_begins(lines: Sequence[str]) -> int | None:
    return next((at for at, line in enumerate(lines) if _PLAN_BEGINS.match(line)), None)


def _plan_ends(lines: Sequence[str], begin: int) -> int:
    """Find the line after the plan: after its summary, and after the outputs that follow it."""
    summary = next(
        (at for at in range(begin, len(lines)) if _PLANNED.match(lines[at])),
        next((at for at in range(begin, len(lines)) if _UNCHANGED.match(lines[at])), None),
    )
    if summary is None:
        return len(lines)
    end = summary + 1
    while end < len(lines) and _belongs_to_plan(lines[end], first=lines[summary]):
        end += 1
    return end


def _belongs_to_plan(line: str, *, first: str) -> bool:
    if first.startswith("No changes."):
        return bool(line.strip()) and not line.startswith("Outputs:")
    return not line.strip() or line.startswith((" ", "\t", "Changes to Outputs:"))


def _counts(found: Sequence[str]) -> PlanCounts:
    add, change, destroy = (int(number) for number in found)
    return PlanCounts(add=add, change=change, destroy=destroy)


def _joined(lines: Iterator[str] | Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
