"""``make chaos``: kill what runs, at random moments and at every step of an apply.

Counts, and exits with 1 on any deviation. ``--part apply`` does one part only.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Final

from tests.chaos.accepting import accept_under, kill_and_restart
from tests.chaos.bridging import IMPATIENT, REAL, Plan, kill_at_random
from tests.chaos.lanes import play_everywhere
from tests.chaos.slacking import Plan as Conversation
from tests.chaos.slacking import kill_in_slack
from tests.chaos.victims import Victim
from tests.databases import Postgres, postgres_server

PARTS: Final = ("accept", "bridge", "apply", "slack")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this; may be repeated")
    parser.add_argument("--kills", type=int, default=200, help="of the whole bridge")
    parser.add_argument(
        "--deaths", type=int, default=100, help="of the bridge while people use Slack"
    )
    parser.add_argument("--blows", type=int, default=20, help="to each thing that accepts")
    parser.add_argument("--times", type=int, default=1, help="for each step of an apply")
    parser.add_argument("--only", default="", help="steps with this in their name")
    parser.add_argument("--seed", type=int, default=int(monotonic() * 1000), help="of all chances")
    parser.add_argument("--store", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--impatient", action="store_true", help="do not wait for late answers")
    return parser.parse_args()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def report(title: str, counts: object, deviations: Sequence[str]) -> bool:
    """Print how a part went; tell whether it went well."""
    say(f"{title}: {counts}")
    for deviation in deviations:
        say(f"  DEVIATION: {deviation}")
    return not deviations


async def accept(folder: Path, postgres: Postgres, said: argparse.Namespace) -> bool:
    """Kill what accepts deliveries, on both stores, and the database itself."""

    async def crash(victim: Victim) -> None:
        await asyncio.to_thread(postgres.restart_at_once)

    parts = (
        ("accepting on SQLite, killed", f"sqlite:///{folder}/accepting.db", kill_and_restart),
        ("accepting on PostgreSQL, killed", postgres.create(), kill_and_restart),
        ("accepting while PostgreSQL crashes", postgres.create(), crash),
    )
    well = True
    for title, url, strike in parts:
        tally = await accept_under(url, folder, blows=said.blows, strike=strike, seed=said.seed)
        found = [*(f"{key} was acknowledged and is lost" for key in tally.missing), *tally.wrong]
        counts = {"blows": tally.blows, "acknowledged": tally.acknowledged, "lost": len(found)}
        well &= report(title, counts, found)
    return well


async def bridge(folder: Path, url: str, said: argparse.Namespace) -> bool:
    """Kill the whole bridge."""

    def tell(deaths: int) -> None:
        if deaths % 10 == 0:
            say(f"  killed {deaths} times")

    plan = Plan(kills=said.kills, seed=said.seed, program=IMPATIENT if said.impatient else REAL)
    verdict = await kill_at_random(folder, url, plan, tell=tell)
    counts = {"kills": verdict.kills, **asdict(verdict.counts)}
    return report("the whole bridge", counts, verdict.deviations)


async def apply(folder: Path, postgres: Postgres, said: argparse.Namespace) -> bool:
    """Kill the bridge at every step of an apply."""
    numbers = count(1)

    def tell(text: str) -> None:
        say(f"  {next(numbers)}: {text}")

    tally = await play_everywhere(
        folder, postgres, times=said.times, seed=said.seed, only=said.only, tell=tell
    )
    return report("every step of an apply", tally.counts, tally.deviations)


async def slack(folder: Path, postgres: Postgres, said: argparse.Namespace) -> bool:
    """Kill the bridge while people use Slack: over HTTP on either store, and in Socket Mode."""
    lanes = (
        ("SQLite", f"sqlite:///{folder}/slack.db", Conversation(kills=said.deaths, seed=said.seed)),
        ("PostgreSQL", postgres.create(), Conversation(kills=said.deaths, seed=said.seed + 1)),
        (
            "SQLite in Socket Mode",
            f"sqlite:///{folder}/socket.db",
            Conversation(kills=said.deaths // 5, seed=said.seed + 2, mode="socket"),
        ),
    )
    well = True
    for name, url, plan in lanes:
        place = folder / f"slack on {name}"
        place.mkdir()

        def tell(deaths: int, name: str = name) -> None:
            if deaths % 10 == 0:
                say(f"  {name}: killed {deaths} times")

        verdict = await kill_in_slack(place, url, plan, tell=tell)
        counts = asdict(verdict.counts)
        well &= report(f"Slack on {name}", counts, verdict.deviations)
    return well


def run(said: argparse.Namespace) -> Iterator[bool]:
    parts = said.part or PARTS
    with tempfile.TemporaryDirectory(prefix="chaos-") as name, postgres_server() as postgres:
        folder = Path(name)
        if "accept" in parts:
            yield asyncio.run(accept(folder, postgres, said))
        if "apply" in parts:
            yield asyncio.run(apply(folder, postgres, said))
        if "slack" in parts:
            yield asyncio.run(slack(folder, postgres, said))
        if "bridge" in parts:
            sqlite = f"sqlite:///{folder}/bridge.db"
            url = sqlite if said.store == "sqlite" else postgres.create()
            yield asyncio.run(bridge(folder, url, said))


def main() -> None:
    said = arguments()
    # The stand-ins' server has much to say about clients that die in the middle of a request.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    say(f"seed {said.seed}")
    well = all(list(run(said)))
    say("chaos: ok: nothing lost, nothing twice" if well else "chaos: promises were broken")
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
