"""What a caller gave: query, form and JSON in one, as slack_sdk sends them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from bridge.sandbox.slack.refusals import No, Refusal

EVERYWHERE = frozenset({"team_id"})
"""slack-bolt adds it to every call."""


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of one call, by name."""

    values: Mapping[str, Any]

    def check(self, needed: Iterable[str], more: Iterable[str]) -> None:
        """Refuse what is missing or unknown.

        Raises:
            Refusal: Something is.
        """
        missing = [name for name in needed if self.values.get(name) in (None, "")]
        strange = [name for name in self.values if name not in {*needed, *more, *EVERYWHERE}]
        if missing or strange:
            told = [f"missing required field: {name}" for name in missing]
            told += [f"there is no argument {name}" for name in strange]
            metadata = {"messages": [f"[ERROR] {one}" for one in told]}
            raise Refusal(
                No.INVALID_ARGUMENTS,
                why="; ".join(told),
                more={"response_metadata": metadata},
                surprise=True,
            )

    def text(self, name: str, default: str = "") -> str:
        """A text; *default* without it."""
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise _wrong(name, "a string")
        return value

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A yes or no, as JSON or as words."""
        value = self.values.get(name)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        if value not in {"0", "1", "true", "false", 0, 1}:
            raise _wrong(name, "a boolean")
        return value in {"1", "true", 1}

    def number(self, name: str, default: int = 0) -> int:
        """A whole number."""
        value = self.values.get(name, default)
        if not str(value).isdecimal():
            raise _wrong(name, "a number")
        return int(value)

    def json(self, name: str, default: object = None) -> Any:  # noqa: ANN401 - any JSON
        """A JSON value: as it is in a JSON body, as text in a query or form."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise _wrong(name, "JSON") from error


async def read_arguments(request: web.Request) -> Arguments:
    """Read the arguments of a request, wherever they are.

    Raises:
        Refusal: The body is of no kind that Slack reads.
    """
    body = await request.read()
    values: dict[str, Any] = dict(request.query)
    if body:
        values |= _from_body(request.content_type, body)
    if "token" in values:
        raise Refusal(No.INVALID_AUTH, why="the token is in the arguments", surprise=True)
    return Arguments(values)


def _from_body(kind: str, body: bytes) -> Mapping[str, Any]:
    match kind:
        case "application/json":
            try:
                found = json.loads(body)
            except ValueError as error:
                raise Refusal(No.INVALID_JSON, surprise=True) from error
            if not isinstance(found, dict):
                raise Refusal(No.JSON_NOT_OBJECT, surprise=True)
            return found
        case "application/x-www-form-urlencoded":
            return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        case _:
            raise Refusal(No.INVALID_POST_TYPE, why=kind, surprise=True)


def _wrong(name: str, wanted: str) -> Refusal:
    return Refusal(No.INVALID_ARGUMENTS, why=f"{name} is not {wanted}", surprise=True)
