"""Which requests there are: method, path, parameters, body, and what a caller needs for them."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bridge.sandbox.forge.model import Access

if TYPE_CHECKING:
    from bridge.sandbox.forge.calls import Call

Json = dict[str, object]

_PLACEHOLDER = re.compile(r"\{(\w+)(?::(\w+))?\}")
_BY_NAME, _BY_ID = "/repos/{owner}/{repo}", "/repositories/{repository_id:int}"
_PATTERNS = {"": r"[^/]+", "int": r"[0-9]+", "path": r".+"}


class Refusal(Exception):  # noqa: N818 - what a forge says, not a fault of ours
    """The answer is no.

    Attributes:
        surprise: Whether no careful client would have asked.
        errors: What is wrong with single fields, in GitHub's form.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        surprise: bool = False,
        errors: Sequence[object] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.surprise = surprise
        self.errors = errors
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler says; *body* None is an empty one."""

    body: object = None
    status: int = HTTPStatus.OK
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[["Call"], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The fields of a JSON body by name, with the types each may have."""

    required: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    optional: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)

    def check(self, body: object) -> Json:
        """Return the body as an object of known fields.

        Raises:
            Refusal: It is none.
        """
        if not isinstance(body, dict):
            raise Refusal(HTTPStatus.BAD_REQUEST, "Problems parsing JSON", surprise=True)
        for name in self.required:
            if name not in body:
                msg = f"{name} wasn't supplied."
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
        kinds = {**self.required, **self.optional}
        for name, value in body.items():
            kind = kinds.get(name)
            if kind is None or not _fits(value, kind):
                msg = f"{name} is not known here or of the wrong type"
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
        return body


def _fits(value: object, kind: type | tuple[type, ...]) -> bool:
    kinds = kind if isinstance(kind, tuple) else (kind,)
    # To Python true is a number, to JSON it is not.
    return isinstance(value, bool) if kinds == (bool,) else _is_one(value, kinds)


def _is_one(value: object, kinds: tuple[type, ...]) -> bool:
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One kind of request.

    Attributes:
        template: ``/repos/{owner}/{repo}/pulls/{number:int}``; ``{x:path}`` may hold slashes.
        query: Parameters it knows, those of pages apart.
        paged: Whether it gives pages.
        body: None: it takes no body.
        access: What the account may do in the repository, when one is named.
        right: What the token may do: ``<name>:<level>``; empty: any token will do.
        app: Whether only a GitHub App itself may ask.
        content: Whether it writes something people see.
    """

    method: str
    template: str
    handler: Handler
    query: frozenset[str]
    paged: bool
    body: Body | None
    access: Access
    right: str
    app: bool
    content: bool
    pattern: re.Pattern[str]


@dataclass(slots=True)
class Api:
    """Routes; those of a repository are also found by its id where the forge does so."""

    by_id: bool = False
    routes: list[Route] = field(default_factory=list)

    @classmethod
    def of(cls, *apis: "Api") -> "Api":
        """Put several together."""
        return cls(routes=[route for api in apis for route in api.routes])

    def on(
        self,
        line: str,
        *,
        right: str = "",
        access: Access = Access.READ,
        query: Iterable[str] = (),
        paged: bool = False,
        body: Body | None = None,
        app: bool = False,
        content: bool = False,
    ) -> Callable[[Handler], Handler]:
        """Register a handler for ``GET /path``; see Route for the rest."""
        method, template = line.split(" ")

        def register(handler: Handler) -> Handler:
            route = Route(
                method=method,
                template=template,
                handler=handler,
                query=frozenset(query),
                paged=paged,
                body=body,
                access=access,
                right=right,
                app=app,
                content=content,
                pattern=_compiled(template),
            )
            self.routes.append(route)
            if self.by_id and template.startswith(_BY_NAME):
                other = _compiled(template.replace(_BY_NAME, _BY_ID, 1))
                self.routes.append(replace(route, pattern=other))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """Find the route of a request by its raw path; also return the decoded parameters."""
        for route in self.routes:
            if route.method == method and (match := route.pattern.fullmatch(path)):
                return route, {name: unquote(value) for name, value in match.groupdict().items()}
        return None


def _compiled(template: str) -> re.Pattern[str]:
    parts = []
    at = 0
    for match in _PLACEHOLDER.finditer(template):
        parts.append(re.escape(template[at : match.start()]))
        parts.append(f"(?P<{match[1]}>{_PATTERNS[match[2] or '']})")
        at = match.end()
    return re.compile("".join([*parts, re.escape(template[at:])]))
