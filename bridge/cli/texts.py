"""Text that somebody else wrote, on its way to a terminal: it shows, and does nothing there."""

import json
import re
from datetime import datetime
from typing import Final

from bridge.decisions.step_logs import plain

_HIDDEN: Final = "\N{REPLACEMENT CHARACTER}"
# What lets a text read in another order than it is in.
_REORDERING: Final = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), _HIDDEN)


def printable(text: str) -> str:
    """Let only line ends and what can be seen through: no control sequence, nothing invisible."""
    return "".join(sign if sign.isprintable() or sign == "\n" else _HIDDEN for sign in text)


def one_line(text: str) -> str:
    """Put a text into one line, without colours and the like, so that it ends no sentence."""
    return printable(" ".join(plain(text).split()))


def in_order(text: str) -> str:
    """Take out of a log what would show it in another order than it has; the rest stays."""
    return text.translate(_REORDERING)


def to_json(value: object, *, indent: int | None = None) -> str:
    """Write JSON that shows people their letters, and has everything invisible as an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_plain)
    return re.sub(r"[^\n -~]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
