"""Making text that others wrote inert in Markdown: it is read, and does nothing else.

Outside fences every sign that means something to Markdown or HTML becomes an entity, and what a
forge looks for in the finished text (mentions, issue numbers, addresses) is broken up with a
zero-width joiner, as forges search after the entities are gone.
"""

import re
from typing import Final

JOINER: Final = "\u200d"
"""Zero-width joiner: invisible, and no forge sees a mention across it."""

_LONGEST_NAME: Final = 300
_ANSI: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]?"  # colours and cursor moves
    # Titles and links.
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c\n]*+(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*+[0-~]?"
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]+")
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_ENTITIES: Final = str.maketrans({sign: f"&#{ord(sign)};" for sign in "&<>\"'`*_~[]()|\\$!{}"})
_PINGS: Final = re.compile(r"[@#]|:(?=//)|(?i:www)(?=\.)")
_TAME: Final = re.compile(r"[\w./:\-\[\]\"' ,=+()…]+")


def clean(text: str) -> str:
    r"""Take out what a terminal obeys and show what an eye would not see.

    Line ends become ``\n``; ANSI sequences and control characters go; signs that are invisible or
    turn the direction of writing stand there as ``\u202e``, so that nothing looks like what it is
    not.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _ANSI.sub("", text)
    text = _CONTROLS.sub("", text)
    if text.isascii():
        return text
    text = _SURROGATE.sub("\ufffd", text)
    return _INVISIBLE.sub(_shown, text)


def escape(text: str) -> str:
    """Write plain text so that it stays plain, on one line, in Markdown and in HTML."""
    line = " ".join(clean(text).split())
    line = _PINGS.sub(lambda found: f"{found[0]}{JOINER}", line).translate(_ENTITIES)
    # A slash at the start of a line is a command on some forges, "-" or "1." a list.
    return f"&#{ord(line[0])};{line[1:]}" if line[:1] in tuple("/-+=0123456789") else line


def prose(text: str) -> str:
    """Write a sentence of ours that quotes others: its code spans stay if they are harmless."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    written = [
        f"`{piece}`" if index % 2 and _TAME.fullmatch(piece) else _escape_inside(piece, index)
        for index, piece in enumerate(pieces)
    ]
    return "".join(written).strip()


def name(text: str) -> str:
    """Write a name as code when that is safe even in a table, else as plain text."""
    line = " ".join(clean(text).split())
    if len(line) > _LONGEST_NAME:
        line = f"{line[: _LONGEST_NAME - 1]}…"
    return f"`{line}`" if _TAME.fullmatch(line) else escape(line)


def link(text: str, url: str) -> str:
    """Link to a page of the operator's own; only the text when the address is none."""
    if not re.fullmatch(r"https?://[\w.\-:\[\]]+(?:/[\w.~:/?#!$&*+,;=%\-]*)?", url, re.ASCII):
        return escape(text)
    return f"[{escape(text)}]({url})"


def _escape_inside(piece: str, index: int) -> str:
    """Escape a piece between code spans, keeping the blanks at its ends."""
    if not piece:
        return "&#96;&#96;" if index % 2 else ""
    written = escape(piece)
    left = " " if piece[:1].isspace() else ""
    right = " " if piece[-1:].isspace() and written else ""
    # What was a code span but is not harmless keeps its marks as text.
    return f"{left}&#96;{written}&#96;{right}" if index % 2 else f"{left}{written}{right}"


def _shown(found: re.Match[str]) -> str:
    point = ord(found[0])
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"  # noqa: PLR2004 - the basic plane
