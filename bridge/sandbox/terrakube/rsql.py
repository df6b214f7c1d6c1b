"""The filter language of the API (RSQL as Elide reads it), from text to a tree.

``;`` and `` and `` bind closer than ``,`` and `` or ``. Values may be bare, or quoted in either
kind of quotes with a backslash as the escape.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

OPERATORS = frozenset(
    {"==", "!=", "=in=", "=out=", "=ini=", "=gt=", ">", "=ge=", ">=", "=lt=", "<", "=le=", "<="}
    | {"=isnull="}
)
LISTS = frozenset({"=in=", "=out=", "=ini="})

_SELECTOR = re.compile(r"[^\"'();,=!~<>\s]+")
_OPERATOR = re.compile(r"=[a-z]*=|!=|[<>]=?")
_BARE = _SELECTOR
_QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_AND = re.compile(r";|\s+and\s+")
_OR = re.compile(r",|\s+or\s+")


class RsqlError(Exception):
    """The expression is not in the expected format."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test: ``selector operator arguments``; *selector* is a path with dots."""

    selector: str
    operator: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """All of them."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Any:
    """At least one of them."""

    parts: "tuple[Node, ...]"


Node: TypeAlias = Comparison | Every | Any


def parse(text: str) -> Node:
    """The tree of a filter expression.

    Raises:
        RsqlError: It is none.
    """
    reader = _Reader(text)
    node = reader.alternatives()
    if reader.at != len(text):
        raise RsqlError(text)
    return node


def named_ids(node: Node) -> frozenset[str] | None:
    """The only ids that can pass, when the expression names them; None when it does not."""
    match node:
        case Comparison(selector="id", operator="==" | "=in=", arguments=ids):
            return frozenset(ids)
        case Every(parts=parts):
            found = [ids for ids in map(named_ids, parts) if ids is not None]
            return frozenset.intersection(*found) if found else None
        case Any(parts=parts):
            each = [named_ids(part) for part in parts]
            known = [ids for ids in each if ids is not None]
            return frozenset().union(*known) if len(known) == len(each) else None
        case _:
            return None


class _Reader:
    """A recursive descent over *text*."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.at = 0

    def alternatives(self) -> Node:
        parts = self._joined(_OR, self._conjunction)
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def _conjunction(self) -> Node:
        parts = self._joined(_AND, self._term)
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _joined(self, joint: re.Pattern[str], part: Callable[[], Node]) -> Sequence[Node]:
        parts = [part()]
        while self._take(joint) is not None:
            parts.append(part())
        return parts

    def _term(self) -> Node:
        if self._literal("("):
            node = self.alternatives()
            self._expect(")")
            return node
        selector, operator = self._need(_SELECTOR), self._need(_OPERATOR)
        if operator not in OPERATORS:
            raise RsqlError(operator)
        return Comparison(selector, operator, self._arguments())

    def _arguments(self) -> tuple[str, ...]:
        if not self._literal("("):
            return (self._value(),)
        values = [self._value()]
        while self._literal(","):
            values.append(self._value())
        self._expect(")")
        return tuple(values)

    def _value(self) -> str:
        match = _QUOTED.match(self._text, self.at)
        if match is None:
            return self._need(_BARE)
        self.at = match.end()
        quoted = match.group(1) if match.group(1) is not None else match.group(2)
        return _ESCAPE.sub(r"\1", quoted)

    def _literal(self, text: str) -> bool:
        if not self._text.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def _expect(self, text: str) -> None:
        if not self._literal(text):
            raise RsqlError(self._text)

    def _take(self, pattern: re.Pattern[str]) -> str | None:
        match = pattern.match(self._text, self.at)
        if match is None:
            return None
        self.at = match.end()
        return match.group()

    def _need(self, pattern: re.Pattern[str]) -> str:
        found = self._take(pattern)
        if found is None:
            raise RsqlError(self._text)
        return found
