"""Programs that are killed and started again."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 90.0
"""Seconds to wait for a start or an end."""


@dataclass(kw_only=True)
class Victim:
    """A Python program in a process of its own, ready when it has printed its port.

    Attributes:
        log: File for what it says.
        folder: Where it runs.
        alive: Set while it is up; whoever talks to it waits for that.
        port: Where it listens now.
        deaths: How often it was killed.
    """

    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path = ROOT
    alive: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    deaths: int = 0
    _process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, and return once it is ready."""
        process = await self.launch()
        async with asyncio.timeout(PATIENCE):
            self.port = await self.ready(process)
        self.alive.set()

    async def launch(self) -> asyncio.subprocess.Process:
        """Start it, and do not wait."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                cwd=self.folder,
                env={**_without_settings(), "PYTHONPATH": str(ROOT), **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=self.output(log.fileno()),
                stderr=log,
            )
        return self._process

    def output(self, log: int) -> int:
        """Say where its standard output goes: to us, as its first line is the port."""
        return asyncio.subprocess.PIPE

    async def ready(self, process: asyncio.subprocess.Process) -> int:
        """Wait until it listens, and return its port."""
        assert process.stdout is not None
        said = await process.stdout.readline()
        if not said:
            raise NotStartedError(self)
        return int(said)

    async def kill(self) -> None:
        """End it as a power failure would."""
        self.deaths += 1
        await self.end(signal.SIGKILL)

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end and return the exit code; harmless when it is dead."""
        self.alive.clear()
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            self._process.send_signal(number)
        async with asyncio.timeout(PATIENCE):
            return await self._process.wait()

    def said(self) -> str:
        """Return what it said in all its lives."""
        return self.log.read_text(errors="replace")


@dataclass(kw_only=True)
class Bridge(Victim):
    """``terrakube-bridge serve``, which says in a file that it is ready.

    Attributes:
        ready_file: That file.
    """

    ready_file: Path

    async def launch(self) -> asyncio.subprocess.Process:
        """See Victim."""
        self.ready_file.unlink(missing_ok=True)
        return await Victim.launch(self)

    def output(self, log: int) -> int:
        """See Victim: its log."""
        return log

    async def ready(self, process: asyncio.subprocess.Process) -> int:
        """See Victim."""
        while not self.ready_file.exists():
            if process.returncode is not None:
                raise NotStartedError(self)
            await asyncio.sleep(0.02)
        return int(json.loads(self.ready_file.read_text())["port"])


class NotStartedError(Exception):
    """A program ended before it was ready."""

    def __init__(self, victim: Victim) -> None:
        super().__init__(f"it did not start; {victim.log} ends with: {victim.said()[-2000:]}")


def _without_settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}
