"""Teams of organizations on GitHub."""

from bridge.domain.errors import NotFoundError
from bridge.forges.github.api import GitHubApi
from bridge.forges.wire import Answer, parse
from bridge.http import segment


class _Membership(Answer):
    state: str


async def in_team(api: GitHubApi, login: str, team: str) -> bool:
    """See Forge.in_team; an invitation that nobody accepted yet is no membership."""
    organization, _, name = team.partition("/")
    path = f"/orgs/{segment(organization)}/teams/{segment(name)}/memberships/{segment(login)}"
    try:
        response = await api.request("GET", path, slug=organization)
    except NotFoundError:
        return False
    return parse(_Membership, response).state == "active"
