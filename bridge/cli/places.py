"""Where to look: organizations and workspaces as people write them, patterns welcome.

Only functions import this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bridge.cli.terrakube import NO_ORGANIZATION, find_workspace, named_organization
from bridge.decisions.paths import check_glob, matches
from bridge.domain.errors import MissingError, UserError
from bridge.domain.terrakube import Organization, Workspace
from bridge.terrakube import TerrakubeServer

_SPECIAL = frozenset("*?[]{}!()|")


@dataclass(frozen=True, slots=True)
class Place:
    """Some organizations and some of their workspaces.

    Attributes:
        organizations: A name or a glob.
        workspaces: A name or a glob; empty for all.
    """

    organizations: str = "*"
    workspaces: str = ""

    @classmethod
    def of(cls, text: str) -> Self:
        """Read ``organization``, ``organization/workspace``, or either with globs; empty for all.

        Raises:
            UserError: It is none of them.
        """
        organizations, slash, workspaces = text.partition("/")
        if slash and (not organizations or not workspaces or "/" in workspaces):
            msg = f"{text!r} is no place: write organization or organization/workspace"
            raise UserError(msg)
        for glob in (one for one in (organizations, workspaces) if one):
            problem = check_glob(glob)
            if problem is not None:
                msg = f"the pattern {glob!r} {problem}"
                raise UserError(msg)
        return cls(organizations or "*", workspaces)

    @property
    def is_one_workspace(self) -> bool:
        """Whether it names exactly one workspace."""
        return bool(self.workspaces) and not _is_glob(self.organizations + self.workspaces)

    async def find_organizations(self, server: TerrakubeServer) -> Sequence[Organization]:
        """Read the organizations it means.

        Raises:
            MissingError: It names one that is not there, or there is none at all.
        """
        visible = await server.organizations()
        if not _is_glob(self.organizations):
            return [named_organization(visible, self.organizations)]
        if not visible:
            raise MissingError(NO_ORGANIZATION)
        return [one for one in visible if matches(one.name, [self.organizations])]

    async def find_workspaces(
        self, server: TerrakubeServer
    ) -> Sequence[tuple[Organization, Sequence[Workspace]]]:
        """Read the workspaces it means, by organization; patterns may mean none.

        Raises:
            MissingError: It names something that is not there.
        """
        if self.is_one_workspace:
            one = await find_workspace(server, f"{self.organizations}/{self.workspaces}")
            organization = Organization(id=one.ref.organization_id, name=one.ref.organization)
            return [(organization, [one])]
        return [
            (organization, self._those(await server.workspaces(organization)))
            for organization in await self.find_organizations(server)
        ]

    def _those(self, workspaces: Sequence[Workspace]) -> list[Workspace]:
        glob = self.workspaces or "*"
        return [one for one in workspaces if matches(one.ref.name, [glob])]


def _is_glob(text: str) -> bool:
    return not _SPECIAL.isdisjoint(text)
