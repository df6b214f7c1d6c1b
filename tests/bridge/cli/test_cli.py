"""The command line as a whole: what it imports, how it ends, what it documents."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge.cli import COMMANDS, GROUPS, endings
from bridge.cli.endings import Exit, exit_code
from bridge.domain.errors import (
    BridgeError,
    MissingError,
    NotAllowedError,
    NotFoundError,
    OverloadedError,
    PayloadError,
    PermanentRemoteError,
    SettingsError,
    SilentDatabaseError,
    TemporaryRemoteError,
    UserError,
)
from tests.bridge.cli.conftest import CommandLine

ROOT = Path(__file__).parents[3]
DOCUMENTATION = ROOT / "docs" / "command-line.md"
HEAVY = ("aiohttp", "alembic", "httpx", "slack_bolt", "sqlalchemy")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["serve", "--help"],
        ["jobs", "--help"],
        ["jobs", "create", "--help"],
        ["version"],
    ],
)
def test_help_imports_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys; from bridge.cli import run; code = run(sys.argv[1:]); "
        f"print('HEAVY', [name for name in {HEAVY} if name in sys.modules]); sys.exit(code)"
    )
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("x"), Exit.USAGE),
        (UserError("x"), Exit.USAGE),
        (PayloadError("x"), Exit.USAGE),
        (MissingError("x"), Exit.NOT_FOUND),
        (NotFoundError("x", service="code"), Exit.NOT_FOUND),
        (NotAllowedError("x", service="code"), Exit.NOT_ALLOWED),
        (PermanentRemoteError("x", service="code"), Exit.USAGE),
        (TemporaryRemoteError("x", service="code"), Exit.UNREACHABLE),
        (OverloadedError("x"), Exit.UNREACHABLE),
        (SilentDatabaseError("x"), Exit.UNREACHABLE),
    ],
)
def test_every_error_has_an_exit_code(error: BridgeError, code: Exit) -> None:
    assert exit_code(error) == code


def test_the_exit_codes_are_those_of_the_documentation() -> None:
    rows = re.findall(r"^\| (\d+) \|", DOCUMENTATION.read_text(), re.MULTILINE)
    assert [int(row) for row in rows] == [code.value for code in endings.Exit]


def test_every_command_is_documented() -> None:
    told = re.findall(r"^## `([a-z]+)", DOCUMENTATION.read_text(), re.MULTILINE)
    assert sorted(set(told)) == sorted((*COMMANDS, *GROUPS))


def test_a_mistake_is_a_line_on_standard_error_without_a_traceback(
    command_line: CommandLine,
) -> None:
    command_line.configure(BRIDGE_TERRAKUBE__TOKN="x")
    said = command_line("check")
    assert (said.code, said.out) == (2, "")
    meant = "there is no such setting; did you mean BRIDGE_TERRAKUBE__TOKEN?"
    assert said.err == [f".env line 8: BRIDGE_TERRAKUBE__TOKN: {meant}"]


@pytest.mark.parametrize("arguments", [["nonsense"], ["check", "--nonsense"], ["replay", "abc"]])
def test_wrong_usage_ends_with_2(command_line: CommandLine, arguments: list[str]) -> None:
    assert command_line(*arguments).code == 2


@pytest.mark.parametrize(
    ("raised", "code", "traceback"),
    [
        (KeyboardInterrupt(), 130, False),
        (ZeroDivisionError(), 1, True),
        (BrokenPipeError(), 0, False),
    ],
)
def test_only_a_bug_shows_its_traceback(
    command_line: CommandLine, raised: BaseException, code: int, *, traceback: bool
) -> None:
    def fail(*_: object) -> None:
        raise raised

    command_line.configure()
    command_line.monkeypatch.setattr("importlib.metadata.version", fail)
    said = command_line("version")
    assert said.code == code
    assert any(line.startswith("Traceback") for line in said.err) is traceback


def test_version_names_the_program(command_line: CommandLine) -> None:
    said = command_line("version")
    assert re.fullmatch(r"terrakube-bridge \d+\.\d+\.\d+\S*\n", said.out)
