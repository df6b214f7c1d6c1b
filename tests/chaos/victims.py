"""A program that is killed and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
PATIENCE: Final = 30.0
"""Seconds to wait for a start or an end."""


@dataclass(kw_only=True)
class Victim:
    """A Python program in a process of its own, ready when it has printed its port.

    Attributes:
        log: File for what it says on standard error.
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
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self.arguments,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), **self.environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        async with asyncio.timeout(PATIENCE):
            self.port = await self.ready(self._process)
        self.alive.set()

    async def ready(self, process: asyncio.subprocess.Process) -> int:
        """Wait until it listens, and return its port."""
        assert process.stdout is not None
        said = await process.stdout.readline()
        if not said:
            msg = f"it did not start; see {self.log}: {self.said()[-2000:]}"
            raise RuntimeError(msg)
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
        """Return what it wrote to standard error, in all its lives."""
        return self.log.read_text(errors="replace")
