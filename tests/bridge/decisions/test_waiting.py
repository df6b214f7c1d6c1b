"""What is said about a delivery that is not handled, in words."""

from datetime import UTC, datetime

import pytest

from bridge.decisions.waiting import LASTING, Notice, Trouble, decide_notice, is_notice
from bridge.domain.errors import (
    NotAllowedError,
    PermanentRemoteError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.vcs import StatusState

SINCE = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)
AWAY = TemporaryRemoteError("GET http://10.0.0.7: no answer", service="terrakube")
REFUSED = NotAllowedError("GET http://10.0.0.7: 401", service="terrakube", status=401)
BROKEN = PermanentRemoteError("GET http://10.0.0.7: 400", service="terrakube", status=400)
FORGE_AWAY = TemporaryRemoteError("GET http://10.0.0.8: 502", service="code", status=502)


def pending(text: str) -> Notice:
    return Notice(state=StatusState.PENDING, text=text)


def error(text: str, *, final: bool = False) -> Notice:
    return Notice(state=StatusState.ERROR, text=text, final=final)


@pytest.mark.parametrize(
    ("problem", "attempt", "waited", "final", "expected"),
    [
        (AWAY, 1, 1.0, False, None),
        (AWAY, 2, 5.0, False, pending("Waiting for Terrakube: it does not answer.")),
        (AWAY, 9, LASTING - 1, False, pending("Waiting for Terrakube: it does not answer.")),
        (
            AWAY,
            10,
            LASTING,
            False,
            error("Since 2026-11-24 14:02 UTC Terrakube does not answer. The bridge keeps trying."),
        ),
        (
            REFUSED,
            1,
            1.0,
            False,
            error(
                "Since 2026-11-24 14:02 UTC Terrakube does not accept the bridge's token. "
                "The bridge keeps trying."
            ),
        ),
        (
            BROKEN,
            1,
            1.0,
            False,
            error(
                "Since 2026-11-24 14:02 UTC Terrakube refuses what the bridge asks for. "
                "The bridge keeps trying."
            ),
        ),
        (FORGE_AWAY, 9, 9_999.0, False, None),
        (ValueError("a bug"), 5, 9_999.0, False, None),
        (AWAY, 80, 21_600.0, True, error("Not handled: Terrakube does not answer.", final=True)),
        (
            FORGE_AWAY,
            80,
            21_600.0,
            True,
            error("Not handled: the forge does not answer.", final=True),
        ),
        (
            ValueError("a bug"),
            8,
            60.0,
            True,
            error("Not handled: the bridge failed on it, and its log says why.", final=True),
        ),
        (
            UserError("say it differently."),
            1,
            0.0,
            True,
            error("Not handled: say it differently.", final=True),
        ),
    ],
)
def test_what_people_are_told(
    problem: Exception, attempt: int, waited: float, *, final: bool, expected: Notice | None
) -> None:
    trouble = Trouble(error=problem, attempt=attempt, since=SINCE, waited=waited, final=final)
    notice = decide_notice(trouble)
    assert notice == expected
    if notice is not None:
        assert is_notice(notice.text)
        assert len(notice.text) <= 140


@pytest.mark.parametrize("text", ["planned at the pull request's head", "`x` is not available", ""])
def test_other_texts_are_no_notices(text: str) -> None:
    assert not is_notice(text)
