"""GitHub's manners: credentials, refusals, limits."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import jwt

from bridge.sandbox.forge.calls import Caller
from bridge.sandbox.forge.dialects import Envelope, Message
from bridge.sandbox.forge.github import (
    asking_apps,
    asking_comments,
    asking_commits,
    asking_hooks,
    asking_pulls,
    asking_repositories,
    asking_rules,
    asking_teams,
    telling,
)
from bridge.sandbox.forge.happenings import Happening
from bridge.sandbox.forge.model import Access, Hook, Repository
from bridge.sandbox.forge.routes import Answer, Api, Refusal, Route
from bridge.sandbox.forge.world import World

VERSIONS = frozenset({"2022-11-28"})
JWT_SECONDS = 600

_LEVELS = {"read": 1, "write": 2, "admin": 3}
_DOCS = "https://docs.github.com/rest"
_DENIED = {
    "GET /repos/{owner}/{repo}/collaborators/{login}/permission": (
        "Must have push access to view collaborator permission."
    ),
}


_API = Api.of(
    asking_apps.api,
    asking_repositories.api,
    asking_rules.api,
    asking_rules.graphql,
    asking_commits.api,
    asking_comments.api,
    asking_pulls.api,
    asking_hooks.api,
    asking_teams.api,
)


@dataclass(frozen=True, slots=True)
class GitHub:
    """See Dialect."""

    api: Api = field(default_factory=lambda: _API)
    queued: bool = False
    reuses_ids: bool = True
    follows_307: bool = False
    page_size: str = "per_page"

    async def tell(self, world: World, happening: Happening) -> list[Message]:
        """See Dialect.tell."""
        return await telling.tell(world, happening)

    def wants(self, hook: Hook, message: Message) -> bool:
        """See Dialect.wants."""
        return "*" in hook.events or message.subscription in hook.events

    def envelope(self, world: World, hook: Hook, message: Message, guid: str) -> Envelope:
        """See Dialect.envelope."""
        return telling.envelope(world, hook, message, guid)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """See Dialect.check_headers."""
        if not headers.get("User-Agent"):
            msg = "Request forbidden by administrative rules. Please have a User-Agent header."
            raise Refusal(HTTPStatus.FORBIDDEN, msg, surprise=True)
        version = headers.get("X-GitHub-Api-Version")
        if version is not None and version not in VERSIONS:
            msg = f"The version {version} is not supported."
            raise Refusal(HTTPStatus.BAD_REQUEST, msg, surprise=True)

    def authenticate(self, world: World, headers: Mapping[str, str]) -> Caller:
        """See Dialect.authenticate."""
        scheme, _, text = headers.get("Authorization", "").partition(" ")
        if not scheme:
            return Caller()
        token = world.tokens.get(text)
        if token is not None and scheme.lower() in {"bearer", "token"}:
            if token.expires_at is None or world.now() < token.expires_at:
                return Caller(account=token.account, token=token)
        elif scheme.lower() == "bearer" and _is_app(world, text):
            return Caller(is_app=True)
        raise Refusal(HTTPStatus.UNAUTHORIZED, "Bad credentials")

    def check_right(self, world: World, route: Route, caller: Caller) -> None:
        """See Dialect.check_right."""
        if route.app != caller.is_app:
            msg = "A JSON web token could not be decoded" if route.app else "Bad credentials"
            raise Refusal(HTTPStatus.UNAUTHORIZED, msg, surprise=True)
        permissions = caller.token.permissions if caller.token else None
        if permissions is None or not route.right:
            return
        names, _, level = route.right.partition(":")
        held = max(_LEVELS.get(permissions.get(name, ""), 0) for name in names.split("|"))
        if held < _LEVELS[level]:
            raise Refusal(HTTPStatus.FORBIDDEN, "Resource not accessible by integration")

    def denied(self, route: Route) -> Refusal:
        """See Dialect.denied."""
        if route.access is Access.ADMIN:
            return Refusal(HTTPStatus.NOT_FOUND, "Not Found")
        message = _DENIED.get(f"{route.method} {route.template}", "Must have push access")
        return Refusal(HTTPStatus.FORBIDDEN, message)

    def limited(self, retry_after: int) -> Refusal:
        """See Dialect.limited."""
        return Refusal(
            HTTPStatus.FORBIDDEN,
            "You have exceeded a secondary rate limit. Please wait a few minutes before you try "
            "again.",
            headers={"Retry-After": str(retry_after)},
        )

    def moved(self, world: World, method: str, repository: Repository, rest: str) -> Answer:
        """See Dialect.moved."""
        url = f"{world.places.api_url}/repositories/{repository.id}{f'/{rest}' if rest else ''}"
        status = HTTPStatus.MOVED_PERMANENTLY if method == "GET" else HTTPStatus.TEMPORARY_REDIRECT
        body = {"message": status.phrase, "url": url, "documentation_url": _DOCS}
        return Answer(status=status, headers={"Location": url}, body=body)

    def refused(self, world: World, refusal: Refusal) -> Answer:
        """See Dialect.refused."""
        return Answer(
            status=refusal.status,
            headers=refusal.headers,
            body={
                "message": refusal.message,
                **({"errors": list(refusal.errors)} if refusal.errors else {}),
                "documentation_url": _DOCS,
                "status": str(int(refusal.status)),
            },
        )


def _is_app(world: World, text: str) -> bool:
    """Check what an App signed: its key, its id, and ten minutes at most."""
    if world.app is None:
        return False
    try:
        claims = jwt.decode(
            text,
            world.app.public_key,
            algorithms=["RS256"],
            options={"require": ["exp", "iat", "iss"], "verify_iat": False, "verify_exp": False},
        )
    except jwt.PyJWTError:
        return False
    now = time.time()
    issued, expires = float(claims["iat"]), float(claims["exp"])
    in_time = issued <= now < expires <= now + JWT_SECONDS
    return in_time and str(claims["iss"]) in {str(world.app.id), world.app.client_id}
