"""Asking GitHub about webhooks and their deliveries, making them, sending them again."""

from collections.abc import Sequence
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.delivering import Attempt
from bridge.sandbox.forge.github.hooks import delivery, hook
from bridge.sandbox.forge.github.paging import next_link, page
from bridge.sandbox.forge.happenings import HookTested
from bridge.sandbox.forge.model import Access, Hook
from bridge.sandbox.forge.routes import Answer, Api, Body, Json, Refusal

api = Api(by_id=True)

ALL = "/repos/{owner}/{repo}/hooks"
ONE = f"{ALL}/{{id:int}}"
READ, WRITE = "repository_hooks:read", "repository_hooks:write"
EVENTS = frozenset(
    {
        "*",
        "check_run",
        "check_suite",
        "create",
        "delete",
        "issue_comment",
        "merge_group",
        "pull_request",
        "pull_request_review",
        "push",
        "release",
    }
)


@api.on(f"GET {ALL}", right=READ, access=Access.ADMIN, paged=True)
async def list_hooks(call: Call) -> Answer:
    """List a repository's hooks."""
    shown, headers = page(call, call.repository.hooks)
    return Answer(body=[hook(call.world, one) for one in shown], headers=headers)


@api.on(
    f"POST {ALL}",
    right=WRITE,
    access=Access.ADMIN,
    body=Body(required={"config": dict}, optional={"name": str, "events": list, "active": bool}),
)
async def create(call: Call) -> Answer:
    """Make a hook, which is told so at once."""
    config = _config(call, {})
    if call.text("name", "web") != "web":
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", surprise=True)
    if any(one.url == config["url"] for one in call.repository.hooks):
        errors = [
            {
                "resource": "Hook",
                "code": "custom",
                "message": "Hook already exists on this repository",
            }
        ]
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", errors=errors)
    one = Hook(
        id=call.world.next_id(),
        kind="repository",
        repository=call.repository,
        url=config["url"],
        secret=config["secret"] or None,
        events=_events(call, ["push"]),
        content_type=config["content_type"],
        active=call.flag("active", default=True),
        created_at=call.world.now(),
        updated_at=call.world.now(),
        insecure_ssl=config["insecure_ssl"],
    )
    call.repository.hooks.append(one)
    await _ping(call, one)
    return Answer(status=HTTPStatus.CREATED, body=hook(call.world, one))


@api.on(f"GET {ONE}", right=READ, access=Access.ADMIN)
async def read(call: Call) -> Answer:
    """Show a hook."""
    return Answer(body=hook(call.world, _hook(call)))


@api.on(
    f"PATCH {ONE}",
    right=WRITE,
    access=Access.ADMIN,
    body=Body(optional={"config": dict, "events": list, "active": bool}),
)
async def change(call: Call) -> Answer:
    """Change a hook; a config replaces the old one, its secret included."""
    one = _hook(call)
    if "config" in call.body:
        config = _config(call, {"url": one.url})
        one.url, one.secret = config["url"], config["secret"] or None
        one.content_type, one.insecure_ssl = config["content_type"], config["insecure_ssl"]
    one.events = _events(call, one.events)
    one.active = call.flag("active", default=one.active)
    one.updated_at = call.world.now()
    return Answer(body=hook(call.world, one))


@api.on(f"DELETE {ONE}", right=WRITE, access=Access.ADMIN)
async def delete(call: Call) -> Answer:
    """Remove a hook."""
    call.repository.hooks.remove(_hook(call))
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on(f"POST {ONE}/pings", right=WRITE, access=Access.ADMIN)
async def ping(call: Call) -> Answer:
    """Tell a hook that it is there."""
    await _ping(call, _hook(call))
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on(
    f"GET {ONE}/deliveries",
    right=READ,
    access=Access.ADMIN,
    query=["status"],
    paged=True,
)
async def list_deliveries(call: Call) -> Answer:
    """List what was sent to a hook, the newest first."""
    one = _hook(call)
    return listed(call, [each for each in call.office.attempts if each.hook is one])


@api.on(f"POST {ONE}/deliveries/{{delivery_id:int}}/attempts", right=WRITE, access=Access.ADMIN)
async def redeliver(call: Call) -> Answer:
    """Send a delivery of a hook again."""
    one = _hook(call)
    return sent_again(call, [each for each in call.office.attempts if each.hook is one])


def listed(call: Call, attempts: Sequence[Attempt]) -> Answer:
    """Answer with a page of deliveries, which are led through by a cursor."""
    wanted = call.query.get("status")
    if wanted not in (None, "success", "failure"):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", surprise=True)
    size = min(int(call.query.get("per_page", call.limits.default_page)), call.limits.page)
    before = int(call.query.get("cursor", 0)) or None
    found = [
        one
        for one in sorted(attempts, key=lambda each: each.id, reverse=True)
        if (before is None or one.id < before)
        and (wanted is None or one.succeeded == (wanted == "success"))
    ]
    headers = next_link(call, found[size - 1].id) if len(found) > size else {}
    return Answer(body=[delivery(call.world, one) for one in found[:size]], headers=headers)


def sent_again(call: Call, attempts: Sequence[Attempt]) -> Answer:
    """Send the delivery in the path again."""
    number = call.number("delivery_id")
    found = next((one for one in attempts if one.id == number), None)
    if found is None:
        raise not_found()
    call.office.redeliver(found)
    return Answer(status=HTTPStatus.ACCEPTED, body={})


async def _ping(call: Call, one: Hook) -> None:
    happening = HookTested(repository=call.repository, actor=call.actor, hook=one)
    await call.world.announce(happening)


def _hook(call: Call) -> Hook:
    number = call.number("id")
    for one in call.repository.hooks:
        if one.id == number:
            return one
    raise not_found()


def _events(call: Call, default: list[str]) -> list[str]:
    if "events" not in call.body:
        return default
    events = call.texts("events")
    if not events or not EVENTS.issuperset(events):
        msg = "Validation Failed"
        errors = [{"resource": "Hook", "field": "events", "code": "custom"}]
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, errors=errors, surprise=True)
    return sorted(events)


def _config(call: Call, known: dict[str, str]) -> dict[str, str]:
    given = call.body.get("config")
    config: Json = given if isinstance(given, dict) else {}
    values = {"content_type": "form", "insecure_ssl": "0", "secret": "", **known}
    for name, value in config.items():
        if name not in {*values, "url"} or not isinstance(value, str):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", surprise=True)
        values[name] = value
    if not values.get("url", "").startswith(("http://", "https://")):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Validation Failed", surprise=True)
    return values
