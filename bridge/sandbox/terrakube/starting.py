"""How a stand-in comes to run: its executor, its port, its end."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from bridge.sandbox.terrakube.executors import Executor
from bridge.sandbox.terrakube.executors.instant import InstantExecutor
from bridge.sandbox.terrakube.executors.recorded import RecordedExecutor
from bridge.sandbox.terrakube.executors.terraform import TerraformExecutor, find_binary
from bridge.sandbox.terrakube.model import Version
from bridge.sandbox.terrakube.standin import Clock, StandIn
from bridge.sandbox.terrakube.timings import Timings

log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def start(
    folder: Path,
    *,
    port: int = 0,
    version: str = Version.BETA,
    executor: str | Executor = "auto",
    timings: Timings | None = None,
    parallel: int | None = None,
    seconds: float = 0.0,
) -> AsyncIterator[StandIn]:
    """Run a stand-in on the loopback interface.

    Args:
        folder: Where clones, states and plans are kept.
        port: 0 takes a free one.
        version: ``beta`` (2.33) or ``stable`` (2.32).
        executor: ``auto`` (terraform, tofu or else recorded), ``terraform``, ``recorded``,
            ``instant``, or an executor.
        timings: How long things take; small unless given.
        parallel: Steps that run at a time; 1, with ``instant`` without limit.
        seconds: How long a recorded or instant step takes.
    """
    made = _executor(executor, folder, parallel, seconds)
    stand_in = StandIn(
        version=Version(version), executor=made, timings=timings or Timings(), clock=Clock()
    )
    await stand_in.open(port)
    looking = asyncio.create_task(stand_in.scheduler.run())
    try:
        yield stand_in
    finally:
        looking.cancel()
        await stand_in.close()
        # A scheduler that broke must not look like one that had nothing to do.
        with contextlib.suppress(asyncio.CancelledError):
            await looking


def _executor(
    executor: str | Executor, folder: Path, parallel: int | None, seconds: float
) -> Executor:
    if not isinstance(executor, str):
        return executor
    binary = find_binary() if executor in {"auto", "terraform"} else None
    if binary is not None:
        return TerraformExecutor(binary, folder, parallel=parallel or 1)
    made: Callable[..., Executor] = InstantExecutor if executor == "instant" else RecordedExecutor
    if executor == "terraform":
        msg = "neither terraform nor tofu is on PATH"
        raise RuntimeError(msg)
    if executor == "auto":
        log.warning("neither terraform nor tofu is on PATH: jobs replay recorded logs and plans")
    return made(seconds=seconds) if parallel is None else made(seconds=seconds, parallel=parallel)
