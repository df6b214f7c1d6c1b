"""What an operator does: install from the lock, run as nobody with one writable folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOBODY = 65534
ENOUGH = 240.0
"""Seconds, for an installation with everything to download."""

SETTINGS = {
    "BRIDGE_LISTEN__HOST": "127.0.0.1",
    "BRIDGE_LISTEN__PORT": "0",
    "BRIDGE_METRICS__PORT": "0",
    "BRIDGE_TERRAKUBE__URL": "http://127.0.0.1:9",  # nobody answers: a warning, no reason to stop
    "BRIDGE_TERRAKUBE__ORGANIZATIONS": "acme",
    "BRIDGE_TERRAKUBE__TOKEN": "not-a-token-of-anybody",
    "BRIDGE_FORGES__CODE__DRIVER": "forgejo",
    "BRIDGE_FORGES__CODE__URL": "http://127.0.0.1:9",
    "BRIDGE_FORGES__CODE__TOKEN": "not-a-token-of-anybody",
    "BRIDGE_FORGES__CODE__WEBHOOK_SECRET": "0123456789abcdef0123456789abcdef",
}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder others may enter, as pytest's own may not be."""
    folder = Path(tempfile.mkdtemp(prefix="bridge-install-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def run(*command: str | Path, cwd: Path) -> None:
    ended = subprocess.run(  # noqa: S603 - our own commands
        command, cwd=cwd, capture_output=True, text=True, timeout=ENOUGH, check=False
    )
    assert ended.returncode == 0, ended.stderr


def install(place: Path) -> Path:
    """Do as the README says, but for a copy of the sources that is not this checkout."""
    source = place / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md"):
        shutil.copy(ROOT / name, source)
    for name in ("bridge", "handlers", "requirements"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    run(sys.executable, "-m", "venv", "venv", cwd=place)
    pip = place / "venv" / "bin" / "pip"
    lock = source / "requirements" / "runtime.txt"
    run(pip, "install", "--quiet", "--require-hashes", "--requirement", lock, cwd=place)
    # Without isolation: the build's own requirements are those this environment has locked.
    wheels = place / "wheels"
    build = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    run(*build, "--wheel-dir", wheels, source, cwd=place)
    run(pip, "install", "--quiet", "--no-deps", *wheels.glob("*.whl"), cwd=place)
    shutil.rmtree(source)
    return place / "venv" / "bin" / "terrakube-bridge"


def files_below(folder: Path, *, without: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if without not in path.parents}


def environment() -> Mapping[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | SETTINGS


def test_it_installs_from_the_lock_and_runs_as_nobody(place: Path) -> None:
    if os.getuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become another user, with setpriv of util-linux")
    program = install(place)
    data = place / "data"
    data.mkdir()
    os.chown(data, NOBODY, NOBODY)
    before = files_below(place, without=data)
    process = subprocess.Popen(  # noqa: S603 - our own program
        [*as_nobody(), program, "serve", "--ready-file", data / "ready.json"],
        cwd=data,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        port = ready_port(process, data / "ready.json")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            assert answer.read() == b"ready\n"
        process.send_signal(signal.SIGTERM)
        printed, _ = process.communicate(timeout=30)
        assert process.returncode == 0, printed
    finally:
        process.kill()
        process.communicate()
    assert files_below(place, without=data) == before
    assert (data / "data" / "bridge.db").stat().st_uid == NOBODY


def as_nobody() -> tuple[str, ...]:
    """Become nobody, who may write nothing; reading is kept, as Python may lie in root's home."""
    user = ("--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups")
    reading = ("--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search")
    return ("setpriv", *user, *reading, "--bounding-set", "-all,+dac_read_search")


def ready_port(process: "subprocess.Popen[str]", ready: Path) -> int:
    deadline = time.monotonic() + 60
    while not ready.exists():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline, "it does not become ready"
        time.sleep(0.05)
    return int(json.loads(ready.read_text())["port"])
