"""Teams of organizations on Gitea and Forgejo: found by name, asked by id."""

from bridge.domain.errors import NotFoundError
from bridge.forges.gitea.api import pages
from bridge.forges.wire import Answer
from bridge.http import HttpClient, segment


class _Team(Answer):
    id: int
    name: str


async def in_team(http: HttpClient, login: str, team: str) -> bool:
    """See Forge.in_team.

    The bridge's account must belong to the organization to find the team, and be one of its owners
    or in the team itself to ask who else is: otherwise it is refused.
    """
    organization, _, name = team.partition("/")
    path = f"/orgs/{segment(organization)}/teams"
    try:
        async for page in pages(http, path, _Team):
            for one in page:
                if one.name.lower() == name.lower():
                    await http.request("GET", f"/teams/{one.id}/members/{segment(login)}")
                    return True
    except NotFoundError:
        return False
    return False
