"""Accounts and Apps as GitHub shows them. Source of the fields: its OpenAPI description."""

from base64 import b64encode
from urllib.parse import quote

from bridge.sandbox.forge.model import Account, App, Kind
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp
from bridge.sandbox.forge.world import World

_URLS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def node_id(kind: str, number: int) -> str:
    """Return an id as GraphQL has them."""
    return b64encode(f"{kind}:{number}".encode()).decode()


def user(world: World, account: Account) -> Json:
    """Show an account as it stands in everything it does."""
    url = f"{world.places.api_url}/users/{quote(account.login)}"
    page = f"apps/{account.login.removesuffix('[bot]')}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(account.kind.value, account.id),
        "avatar_url": f"{world.places.url}/avatars/u/{account.id}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{world.places.url}/{page if account.kind is Kind.BOT else account.login}",
        **{name: url + rest for name, rest in _URLS.items()},
        "type": account.kind.value,
        "site_admin": account.site_admin,
        "user_view_type": "public",
    }


def user_or_none(world: World, account: Account | None) -> Json | None:
    """Show an account; None for one that is gone."""
    return None if account is None else user(world, account)


def public_user(world: World, account: Account) -> Json:
    """Show an account to itself (``GET /user``)."""
    return {
        **user(world, account),
        "name": account.login.title(),
        "company": None,
        "blog": "",
        "location": None,
        "email": account.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(one.owner is account for one in world.repositories.values()),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(account.created_at),
        "updated_at": stamp(account.created_at),
    }


def organization(world: World, account: Account) -> Json:
    """Show an organization as deliveries do."""
    url = f"{world.places.api_url}/orgs/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(account.kind.value, account.id),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{world.places.url}/avatars/u/{account.id}",
        "description": "",
    }


def app(world: World, one: App) -> Json:
    """Show an App to itself (``GET /app``), or as the author of a comment."""
    return {
        "id": one.id,
        "client_id": one.client_id,
        "slug": one.slug,
        "node_id": node_id("Integration", one.id),
        "owner": user(world, one.owner),
        "name": one.slug,
        "description": "",
        "external_url": world.places.url,
        "html_url": f"{world.places.url}/apps/{one.slug}",
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
        "permissions": dict(one.permissions),
        "events": one.hook.events if one.hook else [],
        "installations_count": len(one.installations),
    }


def installation(world: World, one: App, account: Account) -> Json:
    """Show where an App is installed."""
    number = one.installations[account.login.lower()]
    url = f"{world.places.api_url}/app/installations/{number}"
    return {
        "id": number,
        "account": user(world, account),
        "repository_selection": "all",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{world.places.api_url}/installation/repositories",
        "html_url": f"{world.places.url}/settings/installations/{number}",
        "app_id": one.id,
        "client_id": one.client_id,
        "app_slug": one.slug,
        "target_id": account.id,
        "target_type": Kind.ORGANIZATION.value
        if account.kind is Kind.ORGANIZATION
        else Kind.USER.value,
        "permissions": dict(one.permissions),
        "events": one.hook.events if one.hook else [],
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }
