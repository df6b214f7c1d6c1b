"""Repositories and their webhooks are judged by what the bridge needs of them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.decisions.examining.hooks import (
    Door,
    judge_deliveries,
    judge_own_hook,
    judge_repositories,
)
from bridge.decisions.repositories import Matcher
from bridge.domain.examining import HookSeen, Level, RepositorySeen, SentDelivery
from bridge.domain.vcs import Permission

DOOR = Door(forge="code", public_url="https://bridge.example.com", has_secret=False)
URL = "https://bridge.example.com/webhooks/code"
SOURCE = "https://code.example.com/acme/infra"
GOOD = RepositorySeen(
    slug="acme/infra",
    sources=(SOURCE,),
    id="7",
    clone_urls=(f"{SOURCE}.git",),
    own=Permission.ADMIN,
    hooks=(HookSeen(url=f"{URL}?hook=7"),),
)
INSTALL = "terrakube-bridge webhooks install acme/infra --forge code"


def sent(*statuses: int) -> tuple[SentDelivery, ...]:
    at = datetime(2026, 11, 25, 12, tzinfo=UTC)
    return tuple(SentDelivery(delivered_at=at, status=status) for status in statuses)


def judged(door: Door, seen: RepositorySeen) -> list[tuple[Level, str, str]]:
    found = judge_repositories(door, [seen], Matcher())
    return [(one.level, one.detail, one.advice) for one in found]


def test_all_is_well() -> None:
    detail = "2 repositories seen, webhook and deliveries as they should be"
    (found,) = judge_repositories(DOOR, [GOOD, GOOD], Matcher())
    assert (found.what, found.level, found.detail) == ("repositories", Level.OK, detail)


@pytest.mark.parametrize(
    ("changes", "level", "detail"),
    [
        ({"trouble": "answered 404", "absent": True}, Level.ERROR, "answered 404"),
        ({"own": Permission.READ}, Level.ERROR, "may only read: no comment, no status"),
        ({"own": Permission.WRITE}, Level.WARNING, "is no administrator"),
        ({"sources": ("https://git.example.com/acme/infra",)}, Level.ERROR, "is none it is cloned"),
        ({"hooks": None}, Level.WARNING, "its webhooks are not shown"),
        ({"hooks": ()}, Level.ERROR, "no webhook delivers here"),
        ({"hooks": (HookSeen(url=f"{URL}?hook=8"),)}, Level.ERROR, "speaks for repository 8"),
        ({"hooks": (HookSeen(url=URL),)}, Level.ERROR, "the bridge did not install it"),
        (
            {"hooks": (HookSeen(url=f"{URL}?hook=7", problems=("it is not active",)),)},
            Level.ERROR,
            "its webhook: it is not active",
        ),
        (
            {"hooks": (HookSeen(url=f"{URL}?hook=7", deliveries=sent(401)),)},
            Level.ERROR,
            "was answered 401",
        ),
        (
            {"hooks": (HookSeen(url=f"{URL}?hook=7", deliveries=sent(202, 503, 202)),)},
            Level.WARNING,
            "1 of the last 3 deliveries failed",
        ),
    ],
)
def test_what_is_wrong_with_a_repository(
    changes: dict[str, object], level: Level, detail: str
) -> None:
    seen = replace(GOOD, **changes)  # type: ignore[arg-type]  # fields of what was seen
    ((found, told, advice),) = judged(replace(DOOR, needs=Permission.ADMIN), seen)
    assert (found, detail in told, bool(advice)) == (level, True, True)


def test_a_hook_that_is_missing_may_be_the_organizations() -> None:
    door = replace(DOOR, has_secret=True)
    assert judged(door, replace(GOOD, hooks=())) == [
        (
            Level.WARNING,
            "no webhook of its own delivers here; its organization's may",
            f"if none does: {INSTALL}",
        )
    ]


@pytest.mark.parametrize("hooks", [(), None])
def test_an_app_needs_no_hook_in_a_repository(hooks: tuple[HookSeen, ...] | None) -> None:
    door = replace(DOOR, has_own_hook=True, has_secret=True)
    (found,) = judged(door, replace(GOOD, hooks=hooks))
    assert found[0] is Level.OK


@pytest.mark.parametrize(
    ("public_url", "url", "here"),
    [
        ("https://bridge.example.com", f"{URL}?hook=7", True),
        ("https://bridge.example.com", f"{URL}/", True),
        ("https://bridge.example.com", f"{URL}2", False),
        ("https://bridge.example.com", "https://old.example.com/webhooks/code", False),
        ("", "https://old.example.com/webhooks/code?hook=7", True),
        ("", "https://old.example.com/webhooks/other", False),
    ],
)
def test_a_hook_is_known_by_its_address(public_url: str, url: str, *, here: bool) -> None:
    assert replace(DOOR, public_url=public_url).is_here(url) is here


@pytest.mark.parametrize(
    ("seen", "level", "detail"),
    [
        (HookSeen(url=""), Level.ERROR, "it has no webhook"),
        (
            HookSeen(url="https://u:p@old.example.com/webhooks/code"),
            Level.ERROR,
            "it delivers to https://old.example.com/webhooks/code",
        ),
        (HookSeen(url=URL, problems=("it has no secret",)), Level.ERROR, "it has no secret"),
        (HookSeen(url=URL, deliveries=()), Level.OK, "nothing was delivered yet"),
    ],
)
def test_an_apps_own_hook(seen: HookSeen, level: Level, detail: str) -> None:
    (found,) = judge_own_hook(replace(DOOR, has_secret=True), seen)
    assert (found.what, found.level, found.detail) == ("webhook of the App", level, detail)


@pytest.mark.parametrize(
    ("deliveries", "level", "part", "advice"),
    [
        (None, Level.OK, "web page only", ""),
        (sent(202), Level.OK, "was accepted", ""),
        (sent(0), Level.ERROR, "reached nobody", "see whether the forge reaches the bridge"),
        (sent(503), Level.ERROR, "was answered 503", "see whether the bridge runs"),
        (sent(404), Level.ERROR, "was answered 404", "correct its address"),
        (sent(418), Level.ERROR, "was answered 418", "see the hook's web page"),
    ],
)
def test_deliveries(
    deliveries: tuple[SentDelivery, ...] | None, level: Level, part: str, advice: str
) -> None:
    found, detail, told = judge_deliveries(deliveries)
    assert (found, part in detail, told.startswith(advice)) == (level, True, True)
