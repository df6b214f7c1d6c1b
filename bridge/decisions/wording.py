"""Pieces of sentences in Markdown: what others wrote stays inert in them.

A branch, a path, a workspace's name or a line of a comment may hold anything. In a code span that
is longer than any run of back-ticks inside, nothing pings, links or breaks out.
"""

import re
from collections.abc import Sequence

_LONGEST = 120
_PLAIN = re.compile(r"(?!.*(?:www\.|gh-\d))(?:[a-z0-9 .,;()'?-]|:(?!/)|/(?!/))*", re.IGNORECASE)
"""What does nothing in Markdown within a line: no mention, number, address, mark or HTML."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")


def code(text: str, *, most: int = _LONGEST) -> str:
    """Write *text* as a code span, on one line, shortened beyond *most* signs; never empty."""
    line = _UNFIT.sub(" ", text).strip() or "''"
    if len(line) > most:
        line = f"{line[: most - 1]}…"
    longest = max((len(run) for run in re.findall(r"`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def sentence(text: str, *, most: int = _LONGEST) -> str:
    """Write a sentence of ours that may quote others: as it is while it is harmless, else as code.

    What it holds in back-ticks stays code.
    """
    pieces = text.split("`")
    if len(text) > most or len(pieces) % 2 == 0 or not all(map(_PLAIN.fullmatch, pieces[::2])):
        return code(text, most=most)
    written = (code(piece) if index % 2 else piece for index, piece in enumerate(pieces))
    return "".join(written)


def listed(names: Sequence[str], *, most: int = 10) -> str:
    """Write names as code spans, a comma between them, and how many more there are."""
    shown = ", ".join(code(name) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 workspace``, ``2 workspaces``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def ready_to_copy(text: str) -> str:
    """Write a command of our own making so that a click copies it."""
    return f"\n\n```\n{text}\n```"
