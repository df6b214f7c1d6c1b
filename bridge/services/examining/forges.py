"""Looking at a forge: the bridge's account there, its repositories and their webhooks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bridge.decisions.examining import forges, hooks
from bridge.decisions.examining.hooks import Door
from bridge.decisions.examining.wording import timed_out, unasked
from bridge.decisions.repositories import Matcher
from bridge.domain.errors import (
    BridgeError,
    NotAllowedError,
    NotFoundError,
    TemporaryRemoteError,
)
from bridge.domain.examining import Finding, HookSeen, Level, RepositorySeen, Wants
from bridge.domain.vcs import Repository
from bridge.ports import Clock, ExaminedForge, InstalledHook
from bridge.services.examining.checks import Check

MOST = 50
"""Repositories that are looked at; each takes three or four requests."""

_AT_ONCE = 8

Sources = Mapping[str, tuple[str, ...]]
"""Slugs in lower case, and the addresses under which workspaces name each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Looked:
    """What became of a look at a repository; *silence*: nobody answered."""

    seen: RepositorySeen
    repository: Repository | None = None
    silence: TemporaryRemoteError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeExam:
    """A forge beside the settings.

    Attributes:
        door: Where it is to deliver.
        wants: What the settings ask of it, besides.
        repositories: Says which repositories matter there; waits for Terrakube at most as long
            as a check.
    """

    forge: ExaminedForge
    door: Door
    matcher: Matcher
    clock: Clock
    repositories: Callable[[], Awaitable[Sources]]
    wants: Wants

    def checks(self, patience: float) -> list[Check]:
        """List the checks.

        Each may take *patience* seconds; that of the repositories as long again for them, after
        Terrakube and the database said which those are.
        """

        async def look_at_repositories() -> Sequence[Finding]:
            return await self._repositories(patience)

        looks = (
            ("account", self._account, patience),
            ("webhook of the App", self._own_hook, patience),
            ("repositories", look_at_repositories, 3 * patience),
        )
        return [
            Check(area=self.door.forge, what=what, look=look, patience=allowed)
            for what, look, allowed in looks
        ]

    async def _account(self) -> Sequence[Finding]:
        seen = await self.forge.credentials(self.wants)
        found = forges.judge_credentials(self.door.forge, seen, self.clock.now())
        if seen.rights is None:
            found += forges.judge_lacking(self.door.forge, await self._unseen_teams(seen.login))
        return found

    async def _unseen_teams(self, login: str) -> Sequence[str]:
        """Ask for each team, where it is not told otherwise that it may be asked for."""
        found: list[str] = []
        for team in self.wants.teams:
            try:
                await self.forge.in_team(login, team)
            except NotAllowedError as error:
                found.append(f"it may not see who is in {team}, which access names: {error}")
        return found

    async def _own_hook(self) -> Sequence[Finding]:
        hook = await self.forge.own_hook()
        if hook is None:
            return []
        seen = await self._hook(hook, None) if hook.url else HookSeen(url="")
        return hooks.judge_own_hook(self.door, seen)

    async def _repositories(self, patience: float) -> Sequence[Finding]:
        wanted = await self.repositories()
        if not wanted:
            return [_line(self.door, "none is known here yet, so none was looked at")]
        turns = asyncio.Semaphore(_AT_ONCE)
        looks = [
            self._repository(turns, slug, sources, patience=patience)
            for slug, sources in list(wanted.items())[:MOST]
        ]
        door, looked = await asyncio.gather(self._known_door(patience), asyncio.gather(*looks))
        silences = [one.silence for one in looked if one.silence]
        if len(silences) == len(looked):
            raise silences[0]
        found = hooks.judge_repositories(door, [one.seen for one in looked], self.matcher)
        repository = next((one.repository for one in looked if one.repository), None)
        if repository is not None:
            found += await self._further(repository, patience)
        if len(wanted) > MOST:
            found.append(_line(door, f"{len(wanted) - MOST} more were not looked at"))
        return found

    async def _known_door(self, patience: float) -> Door:
        """Learn what the account needs, and whether every repository needs a hook of its own."""
        try:
            async with asyncio.timeout(patience):
                needs = (await self.forge.credentials(self.wants)).needs
                own = await self.forge.own_hook()
        except (TimeoutError, BridgeError):  # a line of its own says so
            return self.door
        return replace(self.door, needs=needs, has_own_hook=own is not None and bool(own.url))

    async def _further(self, repository: Repository, patience: float) -> Sequence[Finding]:
        """Look at what takes a repository to ask."""
        area = self.door.forge
        try:
            async with asyncio.timeout(patience):
                lacking = await self.forge.lacking_rights(repository)
                budget = await self.forge.budget(repository)
        except TimeoutError:
            return [timed_out(area, "rate limit", patience)]
        except BridgeError as error:
            return [unasked(area, "rate limit", error)]
        return [
            *forges.judge_lacking(area, lacking),
            *forges.judge_budget(area, budget, self.clock.now()),
        ]

    async def _repository(
        self, turns: asyncio.Semaphore, slug: str, sources: tuple[str, ...], *, patience: float
    ) -> _Looked:
        seen = RepositorySeen(slug=slug, sources=sources)
        try:
            async with turns, asyncio.timeout(patience):
                repository = await self.forge.repository(slug)
                seen = replace(
                    seen,
                    slug=repository.ref.slug,
                    id=repository.ref.id,
                    clone_urls=repository.clone_urls,
                    own=await self.forge.own_permission(repository),
                    hooks=await self._hooks(repository),
                )
        except TimeoutError:
            trouble = f"no answer within {patience:g} s"
            silence = TemporaryRemoteError(trouble, service=self.forge.name)
            return _Looked(seen=replace(seen, trouble=trouble), silence=silence)
        except TemporaryRemoteError as error:
            return _Looked(seen=replace(seen, trouble=str(error)), silence=error)
        except BridgeError as error:
            absent = isinstance(error, NotFoundError | NotAllowedError)
            return _Looked(seen=replace(seen, trouble=str(error), absent=absent))
        return _Looked(seen=seen, repository=repository)

    async def _hooks(self, repository: Repository) -> tuple[HookSeen, ...] | None:
        """Look at the hooks that deliver here; None where the account may not see them."""
        try:
            found = await self.forge.hooks(repository)
        except (NotAllowedError, NotFoundError):
            return None
        ours = [one for one in found if self.door.is_here(one.url)]
        return tuple([await self._hook(one, repository) for one in ours])

    async def _hook(self, hook: InstalledHook, repository: Repository | None) -> HookSeen:
        deliveries = await self.forge.last_deliveries(hook, repository)
        return HookSeen(
            url=hook.url,
            problems=hook.problems,
            deliveries=None if deliveries is None else tuple(deliveries),
        )


def _line(door: Door, detail: str) -> Finding:
    return Finding(area=door.forge, what="repositories", level=Level.WARNING, detail=detail)
