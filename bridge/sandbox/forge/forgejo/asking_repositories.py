"""Asking Forgejo about accounts and repositories, and making them."""

from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.forgejo.shapes import repository, user
from bridge.sandbox.forge.model import Access, Account, Kind, Repository
from bridge.sandbox.forge.pulls import delete_repository
from bridge.sandbox.forge.repositories import fork, start_repository
from bridge.sandbox.forge.routes import Answer, Api, Body, Refusal
from bridge.sandbox.forge.world import TakenError

api = Api()

_NEW = Body(
    required={"name": str},
    optional={"private": bool, "description": str, "auto_init": bool, "default_branch": str},
)
_WORDS = {
    Access.NONE: "none",
    Access.READ: "read",
    Access.WRITE: "write",
    Access.ADMIN: "admin",
}


@api.on("GET /version")
async def version(call: Call) -> Answer:
    """Say which version it would be."""
    return Answer(body={"version": "10.0.0-dev+gitea-1.22.0"})


@api.on("GET /settings/api")
async def settings(call: Call) -> Answer:
    """Say how large pages may be."""
    limits = call.limits
    body = {"max_response_items": limits.page, "default_paging_num": limits.default_page}
    return Answer(body={**body, "default_git_trees_per_page": 1000})


@api.on("GET /user", right="user:read")
async def whoami(call: Call) -> Answer:
    """Show the token's own account."""
    return Answer(body=user(call.world, call.actor))


@api.on("GET /orgs/{org}", right="organization:read")
async def organization(call: Call) -> Answer:
    """Show an organization; a person is none."""
    one = _organization(call)
    return Answer(body={"id": one.id, "name": one.login, "username": one.login})


def _organization(call: Call) -> Account:
    one = call.world.accounts.get(call.parameters["org"].lower())
    if one is None or one.kind is not Kind.ORGANIZATION:
        raise not_found()
    return one


@api.on("POST /user/repos", right="user:write", body=_NEW)
async def create_own(call: Call) -> Answer:
    """Make a repository of the token's account."""
    return await _create(call, call.actor.login)


@api.on("POST /orgs/{org}/repos", right="organization:write", body=_NEW)
async def create_in_organization(call: Call) -> Answer:
    """Make a repository of an organization."""
    return await _create(call, _organization(call).login)


async def _create(call: Call, owner: str) -> Answer:
    try:
        made = await call.world.add_repository(
            f"{owner}/{call.text('name')}",
            private=call.flag("private"),
            default_branch=call.text("default_branch", "main"),
        )
    except TakenError as error:
        raise _taken() from error
    call.world.give_access(made, call.actor.login, Access.ADMIN)
    if call.flag("auto_init"):
        await start_repository(call.world, made, call.actor)
    return await _shown(call, made, status=HTTPStatus.CREATED)


def _taken() -> Refusal:
    return Refusal(HTTPStatus.CONFLICT, "The repository with the same name already exists.")


async def _shown(call: Call, one: Repository, *, status: int = HTTPStatus.OK) -> Answer:
    empty = not await one.git.refs()
    return Answer(status=status, body=repository(call.world, one, call.caller.account, empty=empty))


@api.on(
    "POST /repos/{owner}/{repo}/forks",
    right="repository:write",
    body=Body(optional={"organization": str, "name": str}),
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
    return await _shown(call, made, status=HTTPStatus.ACCEPTED)


@api.on("GET /repositories/{repository_id:int}", right="repository:read")
async def read_by_id(call: Call) -> Answer:
    """Show a repository."""
    return await _shown(call, call.repository)


@api.on("GET /repos/{owner}/{repo}", right="repository:read")
async def read(call: Call) -> Answer:
    """Show a repository."""
    return await _shown(call, call.repository)


@api.on(
    "PATCH /repos/{owner}/{repo}",
    right="repository:write",
    access=Access.ADMIN,
    body=Body(optional={"name": str, "default_branch": str, "archived": bool, "private": bool}),
)
async def change(call: Call) -> Answer:
    """Rename a repository, archive it, give it another default branch."""
    one = call.repository
    if "name" in call.body:
        call.world.rename_repository(one, f"{one.owner.login}/{call.text('name')}")
    one.default_branch = call.text("default_branch", one.default_branch)
    one.archived = call.flag("archived", default=one.archived)
    one.private = call.flag("private", default=one.private)
    return await _shown(call, one)


@api.on("DELETE /repos/{owner}/{repo}", right="repository:write", access=Access.ADMIN)
async def delete(call: Call) -> Answer:
    """Delete a repository."""
    await delete_repository(call.world, call.repository, call.actor)
    return Answer(status=HTTPStatus.NO_CONTENT)


@api.on("GET /repos/{owner}/{repo}/collaborators/{login}/permission", right="repository:read")
async def permission(call: Call) -> Answer:
    """Say what somebody may do, to administrators only: others are refused about themselves too."""
    if call.access(call.actor) < Access.ADMIN:
        msg = "Only admins can query all permissions, repo admins can query all repo permissions"
        raise Refusal(HTTPStatus.FORBIDDEN, msg)
    account = call.world.accounts.get(call.parameters["login"].lower())
    if account is None:
        raise not_found()
    is_owner = account is call.repository.owner or account.site_admin
    word = "owner" if is_owner else _WORDS[call.access(account)]
    body = {"permission": word, "role_name": word, "user": user(call.world, account)}
    return Answer(body=body)


@api.on("GET /repos/{owner}/{repo}/assignees", right="repository:read")
async def assignees(call: Call) -> Answer:
    """List who may be assigned: writers, and in an organization readers of pull requests, too."""
    where = call.repository
    is_personal = where.owner.kind is not Kind.ORGANIZATION
    least = Access.WRITE if is_personal else Access.READ
    found = [call.world.account(login) for login, held in where.access.items() if held >= least]
    if is_personal and where.owner not in found:
        found.append(where.owner)
    return Answer(body=[user(call.world, one) for one in found])
