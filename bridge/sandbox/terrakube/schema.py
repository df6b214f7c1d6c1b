"""The types of the API as one table per version: attributes, relationships, what may be written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias

from bridge.sandbox.terrakube.answers import invalid_value
from bridge.sandbox.terrakube.model import (
    Entity,
    Job,
    Status,
)

Linked: TypeAlias = Entity | Mapping[str | int, Entity] | None
Reader: TypeAlias = Callable[[Entity], Linked]

CHANNELS = frozenset({"WEBHOOK", "SLACK", "TEAMS", "EMAIL", "DISCORD"})


class Kind(StrEnum):
    """What values an attribute takes."""

    TEXT = "text"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    DATE = "date"
    STATUS = "status"
    LIST = "list"
    CHANNEL = "channel"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute.

    Attributes:
        slot: Its name in ``model.py``.
        limit: Most characters the column holds.
        protected: Known, but nobody may write it: 403 instead of 404.
        required: The column does not take null.
        hidden: May be written, is never shown.
    """

    name: str
    slot: str
    kind: Kind = Kind.TEXT
    limit: int | None = None
    protected: bool = False
    required: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Relation:
    """A relationship to entities of *type*."""

    name: str
    type: str
    many: bool
    read: Reader


@dataclass(frozen=True, slots=True)
class Resource:
    """A type.

    Attributes:
        entity: The class in ``model.py``.
        paged: Whether lists may be paged: only types without read checks (contract 4.4).
        root: Whether there is a collection at the root.
    """

    type: str
    entity: "Callable[..., Entity]"
    attributes: Mapping[str, Attribute]
    relations: Mapping[str, Relation] = field(default_factory=dict)
    paged: bool = False
    root: bool = False

    @property
    def counts(self) -> bool:
        """Whether ids are numbers instead of UUIDs."""
        return self.entity is Job


Schema: TypeAlias = Mapping[str, Resource]


def read_text(kind: Kind, value: object) -> object:  # noqa: PLR0911 - a table of forms
    """A value out of a filter or a document.

    Raises:
        ElideRefused: 400, it does not have the form.
    """
    match kind, value:
        case Kind.INTEGER, int() | str():
            return _integer(value)
        case Kind.BOOLEAN, bool():
            return value
        case Kind.BOOLEAN, "true" | "false":
            return value == "true"
        case Kind.STATUS, str() if value in frozenset(Status):
            return Status(value)
        case Kind.CHANNEL, str() if value in CHANNELS:
            return value
        case Kind.DATE, str():
            return _date(value)
        case Kind.LIST, list():
            return [str(item) for item in value]
        case Kind.TEXT, str() | int() | float():
            return str(value)
        case _:
            raise invalid_value(value)


def write_value(value: object) -> object:
    """A value as JSON shows it; dates to the minute."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
    return list(value) if isinstance(value, tuple) else value


def _integer(value: int | str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise invalid_value(value) from error


def _date(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid_value(value) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
