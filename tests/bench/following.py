"""What following open jobs costs: requests, CPU and memory of a process that does only that."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.request import urlopen

from tests.bench.processes import Program, program

COUNTS: Final = (1_000, 10_000)
SETTLE: Final = 20.0
"""Seconds until every job was looked at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How many jobs, and how long to watch."""

    counts: Sequence[int] = COUNTS
    settle: float = SETTLE
    seconds: float = 120.0


QUICK: Final = Effort(counts=(100,), settle=2.0, seconds=0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """What so many jobs cost; *looks_per_s* are jobs asked for, many in one request."""

    cpu_percent: float
    requests_per_s: float
    looks_per_s: float
    rss_mb: float


def measure(effort: Effort) -> Mapping[int, Following]:
    """Follow each number of jobs in turn."""
    return {count: _measure(count, effort) for count in effort.counts}


def as_json(measured: Mapping[int, Following]) -> dict[str, object]:
    """Lay it out for ``latest.json``."""
    return {
        str(count): {
            "cpu_percent": round(one.cpu_percent, 2),
            "requests_per_s": round(one.requests_per_s, 2),
            "looks_per_s": round(one.looks_per_s, 1),
            "rss_mb": round(one.rss_mb, 1),
        }
        for count, one in measured.items()
    }


def _measure(count: int, effort: Effort) -> Following:
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        program("jobs", str(count)) as server,
        program("follower", server.said, str(count), f"{folder}/bridge.db") as follower,
    ):
        time.sleep(effort.settle)
        before, cpu, started = _asked(server), follower.cpu_seconds(), time.monotonic()
        time.sleep(effort.seconds)
        took = time.monotonic() - started
        after = _asked(server)
        return Following(
            cpu_percent=(follower.cpu_seconds() - cpu) / took * 100,
            requests_per_s=(after["requests"] - before["requests"]) / took,
            looks_per_s=(after["looks"] - before["looks"]) / took,
            rss_mb=follower.resident_mb(),
        )


def _asked(server: Program) -> Mapping[str, int]:
    with urlopen(f"http://127.0.0.1:{server.port}/asked") as answer:
        asked: Mapping[str, int] = json.load(answer)
    return asked
