"""A line into words by the rules of a shell, and where each of them begins."""

import re
import shlex
from collections.abc import Sequence
from io import StringIO

from bridge.decisions.flag_values import Refused

_BLANKS = " \t\r\n"
_QUOTES = "\"'"
_REASONED = re.compile(
    r"(?P<command>\S+\s+(?:(?:--)?job[= ])?[0-9]+)[:,;.]?\s+(?P<reason>(?![-\s]|\w+=)\S.*)",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"[\d\s,#]+")


def split(text: str) -> Sequence[tuple[str, int]]:
    """Split a line as ``shlex.split`` does, each word with the index it begins at.

    Raises:
        Refused: A quote is not closed; its place is told.
    """
    source = StringIO(text)
    lexer = shlex.shlex(source, posix=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    found: list[tuple[str, int]] = []
    while True:
        start = _next_word(text, source.tell())
        try:
            token = lexer.get_token()
        except ValueError as error:
            problem = "a quote in it is not closed"
            raise Refused(problem, place=_open_quote(text, start)) from error
        if token is None:
            return found
        found.append((token, start))


def without_reason(text: str) -> str:
    """Return a line without the free words behind a job's number, which follow no rules.

    Numbers alone are no reason: they may be meant as jobs.
    """
    found = _REASONED.fullmatch(text)
    return text if found is None or _NUMBERS.fullmatch(found["reason"]) else found["command"]


def _next_word(text: str, start: int) -> int:
    while text[start : start + 1] and text[start] in _BLANKS:
        start += 1
    return start


def _open_quote(text: str, start: int) -> int:
    """Find the quote that has no end, or the last sign, which escapes nothing."""
    quote, place, at = "", len(text) - 1, start
    while at < len(text):
        sign = text[at]
        if sign == "\\" and quote != "'":
            at += 1
        elif not quote and sign in _QUOTES:
            quote, place = sign, at
        elif sign == quote:
            quote = ""
        at += 1
    return place if quote else len(text) - 1
