"""Values terraform marks as sensitive: found for the redactor, and masked in the structured plan.

Terrakube nulls them, as far as its source says; this is the second lock on the door.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from bridge.domain.redaction import REDACTED
from bridge.domain.terrakube import ResourceChange

_DEEPEST: Final = 200


def sensitive_values(rows: Iterable[ResourceChange]) -> frozenset[str]:
    """Return the texts and numbers the rows mark as sensitive, as they would be printed."""
    return frozenset(
        value
        for row in rows
        for shown, marks in ((row.before, row.before_sensitive), (row.after, row.after_sensitive))
        for value in _marked(shown, marks)
    )


def changes_json(rows: Sequence[ResourceChange], redact: Callable[[str], str]) -> str:
    """Write the rows as JSON, what is sensitive masked; *redact* sees the whole text.

    When redacting breaks the JSON (a secret that spans several values), the values are left out:
    addresses and actions remain.
    """
    text = redact(_dumped([_shown(row) for row in rows]))
    if _is_json(text):
        return text
    return _dumped([{"address": row.address, "actions": row.actions} for row in rows])


def _shown(row: ResourceChange) -> dict[str, object]:
    shown = {
        "address": row.address,
        "actions": row.actions,
        "before": _masked(row.before, row.before_sensitive),
        "after": _masked(row.after, row.after_sensitive),
        "afterUnknown": row.after_unknown,
        "moduleAddress": row.module_address,
        "resourceType": row.resource_type,
        "resourceName": row.resource_name,
    }
    return {name: value for name, value in shown.items() if value not in (None, "", {}, [])}


def _marked(value: object, marks: object, depth: int = 0) -> Iterator[str]:
    """Yield what lies under a mark: ``true``, or the same shape with ``true`` somewhere in it."""
    if marks is True or depth > _DEEPEST:
        yield from _leaves(value, depth)
    elif isinstance(value, dict) and isinstance(marks, dict):
        for name, inner in value.items():
            yield from _marked(inner, marks.get(name), depth + 1)
    elif isinstance(value, list) and isinstance(marks, list):
        for inner, mark in zip(value, marks, strict=False):
            yield from _marked(inner, mark, depth + 1)


def _leaves(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, dict | list):
        inside = value.values() if isinstance(value, dict) else value
        if depth <= _DEEPEST:
            for inner in inside:
                yield from _leaves(inner, depth + 1)
    elif isinstance(value, str):
        yield value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)


def _masked(value: object, marks: object, depth: int = 0) -> object:
    if marks is True or depth > _DEEPEST:
        return None if value is None else REDACTED
    if isinstance(value, dict) and isinstance(marks, dict):
        return {name: _masked(inner, marks.get(name), depth + 1) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(marks, list):
        return [
            _masked(inner, marks[at] if at < len(marks) else None, depth + 1)
            for at, inner in enumerate(value)
        ]
    return value


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
