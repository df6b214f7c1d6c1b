"""Where the code of workspaces is, and which commit of it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge.decisions.asking import Refuse
from bridge.decisions.repositories import Matcher
from bridge.decisions.starting import StartCommand, choose_branch, no_branch_text
from bridge.domain.terrakube import Workspace
from bridge.domain.vcs import Branch, Repository, RepositoryRef
from bridge.ports import Forge
from bridge.routing import Services
from bridge.services.locating import repository_of

_ELSEWHERE: Final = RepositoryRef(forge="", id="", slug="")
"""The code is on no forge that is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A workspace, and its repository.

    Attributes:
        found: The forge that has it; None when no configured one does.
    """

    workspace: Workspace
    found: tuple[Forge, Repository] | None

    @property
    def ref(self) -> RepositoryRef:
        """The repository, as a run names it."""
        return self.found[1].ref if self.found else _ELSEWHERE


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What runs.

    Attributes:
        branch: Empty for whichever Terrakube takes.
        commit: Full id; empty where nobody can say it.
    """

    branch: str
    commit: str


async def find_places(workspaces: Sequence[Workspace], services: Services) -> Sequence[Place]:
    """Find the repository of each workspace; those that share one are looked up once.

    Raises:
        TemporaryRemoteError: A forge that may have one did not answer.
    """
    matcher = Matcher(ssh_hosts=services.policy.ssh_hosts)
    sources = dict.fromkeys(one.source for one in workspaces)
    found = {one: await repository_of(one, services.forges, matcher) for one in sources}
    return [Place(workspace=one, found=found[one.source]) for one in workspaces]


Heads: TypeAlias = dict[tuple[str, str], Branch | None]
"""What branches were found at, by their repository's key and name."""


async def find_code(command: StartCommand, place: Place, heads: Heads) -> Refuse | Code:
    """Find the commit a run takes: what its branch is at just now.

    Args:
        command: What is said.
        place: Where.
        heads: Of the same command, so that workspaces that share a branch run one commit; what is
            found is added.

    Raises:
        RemoteError: The forge does not say.
    """
    if place.found is None:
        branch = choose_branch(command, place.workspace)
        # Which one the workspace follows Terrakube knows by itself.
        named = command.source.branch and branch
        return branch if isinstance(branch, Refuse) else Code(branch=str(named), commit="")
    forge, repository = place.found
    branch = choose_branch(command, place.workspace, default=repository.default_branch or "")
    if isinstance(branch, Refuse):
        return branch
    known_as = (repository.ref.key, branch)
    if known_as not in heads:
        heads[known_as] = await forge.branch(repository.ref, branch) if branch else None
    if (head := heads[known_as]) is not None:
        return Code(branch=branch, commit=head.sha)
    known = [one.name for one in await forge.branches(repository.ref)]
    workspace = "" if command.source.branch else str(place.workspace.ref)
    return no_branch_text(branch, repository.ref.slug, known, workspace)
