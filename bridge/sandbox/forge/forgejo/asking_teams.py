"""Asking Forgejo about teams, as far as members of an organization may."""

from http import HTTPStatus

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.forgejo.paging import page
from bridge.sandbox.forge.forgejo.shapes import user
from bridge.sandbox.forge.model import Account, Team
from bridge.sandbox.forge.routes import Answer, Api, Refusal

api = Api()

OWNERS = "owners"


@api.on("GET /orgs/{org}/teams", right="organization:read", paged=True)
async def list_teams(call: Call) -> Answer:
    """List an organization's teams to its members."""
    organization = call.world.accounts.get(call.parameters["org"].lower())
    if organization is None:
        raise not_found()
    if not any(_has(team, call.actor) for team in organization.teams.values()):
        raise Refusal(HTTPStatus.FORBIDDEN, "Must be an organization member")
    shown, headers = page(call, list(organization.teams.values()))
    body = [{"id": one.id, "name": one.slug, "permission": "write"} for one in shown]
    return Answer(body=body, headers=headers)


@api.on("GET /teams/{id:int}/members/{login}", right="organization:read")
async def member(call: Call) -> Answer:
    """Show a member to those in the team, and to owners of the organization."""
    team = _team(call)
    owners = team.organization.teams.get(OWNERS)
    if not (_has(team, call.actor) or (owners is not None and _has(owners, call.actor))):
        raise Refusal(HTTPStatus.FORBIDDEN, "Must be a team member")
    login = call.parameters["login"].lower()
    if login not in team.members:
        raise not_found()
    return Answer(body=user(call.world, call.world.account(login)))


def _team(call: Call) -> Team:
    for account in call.world.accounts.values():
        for team in account.teams.values():
            if team.id == call.number("id"):
                return team
    raise not_found()


def _has(team: Team, account: Account) -> bool:
    return account.login.lower() in team.members or account.site_admin
