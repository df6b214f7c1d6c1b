"""What every test of what is said in Slack may ask for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.domain.chat import ChatMessage
from tests.bridge.rendering.slack.chats import as_json, problems_of, shown
from tests.golden import check_golden

FOLDER = Path(__file__).with_name("golden")


@pytest.fixture
def golden_message(request: pytest.FixtureRequest) -> Callable[[str, ChatMessage | None], None]:
    """Compare a message with its golden files, and hold it to what both validators say."""

    def check(name: str, message: ChatMessage | None) -> None:
        assert message is not None
        assert problems_of(message) == []
        check_golden(request, FOLDER / f"{name}.json", as_json(message))
        check_golden(request, FOLDER / f"{name}.txt", shown(message))

    return check
