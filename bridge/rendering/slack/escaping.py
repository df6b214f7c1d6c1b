"""Making text that others wrote inert in Slack's markup: it is read, and does nothing else.

Slack knows three entities, for ``& < >``; they take mentions and links their meaning. The signs
of its formatting have none, and what zero-width characters do to them is written nowhere: so
twins that look the same stand in for them. Whatever people copy stands in a code span, where only
a back-tick would mean anything.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from bridge.domain.chat import slack_user_of
from bridge.rendering.escaping import JOINER, clean

LONGEST_NAME: Final = 160
"""Signs shown of a name."""

_ENTITIES: Final = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"}
_TICK: Final = "\u02cb"
_SIGNS: Final = {**_ENTITIES, ord("*"): "\u2217", ord("~"): "\u223c", ord("`"): _TICK}
# Between two letters or digits it means nothing, as in my_workspace.
_UNDERSCORE: Final = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_LOW_LINE: Final = "\u02cd"
# Emoji, names and addresses, should anybody look for them all the same.
_LOOKED_FOR: Final = re.compile(r":(?=[\w+'\-]+:|//)|[@#]|(?i:www)(?=\.)")
_OPEN: Final = re.compile(r"<[^<>]*\Z|&[a-z]*\Z")
_ADDRESS: Final = re.compile(
    r"https?://[\w.\-:\[\]]+(?:/[\w.~:/?#!$&*+,;=%\-]*)?", re.ASCII | re.IGNORECASE
)
_LONGEST_ADDRESS: Final = 1_000
_ID_OF_PERSON: Final = re.compile(r" \(slack:[A-Z0-9]+\)")
_SPARE: Final = 8  # times as much is looked at as is shown: cleaning may shorten a text


def escape(text: str, most: int = 1_000) -> str:
    """Write plain text so that it stays plain, on one line of at most *most* signs."""
    return cut(_inert(one_line(text, most)), most)


def escape_piece(text: str, most: int = 1_000) -> str:
    """Write a piece of a line so that it stays plain, keeping the blanks at its ends."""
    written = escape(text, most)
    left = " " if text[:1].isspace() else ""
    right = " " if text[-1:].isspace() and written else ""
    return f"{left}{written}{right}"


def code(text: str, most: int = LONGEST_NAME) -> str:
    """Write a name or an address as code, cut to *most* signs; empty for nothing."""
    line = cut(one_line(text, most).replace("`", _TICK).translate(_ENTITIES), most)
    return f"`{line}`" if line else ""


def bold(text: str, most: int = LONGEST_NAME) -> str:
    """Write plain text in bold; empty for nothing."""
    line = escape(text, most)
    return f"*{line}*" if line else ""


def prose(text: str, most: int = 1_000) -> str:
    """Write a sentence of ours that quotes others: its code spans stay, all else is plain."""
    # Ids are for machines; and a sentence that names people calls none of them.
    pieces = without_ids(one_line(text, most)).split("`")
    if len(pieces) % 2 == 0:
        return escape(text, most)
    written = [
        code(piece, most) if index % 2 else escape_piece(piece, most)
        for index, piece in enumerate(pieces)
    ]
    return cut("".join(written), most)


def without_ids(text: str) -> str:
    """Leave out which users of Slack people are: those who read know them by their names."""
    return _ID_OF_PERSON.sub("", text)


def link(text: str, url: str, most: int = LONGEST_NAME) -> str:
    """Link to a page of the operator's own; only the text when the address is none."""
    label = escape(text, most)
    if not is_address(url) or not label:
        return label
    return f"<{url.translate(_ENTITIES)}|{label}>"


def is_address(url: str) -> bool:
    """Tell whether something is the address of a page, and short enough for a button."""
    return len(url) <= _LONGEST_ADDRESS and _ADDRESS.fullmatch(url) is not None


def person(actor: str) -> str:
    """Name whoever did something: as a mention when they are known in the chat."""
    user = slack_user_of(actor)
    if user.startswith(("U", "W")):
        return f"<@{user}>"
    return escape(actor, LONGEST_NAME) or "somebody"


def date(at: datetime) -> str:
    """Write a moment, each reader in their own time zone."""
    fallback = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{fallback}>"


def cut(text: str, most: int) -> str:
    """Shorten text in Slack's markup, never in the middle of a mention, link or entity."""
    if len(text) <= most:
        return text
    short = _OPEN.sub("", text[: max(0, most - 1)]).rstrip()
    return f"{short}…"[:most]


def split(text: str, most: int) -> Sequence[str]:
    """Break a line of Slack's markup into parts of at most *most* signs, between words."""
    parts: list[str] = []
    while len(text) > most:
        head = _OPEN.sub("", text[:most]) or text[:most]
        head = head.rpartition(" ")[0] or head
        parts.append(head)
        text = text[len(head) :].lstrip()
    return [*parts, text]


def one_line(text: str, most: int) -> str:
    """Write text on one line without what nobody sees; much longer ones are cut."""
    return " ".join(clean(text[: most * _SPARE]).split())


def _inert(line: str) -> str:
    line = _UNDERSCORE.sub(_LOW_LINE, line)
    line = _LOOKED_FOR.sub(lambda found: f"{found[0]}{JOINER}", line)
    line = line.translate(_SIGNS)
    # At the start of a line it would be a quote.
    return f"{JOINER}{line}" if line.startswith("&gt;") else line
