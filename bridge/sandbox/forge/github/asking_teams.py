"""Asking GitHub about teams, and where an App is installed for an organization."""

from bridge.sandbox.forge.calls import Call, not_found
from bridge.sandbox.forge.github.people import installation
from bridge.sandbox.forge.routes import Answer, Api

api = Api()


@api.on("GET /orgs/{org}/installation", app=True)
async def find_installation(call: Call) -> Answer:
    """Show the installation that covers an organization."""
    account = call.world.accounts.get(call.parameters["org"].lower())
    app = call.world.app
    if app is None or account is None or account.login.lower() not in app.installations:
        raise not_found()
    return Answer(body=installation(call.world, app, account))


@api.on("GET /orgs/{org}/teams/{team}/memberships/{login}", right="members:read")
async def membership(call: Call) -> Answer:
    """Show what somebody is to a team; who is nothing is not found."""
    organization = call.world.accounts.get(call.parameters["org"].lower())
    team = organization.teams.get(call.parameters["team"].lower()) if organization else None
    login = call.parameters["login"].lower()
    if organization is None or team is None or login not in team.members | team.invited:
        raise not_found()
    url = f"{call.world.places.api_url}/organizations/{organization.id}/team/{team.id}"
    return Answer(
        body={
            "state": "active" if login in team.members else "pending",
            "role": "member",
            "url": f"{url}/memberships/{login}",
        }
    )
