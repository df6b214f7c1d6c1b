"""``make bench``: measure, print tables, write ``tests/bench/latest.json``."""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from tests.bench import acknowledging, following
from tests.bench.acknowledging import CONNECTIONS, SIZES, STEADY, Acknowledging
from tests.bench.following import Following
from tests.databases import postgres_server

LATEST: Final = Path(__file__).with_name("latest.json")


def acknowledging_table(measured: Acknowledging) -> Table:
    table = Table(title=f"Deliveries acknowledged: {CONNECTIONS} connections, and at {STEADY}/s")
    table.add_column("server")
    for name in ("body", "per s", "ratio", "p50 ms", "p99 ms", "CPU us", "p50 at 200", "p99"):
        table.add_column(name, justify="right")
    for size in SIZES:
        for name, sizes in measured.flat.items():
            flat, steady = sizes[size], measured.steady[name][size]
            table.add_row(
                name,
                f"{size // 1000} kB",
                f"{flat.rps:.0f}",
                f"{flat.ratio:.2f}",
                f"{flat.p50_ms:.1f}",
                f"{flat.p99_ms:.1f}",
                f"{flat.cpu_us:.0f}",
                f"{steady.p50_ms:.1f}",
                f"{steady.p99_ms:.1f}",
            )
        table.add_section()
    return table


def following_table(measured: Mapping[int, Following]) -> Table:
    table = Table(title="Open jobs followed: 1/4 running, 1 % changing a minute")
    for name in ("jobs", "requests/s", "looks/s", "CPU % of a core", "RSS MB"):
        table.add_column(name, justify="right")
    for count, one in measured.items():
        table.add_row(
            f"{count:,}",
            f"{one.requests_per_s:.1f}",
            f"{one.looks_per_s:.0f}",
            f"{one.cpu_percent:.1f}",
            f"{one.rss_mb:.0f}",
        )
    return table


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="see that it runs; figures mean nothing"
    )
    parser.add_argument("--only", choices=("ack", "follow"), help="measure one part")
    parser.add_argument("--output", type=Path, default=LATEST, help="where the figures go")
    return parser.parse_args()


def main() -> None:
    said, console = arguments(), Console(width=100)
    latest: dict[str, object] = {}
    if said.only != "follow":
        effort = acknowledging.QUICK if said.quick else acknowledging.Effort()
        with postgres_server(durable=True) as postgres:
            acknowledged = acknowledging.measure(effort, postgres)
        console.print(acknowledging_table(acknowledged))
        latest["ack"] = acknowledged.as_json()
    if said.only != "ack":
        pace = following.QUICK if said.quick else following.Effort()
        followed = following.measure(pace)
        console.print(following_table(followed))
        latest["follow"] = following.as_json(followed)
    said.output.write_text(json.dumps(latest, indent=2) + "\n")


if __name__ == "__main__":
    main()
