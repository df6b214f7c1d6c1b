"""Golden files: what a renderer wrote, kept beside its test and reviewed as a diff."""

from pathlib import Path

import pytest


def check_golden(request: pytest.FixtureRequest, path: Path, actual: str) -> None:
    """Compare *actual* with the file, or write it there when ``--update-golden`` is given."""
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(actual.encode())  # bytes: no line end is translated
    assert path.exists(), f"{path.name} is missing: make golden writes it"
    assert actual == path.read_bytes().decode()
