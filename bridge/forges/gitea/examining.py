"""How the bridge stands with Gitea or Forgejo.

A token's scopes are told to nobody but its owner's password: a call that needs one it lacks is
refused, and names it. So what only reads is tried; what writes shows with the first comment.
"""

from bridge.domain.errors import NotAllowedError
from bridge.domain.examining import Credentials
from bridge.domain.vcs import Permission, Repository
from bridge.forges.gitea.answers import UserAnswer
from bridge.forges.wire import Answer, OwnRightsAnswer, parse, repository_path
from bridge.http import HttpClient, segment


class _VersionAnswer(Answer):
    version: str = ""


async def credentials(http: HttpClient, driver: str) -> Credentials:
    """Read whose the token is, and of which version the forge says it is."""
    user = parse(UserAnswer, await http.request("GET", "/user"))
    try:
        version = parse(_VersionAnswer, await http.request("GET", "/version")).version
    except NotAllowedError:  # an instance may keep it to itself
        version = ""
    return Credentials(
        login=user.login,
        kind=f"token, {driver} {version}".strip(),
        needs=Permission.ADMIN,  # only administrators are told what others may do
    )


async def own_permission(http: HttpClient, repository: Repository) -> Permission | None:
    """Read what the token's account may do in a repository."""
    response = await http.request("GET", f"/repositories/{segment(repository.ref.id)}")
    return parse(OwnRightsAnswer, response).value()


async def lacking_rights(http: HttpClient, repository: Repository) -> list[str]:
    """List comments and pull requests, and return what the forge says where it refuses."""
    below, found = repository_path(repository.ref.slug), []
    for path in (f"{below}/issues/comments", f"{below}/pulls"):
        try:
            await http.request("GET", path, params={"limit": 1})
        except NotAllowedError as error:
            found.append(str(error))
    return found
