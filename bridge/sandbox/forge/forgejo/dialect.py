"""Forgejo's manners: credentials, scopes, refusals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from bridge.sandbox.forge.calls import Caller
from bridge.sandbox.forge.dialects import Envelope, Message
from bridge.sandbox.forge.forgejo import (
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
from bridge.sandbox.forge.model import Hook, Repository
from bridge.sandbox.forge.routes import Answer, Api, Refusal, Route
from bridge.sandbox.forge.world import World

_API = Api.of(
    asking_repositories.api,
    asking_commits.api,
    asking_comments.api,
    asking_pulls.api,
    asking_hooks.api,
    asking_rules.api,
    asking_teams.api,
)


@dataclass(frozen=True, slots=True)
class Forgejo:
    """See Dialect."""

    api: Api = field(default_factory=lambda: _API)
    queued: bool = True
    reuses_ids: bool = False
    follows_307: bool = True
    page_size: str = "limit"

    async def tell(self, world: World, happening: Happening) -> list[Message]:
        """See Dialect.tell."""
        return await telling.tell(world, happening)

    def wants(self, hook: Hook, message: Message) -> bool:
        """See Dialect.wants."""
        return message.subscription in hook.events

    def envelope(self, world: World, hook: Hook, message: Message, guid: str) -> Envelope:
        """See Dialect.envelope."""
        return telling.envelope(world, hook, message, guid)

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """See Dialect.check_headers: anything will do."""

    def authenticate(self, world: World, headers: Mapping[str, str]) -> Caller:
        """See Dialect.authenticate: a bad token is refused even where none is needed."""
        scheme, _, text = headers.get("Authorization", "").partition(" ")
        if not scheme:
            return Caller()
        token = world.tokens.get(text)
        if token is None or scheme.lower() not in {"token", "bearer"}:
            msg = "invalid username, password or token"
            raise Refusal(HTTPStatus.UNAUTHORIZED, msg)
        return Caller(account=token.account, token=token)

    def check_right(self, world: World, route: Route, caller: Caller) -> None:
        """See Dialect.check_right."""
        if caller.account is None and route.method != "GET":
            raise Refusal(HTTPStatus.UNAUTHORIZED, "token is required")
        scopes = caller.token.scopes if caller.token else None
        if scopes is None or not route.right:
            return
        name, _, level = route.right.partition(":")
        good = {f"write:{name}", "all"} | ({f"read:{name}"} if level == "read" else set())
        if not scopes & good:
            msg = f"token does not have at least one of required scope(s): [{level}:{name}]"
            raise Refusal(HTTPStatus.FORBIDDEN, msg)

    def denied(self, route: Route) -> Refusal:
        """See Dialect.denied."""
        return Refusal(HTTPStatus.FORBIDDEN, "user should have a permission to write to a repo")

    def limited(self, retry_after: int) -> Refusal:
        """See Dialect.limited: only a proxy in front would say so."""
        headers = {"Retry-After": str(retry_after)}
        return Refusal(HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests", headers=headers)

    def moved(self, world: World, method: str, repository: Repository, rest: str) -> Answer:
        """See Dialect.moved: always 307."""
        url = f"{world.places.api_url}/repos/{repository.slug}{f'/{rest}' if rest else ''}"
        return Answer(status=HTTPStatus.TEMPORARY_REDIRECT, headers={"Location": url}, body=b"")

    def refused(self, world: World, refusal: Refusal) -> Answer:
        """See Dialect.refused."""
        body = {"message": refusal.message, "url": f"{world.places.url}/api/swagger"}
        return Answer(status=refusal.status, headers=refusal.headers, body=body)
