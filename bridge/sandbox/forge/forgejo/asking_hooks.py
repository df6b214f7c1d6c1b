"""Asking Forgejo about webhooks, and making them."""

from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.forgejo.paging import page
from bridge.sandbox.forge.forgejo.shapes import hook
from bridge.sandbox.forge.happenings import HookTested
from bridge.sandbox.forge.model import Access, Hook
from bridge.sandbox.forge.routes import Answer, Api, Body, Json, Refusal

api = Api()

ALL = "/repos/{owner}/{repo}/hooks"
ONE = f"{ALL}/{{id:int}}"
READ, WRITE = "repository:read", "repository:write"
OF_PULL_REQUESTS = (
    "pull_request",
    "pull_request_assign",
    "pull_request_comment",
    "pull_request_label",
    "pull_request_milestone",
    "pull_request_review_approved",
    "pull_request_review_comment",
    "pull_request_review_rejected",
    "pull_request_review_request",
    "pull_request_sync",
)
EVENTS = frozenset({"create", "delete", "issue_comment", "issues", "push", *OF_PULL_REQUESTS})

_CHANGES = {
    "config": dict,
    "events": list,
    "active": bool,
    "branch_filter": str,
    "authorization_header": str,
}


@api.on(f"GET {ALL}", right=READ, access=Access.ADMIN, paged=True)
async def list_hooks(call: Call) -> Answer:
    """List a repository's hooks."""
    shown, headers = page(call, call.repository.hooks)
    return Answer(body=[hook(one) for one in shown], headers=headers)


@api.on(
    f"POST {ALL}",
    right=WRITE,
    access=Access.ADMIN,
    body=Body(required={"type": str, "config": dict}, optional=_CHANGES),
)
async def create(call: Call) -> Answer:
    """Make a hook, inactive unless it is said; unknown events are dropped without a word."""
    config = _config(call)
    if call.text("type") not in {"forgejo", "gitea"} or "url" not in config:
        msg = "Invalid hook type or config"
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
    one = Hook(
        id=call.world.next_id(),
        kind=call.text("type"),
        repository=call.repository,
        url=config["url"],
        secret=config.get("secret", ""),
        events=_events(call),
        content_type=config.get("content_type", "json"),
        active=call.flag("active"),
        created_at=call.world.now(),
        updated_at=call.world.now(),
        branch_filter=call.text("branch_filter"),
        authorization=call.text("authorization_header"),
    )
    call.repository.hooks.append(one)
    return Answer(status=HTTPStatus.CREATED, body=hook(one))


@api.on(f"GET {ONE}", right=READ, access=Access.ADMIN)
async def read(call: Call) -> Answer:
    """Show a hook."""
    return Answer(body=hook(_hook(call)))


@api.on(f"PATCH {ONE}", right=WRITE, access=Access.ADMIN, body=Body(optional=_CHANGES))
async def change(call: Call) -> Answer:
    """Change a hook: what is not said is reset, the secret stays."""
    one, config = _hook(call), _config(call)
    one.url, one.content_type = config.get("url", one.url), config.get("content_type", "json")
    one.events, one.active = _events(call), call.flag("active", default=one.active)
    one.branch_filter = call.text("branch_filter")
    one.authorization = call.text("authorization_header")
    one.updated_at = call.world.now()
    return Answer(body=hook(one))


@api.on(f"DELETE {ONE}", right=WRITE, access=Access.ADMIN)
async def delete(call: Call) -> Answer:
    """Remove a hook."""
    call.repository.hooks.remove(_hook(call))
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on(f"POST {ONE}/tests", right=WRITE, access=Access.ADMIN)
async def test(call: Call) -> Answer:
    """Send a push that goes nowhere."""
    happening = HookTested(repository=call.repository, actor=call.actor, hook=_hook(call))
    await call.world.announce(happening)
    return Answer(status=HTTPStatus.NO_CONTENT)


def _hook(call: Call) -> Hook:
    number = call.number("id")
    for one in call.repository.hooks:
        if one.id == number:
            return one
    raise not_found()


def _events(call: Call) -> list[str]:
    wanted = call.texts("events") or ["push"]
    known = {event for event in wanted if event in EVENTS}
    if "pull_request_only" in wanted:
        known.add("pull_request")
    if "pull_request" in wanted:
        known.update(OF_PULL_REQUESTS)
    return sorted(known)


def _config(call: Call) -> dict[str, str]:
    given = call.body.get("config")
    config: Json = given if isinstance(given, dict) else {}
    if not {"url", "content_type", "secret", "http_method"}.issuperset(config):
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid config", surprise=True)
    return {name: str(value) for name, value in config.items()}
