"""The demo is the first thing anybody runs: it has to end well, with terraform and without."""

import os
import shutil
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
    assert last.startswith("demo: ok: 2 plans, 2 push runs, 1 comment, all statuses concluded in ")
    assert ("recorded" in ended.stdout) is not (real and shutil.which("terraform") is not None)
