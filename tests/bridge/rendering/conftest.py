"""What every test of a renderer may ask for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.golden import check_golden

FOLDER = Path(__file__).with_name("golden")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name."""
    return lambda name, actual: check_golden(request, FOLDER / name, actual)
