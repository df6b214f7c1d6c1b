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
_SUMMARY: Final = re.compile(r"Plan: \d.*|No changes\..*|(?:Apply|Destroy) complete!.*")
_ERROR: Final = re.compile(r"[│|\s]*(Error: .*)")
_TRIES: Final = 50  # lines that only look like it, before the search is given up
_HEAD: Final = 4_000


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


def shown_up_to(text: str, size: int) -> str:
    """Show *text*, or so much of its beginning that it is more than *size* signs.

    Of a text that no comment can hold, the end is not even looked at.
    """
    taken = size + 1
    while True:
        found = shown(text[:taken])
        if taken >= len(text) or len(found) > size + 1:
            return found
        taken *= 2


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

    An apply's log repeats the plan after it, so that its own line wins. *text* is as it came.
    """
    for needles in (("complete!",), ("Plan:", "No changes.")):
        found = [place for needle in needles if (place := _last(text, needle))]
        if found:
            return max(found)[1]
    return ""


def first_error(text: str) -> str:
    """Return the first line that names an error; else the first line. *text* is as it came."""
    index = text.find("Error: ")
    for _ in range(_TRIES):
        if index < 0:
            break
        found = _ERROR.match(_line_at(text, index))
        if found:
            return found[1]
        index = text.find("Error: ", index + 1)
    return next((line for line in clean(text[:_HEAD]).split("\n") if line.strip()), "")


def _last(text: str, needle: str) -> tuple[int, str] | None:
    """Find the last line that is a summary and holds *needle*, and where it is."""
    index = text.rfind(needle)
    for _ in range(_TRIES):
        if index < 0:
            break
        line = _line_at(text, index)
        if _SUMMARY.fullmatch(line):
            return index, line
        index = text.rfind(needle, 0, index)
    return None


def _line_at(text: str, index: int) -> str:
    start, end = text.rfind("\n", 0, index) + 1, text.find("\n", index)
    return clean(text[start : len(text) if end < 0 else end][:_HEAD])
