"""Keeping secrets out of everything that is stored, posted or logged.

A secret is known (configured, minted, marked sensitive in a plan) or has the shape of one. Known
ones are found in every spelling they travel in: base64 at any alignment, URL-encoded, JSON-escaped.
Whole texts only: a secret cut in two is no longer recognised.
"""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from bridge.domain.token_shapes import REDACTED, mask_shapes

__all__ = ["REDACTED", "SHORTEST", "Redactor"]

SHORTEST: Final = 6
"""Characters a value needs to be redacted: shorter ones are words and numbers of everyday text."""

LEARNED: Final = 256
"""How many minted tokens are remembered; the oldest have long expired."""

_LINE: Final = 12  # characters; a shorter line of a longer secret says nothing by itself


class Redactor:
    """Knows the secrets and masks them; safe to share between threads."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._configured = _forms(secrets)
        self._learned: dict[str, frozenset[str]] = {}
        self._known = self._configured

    def learn(self, secret: str) -> None:
        """Remember a secret that came up while running, such as a minted token."""
        if secret in self._learned:
            return
        if len(self._learned) == LEARNED:
            del self._learned[next(iter(self._learned))]
        self._learned[secret] = _forms((secret,))
        self._known = self._configured.union(*self._learned.values())

    def redact(self, text: str, extra: Iterable[str] = ()) -> str:
        """Mask every secret in *text*; done twice it changes nothing more.

        Args:
            text: A whole text, never a piece of one.
            extra: Further secrets that this text alone may hold.
        """
        more = _forms(extra)
        return mask_shapes(_masked(text, self._known | more if more else self._known))

    def redact_known(self, text: str) -> str:
        """Mask the secrets the bridge holds, and nothing for its looks.

        For texts composed of others that were masked: a workspace may be called ``db-password``,
        and what stands behind its name is no secret.
        """
        return _masked(text, self._known)


def _masked(text: str, forms: Iterable[str]) -> str:
    found = [form for form in forms if form in text]
    if not found:
        return text
    return REDACTED.join(_without(piece, found) for piece in text.split(REDACTED))


def _without(piece: str, forms: Iterable[str]) -> str:
    """Mask what the forms cover together, so that of two that overlap nothing is left."""
    spans = sorted(span for form in forms for span in _spans(piece, form))
    kept: list[str] = []
    end = 0
    for start, stop in spans:
        if start >= end:
            if start > end or not kept:
                kept.append(piece[end:start])
            end = stop
        else:
            end = max(end, stop)
    return REDACTED.join((*kept, piece[end:])) if kept else piece


def _spans(piece: str, form: str) -> Iterator[tuple[int, int]]:
    start = piece.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = piece.find(form, start + len(form))


def _forms(secrets: Iterable[str]) -> frozenset[str]:
    """Return every spelling a secret may appear in."""
    return frozenset(
        form
        for secret in secrets
        for part in _parts(secret)
        for form in _spellings(part)
        if len(form) >= SHORTEST
    )


def _parts(secret: str) -> Iterator[str]:
    """Yield the secret as given, without blanks around it, and its lines.

    A plan indents a text of several lines and marks each, so the whole never appears in it.
    """
    if len(secret.strip()) < SHORTEST:
        return
    yield secret
    yield secret.strip()
    if "\n" in secret.strip():
        yield from (line.strip() for line in secret.splitlines() if len(line.strip()) >= _LINE)


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield from _json_spellings(secret)
    data = secret.encode("utf-8", "surrogatepass")
    for encoded in (quote(data, safe=""), quote(data), quote_plus(data)):
        yield encoded
        yield _lower_hex(encoded)
    for skipped in range(3):
        for spelling in _base64_spellings(data, skipped):
            yield spelling
            yield quote(spelling, safe="")


def _json_spellings(secret: str) -> Iterator[str]:
    for ascii_only in (True, False):
        escaped = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield json.dumps(escaped, ensure_ascii=ascii_only)[1:-1]  # JSON in JSON
        # As Go writes it, and as Terraform shows a string.
        yield escaped.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
        yield escaped.replace("${", "$${").replace("%{", "%%{")


def _lower_hex(encoded: str) -> str:
    head, *escapes = encoded.split("%")
    return "%".join((head, *(part[:2].lower() + part[2:] for part in escapes)))


def _base64_spellings(data: bytes, skipped: int) -> Iterator[str]:
    """Encode *data* as it looks *skipped* bytes into a longer text, without the shared signs."""
    encoded = base64.b64encode(b"\0" * skipped + data).decode()
    first = (skipped * 8 + 5) // 6
    last = (skipped + len(data)) * 8 // 6
    inside = encoded[first:last]
    yield inside
    yield inside.translate(str.maketrans("+/", "-_"))
