"""Fitting a reply into one comment.

What is answered line by line may be longer than what was asked, and a forge refuses a comment
that is too long for good. So whole paragraphs are left out from the end, and it is said.
"""

import re
from collections.abc import Callable
from typing import Final

_GAP: Final = "\n\n"
_TOO_LONG: Final = "The answer is too long for a comment. Ask for less at once."
_FENCE: Final = re.compile(r"^ {0,3}```", re.MULTILINE)


def render_reply(text: str, *, measure: Callable[[str], int], limit: int) -> str:
    """Shorten *text* to *limit*, as *measure* counts; what is left out is left out whole."""
    if measure(text) <= limit:
        return text
    paragraphs = text.split(_GAP)
    note = _left_out(len(paragraphs))
    room = limit - measure(_GAP + note)
    fitting = _fitting(paragraphs, measure, room)
    if not fitting:
        return _TOO_LONG
    return _GAP.join((*paragraphs[:fitting], _left_out(len(paragraphs) - fitting)))


def _fitting(paragraphs: list[str], measure: Callable[[str], int], room: int) -> int:
    """Count the paragraphs that fit, up to one after which no fence is open."""
    best = used = fences = 0
    for number, paragraph in enumerate(paragraphs, start=1):
        used += measure(paragraph + _GAP)
        fences += len(_FENCE.findall(paragraph))
        if used > room:
            break
        if fences % 2 == 0:
            best = number
    return best


def _left_out(number: int) -> str:
    what = "one more paragraph" if number == 1 else f"{number} more paragraphs"
    return f"_The answer was too long for a comment: {what} left out._"
