"""Terrakube's answers are judged by what they mean for the bridge."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.decisions.examining.servers import (
    judge_features,
    judge_health,
    judge_organizations,
    judge_rights,
    judge_token,
    judge_unread_token,
)
from bridge.domain.examining import Finding, Health, Level
from bridge.domain.terrakube import Organization, Permissions, ServerFeatures

URL = "https://terrakube-api.example.com"
ALL = "it may start, approve and cancel"
PLANS = "it may plan, but not approve: nothing is applied, and superseded plans are not cancelled"
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("health", "level", "detail"),
    [
        (Health(status=200, is_up=True), Level.OK, f"{URL} is up"),
        (Health(status=503, is_up=False), Level.ERROR, f"{URL} says that it is down"),
        (
            Health(status=200, is_up=None, is_page=True),
            Level.ERROR,
            f"{URL} answers with a web page",
        ),
        (
            Health(status=404, is_up=None),
            Level.WARNING,
            f"{URL} does not say how it is: answered 404",
        ),
    ],
)
def test_health(health: Health, level: Level, detail: str) -> None:
    (found,) = judge_health(health, URL)
    assert (found.what, found.level, found.detail) == ("API", level, detail)


@pytest.mark.parametrize(
    ("seconds", "level", "detail"),
    [
        (30, Level.OK, "agrees with this machine's"),
        (-30, Level.OK, "agrees with this machine's"),
        (31, Level.WARNING, "31 s ahead of this machine's"),
        (-300, Level.WARNING, "300 s behind this machine's"),
        (301, Level.ERROR, "301 s ahead of this machine's"),
    ],
)
def test_clocks(seconds: int, level: Level, detail: str) -> None:
    health = Health(status=200, is_up=True, ahead=timedelta(seconds=seconds))
    _, clock = judge_health(health, URL)
    assert (clock.what, clock.level, clock.detail) == ("clock", level, detail)


def test_what_the_version_can() -> None:
    newer = ServerFeatures(targets=True, notifications=True)
    older = ServerFeatures(targets=False, notifications=False)
    told = [one.detail for one in judge_features(newer, wants_hints=True)]
    assert told == ["2.33 or newer"]
    version, hints = judge_features(older, wants_hints=True)
    assert version.detail == "older than 2.33; without -target and -replace and notifications"
    assert (hints.what, hints.level) == ("notifications", Level.WARNING)
    assert len(judge_features(older, wants_hints=False)) == 1


@pytest.mark.parametrize(
    ("left", "level", "until"),
    [
        (timedelta(days=14, seconds=1), Level.OK, "good until 2026-12-09 12:00 UTC"),
        (timedelta(days=14), Level.WARNING, "it ends in 14 days, at 2026-12-09 12:00 UTC"),
        (timedelta(hours=1), Level.WARNING, "it ends in 1 hour, at 2026-11-25 13:00 UTC"),
        (timedelta(0), Level.ERROR, "it ended at 2026-11-25 12:00 UTC"),
        (None, Level.OK, "no end is told"),
    ],
)
def test_tokens(left: timedelta | None, level: Level, until: str) -> None:
    found = judge_token(
        kind="team",
        owner="bridge@example.com",
        expires_at=None if left is None else NOW + left,
        groups=("DEVELOPERS",),
        now=NOW,
    )
    whose = "team token of bridge@example.com, teams DEVELOPERS"
    assert (found.level, found.detail) == (level, f"{whose}; {until}")
    assert bool(found.advice) is (level is not Level.OK)


def test_a_token_of_no_team_may_nothing() -> None:
    found = judge_token(kind="other", owner="", expires_at=None, groups=(), now=NOW)
    assert (found.level, found.detail) == (
        Level.WARNING,
        "other token, without any team; no end is told",
    )
    assert judge_unread_token().level is Level.ERROR


def test_organizations_are_named() -> None:
    found = judge_organizations([Organization(id="1", name="acme")])
    assert found == Finding(
        area="terrakube", what="organizations", level=Level.OK, detail="the token sees acme"
    )


@pytest.mark.parametrize(
    ("plans", "approves", "manages", "level", "detail"),
    [
        (True, True, False, Level.OK, ALL),
        (False, True, False, Level.OK, ALL),
        (
            True,
            True,
            True,
            Level.OK,
            f"{ALL}; it may also manage workspaces and templates, which the bridge never does",
        ),
        (
            True,
            False,
            False,
            Level.WARNING,
            PLANS,
        ),
        (False, False, True, Level.ERROR, "it may not start jobs: nothing is planned"),
    ],
)
def test_rights(*, plans: bool, approves: bool, manages: bool, level: Level, detail: str) -> None:
    rights = Permissions(
        plan_job=plans,
        approve_job=approves,
        manage_job=True,
        manage_workspace=manages,
        manage_template=manages,
    )
    found = judge_rights("acme", rights)
    assert (found.what, found.level, found.detail) == ("rights in acme", level, detail)
