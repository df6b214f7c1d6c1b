"""The lines of a comment that count: without quotes and code blocks, in plain characters.

Markdown is read as the forges show it (CommonMark): a fence ends with one at least as long, an
open fence lasts to the end, a line right below a quoted one belongs to the quote, and an indented
line below text is text. Whatever is shown as somebody else's words or as code is taken out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n?|\n")
_FENCE = re.compile(r" {0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_QUOTE = re.compile(r" {0,3}>(?P<text>.*)")
_INDENTED = re.compile(r" {4}| {0,3}\t")

_SPACES = re.compile(r"[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_DOUBLE_QUOTES = re.compile(r"[\u201c-\u201f\u00ab\u00bb\u2033]")
_SINGLE_QUOTES = re.compile(r"[\u2018-\u201b\u2032]")
_DASHES = r"\u2010-\u2015\u2212\ufe63\uff0d"
_DASH = re.compile(f"[{_DASHES}]")
_LEADING_DASHES = re.compile(rf"(?<!\S)-?[{_DASHES}][-{_DASHES}]*(?P<name>[^\s=]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line that counts.

    Attributes:
        number: Among all lines of the comment, from 1.
        text: Trimmed, in plain characters; never blank.
    """

    number: int
    text: str


def counting_lines(body: str) -> tuple[Line, ...]:
    """Return the lines of a comment that are its author's own words."""
    lines = ((number, plain(text)) for number, text in _own_words(_LINE_END.split(body)))
    return tuple(Line(number=number, text=text) for number, text in lines if text)


def plain(text: str) -> str:
    """Write what keyboards and editors make of spaces, quotes and dashes in plain characters.

    An em dash before a word stands for two dashes: phones turn ``--all`` into it.
    """
    text = _INVISIBLE.sub("", _SPACES.sub(" ", text))
    text = _SINGLE_QUOTES.sub("'", _DOUBLE_QUOTES.sub('"', text))
    text = _LEADING_DASHES.sub(_plain_dashes, text)
    return _DASH.sub("-", text).strip()


def _plain_dashes(found: re.Match[str]) -> str:
    name = found["name"]
    return f"-{name}" if len(name) == 1 else f"--{name}"


def _own_words(lines: list[str]) -> Iterator[tuple[int, str]]:
    fence = ""
    in_quote = in_text = False
    for number, line in enumerate(lines, start=1):
        if fence:
            fence = "" if _closes(line, fence) else fence
            continue
        blank = not line.strip()
        opening, quote = _FENCE.match(line), _QUOTE.match(line)
        if opening or quote or blank:
            fence = opening["fence"] if opening else ""
            in_quote = bool(quote and quote["text"].strip())
            in_text = False
        elif not in_quote and (in_text or not _INDENTED.match(line)):
            in_text = True
            yield number, line


def _closes(line: str, fence: str) -> bool:
    closing = line.strip(" \t")
    indented = _INDENTED.match(line)
    return not indented and len(closing) >= len(fence) and set(closing) == {fence[0]}
