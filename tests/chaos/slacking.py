"""The whole bridge, killed at random moments and at random requests while people use Slack."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bridge.store.database import Database
from tests.chaos.doors import Moment, Trap, Wanted
from tests.chaos.slacking_judge import Counts, Rows, count, deviations, read_rows
from tests.chaos.slacking_nest import NEST, Fledgling
from tests.chaos.slacking_people import People
from tests.chaos.slacking_town import Death, Mode, Town, founded
from tests.chaos.towns import free_port

_ANSWER: Final = r"PATCH /api/v1/organization/[^/]+/job/[0-9]+"
_TAKEN: Final = (Moment.AFTER, Moment.SOON)
_AIMS: Final[Sequence[tuple[Wanted, Sequence[Moment]]]] = (
    # What is delivered to nobody was never accepted.
    (Wanted(door="events", line="POST /slack/events"), _TAKEN),
    (Wanted(door="events", line="POST /slack/events", body="block_actions"), _TAKEN),
    (Wanted(door="slack", line=r"POST /api/chat\.postMessage"), tuple(Moment)),
    (Wanted(door="slack", line=r"POST /api/chat\.update"), tuple(Moment)),
    (Wanted(door="slack", line=r"POST /(hook/.*|api/chat\.postEphemeral)"), tuple(Moment)),
    (Wanted(door="slack", line=r"POST /(upload/.*|api/files\..*)"), tuple(Moment)),
    (Wanted(door="slack", line=r"GET /api/users\.info"), _TAKEN),
    (Wanted(door="terrakube", line=r"POST .*/job"), tuple(Moment)),
    (Wanted(door="terrakube", line=_ANSWER), tuple(Moment)),
    (Wanted(door="terrakube", line=r"GET .*/organization/[^/]+/job/[0-9]+"), _TAKEN),
)
"""Requests of which the bridge dies, and when."""

_SKIPPED: Final = 3
"""Most requests of a kind that go by before that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard the bridge is hit.

    Attributes:
        kills: How often.
        seed: Of all chances; what the operating system does is not repeated.
        mode: How Slack tells the bridge.
        longest: Most seconds between a start and the next kill.
        early: Part of the kills that come before it is ready.
        aimed: Part of the others that come at a request.
        pause: Most seconds between two things one person does.
        patience: Seconds the last bridge has to finish everything.
    """

    kills: int
    seed: int
    mode: Mode = "http"
    longest: float = 3.0
    early: float = 0.1
    aimed: float = 0.5
    pause: float = 0.8
    patience: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How it went."""

    counts: Counts
    deviations: Sequence[str]


async def kill_in_slack(
    folder: Path, url: str, plan: Plan, *, tell: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Kill and restart the bridge, let it finish, and compare; *tell* hears of every kill."""
    async with founded(folder, port=free_port(), seed=plan.seed, mode=plan.mode) as town:
        ready_file = folder / "ready.json"
        bridge = Fledgling(
            arguments=(*NEST, "serve", "--ready-file", str(ready_file)),
            log=folder / "bridge.log",
            environment={**town.settings, "BRIDGE_DATABASE__URL": url},
            folder=folder,
            ready_file=ready_file,
        )
        chance = random.Random(f"{plan.seed} people")  # noqa: S311 - to be repeated
        people = People(town=town, chance=chance, pause=plan.pause)
        try:
            await bridge.start()
            await people.move_in()
            await _Killer(town, bridge, plan, tell).strike(people)
            return await _outcome(town, people, url, plan)
        finally:
            await bridge.leave()


class _Killer:
    def __init__(
        self, town: Town, bridge: Fledgling, plan: Plan, tell: Callable[[int], None]
    ) -> None:
        self._town, self._bridge, self._plan, self._tell = town, bridge, plan, tell
        self._chance = random.Random(plan.seed)  # noqa: S311 - to be repeated

    async def strike(self, people: People) -> None:
        """Kill it as often as planned, while people live; it is alive in the end."""
        plan, bridge, over = self._plan, self._bridge, asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(people.live(over))
            while bridge.deaths < plan.kills:
                await self._wound()
                self._tell(bridge.deaths)
                if self._chance.random() < plan.early and bridge.deaths < plan.kills:
                    await bridge.launch()
                    await asyncio.sleep(self._chance.uniform(0, 0.5))
                    await self._kill()
                await bridge.start()
            await asyncio.sleep(0.5)
            over.set()
        await self._town.slack.settled()
        await self._town.forge.settled()

    async def _wound(self) -> None:
        """Let it live for a while, and then no longer."""
        seconds = self._chance.uniform(0, self._plan.longest)
        if self._chance.random() >= self._plan.aimed:
            await asyncio.sleep(seconds)
            await self._kill()
            return
        trap = self._trap()
        self._town.doors.traps[:] = [trap]
        try:
            async with asyncio.timeout(self._plan.longest):
                await trap.sprung.wait()
        except TimeoutError:
            if trap.seen <= trap.wanted.skip:  # nothing fitted
                self._town.doors.traps.clear()
                await self._kill()
                return
            await trap.sprung.wait()
        self._town.doors.traps.clear()

    def _trap(self) -> Trap:
        wanted, moments = self._chance.choice(_AIMS)
        moment = self._chance.choice(moments)

        async def kill() -> None:
            await self._kill(late=moment is Moment.LATE)

        aimed = replace(wanted, skip=self._chance.randrange(_SKIPPED + 1))
        return Trap(wanted=aimed, moment=moment, kill=kill)

    async def _kill(self, *, late: bool = False) -> None:
        self._town.deaths.append(Death(at=time.time(), late=late))
        await self._bridge.kill()


async def _outcome(town: Town, people: People, url: str, plan: Plan) -> Verdict:
    """Let people approve what waits and the bridge finish, until all is as promised."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + plan.patience
    while True:
        await people.conclude()
        rows = await _rows(url)
        found = deviations(town, rows)
        if not found or loop.time() > deadline:
            return Verdict(counts=count(town, rows), deviations=found)
        await asyncio.sleep(0.5)


async def _rows(url: str) -> Rows:
    async with await Database.open(url, exclusive=False) as database:
        return await database.read(read_rows)
