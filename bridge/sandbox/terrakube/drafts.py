"""What a request wants to write: a JSON:API document, read and checked against its type."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bridge.sandbox.terrakube.answers import (
    ElideRefused,
    SpringRefused,
    UnexpectedRequest,
    bad_request,
    invalid_value,
)
from bridge.sandbox.terrakube.model import Entity
from bridge.sandbox.terrakube.places import identify, unknown
from bridge.sandbox.terrakube.schema import Resource, read_text
from bridge.sandbox.terrakube.world import World

_EMPTY_DOCUMENT = (
    "Bad Request Body'Invalid JSON-API document: "
    "JsonApiDocument(data=null, meta=null, links=null, includedRecs=[], included=null)'"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The one object of a request's document.

    Attributes:
        values: Attributes by their name in ``model.py``.
        links: Named relationships: an entity, or None.
    """

    id: str | None
    values: Mapping[str, Any]
    links: Mapping[str, Entity | None]


def read_document(raw: bytes) -> Mapping[str, Any]:
    """The data object of a document; of a list the first.

    Raises:
        SpringRefused: 400, there is no body.
        ElideRefused: 400, it is no document.
    """
    if not raw.strip():
        raise SpringRefused(400)
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise bad_request(_complaint(raw.decode(errors="replace"))) from error
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, list):
        data = data[0] if data else None
    if not isinstance(data, dict):
        raise bad_request(_EMPTY_DOCUMENT)
    return data


def draft_of(data: Mapping[str, Any], resource: Resource, world: World, verb: str) -> Draft:
    """Check a data object against the type; *verb* is Create or Update.

    Raises:
        ElideRefused: 400 a value, 403 a protected attribute, 404 an unknown one.
    """
    if not data.get("type"):
        msg = "Resource 'type' field is missing or empty."
        raise bad_request(msg)
    if data["type"] not in world.schema:
        msg = f"Unknown entity type: Entity {data['type']} not found"
        raise bad_request(msg)
    if data["type"] != resource.type:
        msg = f"a {data['type']} sent to a collection of {resource.type}"
        raise UnexpectedRequest(msg)
    given = data.get("attributes") or {}
    return Draft(
        id=data.get("id"),
        values=dict(_value(name, value, resource, verb) for name, value in given.items()),
        links=dict(
            _link(name, value, resource, world)
            for name, value in (data.get("relationships") or {}).items()
        ),
    )


def _value(name: str, value: object, resource: Resource, verb: str) -> tuple[str, object]:
    attribute = resource.attributes.get(name)
    if attribute is None:
        raise ElideRefused(404, f"Unknown attribute {name} in {resource.type}")
    if attribute.protected:
        raise ElideRefused(403, f"{verb}Permission Denied")
    return attribute.slot, None if value is None else read_text(attribute.kind, value)


def _link(name: str, value: object, resource: Resource, world: World) -> tuple[str, Entity | None]:
    relation = resource.relations.get(name)
    if relation is None:
        raise ElideRefused(404, f"Unknown attribute {name} in {resource.type}")
    data = value.get("data") if isinstance(value, dict) else None
    if data is None:
        return name, None
    if not isinstance(data, dict) or data.get("type") != relation.type:
        msg = f"the relationship {name} as {value}"
        raise UnexpectedRequest(msg)
    there = world.schema[relation.type]
    id_ = identify(str(data.get("id")), there)
    entity = world.find(relation.type, id_)
    if entity is None:
        raise unknown(there, id_)
    return name, entity


def _complaint(text: str) -> str:
    """Jackson's words for the two mistakes that were recorded, and something like them else."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()):
            return "Unexpected end-of-input within/between Object entries"
        bad = text[error.pos]
        return (
            f"Unexpected character ('{bad}' (code {ord(bad)})): "
            "was expecting double-quote to start field name"
        )
    raise invalid_value(text)
