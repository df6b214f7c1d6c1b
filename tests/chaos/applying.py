"""kill -9 at every step of an apply: what was asked for once is done once, and said right."""

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final

from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube import Plan as TerraformPlan
from bridge.sandbox.terrakube import make_plan
from bridge.sandbox.terrakube.model import Workspace
from bridge.store.database import Database
from tests.chaos.doors import Trap, Wanted
from tests.chaos.judging import ANSWERS, Case, deviations, read_facts
from tests.chaos.plays import FIRST, STEPS, Kill, Play, Round
from tests.chaos.sites import REVIEWER, SLUG, Plan, Site, founded

PATIENCE: Final = 120.0
"""Seconds for each thing that is waited for."""

_LOOK: Final = 0.05
_UNREADABLE: Final = TerraformPlan(rows=make_plan(create=2).rows)
"""A plan without the text that could be compared."""


@dataclass(kw_only=True)
class Tally:
    """What came out.

    Attributes:
        points: At how many different ones the bridge died.
        applies: Jobs that were created to apply.
        approvals: How many arrived, as of *rejections* and *cancels*.
        applied: How often terraform began to apply them.
        comments: Those of the bridge; *edits* of them.
    """

    rounds: int = 0
    points: set[tuple[Play, Kill]] = field(default_factory=set)
    kills: int = 0
    applies: int = 0
    approvals: int = 0
    rejections: int = 0
    cancels: int = 0
    applied: int = 0
    merges: int = 0
    comments: int = 0
    edits: int = 0
    statuses: int = 0
    deviations: list[str] = field(default_factory=list)

    @property
    def counts(self) -> Mapping[str, int]:
        """How much went on, so that nobody is proud of nothing."""
        return {
            one.name: len(self.points) if one.name == "points" else getattr(self, one.name)
            for one in fields(self)
            if one.name != "deviations"
        }

    def add(self, other: "Tally") -> None:
        """Count what happened elsewhere, too."""
        for name in self.counts:
            if name != "points":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.points |= other.points
        self.deviations += other.deviations


async def play_all(
    folder: Path, plan: Plan, rounds: Sequence[Round], *, tell: Callable[[str], None]
) -> Tally:
    """Play rounds one after another on a site of their own; *tell* hears of each."""
    tally = Tally()
    async with founded(folder, plan) as site:
        for one in rounds:
            player = _Player(site=site, round=one)
            try:
                found = await player.play()
            except TimeoutError as error:
                found = [str(error), *await player.deviations()]
            finally:
                site.doors.traps.clear()
                site.workshop.gate.set()
            tally.points |= {(one.play, kill) for kill in one.kills}
            tally.deviations += [f"{plan.name}: {one}: {text}" for text in found]
            tell(f"{plan.name}: {one}: {'; '.join(found) or 'ok'}")
        tally.rounds = len(rounds)
        tally.deviations += [f"{plan.name}: {text}" for text in site.failures]
        _count(site, tally)
    return tally


def _count(site: Site, tally: Tally) -> None:
    def passed(step: str) -> int:
        return site.doors.count(STEPS[step])

    comments = Wanted(door="forge", line=r"POST .*/issues/[0-9]+/comments")
    tally.kills = site.kills
    jobs = [job for job in site.server.jobs() if job.template_reference is None]
    tally.applies, tally.applied = len(jobs), sum(site.workshop.begun[str(job.id)] for job in jobs)
    tally.approvals, tally.rejections, tally.cancels = map(passed, ANSWERS)
    tally.merges = passed("the merge")
    tally.comments, tally.edits = site.doors.count(comments), passed("the first word")
    tally.statuses = site.doors.count(Wanted(door="forge", line=r"POST .*/statuses/[0-9a-f]+"))


@dataclass(kw_only=True)
class _Player:
    """Plays one round.

    Attributes:
        case: What it is about, once it is planned.
    """

    site: Site
    round: Round
    traps: list[Trap] = field(default_factory=list)
    case: Case | None = None

    async def play(self) -> Sequence[str]:
        """Say everything that is not as it was promised in the end."""
        workspace, pull_request = await self._planned()
        self.case = Case(play=self.round.play, workspace=workspace, pull_request=pull_request)
        self._set_traps()
        match self.round.play:
            case Play.APPLIED:
                await self._apply(pull_request)
            case Play.DIFFERENT:
                self.site.server.plan_for(workspace, make_plan(create=3, update=1))
                await self._apply(pull_request)
            case Play.ASKED:
                await self._apply(pull_request)
                await self._until(lambda: self._asks(pull_request), "the bridge to ask")
                await self._sprung(FIRST[Play.ASKED])
                await self.site.say(pull_request, "terrakube approve", author=REVIEWER)
            case Play.CANCELLED:
                self.site.workshop.gate.clear()
                await self._apply(pull_request)
                await self._until(lambda: self._applies(workspace), "terraform to apply")
                await self._sprung(FIRST[Play.CANCELLED])
                await self.site.say(pull_request, "terrakube cancel")
        await self._sprung()
        return await self._outcome()

    async def _planned(self) -> tuple[Workspace, PullRequest]:
        workspace = self.site.next_workspace()
        if self.round.play is Play.ASKED:
            workspace.structured = False
            self.site.server.plan_for(workspace, _UNREADABLE)
        pull_request = await self.site.propose(workspace)
        sha = pull_request.head_sha

        def is_planned() -> bool:
            said = any("**Plan: " in text for text in self.site.comments(pull_request))
            return said and self.site.forge.statuses(SLUG, sha).get("terrakube/plan") == "success"

        await self._until(is_planned, "the plan")
        await self.site.forge.approve(SLUG, pull_request.number, by=REVIEWER)
        return workspace, pull_request

    async def _apply(self, pull_request: PullRequest) -> None:
        await self.site.say(pull_request, "terrakube apply")

    def _set_traps(self) -> None:
        self.traps = [
            Trap(wanted=STEPS[kill.step], moment=kill.moment, kill=self.site.kill)
            for kill in self.round.kills
        ]
        self.site.doors.traps[:] = self.traps

    def _asks(self, pull_request: PullRequest) -> bool:
        return any("terrakube approve -w" in text for text in self.site.comments(pull_request))

    def _applies(self, workspace: Workspace) -> bool:
        return any(self.site.workshop.begun[str(one.id)] for one in self.site.applies(workspace))

    async def _sprung(self, steps: Container[str] | None = None) -> None:
        """Wait until the bridge has died of these steps, or of all, and is back."""
        for kill, trap in zip(self.round.kills, self.traps, strict=True):
            if steps is None or kill.step in steps:
                await self._until(trap.sprung.is_set, f"{kill}")
        await self._until(self.site.bridge.alive.is_set, "the bridge to be back")

    async def _until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - a poll, like people's
                    await asyncio.sleep(_LOOK)
        except TimeoutError as error:
            msg = f"waited in vain for {what}"
            raise TimeoutError(msg) from error

    async def _outcome(self) -> Sequence[str]:
        """Let the bridge finish, and say what is not as it was promised then."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE
        while (found := await self.deviations()) and loop.time() < deadline:  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.5)
        return found

    async def deviations(self) -> Sequence[str]:
        """Say what is not, or not yet, as it was promised."""
        if self.case is None:
            return ()
        async with await Database.open(self.site.plan.url, exclusive=False) as database:
            facts = await database.read(read_facts, self.case)
        return deviations(self.site, self.case, facts)
