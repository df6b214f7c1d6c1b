"""Masking the secrets of a text that arrives piece by piece.

Only functions import this module.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bridge.decisions.step_logs import coloured, plain
from bridge.domain.redaction import Redactor
from bridge.settings import InvalidSettingsError, load_settings, load_terrakube_settings

CONTEXT: Final = 32_000
"""Characters before a piece that are looked at once more: a key has many lines, and the name that
gives a value away may be in the line before it."""

PIECE: Final = 1_000_000
"""Characters that are handled at once of a text that is larger."""


def configured_redactor() -> Redactor:
    """Make one that knows every secret in the settings; of incomplete ones those of Terrakube."""
    try:
        return Redactor(load_settings(os.environ, Path.cwd()).secrets())
    except InvalidSettingsError:
        return Redactor(load_terrakube_settings(os.environ, Path.cwd()).secrets())


@dataclass(slots=True)
class Masking:
    """Turns the pieces of one log into what is shown of them.

    Attributes:
        redact: Masks a whole text.
        ansi: Whether colours are kept.
    """

    redact: Callable[[str], str]
    ansi: bool = False
    _before: str = field(default="", init=False)

    def pieces(self, text: str) -> Iterator[str]:
        """Yield what is shown of the next whole lines."""
        start = 0
        while start < len(text):
            end = text.find("\n", start + PIECE) + 1 or len(text)
            yield self._next(text[start:end])
            start = end

    def _next(self, served: str) -> str:
        text = coloured(served) if self.ansi else plain(served)
        whole = self._before + text
        known, shown = self._masked(self._before), self._masked(whole)
        self._before = _end_of(whole)
        if shown.startswith(known):
            return shown[len(known) :]
        # Something began before and ends here: at most as many lines as the piece has are new.
        return "".join(shown.splitlines(keepends=True)[-len(text.splitlines()) :])

    def _masked(self, text: str) -> str:
        masked = self.redact(text)
        if "\x1b" not in text:
            return masked
        # Colours within a secret would hide it.
        bare = plain(text)
        return masked if plain(masked) == self.redact(bare) else self.redact(bare)


def _end_of(text: str) -> str:
    """Return the last whole lines of a text, CONTEXT characters or less of them."""
    if len(text) <= CONTEXT:
        return text
    return text[-CONTEXT:].partition("\n")[2]
