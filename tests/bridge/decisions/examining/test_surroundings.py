"""What is the bridge's own, and how findings are put together."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.decisions.examining.forges import judge_budget, judge_credentials, judge_lacking
from bridge.decisions.examining.surroundings import (
    StoreSeen,
    judge_broken_store,
    judge_key,
    judge_no_store,
    judge_public_url,
    judge_reached,
    judge_store,
    judge_unreached,
)
from bridge.decisions.examining.wording import folded, timed_out, unasked
from bridge.domain.errors import (
    BridgeError,
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.examining import Budget, Credentials, Finding, Level

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MIB = 1024 * 1024
URL = "https://bridge.example.com"


@pytest.mark.parametrize(
    ("found", "levels"),
    [
        (judge_public_url(""), [Level.WARNING]),
        (judge_public_url("http://bridge.example.com"), [Level.WARNING]),
        (judge_public_url(URL), [Level.OK]),
        ([judge_reached(URL, 200, "ok\n")], [Level.OK]),
        ([judge_reached(URL, 200, "<html>")], [Level.WARNING]),
        ([judge_reached(URL, 502, "ok")], [Level.WARNING]),
        ([judge_unreached(URL, "no connection")], [Level.WARNING]),
        (judge_store(StoreSeen(where="x", deliveries=0, posts=0)), [Level.OK]),
        (judge_store(StoreSeen(where="x", deliveries=0, posts=0, free=2048 * MIB)), [Level.OK]),
        (
            judge_store(StoreSeen(where="x", deliveries=1, posts=0, free=500 * MIB)),
            [Level.OK, Level.WARNING, Level.WARNING],
        ),
        (
            judge_store(StoreSeen(where="x", deliveries=0, posts=2, free=50 * MIB)),
            [Level.OK, Level.WARNING, Level.ERROR],
        ),
        ([judge_no_store("x")], [Level.WARNING]),
        ([judge_broken_store("it is at version none")], [Level.ERROR]),
        ([judge_key(is_set=True), judge_key(is_set=False)], [Level.OK, Level.OK]),
    ],
)
def test_levels(found: list[Finding], levels: list[Level]) -> None:
    assert [one.level for one in found] == levels
    assert all(one.advice for one in found if one.level is not Level.OK)


def test_what_was_set_aside_is_counted() -> None:
    _, aside = judge_store(StoreSeen(where="x", deliveries=1, posts=2))
    assert aside.detail == "1 delivery and 2 posts set aside after several tries"


@pytest.mark.parametrize(
    ("remaining", "level"),
    [(5000, Level.OK), (500, Level.OK), (499, Level.WARNING), (0, Level.ERROR)],
)
def test_what_is_left_of_the_rate_limit(remaining: int, level: Level) -> None:
    budget = Budget(limit=5000, remaining=remaining, resets_at=NOW + timedelta(minutes=7))
    (found,) = judge_budget("code", budget, NOW)
    told = f"{remaining} of 5000 requests left for 7 min"
    assert (found.level, found.detail) == (level, told)
    assert judge_budget("code", None, NOW) == []


def test_credentials() -> None:
    seen = Credentials(login="bot", kind="classic token", rights=("repo",))
    account, rights = judge_credentials("code", seen, NOW)
    assert (account.detail, rights.detail) == ("bot (classic token)", "repo")
    ending = Credentials(
        login="bot",
        kind="classic token",
        rights=(),
        problems=("it lacks repo",),
        expires_at=NOW + timedelta(days=2),
    )
    found = judge_credentials("code", ending, NOW)
    assert [(one.level, one.detail) for one in found] == [
        (Level.WARNING, "bot (classic token); it ends in 2 days, at 2026-11-27 12:00 UTC"),
        (Level.ERROR, "it lacks repo"),
    ]
    assert [one.level for one in judge_lacking("code", ["a", "b"])] == [Level.ERROR] * 2


@pytest.mark.parametrize(
    ("error", "advice", "silent"),
    [
        (
            TemporaryRemoteError("its certificate is not trusted", service="x"),
            "trust its certificate",
            True,
        ),
        (TemporaryRemoteError("answered 503", service="x"), "see whether it runs", True),
        (NotAllowedError("answered 401", service="x"), "give the bridge's account", False),
        (NotFoundError("answered 404", service="x"), "correct the name", False),
        (PermanentRemoteError("answered 418", service="x"), "correct the address", False),
        (BridgeError("odd"), "see what stands", True),
        (OSError("odd"), "see what stands", True),
    ],
)
def test_what_goes_wrong_becomes_a_line(
    error: BridgeError | OSError, advice: str, *, silent: bool
) -> None:
    found = unasked("code", "account", error)
    assert (found.level, found.detail) == (Level.ERROR, str(error))
    assert (found.advice.startswith(advice), found.unasked) == (True, silent)


def test_what_nobody_answered_to_is_said_once() -> None:
    token = Finding(area="terrakube", what="token", level=Level.OK, detail="good")
    silent = [timed_out("terrakube", what, 1.0) for what in ("API", "version", "rights")]
    other = timed_out("code", "account", 1.0)
    found = folded([silent[0], token, *silent[1:], other])
    assert [(one.area, one.what, one.detail) for one in found] == [
        ("terrakube", "API", "no answer within 1 s"),
        ("terrakube", "token", "good"),
        ("terrakube", "version, rights", "no answer either"),
        ("code", "account", "no answer within 1 s"),
    ]


def test_one_that_hangs_beside_others_that_answer_stands_for_itself() -> None:
    good = Finding(area="terrakube", what="API", level=Level.OK, detail="up")
    hangs = timed_out("terrakube", "rights", 1.0)
    assert folded([good, hangs]) == [good, hangs]


def test_what_is_well_or_needs_another_remedy_stands_for_itself() -> None:
    good = [Finding(area="code", what=what, level=Level.OK, detail="well") for what in ("a", "b")]
    bad = [
        Finding(
            area="code", what=what, level=Level.ERROR, detail="no hook", advice=f"install {what}"
        )
        for what in ("a", "b")
    ]
    assert folded([*good, *bad]) == [*good, *bad]


def test_what_several_were_told_alike_is_said_once() -> None:
    error = NotFoundError("there is no organization nowhere", service="terrakube")
    found = folded([unasked("terrakube", what, error) for what in ("organizations", "rights")])
    assert [one.what for one in found] == ["organizations, rights"]
