"""The examples of docs/terrakube-client.md run, in order, and print what the page says."""

import ast
import asyncio
import inspect
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
import structlog

from bridge.sandbox.seeds import read_seed, sow_terrakube
from bridge.sandbox.terrakube import StandIn, start

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "terrakube-client.md"
EXAMPLE = re.compile(
    r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Example:
    """A block of code; *printed* is what the page shows below it."""

    line: int
    code: str
    printed: str

    def compiled(self) -> CodeType:
        # On its own lines, so that a traceback shows where on the page it happened.
        text = "\n" * (self.line - 1) + self.code
        code: CodeType = compile(text, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        return code


def examples() -> Iterator[Example]:
    page = PAGE.read_text()
    for found in EXAMPLE.finditer(page):
        line = page.count("\n", 0, found.start(1)) + 1
        yield Example(line, found[1], found[2] or "")


async def nap(_: float) -> None:
    """Wait for no job to be old enough: the stand-in loses no early change."""


async def test_every_example_prints_what_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    structlog.reset_defaults()  # a script has not configured it
    script, *others = examples()
    async with start(tmp_path, executor="instant") as terrakube:
        sow_terrakube(read_seed(ROOT / "docs" / "sandbox.json").organizations, terrakube, None)
        settings = environment(terrakube)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        printed = [await as_process(script, tmp_path)]
        names: dict[str, Any] = {}
        for example in others:
            running = eval(example.compiled(), names)  # noqa: S307 - the page is ours
            if inspect.isawaitable(running):
                await running
            names["server"].sleep = nap  # made by the first one
            printed.append(capsys.readouterr().out)
        assert terrakube.unexpected == []
    assert printed == [example.printed for example in [script, *others]]


def environment(terrakube: StandIn) -> dict[str, str]:
    return {
        "BRIDGE_TERRAKUBE__URL": terrakube.url,
        "BRIDGE_TERRAKUBE__TOKEN": terrakube.token,
    }


async def as_process(script: Example, folder: Path) -> str:
    """Run the script as people do."""
    path = folder / "script.py"
    path.write_text(script.code)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(path)),
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()
