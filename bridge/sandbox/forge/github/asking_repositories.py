"""Asking GitHub about accounts and repositories, and making them."""

import time
from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.people import public_user, user
from bridge.sandbox.forge.github.repositories import full, permissions
from bridge.sandbox.forge.model import Access, Kind
from bridge.sandbox.forge.pulls import delete_repository
from bridge.sandbox.forge.repositories import fork, start_repository
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal
from bridge.sandbox.forge.world import TakenError

api = Api(by_id=True)

_NEW = Body(
    required={"name": str},
    optional={
        "private": bool,
        "description": str,
        "auto_init": bool,
        "visibility": str,
        "homepage": str,
    },
)
_WORDS = {
    Access.NONE: ("none", ""),
    Access.READ: ("read", "read"),
    Access.WRITE: ("write", "write"),
    Access.ADMIN: ("admin", "admin"),
}


@api.on("GET /user")
async def whoami(call: Call) -> Answer:
    """Show the token's own account."""
    if call.caller.token is not None and call.caller.token.installation is not None:
        raise Refusal(HTTPStatus.FORBIDDEN, "Resource not accessible by integration", surprise=True)
    token, headers = call.caller.token, {}
    if token is not None and token.scopes is not None:  # a classic one
        headers["X-OAuth-Scopes"] = ", ".join(sorted(token.scopes))
    if token is not None and token.expires_at is not None:
        moment = token.expires_at.strftime("%Y-%m-%d %H:%M:%S UTC")
        headers["GitHub-Authentication-Token-Expiration"] = moment
    return Answer(body=public_user(call.world, call.actor), headers=headers)


@api.on("GET /rate_limit")
async def rate_limit(call: Call) -> Answer:
    """Say that there is enough."""
    rate = {"limit": 5000, "used": 0, "remaining": 5000, "reset": int(time.time()) + 3600}
    return Answer(body={"resources": {"core": rate, "search": rate}, "rate": rate})


@api.on("POST /user/repos", body=_NEW)
async def create_own(call: Call) -> Answer:
    """Make a repository of the token's account."""
    return await _create(call, call.actor.login)


@api.on("POST /orgs/{org}/repos", body=_NEW)
async def create_in_organization(call: Call) -> Answer:
    """Make a repository of an organization."""
    account = call.world.accounts.get(call.parameters["org"].lower())
    if account is None or account.kind is not Kind.ORGANIZATION:
        raise not_found()
    return await _create(call, account.login)


async def _create(call: Call, owner: str) -> Answer:
    try:
        made = await call.world.add_repository(
            f"{owner}/{call.text('name')}",
            private=call.flag("private"),
            default_branch="main",
        )
    except TakenError as error:
        raise _taken() from error
    call.world.give_access(made, call.actor.login, Access.ADMIN)
    if call.flag("auto_init"):
        await start_repository(call.world, made, call.actor)
    return Answer(status=HTTPStatus.CREATED, body=full(call.world, made, call.actor))


def _taken() -> Refusal:
    message = "name already exists on this account"
    errors = [{"resource": "Repository", "code": "custom", "field": "name", "message": message}]
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "Repository creation failed.", errors=errors)


@api.on(
    "POST /repos/{owner}/{repo}/forks",
    body=Body(optional={"organization": str, "name": str, "default_branch_only": bool}),
)
async def create_fork(call: Call) -> Answer:
    """Copy a repository."""
    owner = call.text("organization", call.actor.login)
    try:
        made = await fork(
            call.world, call.repository, owner, call.text("name", call.repository.name)
        )
    except TakenError as error:
        raise _taken() from error
    call.world.give_access(made, call.actor.login, Access.ADMIN)
    return Answer(status=HTTPStatus.ACCEPTED, body=full(call.world, made, call.actor))


@api.on("GET /repos/{owner}/{repo}", right="metadata:read")
async def read(call: Call) -> Answer:
    """Show a repository."""
    return Answer(body=full(call.world, call.repository, call.caller.account))


@api.on(
    "PATCH /repos/{owner}/{repo}",
    right="administration:write",
    access=Access.ADMIN,
    body=Body(
        optional={"name": str, "default_branch": str, "archived": bool, "private": bool},
    ),
)
async def change(call: Call) -> Answer:
    """Rename a repository, archive it, give it another default branch."""
    one = call.repository
    if "name" in call.body:
        call.world.rename_repository(one, f"{one.owner.login}/{call.text('name')}")
    one.default_branch = call.text("default_branch", one.default_branch)
    one.archived = call.flag("archived", default=one.archived)
    one.private = call.flag("private", default=one.private)
    return Answer(body=full(call.world, one, call.actor))


@api.on("DELETE /repos/{owner}/{repo}", right="administration:write", access=Access.ADMIN)
async def delete(call: Call) -> Answer:
    """Delete a repository."""
    await delete_repository(call.world, call.repository, call.actor)
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on(
    "GET /repos/{owner}/{repo}/collaborators/{login}/permission",
    right="metadata:read",
    access=Access.WRITE,
)
async def permission(call: Call) -> Answer:
    """Say what somebody may do; an account that does not exist is not found."""
    account = call.world.accounts.get(call.parameters["login"].lower())
    if account is None:
        raise not_found()
    access = call.access(account)
    word, role = _WORDS[access]
    return Answer(
        body={
            "permission": word,
            "role_name": role,
            "user": {
                **user(call.world, account),
                "permissions": permissions(access),
                "role_name": role,
            },
        }
    )
