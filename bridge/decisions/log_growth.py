"""What is new in a log whose server gives all of it, however much was seen before."""

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What was given of a log; a digest stands for its text, which may be large.

    Attributes:
        length: Characters.
    """

    length: int = 0
    digest: bytes = sha256().digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What of a log is new; *text* may be empty."""

    given: Given
    text: str
    anew: bool = False


def grown(given: Given, text: str, *, complete: bool) -> Growth:
    """Find what is new in the whole *text* of a log.

    While it grows, only whole lines are given: the server may have cut its answer anywhere, even
    within a character.
    """
    if not text:
        # Between a step's end and the storage of its text there may be none for a moment.
        return Growth(given=given, text="")
    end = len(text) if complete else text.rfind("\n") + 1
    known = end >= given.length and _digest(text[: given.length]) == given.digest
    begin = given.length if known else 0
    if begin == end:
        return Growth(given=given, text="")
    now_given = Given(length=end, digest=_digest(text[:end]))
    return Growth(given=now_given, text=text[begin:end], anew=not known)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
