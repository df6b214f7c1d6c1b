"""The bridge as a process of its own."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.bridge.cli.conftest import dotenv
from tests.waiting import until

START_WITHIN = 60.0
"""Seconds, on a machine that does much else."""


def environment() -> dict[str, str]:
    """What a process gets: nothing of the bridge's settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("BRIDGE_")}


async def spawn(folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge", *arguments),
        cwd=folder,
        env=environment() | {"PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@dataclass
class Ended:
    """How a process ended.

    Attributes:
        logs: Lines of standard output, as JSON.
        err: Lines of standard error, without the program's name.
    """

    code: int
    logs: list[dict[str, object]]
    err: list[str]

    def events(self) -> list[object]:
        return [line["event"] for line in self.logs]


@dataclass
class Running:
    """A bridge that is ready."""

    process: asyncio.subprocess.Process
    addresses: dict[str, object]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.addresses['port']}"

    async def get(self, path: str, *, port: str = "port") -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.addresses[port]}{path}")

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        self.process.send_signal(number)
        return await ended(self.process)


async def ended(process: asyncio.subprocess.Process) -> Ended:
    out, err = await process.communicate()
    return Ended(
        code=process.returncode or 0,
        logs=[json.loads(line) for line in out.decode().splitlines()],
        err=[line.removeprefix("terrakube-bridge: ") for line in err.decode().splitlines()],
    )


@asynccontextmanager
async def bridge(folder: Path, settings: Mapping[str, str]) -> AsyncIterator[Running]:
    """Serve with these settings in ``.env`` on free ports."""
    ports = {
        "BRIDGE_LISTEN__HOST": "127.0.0.1",
        "BRIDGE_LISTEN__PORT": "0",
        "BRIDGE_METRICS__PORT": "0",
    }
    (folder / ".env").write_text(dotenv({**ports, **settings}))
    ready = folder / "ready.json"
    ready.unlink(missing_ok=True)  # of one that ran there before
    process = await spawn(folder, "serve", "--ready-file", str(ready))
    try:
        await until(lambda: ready.exists() or process.returncode is not None, seconds=START_WITHIN)
        if process.returncode is not None:
            raise AssertionError(await ended(process))
        yield Running(process, json.loads(ready.read_text()))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
