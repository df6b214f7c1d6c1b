"""Lanes: sites on which rounds are played side by side, with both forges and both databases."""

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bridge.sandbox.forge import Flavour
from tests.chaos.applying import Tally, play_all
from tests.chaos.plays import CHAINS, Round, points
from tests.chaos.sites import Plan
from tests.databases import Postgres


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """What a site is like; see sites.Plan."""

    flavour: Flavour
    store: str = "SQLite"
    merges: bool = False
    hinted: bool = True

    @property
    def name(self) -> str:
        """As people read it."""
        merging = "merging" if self.merges else "without a merge"
        return f"{self.flavour.value} on {self.store}, {merging}"


_GROUPS: Final = (
    (_Lane(flavour=Flavour.FORGEJO), _Lane(flavour=Flavour.FORGEJO, merges=True)),
    (_Lane(flavour=Flavour.GITHUB, hinted=False), _Lane(flavour=Flavour.GITHUB, merges=True)),
    (
        _Lane(flavour=Flavour.FORGEJO, store="PostgreSQL"),
        _Lane(flavour=Flavour.GITHUB, store="PostgreSQL", merges=True),
    ),
)
"""The two lanes of each group share its rounds; the second one merges."""


async def play_everywhere(
    folder: Path,
    postgres: Postgres,
    *,
    times: int,
    seed: int,
    only: str = "",
    tell: Callable[[str], None],
) -> Tally:
    """Play every point and every chain in each group, so many *times*.

    Args:
        folder: Where everything is kept.
        postgres: For the lanes with PostgreSQL.
        times: How often in each group.
        seed: Of all chances.
        only: Part of the names of the rounds that are played.
        tell: Hears of each round.
    """
    chance = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
    lanes = []
    for number, (lane, rounds) in enumerate(_dealt(times, only, chance)):
        place = _made(folder / f"lane-{number}")
        plan = Plan(
            name=lane.name,
            flavour=lane.flavour,
            url=f"sqlite:///{place}/bridge.db" if lane.store == "SQLite" else postgres.create(),
            seed=seed,
            rounds=len(rounds),
            merges=lane.merges,
            hinted=lane.hinted,
        )
        lanes.append(play_all(place, plan, rounds, tell=tell))
    total = Tally()
    for tally in await asyncio.gather(*lanes):
        total.add(tally)
    return total


def _dealt(times: int, only: str, chance: random.Random) -> Iterator[tuple[_Lane, Sequence[Round]]]:
    """Deal the rounds out to the lanes, each group in another order."""
    for keeping, merging in _GROUPS:
        rounds = [one for one in (*points(), *CHAINS) if only in str(one)] * times
        chance.shuffle(rounds)
        forced = [one for one in rounds if one.merges]
        free = [one for one in rounds if not one.merges]
        half = len(rounds) // 2
        yield keeping, free[:half]
        yield merging, [*free[half:], *forced]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
