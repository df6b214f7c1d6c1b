"""The lines of a comment that count: without quotes and code blocks, in plain characters.

Markdown is read as the forges show it (CommonMark, by a library that knows its every corner).
What is shown as somebody else's words, as code or not at all is taken out; all the rest counts,
so that a word people can see always keeps a comment from being taken for a command.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

_LINE_END = re.compile(r"\r\n?|\n")
_DEEPEST = 10  # quotes and lists in each other: each takes time, and some are typed by anybody
_TAKEN_OUT = frozenset({"blockquote_open", "code_block", "fence"})
_HTML_COMMENT = re.compile(r"(?<!\\)<!--(?:-?>|.*?-->)")
_LONGEST_SEARCHED = 2_000  # each opening without an end is searched for one to the line's end
_GITLAB_QUOTE = ">>>"

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
    lines = ((number, plain(text)) for number, text in _own_words(body))
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


def _own_words(body: str) -> Iterator[tuple[int, str]]:
    lines = _LINE_END.split(body)
    shown: list[str | None] = [*lines]
    for token in _blocks(body):
        if token.type in _TAKEN_OUT:
            _take_out(shown, lines, token)
        elif token.type == "html_block" and token.content.lstrip().startswith("<!--"):
            _take_out_html(shown, lines, token)
    for number, line in enumerate(shown, start=1):
        if line is not None:
            yield number, _without_html_comments(line)


def _blocks(body: str) -> Sequence[Token]:
    reader = MarkdownIt("commonmark", {"maxNesting": _DEEPEST})
    reader.core.ruler.enableOnly(["normalize", "block"])  # what is inside of a line is not asked
    return reader.parse(body)


def _take_out(shown: list[str | None], lines: Sequence[str], token: Token) -> None:
    first, end = token.map or (0, 0)
    for at in range(first, end):
        # GitLab shows what stands between two such lines as a quote; elsewhere it is text.
        ends_quote = token.type == "blockquote_open" and lines[at].strip() == _GITLAB_QUOTE
        shown[at] = lines[at] if ends_quote else None


def _take_out_html(shown: list[str | None], lines: Sequence[str], token: Token) -> None:
    """Take a comment of HTML out, and leave what is shown behind its end."""
    last = (token.map or (0, 1))[1] - 1
    is_quoted = shown[last] is None
    _take_out(shown, lines, token)
    rest = token.content.rstrip("\n").partition("-->")[2]
    if rest.strip() and not is_quoted:
        shown[last] = f"- {rest}" if token.level else rest  # what stands in a list is no command


def _without_html_comments(line: str) -> str:
    if len(line) > _LONGEST_SEARCHED:
        return line
    # What stands behind a back-tick may be code, and shown.
    before, tick, behind = line.partition("`")
    return f"{_HTML_COMMENT.sub('', before)}{tick}{behind}"
