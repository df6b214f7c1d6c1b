"""The demo is the first thing anybody runs: it has to end well, with terraform and without."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ENOUGH = 240.0
"""Seconds, on a machine that does much else."""


def without_terraform(folder: Path) -> str:
    """A PATH with git on it, and with neither terraform nor tofu."""
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    return str(folder)


@pytest.mark.parametrize(("forge", "real"), [("forgejo", True), ("github", False)])
def test_the_demo_ends_ok(forge: str, real: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    path = os.environ["PATH"] if real else without_terraform(tmp_path)
    ended = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "bridge", "demo", "--forge", forge],
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    last = ended.stdout.splitlines()[-1]
    assert last.startswith(
        "demo: ok: 2 plans, 1 refusal, 2 reviewed applies, 2 push runs, "
        "1 apply approved in Slack (7 jobs), merged by the bridge, all statuses concluded in "
    )
    assert ended.stdout.count("its plan is the one that was reviewed") == 2
    assert ("recorded" in ended.stdout) is not (real and shutil.which("terraform") is not None)


def test_a_demo_that_cannot_go_on_says_why_and_fails(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "bridge", "demo"],
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == "demo: failed: git is not on PATH: install it first\n"


def test_a_demo_that_is_killed_leaves_nothing_behind(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bridge", "demo"],
        env=os.environ | {"PATH": without_terraform(tmp_path), "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        said = next(line for line in demo.stdout if line.startswith("the bridge listens on "))
        demo.terminate()
        demo.stdout.read()
    assert demo.returncode == 130
    assert list(tmp_path.glob("terrakube-bridge-demo-*")) == []
    with socket.socket() as caller:
        assert caller.connect_ex(("127.0.0.1", int(said.rpartition(":")[2]))) != 0
