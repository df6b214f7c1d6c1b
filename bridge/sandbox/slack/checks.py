"""A small language for the shape of JSON: what Slack says of a value that is not as it must be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place.

    Attributes:
        pointer: JSON pointer of the value: ``/blocks/0/text``.
    """

    message: str
    pointer: str

    def __str__(self) -> str:
        return f"{self.message} [json-pointer:{self.pointer}]"


Check: TypeAlias = Callable[[object, str], Iterator[Problem]]
"""Finds what is wrong with a value at a pointer."""


def anything(value: object, at: str) -> Iterator[Problem]:
    """Find nothing wrong."""
    yield from ()


def flag(value: object, at: str) -> Iterator[Problem]:
    """Want true or false."""
    if not isinstance(value, bool):
        yield Problem("must be a boolean", at)


def text(longest: int, *, shortest: int = 1) -> Check:
    """Want a text of so many characters."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield Problem("must be a string", at)
        elif len(value) < shortest:
            yield Problem(f"must be more than {shortest - 1} characters", at)
        elif len(value) > longest:
            yield Problem(f"must be less than {longest + 1} characters", at)

    return check


def address(longest: int = 3000) -> Check:
    """Want a web address."""
    inner = text(longest)

    def check(value: object, at: str) -> Iterator[Problem]:
        yield from inner(value, at)
        if isinstance(value, str) and not value.startswith(("http://", "https://")):
            yield Problem("must be a valid url", at)

    return check


def whole(least: int, most: int) -> Check:
    """Want a whole number."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield Problem("must be an integer", at)
        elif not least <= value <= most:
            yield Problem(f"must be between {least} and {most}", at)

    return check


def word(*choices: str) -> Check:
    """Want one of some words."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if value not in choices:
            yield Problem(f"must be one of {', '.join(choices)}", at)

    return check


def array(each: Check, most: int, *, least: int = 1) -> Check:
    """Want a list of so many."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Sequence) or isinstance(value, str):
            yield Problem("must be an array", at)
            return
        if len(value) < least:
            yield Problem(f"no less than {least} items allowed", at)
        if len(value) > most:
            yield Problem(f"no more than {most} items allowed", at)
        for number, one in enumerate(value):
            yield from each(one, f"{at}/{number}")

    return check


def record(needed: Mapping[str, Check], more: Mapping[str, Check] | None = None) -> Check:
    """Want an object with some keys, perhaps some more, and no others besides ``type``."""
    known = {**needed, **(more or {})}

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem("must be an object", at)
            return
        for name in needed:
            if name not in value:
                yield Problem(f"missing required field: {name}", at)
        for name, inner in value.items():
            if name in known:
                yield from known[name](inner, f"{at}/{name}")
            elif name != "type":
                yield Problem(f"invalid additional property: {name}", at)

    return check


def kinds(table: Mapping[str, Check]) -> Check:
    """Want an object whose ``type`` is in the table, and as the table says."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if not isinstance(value, Mapping):
            yield Problem("must be an object", at)
            return
        inner = table.get(str(value.get("type")))
        if inner is None:
            yield Problem(f"unsupported type: {value.get('type')}", f"{at}/type")
            return
        yield from inner(value, at)

    return check


def exactly_one(names: Sequence[str], inner: Check) -> Check:
    """Want one of some keys besides what *inner* wants."""

    def check(value: object, at: str) -> Iterator[Problem]:
        if isinstance(value, Mapping) and sum(name in value for name in names) != 1:
            yield Problem(f"exactly one of {', '.join(names)} is required", at)
        yield from inner(value, at)

    return check
