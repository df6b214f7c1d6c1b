"""Where a path of the JSON:API leads: a collection, an entity in it, or a relationship."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.sandbox.terrakube.answers import ElideRefused, invalid_value
from bridge.sandbox.terrakube.model import Entity, Step
from bridge.sandbox.terrakube.people import Caller, may_read
from bridge.sandbox.terrakube.schema import Relation, Resource
from bridge.sandbox.terrakube.world import World, organization_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The end of a path.

    Attributes:
        resource: The type there.
        rows: The collection, by id.
        entity: The entity named; None for the collection itself.
        owners: The entities on the way, outermost first.
        relation: The relationship that leads there; None at the root.
        alone: Whether only the linkage is meant (``/relationships/step``).
    """

    resource: Resource
    rows: Mapping[str | int, Entity]
    entity: Entity | None = None
    owners: Sequence[Entity] = ()
    relation: Relation | None = None
    alone: bool = False


def is_readable(entity: Entity, caller: Caller) -> bool:
    """Whether the caller may see an entity."""
    organization = organization_of(entity)
    return organization is None or may_read(caller, organization)


def locate(path: str, world: World, caller: Caller) -> Place:
    """Follow *path* (below ``/api/v1``).

    Steps are the hole in the server's permissions: at the root anybody may read and change them.

    Raises:
        ElideRefused: 404 unknown collection or id, 400 an id of the wrong form, 403 unreadable.
    """
    name, *rest = [part for part in path.split("/") if part]
    rows = world.roots(name)
    if rows is None:
        raise ElideRefused(404, f"Unknown collection {name}")
    place = Place(resource=world.schema[name], rows=rows)
    while rest:
        place, rest = _onwards(place, rest, world, caller)
    return place


def identify(text: str, resource: Resource) -> str | int:
    """An id as the type has it.

    Raises:
        ElideRefused: 400, it has not the form.
    """
    try:
        return int(text) if resource.counts else str(uuid.UUID(text))
    except ValueError as error:
        raise invalid_value(text) from error


def unknown(resource: Resource, id_: str | int) -> ElideRefused:
    """404 for an id that is not there; numbers are shown in brackets."""
    shown = f"[{id_}]" if resource.counts else id_
    return ElideRefused(404, f"Unknown identifier {shown} for {resource.type}")


def _onwards(
    place: Place, rest: Sequence[str], world: World, caller: Caller
) -> tuple[Place, list[str]]:
    if place.entity is None:
        return _enter(place, rest[0], caller), list(rest[1:])
    alone = rest[0] == "relationships" and len(rest) > 1
    name = rest[1] if alone else rest[0]
    relation = place.resource.relations.get(name)
    if relation is None or relation.type not in world.schema:
        raise ElideRefused(404, f"Unknown collection {name}")
    return _follow(place, relation, world, alone=alone), list(rest[2 if alone else 1 :])


def _enter(place: Place, text: str, caller: Caller) -> Place:
    id_ = identify(text, place.resource)
    entity = place.rows.get(id_)
    if entity is None:
        raise unknown(place.resource, id_)
    if not isinstance(entity, Step) and not is_readable(entity, caller):
        raise ElideRefused(403, "ReadPermission Denied")
    return Place(
        resource=place.resource,
        rows=place.rows,
        entity=entity,
        owners=place.owners,
        relation=place.relation,
    )


def _follow(place: Place, relation: Relation, world: World, *, alone: bool) -> Place:
    owner = place.entity
    if owner is None:  # pragma: no cover - the caller has just looked
        raise unknown(place.resource, "")
    there = relation.read(owner)
    many = not isinstance(there, Entity) and there is not None
    return Place(
        resource=world.schema[relation.type],
        rows=there if many and not isinstance(there, Entity) and there is not None else {},
        entity=there if isinstance(there, Entity) else None,
        owners=(*place.owners, owner),
        relation=relation,
        alone=alone,
    )
