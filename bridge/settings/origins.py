"""Where a setting came from, and what is wrong with it."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.domain.errors import SettingsError

Path = tuple[str, ...]
"""A setting's place: ``("terrakube", "url")``, ``("rules", "1", "template")``."""

ENVIRONMENT = "environment"

_SIMILAR = 0.75


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one value was written.

    Attributes:
        source: ``environment``, or a file as people find it (``.env``, ``bridge.yaml``).
        key: As written there: a variable, or a dotted key.
        line: In a file, from 1; None elsewhere.
    """

    source: str
    key: str
    line: int | None = None

    def __str__(self) -> str:
        """``bridge.yaml line 14``."""
        return self.source if self.line is None else f"{self.source} line {self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One thing that is wrong.

    Attributes:
        key: As the operator wrote it, or should have.
        text: What is wrong and what to do; never a value that may be secret.
        origin: None when it is about something that is nowhere.
    """

    key: str
    text: str
    origin: Origin | None = None

    def __str__(self) -> str:
        """``bridge.yaml line 14: rules[1].template: is missing``."""
        where = f"{self.origin}: " if self.origin else ""
        return f"{where}{self.key}: {self.text}" if self.key else f"{where}{self.text}"


class InvalidSettingsError(SettingsError):
    """The settings cannot be used; the text has a line for every mistake.

    Attributes:
        mistakes: In the order of the sources.
    """

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(str(mistake) for mistake in mistakes))
        self.mistakes = tuple(mistakes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A setting somebody gave.

    Attributes:
        value: Text, or lists and mappings of such.
        origins: Of the value under its own path, and of what lies inside it.
    """

    path: Path
    value: object
    origins: Mapping[Path, Origin]

    @property
    def origin(self) -> Origin:
        """Where the setting as a whole was written."""
        return self.origins[self.path]


def dotted(path: Iterable[str]) -> str:
    """``rules[1].template``: how a place is written for people."""
    text = ""
    for part in path:
        if part.isdigit():
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean ...?``, or nothing when no known word is like it."""
    similar = difflib.get_close_matches(word, list(known), n=1, cutoff=_SIMILAR)
    return f"; did you mean {similar[0]}?" if similar else ""
