"""One request as its handler sees it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from bridge.sandbox.forge.delivering import PostOffice
from bridge.sandbox.forge.limits import Limits
from bridge.sandbox.forge.model import (
    Access,
    Account,
    Comment,
    Issue,
    PullRequest,
    Repository,
    Token,
)
from bridge.sandbox.forge.routes import Json, Refusal, Route
from bridge.sandbox.forge.world import World

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks.

    Attributes:
        account: None for somebody without a credential, and for an App itself.
        token: None where there is none.
        is_app: Whether a GitHub App signed the request itself.
    """

    account: Account | None = None
    token: Token | None = None
    is_app: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that may be served.

    Attributes:
        named: The repository in the path; None where there is none.
        path: The path as it came, below the API's address.
        query: Parameters, each given once.
    """

    world: World
    office: PostOffice
    limits: Limits
    route: Route
    caller: Caller
    named: Repository | None
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    body: Json

    @property
    def actor(self) -> Account:
        """Whose account it is; refused without one."""
        if self.caller.account is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, "Requires authentication")
        return self.caller.account

    @property
    def repository(self) -> Repository:
        """The repository in the path."""
        if self.named is None:
            raise not_found()
        return self.named

    def access(self, account: Account | None) -> Access:
        """Tell what an account may do in the repository."""
        return self.world.access_of(self.repository, account)

    def number(self, name: str) -> int:
        """Return a number in the path."""
        return int(self.parameters[name])

    def text(self, name: str, default: str = "") -> str:
        """Return a text of the body."""
        value = self.body.get(name)
        return value if isinstance(value, str) else default

    def texts(self, name: str) -> list[str]:
        """Return a list of texts of the body."""
        value = self.body.get(name)
        return [str(one) for one in value] if isinstance(value, list) else []

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no of the body."""
        value = self.body.get(name)
        return value if isinstance(value, bool) else default

    def issue(self, name: str = "number") -> Issue:
        """Return the issue or pull request in the path."""
        found = self.repository.issues.get(self.number(name))
        if found is None:
            raise not_found()
        return found

    def pull_request(self) -> PullRequest:
        """Return the pull request in the path."""
        found = self.issue()
        if not isinstance(found, PullRequest):
            raise not_found()
        return found

    def comment(self) -> Comment:
        """Return the comment in the path."""
        found = self.world.comment(self.repository, self.number("id"))
        if found is None:
            raise not_found()
        return found

    def window(self, items: Sequence[T], *, size_name: str) -> tuple[Sequence[T], int, int]:
        """Return the page that is asked for, its number, and the number of pages."""
        size = min(int(self.query.get(size_name, self.limits.default_page)), self.limits.page)
        page = max(1, int(self.query.get("page", 1)))
        return items[(page - 1) * size : page * size], page, max(1, -(-len(items) // size))


def not_found() -> Refusal:
    """Return what is said about what is not there, or not to be seen."""
    return Refusal(HTTPStatus.NOT_FOUND, "Not Found")
