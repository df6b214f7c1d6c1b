"""Entities as JSON:API documents, with sparse fieldsets and includes (contract 4.1)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bridge.sandbox.terrakube.model import Entity, Job, Status
from bridge.sandbox.terrakube.queries import Page, Query, linked
from bridge.sandbox.terrakube.schema import Relation, Resource, Schema, write_value


@dataclass(frozen=True, slots=True)
class Documents:
    """Renders for one caller.

    Attributes:
        readable: Whether the caller may see an entity; linkage to others is hidden.
        now: When it is read: a job may show a status that is not its own for a moment.
    """

    schema: Schema
    query: Query
    readable: Callable[[Entity], bool]
    now: datetime

    def one(self, entity: Entity | None, resource: Resource) -> dict[str, object]:
        """A document about one entity."""
        if entity is None:
            return {"data": None}
        return {"data": self._object(entity, resource)} | self._included([entity], resource)

    def many(self, entities: Sequence[Entity], resource: Resource) -> dict[str, object]:
        """A document about a list."""
        data = [self._object(entity, resource) for entity in entities]
        return {"data": data} | self._included(entities, resource)

    def linkage(self, entity: Entity, relation: Relation) -> dict[str, object]:
        """A document about a relationship alone."""
        return {"data": self._linkage(entity, relation)}

    def _object(self, entity: Entity, resource: Resource) -> dict[str, object]:
        wanted = self.query.wanted(resource)
        names = wanted if wanted is not None else sorted(resource.attributes)
        relations = resource.relations if wanted is None else wanted
        attributes = {
            name: self._value(entity, resource, name)
            for name in names
            if name in resource.attributes and not resource.attributes[name].hidden
        }
        linkage = {
            name: {"data": self._linkage(entity, resource.relations[name])}
            for name in relations
            if name in resource.relations
        }
        return (
            {"type": resource.type, "id": str(entity.id)}
            | ({"attributes": attributes} if attributes else {})
            | ({"relationships": linkage} if linkage else {})
        )

    def _value(self, entity: Entity, resource: Resource, name: str) -> object:
        value = getattr(entity, resource.attributes[name].slot)
        if name == "status" and isinstance(entity, Job) and entity.flicker_until is not None:
            value = Status.FAILED if self.now < entity.flicker_until else value
        return write_value(value)

    def _linkage(self, entity: Entity, relation: Relation) -> object:
        value = relation.read(entity)
        if relation.many:
            # Linkage to many is in order of ids, and never cut (contract 4.4).
            rows = sorted(linked(value), key=_by_id)
            return [_identity(each, relation) for each in rows]
        if not isinstance(value, Entity) or not self.readable(value):
            return None
        return _identity(value, relation)

    def _included(self, entities: Iterable[Entity], resource: Resource) -> dict[str, object]:
        found: dict[tuple[str, str], dict[str, object]] = {}
        for entity in entities:
            for name in self.query.include:
                relation = resource.relations[name]
                for each in linked(relation.read(entity)):
                    key = (relation.type, str(each.id))
                    found[key] = found.get(key) or self._object(each, self.schema[relation.type])
        return {"included": list(found.values())} if found else {}


def page_of(rows: Sequence[Entity], page: Page) -> tuple[Sequence[Entity], Mapping[str, object]]:
    """The rows of a page, and what ``meta`` says about it."""
    start = (page.number - 1) * page.size
    meta: dict[str, object] = {"number": page.number, "limit": page.size}
    if page.totals:
        pages = -(-len(rows) // page.size) if page.size else 0
        meta |= {"totalPages": pages, "totalRecords": len(rows)}
    return rows[start : start + page.size], {"page": meta}


def _identity(entity: Entity, relation: Relation) -> dict[str, str]:
    return {"type": relation.type, "id": str(entity.id)}


def _by_id(entity: Entity) -> tuple[int, str]:
    return (entity.id, "") if isinstance(entity.id, int) else (0, entity.id)
