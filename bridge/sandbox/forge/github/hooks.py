"""Webhooks and their deliveries as GitHub shows them. Source: its OpenAPI description."""

from bridge.sandbox.forge.delivering import Attempt
from bridge.sandbox.forge.github.repositories import api_url
from bridge.sandbox.forge.model import Hook
from bridge.sandbox.forge.routes import Json
from bridge.sandbox.forge.times import stamp
from bridge.sandbox.forge.world import World


def hook(world: World, one: Hook) -> Json:
    """Show a repository's hook; its secret is starred out."""
    assert one.repository is not None  # noqa: S101 - an App's hook is not asked for
    url = f"{api_url(world, one.repository)}/hooks/{one.id}"
    return {
        "type": "Repository",
        "id": one.id,
        "name": "web",
        "active": one.active,
        "events": list(one.events),
        "config": {
            "content_type": one.content_type,
            "insecure_ssl": one.insecure_ssl,
            "url": one.url,
            **({"secret": "********"} if one.secret else {}),
        },
        "updated_at": stamp(one.updated_at),
        "created_at": stamp(one.created_at),
        "url": url,
        "test_url": f"{url}/test",
        "ping_url": f"{url}/pings",
        "deliveries_url": f"{url}/deliveries",
        "last_response": _last_response(one.last_code),
    }


def _last_response(code: int | None) -> Json:
    if code is None:
        return {"code": None, "status": "unused", "message": None}
    is_ok = 200 <= code < 300  # noqa: PLR2004 - the 2xx
    return {
        "code": code,
        "status": "active" if is_ok else "misconfigured",
        "message": "OK" if is_ok else f"Invalid HTTP Response: {code}",
    }


def delivery(world: World, one: Attempt) -> Json:
    """Show a delivery in a list."""
    app = world.app
    owner = one.repository.owner.login.lower() if one.repository else ""
    installation = app.installations.get(owner) if app and one.hook is app.hook else None
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": stamp(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": installation,
        "repository_id": one.repository.id if one.repository else None,
        "throttled_at": None,
    }
