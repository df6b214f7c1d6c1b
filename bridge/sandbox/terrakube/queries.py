"""What a request asks for in its query string: fields, include, filter, sort, page (contract 4)."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import ge, gt, le, lt
from typing import Any, TypeAlias

from bridge.sandbox.terrakube import rsql
from bridge.sandbox.terrakube.answers import ElideRefused, bad_request, invalid_value
from bridge.sandbox.terrakube.answers import UnexpectedRequest as Unexpected
from bridge.sandbox.terrakube.model import Entity
from bridge.sandbox.terrakube.schema import Kind, Resource, Schema, read_text

Test: TypeAlias = Callable[[Entity], bool]

_PARAMETER = re.compile(r"(filter|fields|page)(?:\[([^\]]*)\])?|include|sort")
_PAGE = ("number", "size", "offset", "limit", "totals", "first", "after", "last", "before")
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=gt=": gt,
    ">": gt,
    "=ge=": ge,
    ">=": ge,
    "=lt=": lt,
    "<": lt,
    "=le=": le,
    "<=": le,
}
_NOTHING = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Numbers count from 1; *totals* asks how much there is."""

    number: int = 1
    size: int = 500
    totals: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The parsed query string.

    Attributes:
        fields: Wanted attributes and relationships by type. As soon as it names any type, the
            types it does not name come bare.
        ids: The only ids that can pass *test*, if the filter says so; as text.
        test: The filter.
        sort: Names, and whether descending.
    """

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    include: Sequence[str] = ()
    ids: frozenset[str] | None = None
    test: Test | None = None
    sort: Sequence[tuple[str, bool]] = ()
    page: Page | None = None

    def wanted(self, resource: Resource) -> Sequence[str] | None:
        """The names asked for of a type; None for all of them."""
        return self.fields.get(resource.type, ()) if self.fields else None


def parse_query(pairs: Iterable[tuple[str, str]], resource: Resource, schema: Schema) -> Query:
    """Read the parameters of a request about *resource*.

    Raises:
        ElideRefused: 400 for anything the server refuses.
    """
    asked: dict[str, str] = {}
    for key, value in pairs:
        if not _PARAMETER.fullmatch(key):
            msg = f"Found undefined keys in request: {key}"
            raise bad_request(msg)
        asked[key] = value
    ids, test = _filter(asked, resource, schema)
    return Query(
        fields=_fields(asked, schema),
        include=_include(asked.get("include"), resource),
        ids=ids,
        test=test,
        sort=_sort(asked.get("sort"), resource),
        page=_page(asked, resource),
    )


def sorted_by(entities: Iterable[Entity], query: Query, resource: Resource) -> list[Entity]:
    """In the order asked for; without one, in an order that is no order (by the id's text)."""
    rows = sorted(entities, key=lambda entity: str(entity.id))
    for name, descending in reversed(query.sort):
        slot = "id" if name == "id" else resource.attributes[name].slot
        rows.sort(key=lambda entity: _sortable(getattr(entity, slot)), reverse=descending)
    return rows


def _sortable(value: object) -> tuple[bool, str | float]:
    if isinstance(value, int | float):
        return (True, value)
    return (value is not None, str(value))


def _fields(asked: Mapping[str, str], schema: Schema) -> Mapping[str, Sequence[str]]:
    found: dict[str, Sequence[str]] = {}
    for key, value in asked.items():
        if not key.startswith("fields"):
            continue
        type_ = key[len("fields[") : -1]
        names = [name for name in value.split(",") if name]
        if type_ not in schema:
            raise Unexpected(key)
        known = {*schema[type_].attributes, *schema[type_].relations, "id"}
        unknown = [name for name in names if name not in known]
        if unknown:
            listed = ", ".join(unknown)
            msg = f"{type_} does not contain the fields: [{listed}]"
            raise invalid_value(msg)
        found[type_] = names
    return found


def _include(value: str | None, resource: Resource) -> Sequence[str]:
    names = value.split(",") if value else []
    for name in names:
        if "." in name:
            msg = f"include={name}"
            raise Unexpected(msg)
        if name not in resource.relations:
            msg = f"{resource.type} does not contain the field {name}"
            raise invalid_value(msg)
    return names


def _sort(value: str | None, resource: Resource) -> Sequence[tuple[str, bool]]:
    names = value.split(",") if value else []
    for name in names:
        plain = name.removeprefix("-")
        if plain != "id" and plain not in resource.attributes:
            msg = f"{resource.type} does not contain the field {plain}"
            raise invalid_value(msg)
    return [(name.removeprefix("-"), name.startswith("-")) for name in names]


def _page(asked: Mapping[str, str], resource: Resource) -> Page | None:
    parts = {key[len("page[") : -1]: value for key, value in asked.items() if key[:4] == "page"}
    if not parts:
        return None
    if not parts.keys() <= set(_PAGE):
        listed = ", ".join(f"page[{name}]" for name in _PAGE)
        msg = f"Invalid Pagination Parameter. Accepted values are {listed}"
        raise invalid_value(msg)
    if not resource.paged:
        msg = f"Cannot paginate {resource.type}"
        raise bad_request(msg)
    if not parts.keys() <= {"number", "size", "totals"}:
        msg = f"page[{', '.join(parts)}]"
        raise Unexpected(msg)
    number, size = parts.get("number", "1"), parts.get("size", "500")
    if not (number.isdigit() and size.isdigit()):
        msg = f"page values must be integers: {number}, {size}"
        raise invalid_value(msg)
    return Page(number=int(number), size=int(size), totals="totals" in parts)


def _filter(
    asked: Mapping[str, str], resource: Resource, schema: Schema
) -> tuple[frozenset[str] | None, Test | None]:
    for key in asked:
        # A bare "filter" below an organization is ignored without a word (search/filter_untyped).
        if key.startswith("filter[") and key != f"filter[{resource.type}]":
            msg = f"Invalid query parameter: {key}"
            raise bad_request(msg)
    text = asked.get(f"filter[{resource.type}]")
    if text is None:
        return None, None
    try:
        node = rsql.parse(text)
    except rsql.RsqlError as error:
        raise _bad_filter(
            resource, f"Filter expression is not in expected format at: {text}"
        ) from error
    return rsql.named_ids(node), _test(node, resource, schema)


def _bad_filter(resource: Resource, detail: str) -> ElideRefused:
    return bad_request(f"Invalid query parameter: filter[{resource.type}]\n{detail}")


def _test(node: rsql.Node, resource: Resource, schema: Schema) -> Test:
    match node:
        case rsql.Every(parts=parts):
            tests = [_test(part, resource, schema) for part in parts]
            return lambda entity: all(test(entity) for test in tests)
        case rsql.Any(parts=parts):
            tests = [_test(part, resource, schema) for part in parts]
            return lambda entity: any(test(entity) for test in tests)
        case rsql.Comparison(selector=selector, operator=operator, arguments=arguments):
            read, kind = _selector(selector.split("."), resource, schema)
            passes = _comparison(operator, arguments, kind)
            return lambda entity: any(passes(value) for value in read(entity))


def _selector(
    path: Sequence[str], resource: Resource, schema: Schema
) -> tuple[Callable[[Entity], Iterable[object]], Kind]:
    """How to read what a path names: every value of it, over all that to-many links lead to."""
    name, *rest = path
    if rest and name in resource.relations:
        relation = resource.relations[name]
        if relation.type not in schema:
            msg = f"filter by {name}"
            raise Unexpected(msg)
        inner, kind = _selector(rest, schema[relation.type], schema)
        return (
            lambda entity: (v for each in linked(relation.read(entity)) for v in inner(each)),
            kind,
        )
    if rest or (name != "id" and name not in resource.attributes):
        raise _bad_filter(resource, f"No such association {name} for type {resource.type}")
    if name == "id":
        return lambda entity: (entity.id,), Kind.INTEGER if resource.counts else Kind.TEXT
    attribute = resource.attributes[name]
    return lambda entity: (getattr(entity, attribute.slot),), attribute.kind


def linked(value: Entity | Mapping[str | int, Entity] | None) -> Sequence[Entity]:
    """What a relationship leads to, as a list."""
    if value is None:
        return ()
    return (value,) if isinstance(value, Entity) else tuple(value.values())


def _comparison(operator: str, arguments: Sequence[str], kind: Kind) -> Callable[[object], bool]:
    if operator == "=isnull=":
        wanted = read_text(Kind.BOOLEAN, arguments[0])
        return lambda value: (value is None) is wanted
    if operator == "=ini=":
        folded = {argument.casefold() for argument in arguments}
        return lambda value: str(value).casefold() in folded
    if (
        kind is Kind.TEXT
        and operator in {"==", "!="}
        and "*" in {arguments[0][:1], arguments[0][-1:]}
    ):
        like = _wildcard(arguments[0])
        return like if operator == "==" else lambda value: not like(value)
    values = [read_text(kind, argument) for argument in arguments]
    if operator in _ORDERS:
        order = _ORDERS[operator]
        return lambda value: value is not None and order(value, values[0])
    inside = set(map(_hashable, values))
    if operator in {"!=", "=out="}:
        return lambda value: _hashable(value) not in inside
    return lambda value: _hashable(value) in inside


def _hashable(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _wildcard(pattern: str) -> Callable[[object], bool]:
    """``*`` counts at the start and at the end only."""
    starts, ends = pattern.startswith("*"), pattern.endswith("*")
    core = pattern[1 if starts else 0 : len(pattern) - 1 if ends and len(pattern) > 1 else None]

    def like(value: object) -> bool:
        if not isinstance(value, str):
            return False
        if starts and ends:
            return core in value
        return value.endswith(core) if starts else value.startswith(core)

    return like
