"""So much of a plan or a log as a message holds, the most important first, and what is left."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bridge.domain.reports import RunReport
from bridge.domain.runs import OutputKind
from bridge.rendering.diffs import closing_line
from bridge.rendering.durations import counted
from bridge.rendering.escaping import clean

_ADDRESSES: Final = 15
_LONGEST_ADDRESS: Final = 120
_LONGEST_LINE: Final = 300
_LAST_LINES: Final = 30
_SPARE: Final = 8  # times as much is looked at as is shown: cleaning may shorten a text
_SIGNS: Final = (
    (frozenset({"create", "delete"}), "±"),
    (frozenset({"delete"}), "-"),
    (frozenset({"update"}), "~"),
    (frozenset({"create"}), "+"),
)
_ORDER: Final = "-±~+"
# Terraform says of each resource what is to become of it, above its block.
_SAID: Final = re.compile(
    r"^ *# (\S.*?) (?:will be|must be|is tainted, so must be) "
    r"(created|destroyed|replaced|updated in-place)\b",
    re.MULTILINE,
)
_BY_WORD: Final = {"created": "+", "destroyed": "-", "replaced": "±", "updated in-place": "~"}


def changed(report: RunReport) -> str:
    """List the addresses a plan changes, what is destroyed first; empty when none are known."""
    found = sorted(_changes(report), key=lambda one: _ORDER.index(one[0]))
    return listed([f"{sign} {address}" for sign, address in found])


def listed(lines: Sequence[str], most: int = _ADDRESSES) -> str:
    """Write so many lines as people read, and count the others."""
    shown = [_short(line, _LONGEST_ADDRESS) for line in lines[:most]]
    left = len(lines) - most
    return "\n".join([*shown, *([f"…and {left:,} more"] if left > 0 else [])])


def plan_excerpt(report: RunReport, most: int) -> str:
    """Show the beginning of a plan and its last word; empty when it is not there."""
    text = text_of(report, OutputKind.PLAN)
    return beginning(text, most, end=_short(closing_line(text), _LONGEST_LINE))


def error_excerpt(report: RunReport, most: int) -> str:
    """Show the end of what went wrong; empty when nothing says it."""
    text = text_of(report, OutputKind.ERROR).strip("\n")
    if not text.strip():
        return ""
    kept = _fitting(reversed(_lines(text[-most * _SPARE :])[-_LAST_LINES:]), most)
    left = text.count("\n") + 1 - len(kept)
    before = [f"…{counted(left, 'line')} before this"] if left else []
    return "\n".join([*before, *reversed(kept)])


def beginning(text: str, most: int, *, end: str = "") -> str:
    """Show the beginning of a text, and count the lines that are left before its *end*."""
    text = text.strip("\n")
    if not text.strip():
        return ""
    # Only what may be shown is looked at: a plan may have megabytes.
    kept = _fitting(_lines(text[: most * _SPARE]), most - len(end))
    left = text.count("\n") + 1 - len(kept)
    if not left:
        return "\n".join(kept)
    return "\n".join([*kept, f"…and {counted(left, 'more line')}", *([end] if end else [])])


def text_of(report: RunReport, kind: OutputKind) -> str:
    """Return a text of a run; empty when it has none of the kind."""
    return next((output.text for output in report.outputs if output.kind is kind), "")


def _fitting(lines: Iterable[str], room: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return kept


def _lines(text: str) -> Sequence[str]:
    return [_short(line, _LONGEST_LINE) for line in clean(text).split("\n")]


def _short(line: str, most: int) -> str:
    shown = " ".join(clean(line[: most * _SPARE]).split("\n")).rstrip()
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _changes(report: RunReport) -> Iterator[tuple[str, str]]:
    """Yield signs and addresses: of the structured plan, else of what terraform printed."""
    rows = [*_rows(text_of(report, OutputKind.CHANGES))]
    if rows:
        yield from rows
        return
    said = _SAID.findall(text_of(report, OutputKind.PLAN))
    yield from ((_BY_WORD[word], address) for address, word in said)
    if not said:
        yield from (("-", address) for address in report.destroyed)


def _rows(text: str) -> Iterator[tuple[str, str]]:
    try:
        rows = json.loads(text) if text else []
    except ValueError:
        return
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or not isinstance(row.get("actions"), list):
            continue
        actions = {str(action) for action in row["actions"]}
        sign = next((sign for wanted, sign in _SIGNS if wanted <= actions), "")
        if sign:
            yield sign, str(row.get("address") or "")
