"""Terraform's output as a coloured, fenced block."""

import re
from collections.abc import Iterator
from typing import Final

from bridge.rendering.escaping import JOINER, clean

LONGEST_RUN: Final = 100
"""Longest run of back-ticks left whole; a fence has to be longer than any."""

# Terraform puts its marks two columns left of a multiple of four; a list in a heredoc that
# happens to begin with "- " usually lies elsewhere.
_ADDED_OR_REMOVED: Final = re.compile(r"^((?: {4})*+ {2})([+-])(?= )", re.MULTILINE)
_CHANGED: Final = re.compile(r"^((?: {4})*+ {2})~(?= )", re.MULTILINE)
_RUN: Final = re.compile(r"`+")
_LONG_RUN: Final = re.compile(rf"`{{{LONGEST_RUN}}}(?=`)")
_BOUNDARY: Final = re.compile(r"\n\n(?=  # \S|[^\s+\-!#])")
_SUMMARY: Final = re.compile(
    r"^(?:Plan: \d.*|No changes\..*|(?:Apply|Destroy) complete!.*)$", re.MULTILINE
)
_ERROR: Final = re.compile(r"^[│|\s]*(Error: .*)$", re.MULTILINE)


def shown(text: str) -> str:
    """Return *text* as it stands in a comment: clean, coloured as a diff, ending with a newline.

    Nothing but the marks moves: ``+`` and ``-`` go to the first column, ``~`` becomes ``!`` there,
    so that a diff's colours apply.
    """
    text = clean(text).strip("\n")
    text = _ADDED_OR_REMOVED.sub(r"\2\1", text)
    text = _CHANGED.sub(r"!\1", text)
    if "`" * (LONGEST_RUN + 1) in text:
        text = _LONG_RUN.sub(rf"\g<0>{JOINER}", text)
    return f"{text}\n" if text else ""


def fence_for(text: str) -> str:
    """Return a fence longer than any run of back-ticks in *text*."""
    longest = max((len(run) for run in _RUN.findall(text)), default=0)
    return "`" * max(3, longest + 1)


def blocks(text: str) -> Iterator[str]:
    """Cut *text* where resources and paragraphs begin; joined they are *text* again."""
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        yield text[start : boundary.end()]
        start = boundary.end()
    if start < len(text):
        yield text[start:]


def lines(text: str) -> Iterator[str]:
    """Cut *text*, which ends with one, after each newline."""
    # str.splitlines knows more ends of lines than a fence does.
    return (f"{line}\n" for line in text.removesuffix("\n").split("\n"))


def closing_line(text: str) -> str:
    """Return Terraform's own summary, the last of them; empty when there is none.

    An apply's log repeats the plan after it, so that its own line wins.
    """
    found: list[str] = _SUMMARY.findall(text)
    done = [line for line in found if "complete!" in line]
    return (done or found or [""])[-1]


def first_error(text: str) -> str:
    """Return the first line that names an error; else the first line."""
    found = _ERROR.search(text)
    return found[1] if found else next((line for line in text.split("\n") if line.strip()), "")
