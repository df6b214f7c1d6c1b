"""Bridges that are there at once: ``python -m tests.chaos.slacking_nest serve ...``.

Most of a start is importing. This process has done so, and for each line it reads it forks a bridge
with less patience (see serving.py): a process like any other, which is killed like any other.
"""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.victims import PATIENCE, Bridge, NotStartedError, Victim

NEST: Final = ("-m", "tests.chaos.slacking_nest")


@dataclass(kw_only=True)
class Fledgling(Bridge):
    """A bridge that is forked; *arguments* are those of a nest."""

    _pid: int = 0
    _nest: asyncio.subprocess.Process | None = None
    _dead: "asyncio.Task[bytes] | None" = field(default=None, repr=False)

    async def launch(self) -> asyncio.subprocess.Process:
        """See Victim."""
        self.ready_file.unlink(missing_ok=True)
        if self._nest is None:
            self._nest = await Victim.launch(self)
        assert self._nest.stdin is not None
        assert self._nest.stdout is not None
        self._nest.stdin.write(b"\n")
        said = await self._nest.stdout.readline()
        if not said:
            raise NotStartedError(self)
        self._pid, self._dead = int(said), asyncio.create_task(self._nest.stdout.readline())
        return self._nest

    def output(self, log: int) -> int:
        """See Victim: the nest's output tells of births and deaths."""
        return asyncio.subprocess.PIPE

    async def ready(self, process: asyncio.subprocess.Process) -> int:
        """See Victim."""
        waiting = asyncio.create_task(Bridge.ready(self, process))
        assert self._dead is not None
        await asyncio.wait({waiting, self._dead}, return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        waiting.cancel()
        raise NotStartedError(self)

    async def end(self, number: signal.Signals) -> int:
        """See Victim."""
        self.alive.clear()
        if self._dead is None:
            return 0
        if not self._dead.done():
            with suppress(ProcessLookupError):
                os.kill(self._pid, number)
        async with asyncio.timeout(PATIENCE):
            return int(await self._dead or 0)

    async def leave(self) -> None:
        """End the bridge and its nest."""
        await self.end(signal.SIGKILL)
        if self._nest is not None and self._nest.stdin is not None:
            self._nest.stdin.close()
            await self._nest.wait()


def _hatch(arguments: list[str]) -> int:
    """Fork a bridge for each line, one after another, and say how each ended."""
    for _ in sys.stdin:
        if not (pid := os.fork()):
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(2, 1)
            return run(arguments)
        print(pid, flush=True)  # noqa: T201 - the parent reads it
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201 - ditto
    return 0


if __name__ == "__main__":
    import bridge.wiring.serving  # noqa: F401 - it takes its time, and what is there no fork loads
    from bridge.cli import build_app, run
    from handlers import load_routers
    from tests.chaos.serving import hurry

    build_app()
    load_routers()
    hurry()
    sys.exit(_hatch(sys.argv[1:]))
