"""What somebody does so that a run is made once more."""

from typing import Any

import pytest

from bridge.decisions.again import how_again
from bridge.domain.runs import Verb
from tests.bridge.store.rows import a_request

ALONE: dict[str, Any] = {"pull_request": None}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "say `terrakube plan` again"),
        ({"trigger": "slack:T1:5"}, "say `terrakube plan` again"),
        ({**ALONE, "trigger": "slack:T1:5"}, "say it again in Slack"),
        ({**ALONE, "verb": Verb.JOB, "trigger": "terrakube:o:5"}, "start it again in Terrakube"),
        ({**ALONE, "verb": Verb.PUSH}, "push again or start the job in Terrakube"),
    ],
)
def test_it_is_said_where_it_was_said_before(changes: dict[str, Any], expected: str) -> None:
    assert how_again(a_request(**changes), "terrakube") == expected
