"""Filters of Terrakube's JSON:API, written as RSQL (contract section 4.3).

A filter is built from typed parts and only then becomes text, so that no value can end its
quotation: ``str(status_is("failed") & key_is("bridge:1"))``.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bridge.domain.errors import UserError


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition; ``&`` needs both, ``|`` either. ``str()`` is the filter's text."""

    text: str
    alternatives: bool = False

    def __and__(self, other: "Filter") -> "Filter":
        return Filter(f"{_grouped(self)};{_grouped(other)}")

    def __or__(self, other: "Filter") -> "Filter":
        return Filter(f"{self.text},{other.text}", alternatives=True)

    def __str__(self) -> str:
        return self.text


def _grouped(condition: Filter) -> str:
    return f"({condition.text})" if condition.alternatives else condition.text


def all_of(conditions: Iterable[Filter]) -> Filter | None:
    """Join conditions that must all hold; None when there is none."""
    joined: Filter | None = None
    for condition in conditions:
        joined = condition if joined is None else joined & condition
    return joined


def equals(attribute: str, value: str) -> Filter:
    """Match a value exactly, upper and lower case told apart.

    Raises:
        UserError: It begins or ends with ``*``, which Terrakube reads as a wildcard, also in
            quotes.
    """
    return Filter(f"{attribute}=={_exact(value)}")


def one_of(attribute: str, values: Iterable[str]) -> Filter:
    """Match any of *values*.

    Raises:
        UserError: There is none (Terrakube refuses an empty list), or one is a wildcard.
    """
    quoted = ",".join(_exact(value) for value in values)
    if not quoted:
        msg = f"searching by {attribute}: no value was given"
        raise UserError(msg)
    return Filter(f"{attribute}=in=({quoted})")


def one_of_words(attribute: str, words: Iterable[str]) -> Filter:
    """Match any of *words*, numbers or names of an enumeration, which need no quotes.

    Raises:
        UserError: There is none, or one is no plain word.
    """
    listed = list(words)
    if not listed or not all(re.fullmatch(r"[A-Za-z0-9]+", word) for word in listed):
        msg = f"searching by {attribute}: plain words are needed"
        raise UserError(msg)
    return Filter(f"{attribute}=in=({','.join(listed)})")


def begins_with(attribute: str, start: str) -> Filter:
    """Match values that begin with *start*; compare again in code, as a start is not a word."""
    return Filter(f"{attribute}=={quoted(start + '*')}")


def contains(attribute: str, part: str) -> Filter:
    """Match values that hold *part*."""
    return Filter(f"{attribute}=={quoted(f'*{part}*')}")


def greater(attribute: str, value: int) -> Filter:
    """Match numbers above *value*."""
    return Filter(f"{attribute}=gt={value}")


def at_least(attribute: str, value: str) -> Filter:
    """Match texts that sort at or after *value*, in the order ``sort`` puts them in."""
    return Filter(f"{attribute}=ge={quoted(value)}")


def less(attribute: str, value: int) -> Filter:
    """Match numbers below *value*."""
    return Filter(f"{attribute}=lt={value}")


def since(attribute: str, moment: datetime) -> Filter:
    """Match dates from *moment* (aware) on; Terrakube's are precise to the minute."""
    return Filter(f"{attribute}=ge={_minute(moment)}")


def until(attribute: str, moment: datetime) -> Filter:
    """Match dates up to and with *moment* (aware); Terrakube's are precise to the minute."""
    return Filter(f"{attribute}=le={_minute(moment)}")


def quoted(value: str) -> str:
    r"""Quote a value: within ``'…'`` a backslash escapes itself and the quote (observed)."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _exact(value: str) -> str:
    if value.startswith("*") or value.endswith("*"):
        msg = f"{value!r} begins or ends with *, which Terrakube would read as a wildcard"
        raise UserError(msg)
    return quoted(value)


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
