"""What keeping a delivery costs, against a handler that keeps nothing.

All servers stay up and take turns: what disturbs the machine disturbs them alike, so the ratio of
one round means something where its figures do not. Reported are medians over the rounds.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Final

from tests.bench.load import Load
from tests.bench.processes import Program, answer_of, program
from tests.databases import Postgres

BARE: Final = "bare"
SIZES: Final = (12_000, 26_000)
CONNECTIONS: Final = 50
STEADY: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    rounds: int = 7
    requests: int = 3_000
    steady_seconds: float = 10.0


QUICK: Final = Effort(rounds=1, requests=60, steady_seconds=0.2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """One server with one size of body, as fast as it answers: medians.

    Attributes:
        ratio: Its throughput as a part of the bare handler's, of the same round each.
        cpu_us: Microseconds of its process's CPU for one delivery.
    """

    rps: float
    ratio: float
    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledging:
    """What was measured; by server, then by size of body."""

    flat: Mapping[str, Mapping[int, Flat]]
    steady: Mapping[str, Mapping[int, Load]]

    def as_json(self) -> dict[str, object]:
        """Lay it out for ``latest.json``: the lower ratio of both sizes is the one that counts."""
        return {
            store: {
                "ratio": round(min(one.ratio for one in sizes.values()), 3),
                "rps": round(min(one.rps for one in sizes.values())),
                "p99_ms_at_200": round(max(one.p99_ms for one in self.steady[store].values()), 2),
                "sizes": {
                    str(size): {
                        "ratio": round(one.ratio, 3),
                        "rps": round(one.rps),
                        "bare_rps": round(self.flat[BARE][size].rps),
                        "p50_ms": round(one.p50_ms, 2),
                        "p99_ms": round(one.p99_ms, 2),
                        "cpu_us": round(one.cpu_us),
                        "p50_ms_at_200": round(self.steady[store][size].p50_ms, 2),
                        "p99_ms_at_200": round(self.steady[store][size].p99_ms, 2),
                    }
                    for size, one in sizes.items()
                },
            }
            for store, sizes in self.flat.items()
            if store != BARE
        }


@contextmanager
def servers(postgres: Postgres) -> Iterator[Mapping[str, Program]]:
    """Start the bare handler, and the bridge's edge on each store."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        yield {
            BARE: stack.enter_context(program("server", BARE)),
            "sqlite": stack.enter_context(
                program("server", "bridge", f"sqlite:///{folder}/bridge.db")
            ),
            "postgres": stack.enter_context(program("server", "bridge", postgres.create())),
        }


def measure(effort: Effort, postgres: Postgres) -> Acknowledging:
    """Start everything, let the servers take turns, and stop it again."""
    with servers(postgres) as running:
        for name, server in running.items():
            _flat_out(server, f"warm-{name}", min(SIZES), effort.requests // 4)
        # First: after a flood the disk is busy with it for a while.
        steady = {
            name: {size: _steadily(server, size, effort.steady_seconds) for size in SIZES}
            for name, server in running.items()
        }
        flat = _measure_flat(running, effort)
    return Acknowledging(flat=flat, steady=steady)


def _measure_flat(
    running: Mapping[str, Program], effort: Effort
) -> Mapping[str, Mapping[int, Flat]]:
    seen: dict[tuple[str, int], list[tuple[Load, float]]] = defaultdict(list)
    for number in range(effort.rounds):
        for size in SIZES:
            for name, server in running.items():
                before = server.cpu_seconds()
                load = _flat_out(server, f"{number}-{name}", size, effort.requests)
                cpu = (server.cpu_seconds() - before) / effort.requests
                seen[name, size].append((load, cpu * 1e6))
    return {
        name: {size: _summary(seen[name, size], seen[BARE, size]) for size in SIZES}
        for name in running
    }


def _summary(rounds: Sequence[tuple[Load, float]], bare: Sequence[tuple[Load, float]]) -> Flat:
    ratios = [load.rps / beside.rps for (load, _), (beside, _) in zip(rounds, bare, strict=True)]
    return Flat(
        rps=median(load.rps for load, _ in rounds),
        ratio=median(ratios),
        p50_ms=median(load.p50_ms for load, _ in rounds),
        p99_ms=median(load.p99_ms for load, _ in rounds),
        cpu_us=median(cpu for _, cpu in rounds),
    )


def _flat_out(server: Program, run: str, size: int, requests: int) -> Load:
    return _loaded(server, run, requests, size)


def _steadily(server: Program, size: int, seconds: float) -> Load:
    return _loaded(server, f"steady-{size}", int(STEADY * seconds), size, STEADY)


def _loaded(server: Program, run: str, requests: int, size: int, *rate: int) -> Load:
    arguments = (server.port, run, requests, size, CONNECTIONS, *rate)
    load = Load(**answer_of("load", *map(str, arguments)))
    if load.failed:
        msg = f"{load.failed} of {requests} deliveries were not acknowledged"
        raise RuntimeError(msg)
    return load
