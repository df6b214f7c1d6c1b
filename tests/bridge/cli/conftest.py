"""Running command lines, in this process and as people do."""

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge.cli import run
from bridge.sandbox.terrakube import StandIn, start
from bridge.sandbox.terrakube.model import Organization, Workspace

ENOUGH = {
    "BRIDGE_TERRAKUBE__URL": "http://127.0.0.1:1",
    "BRIDGE_TERRAKUBE__TOKEN": "canary-of-terrakube",
    "BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme",
    "BRIDGE_FORGES__CODE__DRIVER": "forgejo",
    "BRIDGE_FORGES__CODE__URL": "http://127.0.0.1:1",
    "BRIDGE_FORGES__CODE__TOKEN": "canary-of-forgejo",
    "BRIDGE_FORGES__CODE__WEBHOOK_SECRET": "canary-of-the-hook",
}


def dotenv(settings: dict[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


@dataclass
class Said:
    """How a command ended.

    Attributes:
        err: Lines of standard error, without the program's name.
    """

    code: int
    out: str
    err: list[str]

    def json(self) -> object:
        return json.loads(self.out)

    def row(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.out)
        return found


class _Terminal(TextIOWrapper):
    def __init__(self, typed: str) -> None:
        super().__init__(BytesIO(typed.encode()))

    def isatty(self) -> bool:
        return True


@dataclass
class CommandLine:
    """Runs commands in a folder of its own."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def configure(self, **more: str) -> None:
        """Write a ``.env`` that is enough."""
        (self.folder / ".env").write_text(dotenv(ENOUGH | more))

    def on_terminal(self, typed: str = "") -> None:
        """Let the next commands find a terminal, and somebody who types this."""
        self.monkeypatch.setattr("sys.stdin", _Terminal(typed))
        self.monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        self.monkeypatch.setenv("COLUMNS", "200")

    def in_pipe(self, given: str = "") -> None:
        """Let the next commands find this in standard input, and no terminal."""
        self.monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO(given.encode())))
        self.monkeypatch.setattr("sys.stdout.isatty", lambda: False)

    def __call__(self, *arguments: str) -> Said:
        self.capture.readouterr()
        code = run(arguments)
        said = self.capture.readouterr()
        err = [line.removeprefix("terrakube-bridge: ") for line in said.err.splitlines()]
        return Said(code=code, out=said.out, err=err)


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[CommandLine]:
    """A command line in an empty folder, without any setting."""
    for name in [name for name in os.environ if name.startswith("BRIDGE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield CommandLine(tmp_path, monkeypatch, capsys)
    # Commands configure logging for the whole process.
    root.handlers, root.level = handlers, level
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


SOURCE = "https://git.example.com/acme/infra.git"


@dataclass
class Desk:
    """Somebody's command line, and a Terrakube it is set up for, with organization acme.

    Attributes:
        network: Its workspace ``acme/network``, which has the default template ``Plan``.
    """

    command_line: CommandLine
    terrakube: StandIn
    acme: Organization = field(init=False)
    network: Workspace = field(init=False)

    def __post_init__(self) -> None:
        self.acme = self.terrakube.add_organization("acme")
        self.network = self.terrakube.add_workspace(
            self.acme, "network", SOURCE, folder="/network", default_template="Plan"
        )

    async def __call__(self, *arguments: str) -> Said:
        """Run a command beside the server, which lives in this loop."""
        return await asyncio.to_thread(self.command_line, *arguments)

    def configure(self, **more: str) -> None:
        """Write a ``.env`` with the address and a token, and nothing else."""
        settings = {
            "BRIDGE_TERRAKUBE__URL": self.terrakube.url,
            "BRIDGE_TERRAKUBE__TOKEN": self.terrakube.token,
        }
        (self.command_line.folder / ".env").write_text(dotenv(settings | more))


@pytest.fixture
async def desk(command_line: CommandLine) -> AsyncIterator[Desk]:
    """A command line that knows a Terrakube's address and token, and nothing else."""
    async with start(command_line.folder / "terrakube", executor="instant") as terrakube:
        desk = Desk(command_line, terrakube)
        desk.configure()
        yield desk
        assert terrakube.unexpected == []
