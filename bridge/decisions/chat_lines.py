"""What is typed into a chat, as its author meant it: one line of plain characters.

Slack escapes three signs, and writes what it recognises as ``<address|shown>``, ``<#C1|name>``
and ``<@U1|name>``, also where nobody meant a link: a workspace ``acme.io/net`` comes as one.
"""

import re
import unicodedata
from typing import Final

from bridge.decisions.comment_lines import plain

_LINE_END: Final = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")
_WRAPPED: Final = re.compile(r"<(?P<kind>[@#!]?)(?P<what>[^<>|\s]+)(?:\|(?P<shown>[^<>|]*))?>")
_ADDRESS: Final = re.compile(r"(?:https?://|mailto:|tel:)(?=.)", re.IGNORECASE)
_ESCAPES: Final = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ESCAPED: Final = re.compile("|".join(_ESCAPES))
_BLANKS: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})
_WINDOW: Final = 60  # signs that are shown to either side of a place
_WIDE: Final = frozenset({"W", "F"})


def as_said(text: str) -> str:
    """Write what was typed in plain characters, on one line, without Slack's own signs."""
    text = _WRAPPED.sub(_unwrapped, plain(text))
    text = _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
    return "".join(map(_fit, text)).strip()


def escaped(text: str) -> str:
    """Write what would be typed as Slack hands it over."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def count_lines(text: str) -> int:
    """Count the lines that say something; the fence around a block of code does not."""
    return sum(bool(plain(line).strip("` ")) for line in _LINE_END.split(text))


def pointing_at(text: str, place: int) -> str:
    """Show a place in a line by a caret under it, for a block of code; a long line is cut."""
    start = max(0, place - _WINDOW)
    end = place + _WINDOW
    before = f"{'…' if start else ''}{text[start:place]}"
    behind = f"{text[place:end]}{'…' if text[end:] else ''}"
    line = f"{before}{behind}".replace("`", "'")  # as wide, and the block of code stays whole
    return f"{line}\n{' ' * sum(map(_width, before))}^"


def _unwrapped(found: re.Match[str]) -> str:
    """Return what was typed; what only looks like the address it stands for is not believed."""
    kind, what, shown = found["kind"], found["what"], found["shown"] or ""
    if kind:
        return shown.lstrip("@#") or what
    if shown and _ADDRESS.sub("", what, count=1).rstrip("/") == shown.rstrip("/"):
        return shown
    return what if _ADDRESS.match(what) else found[0]


def _fit(sign: str) -> str:
    if sign.isascii() and sign.isprintable():
        return sign
    category = unicodedata.category(sign)
    if category in _BLANKS:
        return " "
    if category == "Cs":  # half of a pair, which no database takes
        return "\ufffd"
    return "" if category == "Cf" else sign


def _width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in _WIDE else 1
