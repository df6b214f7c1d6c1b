"""Looking at Terrakube."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bridge.decisions.examining import servers
from bridge.decisions.examining.templates import Stored, judge_templates, uses_of
from bridge.decisions.examining.wording import TERRAKUBE
from bridge.decisions.examining.workspaces import Home, judge_workspaces
from bridge.decisions.repositories import Matcher
from bridge.domain.examining import Finding
from bridge.domain.rules import Policy
from bridge.ports import ExaminedServer
from bridge.services.examining.checks import Check
from bridge.services.examining.holdings import Holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class TerrakubeExam:
    """Terrakube beside the settings.

    Attributes:
        url: Address of its API.
        homes: The configured forges.
        judge_token: Judges what the token says about itself; asks nobody.
        wants_hints: Whether a secret for its notifications is set.
    """

    url: str
    server: ExaminedServer
    holdings: Holdings
    policy: Policy
    homes: Sequence[Home]
    matcher: Matcher
    judge_token: Callable[[], Finding]
    wants_hints: bool

    def checks(self, patience: float) -> list[Check]:
        """List the checks; each may take *patience* seconds."""
        looks = {
            "API": self._health,
            "version": self._features,
            "token": self._token,
            "organizations": self._organizations,
            "rights": self._rights,
            "templates": self._templates,
            "workspaces": self._workspaces,
        }
        return [
            Check(area=TERRAKUBE, what=what, look=look, patience=patience)
            for what, look in looks.items()
        ]

    async def _health(self) -> Sequence[Finding]:
        return servers.judge_health(await self.server.health(), self.url)

    async def _features(self) -> Sequence[Finding]:
        features = await self.server.features()
        return servers.judge_features(features, wants_hints=self.wants_hints)

    async def _token(self) -> Sequence[Finding]:
        return [self.judge_token()]

    async def _organizations(self) -> Sequence[Finding]:
        return [servers.judge_organizations(await self.holdings.organizations())]

    async def _rights(self) -> Sequence[Finding]:
        return [
            servers.judge_rights(one.name, await self.server.permissions(one.id))
            for one in await self.holdings.organizations()
        ]

    async def _templates(self) -> Sequence[Finding]:
        return judge_templates(uses_of(self.policy), await self._stored())

    async def _workspaces(self) -> Sequence[Finding]:
        return judge_workspaces(await self.holdings.workspaces(), self.homes, self.matcher)

    async def _stored(self) -> Stored:
        return Stored(
            organizations=await self.holdings.organizations(),
            workspaces=await self.holdings.workspaces(),
            templates=await self.holdings.templates(),
        )
