"""GitHub's own description of its API, to hold requests and answers against.

It is kept beside this project and is not part of it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from bridge.sandbox.forge.records import Record

DESCRIPTION = Path(__file__).parents[4] / "shared" / "github" / "openapi.subset.json"

_PLACEHOLDER = re.compile(r"\{[^}]+\}")

# OpenAPI 3.0 has a word of its own for what may be null; JSON Schema has a type.
_COMBINED = ("$ref", "allOf", "anyOf", "oneOf")


@dataclass(slots=True)
class Description:
    """The description, and the validators that were made of it."""

    document: dict[str, Any]
    _validators: dict[str, jsonschema_rs.Validator] = field(default_factory=dict)

    def operation(self, record: Record) -> tuple[str, dict[str, Any]] | None:
        """Find the operation of a request; None when the description does not have it."""
        wanted = _PLACEHOLDER.sub("{}", record.template)
        for path, operations in self.document["paths"].items():
            if _PLACEHOLDER.sub("{}", path) == wanted and record.method.lower() in operations:
                return f"{record.method} {path}", operations[record.method.lower()]
        return None

    def complaints(self, record: Record) -> Iterator[str]:
        """Say what is wrong with a request and its answer."""
        found = self.operation(record)
        if found is None:
            return
        name, operation = found
        yield from self._about_query(name, operation, record)
        wanted = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if record.sent and wanted is None:
            yield f"{name}: takes no body"
        elif wanted is not None and record.sent:
            yield from self._errors(f"{name} request", wanted["schema"], record.body)
        answer = self._answer(operation, record.status)
        if answer is None:
            yield f"{name}: is not described to answer {record.status}"
        elif "application/json" in answer.get("content", {}):
            schema = answer["content"]["application/json"]["schema"]
            yield from self._errors(f"{name} {record.status}", schema, record.answered)

    def _about_query(self, name: str, operation: dict[str, Any], record: Record) -> Iterator[str]:
        known = {
            parameter["name"]: parameter["schema"]
            for parameter in map(self._resolved, operation.get("parameters", []))
            if parameter["in"] == "query"
        }
        for key, value in record.query.items():
            if key not in known:
                yield f"{name}: there is no parameter {key}"
            elif known[key].get("type") == "integer" and not value.isdecimal():
                yield f"{name}: {key}={value} is no number"
            elif "enum" in known[key] and value not in known[key]["enum"]:
                yield f"{name}: {key}={value} is none of {known[key]['enum']}"

    def _answer(self, operation: dict[str, Any], status: int) -> dict[str, Any] | None:
        found = operation["responses"].get(str(status))
        return None if found is None else self._resolved(found)

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            at: Any = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                at = at[part]
            node = at
        return node

    def _errors(self, where: str, schema: dict[str, Any], value: object) -> Iterator[str]:
        validator = self._validators.get(where)
        if validator is None:
            whole = {**_nullable(schema), "components": self.document["components"]}
            validator = self._validators[where] = jsonschema_rs.Draft4Validator(
                whole, validate_formats=True
            )
        for error in validator.iter_errors(value):
            path = "/".join(str(part) for part in error.instance_path)
            yield f"{where}: {path}: {error.message[:200]}"


@cache
def description() -> Description:
    """Read it, with what may be null said as JSON Schema says it."""
    document = json.loads(DESCRIPTION.read_text())
    document["components"]["schemas"] = {
        name: _nullable(schema) for name, schema in document["components"]["schemas"].items()
    }
    return Description(document)


def _nullable(node: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(node, list):
        return [_nullable(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _nullable(value) for name, value in node.items() if name != "nullable"}
    if node.get("nullable") is not True:
        return made
    if any(word in made for word in _COMBINED) and "type" not in made:
        return {"anyOf": [made, {"type": "null"}]}
    if "enum" in made:
        made["enum"] = [*made["enum"], None]
    if "type" in made:
        made["type"] = [made["type"], "null"]
    return made
