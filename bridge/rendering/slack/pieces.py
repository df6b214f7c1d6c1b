"""Block Kit as plain dicts: the few kinds of block the bridge says everything with."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

Block: TypeAlias = Mapping[str, Any]

LONGEST_SECTION: Final = 3_000
_MOST_IN_CONTEXT: Final = 10


def mrkdwn(text: str) -> Block:
    """Make a text in Slack's markup; *text* is escaped already.

    Slack looks for nothing in it that is not written out: no names, no addresses.
    """
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, most: int) -> Block:
    """Make a text without markup, where no emoji and no mention is looked for, either."""
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    return {"type": "plain_text", "text": shown or "-", "emoji": False}


def section(text: str) -> Block:
    """Make a paragraph of escaped text."""
    return {"type": "section", "text": mrkdwn(text)}


def context(texts: Sequence[str]) -> Block:
    """Make a line of small print from escaped texts; what is too much is joined."""
    kept = [*texts[: _MOST_IN_CONTEXT - 1], " · ".join(texts[_MOST_IN_CONTEXT - 1 :])]
    return {"type": "context", "elements": [mrkdwn(one) for one in kept if one]}


def preformatted(text: str) -> Block:
    """Make a block of text that stays as it is; it needs no escaping."""
    inner = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [inner]}


def actions(elements: Sequence[Block]) -> Block:
    """Make a row of buttons."""
    return {"type": "actions", "elements": list(elements)}


def paragraphs(lines: Sequence[str]) -> list[Block]:
    """Put escaped lines into as few sections as hold them; none is longer than a section."""
    found: list[list[str]] = [[]]
    size = 0
    for line in lines:
        if found[-1] and size + len(line) + 1 > LONGEST_SECTION:
            found.append([])
            size = 0
        found[-1].append(line)
        size += len(line) + 1
    return [section("\n".join(group)) for group in found if group]
