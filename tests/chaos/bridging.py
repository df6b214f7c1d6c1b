"""The whole bridge, killed at random moments while two forges and a Terrakube live on."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.store.database import Database
from tests.chaos.comparing import Counts, Rows, count, deviations, read_rows
from tests.chaos.serving import PROGRAM
from tests.chaos.towns import World, build, free_port
from tests.chaos.victims import Bridge

REAL = ("-m", "bridge")
IMPATIENT = PROGRAM


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How hard the bridge is hit.

    Attributes:
        kills: How often.
        seed: Of all chances; what the operating system does is not repeated.
        longest: Most seconds between a start and the next kill.
        early: Part of the kills that come before it is ready.
        pull_requests: Most of them on each forge.
        pause: Most seconds between two things people do on a forge: every command is answered,
            and answers have a budget of 50 a minute.
        patience: Seconds the last bridge has to finish everything.
        program: What is run: ``serve`` as it is, or with less patience.
    """

    kills: int
    seed: int
    longest: float = 4.0
    early: float = 0.15
    pull_requests: int = 12
    pause: float = 2.5
    patience: float = 600.0
    program: Sequence[str] = REAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How it went."""

    kills: int
    counts: Counts
    deviations: Sequence[str]


async def kill_at_random(
    folder: Path, url: str, plan: Plan, *, tell: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Kill and restart the bridge, let it finish, and compare; *tell* hears of every kill."""
    port = free_port()
    async with build(
        folder, port=port, seed=plan.seed, pull_requests=plan.pull_requests, pause=plan.pause
    ) as world:
        ready_file = folder / "ready.json"
        bridge = Bridge(
            arguments=(*plan.program, "serve", "--ready-file", str(ready_file)),
            log=folder / "bridge.log",
            environment=world.settings(url),
            folder=folder,
            ready_file=ready_file,
        )
        try:
            await bridge.start()
            await _strike(world, bridge, plan, tell)
            return await _outcome(world, bridge, url, plan)
        finally:
            await bridge.kill()


async def _strike(world: World, bridge: Bridge, plan: Plan, tell: Callable[[int], None]) -> None:
    chance = random.Random(plan.seed)  # noqa: S311 - to be repeated, not to be secret
    async with world.busy():
        while bridge.deaths < plan.kills:
            await asyncio.sleep(chance.uniform(0, plan.longest))
            await bridge.kill()
            tell(bridge.deaths)
            if chance.random() < plan.early and bridge.deaths < plan.kills:
                await bridge.launch()
                continue
            await bridge.start()
        await asyncio.sleep(1)


async def _outcome(world: World, bridge: Bridge, url: str, plan: Plan) -> Verdict:
    deadline = asyncio.get_running_loop().time() + plan.patience
    deaths = bridge.deaths
    while True:
        rows = await _rows(url)
        found = deviations(world, rows)
        if not found or asyncio.get_running_loop().time() > deadline:
            return Verdict(kills=deaths, counts=count(world, rows), deviations=found)
        await asyncio.sleep(1)


async def _rows(url: str) -> Rows:
    async with await Database.open(url, exclusive=False) as database:
        return await database.read(read_rows)
