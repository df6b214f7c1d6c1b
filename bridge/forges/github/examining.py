"""How the bridge stands with GitHub: what its credential may do, its hook, what is left.

Sources: GitHub's OpenAPI description; docs.github.com, "Scopes for OAuth apps" and "Rate limits
for the REST API". What a fine-grained token may do is told nowhere.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import Field

from bridge.domain.errors import NotAllowedError, NotFoundError
from bridge.domain.examining import Budget, Credentials, SentDelivery, Wants
from bridge.domain.vcs import Permission, Repository
from bridge.forges.github import hooks
from bridge.forges.github.answers import HookAnswer, HookDeliveryAnswer, UserAnswer
from bridge.forges.github.api import GitHubApi
from bridge.forges.wire import Answer, OwnRightsAnswer, parse, repository_path
from bridge.http import Response
from bridge.ports import InstalledHook

APP_HOOK = "app"
"""Stands for the id of an App's own hook, which has none."""

_LOOKED_AT = 20
_LEVELS = ("", "read", "write", "admin")
_NEEDED = {
    "contents": ("read", "read which files changed"),
    "issues": ("write", "comment"),
    "pull_requests": ("write", "read and comment pull requests"),
    "statuses": ("write", "set commit statuses"),
}
"""What an App needs, at least how much of it, and what for."""
_SCOPE = "repo"
_WITHOUT_SCOPE = f"the token lacks the scope {_SCOPE}, without which it can neither read nor write"
_TEAM_SCOPES = ("read:org", "write:org", "admin:org")
_SEE_TEAMS = "see who is in the teams that access names"
_WITHOUT_TEAMS = (
    f"the token lacks the scope {_TEAM_SCOPES[0]}, without which it cannot {_SEE_TEAMS}"
)
_OPTIONAL_EVENTS = ("merge_group", "pull_request_review")
"""An App is offered the first only with a permission for merge queues; neither starts a plan."""


class _AppAnswer(Answer):
    slug: str
    permissions: dict[str, str] = Field(default_factory=dict)
    events: list[str] = Field(default_factory=list)


class _HookConfigAnswer(Answer):
    url: str = ""
    secret: str | None = None
    insecure_ssl: str | int = "0"


class _RateAnswer(Answer):
    limit: int
    remaining: int
    reset: int


class _RatesAnswer(Answer):
    rate: _RateAnswer


async def credentials_of_app(api: GitHubApi, wants: Wants) -> Credentials:
    """Read what the App was given."""
    app = parse(_AppAnswer, await api.request("GET", "/app", slug=None))
    return Credentials(
        login=f"{app.slug}[bot]",
        kind="GitHub App",
        rights=tuple(sorted(f"{name}: {level}" for name, level in app.permissions.items())),
        problems=tuple(_missing(app.permissions, wants)),
    )


async def credentials_of_token(api: GitHubApi, wants: Wants) -> Credentials:
    """Read whose the token is; a classic one tells its scopes, too."""
    response = await api.request("GET", "/user", slug=None)
    told = response.headers.get("x-oauth-scopes")
    scopes = None if told is None else tuple(sorted(filter(None, map(str.strip, told.split(",")))))
    return Credentials(
        login=parse(UserAnswer, response).login,
        kind="fine-grained token" if scopes is None else "classic token",
        rights=scopes,
        problems=() if scopes is None else tuple(_missing_scopes(scopes, wants)),
        expires_at=_expiry(response),
    )


async def hook_of_app(api: GitHubApi) -> InstalledHook:
    """Read the App's own hook as if it were a repository's."""
    app = parse(_AppAnswer, await api.request("GET", "/app", slug=None))
    try:
        config = parse(_HookConfigAnswer, await api.request("GET", "/app/hook/config", slug=None))
    except NotFoundError:
        config = _HookConfigAnswer()
    events = [*app.events, *_OPTIONAL_EVENTS]
    answer = HookAnswer.model_validate(
        {"id": 0, "active": True, "events": events, "config": config.model_dump()}
    )
    return replace(hooks.installed(answer), id=APP_HOOK, events=tuple(sorted(app.events)))


async def own_permission(api: GitHubApi, repository: Repository) -> Permission | None:
    """Read what the token's account may do in a repository."""
    slug = repository.ref.slug
    response = await api.request("GET", repository_path(slug), slug=slug)
    return parse(OwnRightsAnswer, response).value()


async def lacking_rights(api: GitHubApi, repository: Repository) -> list[str]:
    """List comments and pull requests, and return what GitHub says where it refuses."""
    slug, found = repository.ref.slug, []
    below = repository_path(slug)
    for path in (f"{below}/issues/comments", f"{below}/pulls"):
        try:
            await api.request("GET", path, slug=slug, params={"per_page": 1})
        except NotAllowedError as error:
            found.append(str(error))
    return found


async def last_deliveries(
    api: GitHubApi, hook: InstalledHook, repository: Repository | None
) -> Sequence[SentDelivery]:
    """Read the newest attempts to deliver to a hook."""
    slug = repository.ref.slug if repository else None
    path = f"{repository_path(slug)}/hooks/{hook.id}/deliveries" if slug else hooks.APP_DELIVERIES
    response = await api.request("GET", path, slug=slug, params={"per_page": _LOOKED_AT})
    return [
        SentDelivery(delivered_at=one.delivered_at, status=one.status_code)
        for one in parse(list[HookDeliveryAnswer], response)
    ]


async def budget(api: GitHubApi, slug: str | None) -> Budget | None:
    """Ask how many requests are left, which costs none; None where they are not counted."""
    try:
        response = await api.request("GET", "/rate_limit", slug=slug)
    except NotFoundError:  # an Enterprise Server without limits
        return None
    rate = parse(_RatesAnswer, response).rate
    return Budget(
        limit=rate.limit,
        remaining=rate.remaining,
        resets_at=datetime.fromtimestamp(rate.reset, UTC),
    )


def _missing(held: Mapping[str, str], wants: Wants) -> Iterable[str]:
    for name, (level, purpose) in _needed(wants).items():
        if _rank(held.get(name, "")) < _rank(level):
            yield f"the App lacks the permission {name}: {level}, without which it cannot {purpose}"


def _needed(wants: Wants) -> Mapping[str, tuple[str, str]]:
    needed = dict(_NEEDED)
    if wants.merges:
        needed["contents"] = ("write", "merge")
    if wants.checks:
        needed["checks"] = ("read", "read the checks that are required to merge")
    if wants.teams:
        needed["members"] = ("read", _SEE_TEAMS)
    return needed


def _missing_scopes(held: Collection[str], wants: Wants) -> Iterable[str]:
    if _SCOPE not in held:
        yield _WITHOUT_SCOPE
    if wants.teams and not set(held) & set(_TEAM_SCOPES):
        yield _WITHOUT_TEAMS


def _rank(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else 0


def _expiry(response: Response) -> datetime | None:
    """Read when the token ends; ``2026-12-24 12:00:00 UTC``, or with an offset."""
    told = response.headers.get("github-authentication-token-expiration", "")
    try:
        moment = datetime.fromisoformat(told.replace(" UTC", "+00:00"))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
