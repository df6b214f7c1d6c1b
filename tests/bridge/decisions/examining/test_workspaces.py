"""Workspaces are counted, and those that need a word are named."""

from dataclasses import replace

import pytest

from bridge.decisions.examining.workspaces import Home, Place, judge_workspaces, place_of
from bridge.decisions.repositories import Matcher
from bridge.domain.examining import Level
from bridge.domain.terrakube import Workspace
from tests.bridge.decisions.facts import a_workspace

HOMES = (
    Home(forge="github", url="https://github.com"),
    Home(forge="code", url="https://code.example.com:8443/git"),
)
MATCHER = Matcher(ssh_hosts={"work": "github.com"})
INFRA = "https://github.com/Acme/Infra.git"


@pytest.mark.parametrize(
    ("source", "place"),
    [
        (INFRA, Place(forge="github", slug="acme/infra")),
        ("git@github.com:acme/infra.git", Place(forge="github", slug="acme/infra")),
        ("work:acme/infra", Place(forge="github", slug="acme/infra")),
        ("https://code.example.com:8443/git/a/b", Place(forge="code", slug="a/b")),
        ("ssh://git@code.example.com:2222/a/b.git", Place(forge="code", slug="a/b")),
        ("https://code.example.com/git/a/b", None),
        ("https://code.example.com:8443/a/b", None),
        ("https://github.com.evil.example/acme/infra", None),
        ("https://github.com/infra", None),
        ("https://github.com/a/b/c", None),
        ("", None),
    ],
)
def test_an_address_means_a_repository(source: str, place: Place | None) -> None:
    assert place_of(source, HOMES, MATCHER) == place


@pytest.mark.parametrize(
    ("changes", "what", "level"),
    [
        ({"native_webhook": True}, "webhooks of Terrakube", Level.WARNING),
        ({"branch": " "}, "workspaces without a branch", Level.WARNING),
        ({"source": "git@github.com:acme/infra"}, "ssh workspaces", Level.WARNING),
        ({"locked": True}, "locked workspaces", Level.WARNING),
        ({"source": "https://elsewhere.example.com/a/b"}, "other workspaces", Level.OK),
    ],
)
def test_what_needs_a_word(changes: dict[str, object], what: str, level: Level) -> None:
    odd = [replace(space, **changes) for space in many(7)]  # type: ignore[arg-type]  # fields of a workspace
    first, found = judge_workspaces([*many(1), *odd], HOMES, MATCHER)
    assert (first.level, found.what, found.level) == (Level.OK, what, level)
    assert "acme/w0, acme/w1, acme/w2, acme/w3, acme/w4 and 2 more" in found.detail


def test_the_number_is_told() -> None:
    (found,) = judge_workspaces(many(3), HOMES, MATCHER)
    assert found.detail == "3 workspaces, 3 of repositories on configured forges"


def test_nothing_to_do_is_a_warning() -> None:
    assert [one.level for one in judge_workspaces([], HOMES, MATCHER)] == [Level.WARNING]
    elsewhere = [replace(one, source="https://elsewhere.example.com/a/b") for one in many(1)]
    first, _ = judge_workspaces(elsewhere, HOMES, MATCHER)
    assert (first.level, first.detail) == (
        Level.WARNING,
        "1 workspace, 0 of repositories on configured forges",
    )


def test_a_workspace_without_a_repository_is_nobodys_concern() -> None:
    by_hand = a_workspace("cli", source="", branch="")
    assert len(judge_workspaces([*many(1), by_hand], HOMES, MATCHER)) == 1


def many(number: int) -> list[Workspace]:
    return [a_workspace(f"w{one}", source=INFRA) for one in range(number)]
