"""A small language for the shape of JSON, and what is wrong where something is of another one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that Slack would refuse.

    Attributes:
        pointer: JSON pointer of it: ``/blocks/0/text/text``.
    """

    pointer: str
    what: str


Shape: TypeAlias = Callable[[object, str], Iterator[Problem]]
"""Finds what is wrong with a value at a pointer."""


def flag(value: object, at: str) -> Iterator[Problem]:
    """Want true or false."""
    if not isinstance(value, bool):
        yield Problem(at, "is neither true nor false")


def text(longest: int, *, shortest: int = 1) -> Shape:
    """Want a text of so many characters; one that must not be empty must not be blank."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem(at, "is no text")
        elif len(value) > longest:
            yield Problem(at, f"has {len(value)} characters, {longest} are allowed")
        elif shortest and len(value.strip()) < shortest:
            yield Problem(at, "is empty")

    return check


def address(longest: int) -> Shape:
    """Want the address of a page."""
    inner = text(longest)

    def check(value: object, at: str) -> Iterator[Problem]:
        yield from inner(value, at)
        if isinstance(value, str) and not value.startswith(("http://", "https://")):
            yield Problem(at, "is no address of a page")

    return check


def number(least: int, most: int) -> Shape:
    """Want a whole number."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            yield Problem(at, f"is no whole number from {least} to {most}")

    return check


def word(*choices: str) -> Shape:
    """Want one of some words."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if value not in choices:
            yield Problem(at, f"is none of {', '.join(choices)}")

    return check


def array(each: Shape, most: int, *, least: int = 1) -> Shape:
    """Want a list of so many."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield Problem(at, "is no list")
            return
        if not least <= len(value) <= most:
            yield Problem(at, f"has {len(value)} entries, {least} to {most} are allowed")
        for index, one in enumerate(value):
            yield from each(one, f"{at}/{index}")

    return check


def record(needed: Mapping[str, Shape], more: Mapping[str, Shape] | None = None) -> Shape:
    """Want an object with some keys, perhaps some more, and no others besides ``type``."""
    known = {**needed, **(more or {})}

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(at, "is no object")
            return
        for key in needed:
            if key not in value:
                yield Problem(at, f"lacks {key}")
        for key, inner in value.items():
            if key in known:
                yield from known[key](inner, f"{at}/{key}")
            elif key != "type":
                yield Problem(f"{at}/{key}", "is not known here")

    return check


def kinds(table: Mapping[str, Shape]) -> Shape:
    """Want an object whose ``type`` is in the table, and as the table says."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem(at, "is no object")
            return
        inner = table.get(str(value.get("type")))
        if inner is None:
            yield Problem(f"{at}/type", f"{value.get('type')} is not known here")
            return
        yield from inner(value, at)

    return check
