"""Programs of the bench as processes of their own, and what they cost."""

import cProfile
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A running one.

    Attributes:
        said: The first line it printed, which says that it is ready.
    """

    pid: int
    said: str

    @property
    def port(self) -> int:
        return int(self.said)

    def cpu_seconds(self) -> float:
        """User and system time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20


@contextmanager
def program(module: str, *arguments: str) -> Iterator[Program]:
    """Run ``tests.bench.MODULE`` until the block is left; it ends with its input."""
    process = subprocess.Popen(  # noqa: S603 - our own
        [sys.executable, "-m", f"tests.bench.{module}", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline().strip()
        if not said:
            msg = f"tests.bench.{module} did not start"
            raise RuntimeError(msg)
        yield Program(pid=process.pid, said=said)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def profiled(name: str) -> Iterator[None]:
    """Profile this process when BENCH_PROFILE says where to: ``$BENCH_PROFILE.NAME``."""
    path = os.environ.get("BENCH_PROFILE")
    if not path:
        yield
        return
    with cProfile.Profile() as recorded:
        yield
    recorded.dump_stats(f"{path}.{name}")


def answer_of(module: str, *arguments: str) -> Any:  # noqa: ANN401 - whatever it prints as JSON
    """Run ``tests.bench.MODULE`` to its end and return what it printed."""
    said = subprocess.check_output(  # noqa: S603 - our own
        [sys.executable, "-m", f"tests.bench.{module}", *arguments], cwd=ROOT
    )
    return json.loads(said)
