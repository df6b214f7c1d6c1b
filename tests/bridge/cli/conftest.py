"""Running command lines, in this process and as people do."""

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from bridge.cli import run

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


@dataclass
class CommandLine:
    """Runs commands in a folder of its own."""

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def configure(self, **more: str) -> None:
        """Write a ``.env`` that is enough."""
        (self.folder / ".env").write_text(dotenv(ENOUGH | more))

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
