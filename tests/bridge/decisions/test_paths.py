"""Globs, folders and changed files."""

import time
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.paths import Changes, check_glob, clean_folder, matched, matches
from bridge.domain.vcs import ChangedFiles

WELL_FORMED = [
    "main",
    "*",
    "**",
    "release/*",
    "acme/prod-*",
    "modules/**",
    "!modules/docs/**",
    "modules/{vpc,dns}/**",
    "v[0-9]*",
    "v[0-9].[0-9]*",
    ".terraform.lock.hcl",
    "modules/größe/**",
    "a b/*.tf",
]
MALFORMED = [
    ("", "is empty"),
    ("   ", "is empty"),
    ("!", "is empty"),
    ("a" * 301, "is longer than 300 characters"),
    ("a\nb", "holds a control character"),
    ("a\x00b", "holds a control character"),
    ("modules\\**", "holds a backslash; nothing needs one here"),
    ("/modules/**", "begins with a slash"),
    ("!/modules", "begins with a slash"),
    ("../other/**", "goes up (..)"),
    ("modules/../x", "goes up (..)"),
    ("{a,..}/x", "goes up (..)"),
    ("v[0-9", "has a bracket that is not closed"),
    ("{a,b", "has a brace that is not closed"),
    ("a}b", "has a brace that is not closed"),
    ("{a,b}" * 12, "is too complicated, or means nothing"),
    ("{1..5000}", "is too complicated, or means nothing"),
]


@pytest.mark.parametrize("pattern", WELL_FORMED)
def test_well_formed_globs_pass(pattern: str) -> None:
    assert check_glob(pattern) is None


@pytest.mark.parametrize(("pattern", "problem"), MALFORMED)
def test_malformed_globs_are_named(pattern: str, problem: str) -> None:
    assert check_glob(pattern) == problem


def test_globs_that_pass_one_by_one_can_be_used_together() -> None:
    globs = [f"{number}{'{a,b}' * 6}" for number in range(30)]
    assert [check_glob(one) for one in globs] == [None] * 30
    assert matches("7ababab", globs)
    assert check_glob(globs[0], most=63) == "is too complicated, or means nothing"


@given(st.text(max_size=60))
def test_checking_a_glob_never_raises_and_what_passes_can_be_used(pattern: str) -> None:
    if check_glob(pattern) is None:
        matches("some/path.tf", [pattern])


@pytest.mark.parametrize(
    ("name", "globs", "expected"),
    [
        ("main", ["main"], True),
        ("main", ["master", "main"], True),
        ("main", [], False),
        ("release/1", ["release/*"], True),
        ("release/1/x", ["release/*"], False),
        ("release/1/x", ["release/**"], True),
        ("release/1", ["*"], False),
        ("release/1", ["**"], True),
        ("Main", ["main"], False),
        ("acme/prod-net", ["acme/prod-*"], True),
        ("acme/production", ["acme/prod-*"], False),
        ("other/prod-net", ["*/prod-*"], True),
        ("v1.2.3", ["v[0-9]*"], True),
        ("version", ["v[0-9]*"], False),
        ("modules/vpc/main.tf", ["modules/{vpc,dns}/**"], True),
        ("modules/iam/main.tf", ["modules/{vpc,dns}/**"], False),
        ("modules/docs/x.md", ["modules/**", "!modules/docs/**"], False),
        ("modules/vpc/x.tf", ["modules/**", "!modules/docs/**"], True),
        ("x.tf", ["!modules/**"], False),
        ("modules/.hidden/x", ["modules/**"], True),
        ("deep/down/.terraform.lock.hcl", ["**/*.hcl"], True),
        ("gro\u0308\u00dfe/x.tf", ["gr\u00f6\u00dfe/*"], True),
    ],
)
def test_globs_match_as_on_a_forge(name: str, globs: list[str], expected: bool) -> None:  # noqa: FBT001 - a column
    assert matches(name, globs) is expected


def changes(*paths: str) -> Changes:
    return Changes.of(ChangedFiles(paths=paths))


NAMES = ["acme/app-a", "acme/app-b", "acme/net", "ACME/net", "umbrella/app-a", "umbrella/n\u00e4t"]


@pytest.mark.parametrize(
    "pattern",
    [
        "*/*", "**", "acme/*", "acme/app-?", "acme/net", "acme/", "acme//net", "acme/net/",
        "*/app-a", "{acme,x}/*", "[a-b]cme/*", "a[!x]me/net", "!acme/*", "umbrella/na\u0308t",
        "nobody/*", "", "acme/{net,app-a}",
    ],
)  # fmt: skip
def test_many_globs_match_many_names_as_one_matches_one(pattern: str) -> None:
    expected = [name for name in sorted(NAMES) if matches(name, [pattern])]
    assert matched([*NAMES, *NAMES], [pattern, "*/x", pattern]) == {pattern: expected, "*/x": []}


def test_the_subscriptions_of_two_hundred_channels_are_asked_about_five_hundred_workspaces() -> (
    None
):
    """Each by itself would be made ready anew for each workspace: minutes, in one transaction."""
    names = [f"org{number % 50}/app-{number}" for number in range(500)]
    patterns = [f"org{number % 50}/app-{number}*" for number in range(3_000)]
    started = time.perf_counter()
    found = matched(names, patterns)
    assert sum(map(len, found.values())) > 500
    assert time.perf_counter() - started < 3


@pytest.mark.parametrize(
    ("paths", "folder", "expected"),
    [
        (["app/main.tf"], "app", "app/main.tf"),
        (["app/deep/down/main.tf"], "app", "app/deep/down/main.tf"),
        (["app-prod/main.tf"], "app", None),
        (["apps/main.tf"], "app", None),
        (["my/app/main.tf"], "app", None),
        (["app"], "app", None),
        (["main.tf"], "", "main.tf"),
        (["app/main.tf"], "", "app/main.tf"),
        ([], "", None),
        (["app/a.tf", "app/b.tf"], "app", "app/a.tf"),
        (["my app/x.tf"], "my app", "my app/x.tf"),
        (["e\u0301te\u0301/x.tf"], "\u00e9t\u00e9", "e\u0301te\u0301/x.tf"),
    ],
)
def test_folders_claim_whole_segments(paths: list[str], folder: str, expected: str | None) -> None:
    assert changes(*paths).in_folder(folder) == expected


def test_globs_find_the_first_changed_path() -> None:
    changed = changes("a/x.md", "modules/vpc/main.tf", "modules/vpc/more.tf")
    assert changed.among(["modules/**"]) == "modules/vpc/main.tf"
    assert changed.among(["modules/**"]) == "modules/vpc/main.tf"
    assert changed.among(["other/**"]) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/", ""),
        ("", ""),
        (".", ""),
        ("./", ""),
        ("app", "app"),
        ("/app/", "app"),
        ("./app", "app"),
        ("app//deep/./down", "app/deep/down"),
        (" app ", "app"),
        ("..", None),
        ("app/../..", None),
        ("app/..", None),
        ("..app", "..app"),
    ],
)
def test_folders_are_cleaned(text: str, expected: str | None) -> None:
    assert clean_folder(text) == expected


def test_a_thousand_workspaces_may_ask_about_three_thousand_files() -> None:
    """Asking is a look-up, and a rule's globs are compared once, not once a workspace."""
    changed = changes(*(f"folder-{n}/deep/main.tf" for n in range(3_000)))
    started = time.process_time()
    for number in range(1_000):
        assert changed.in_folder(f"folder-{number}") is not None
        assert changed.among(["modules/**"]) is None
    assert time.process_time() - started < 1


def test_deep_paths_take_no_more_room_than_their_text() -> None:
    """A stranger's pull request may hold as many, and git keeps them in a few kilobytes."""
    tracemalloc.start()
    try:
        changed = changes(*(f"d{number:04}/{'a/' * 500}x" for number in range(1_000)))
        assert changed.in_folder("d0500/a/a") == changed.files.paths[500]
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 20_000_000


def test_a_path_nobody_writes_is_not_compared_but_counts() -> None:
    """Comparing it with a glob of several ``**`` once took minutes."""
    deep = "d/" + "a/" * 2_000 + "x"
    started = time.perf_counter()
    assert changes(deep).among(["**/a/**/a/**/a/**/b"]) == deep
    assert time.perf_counter() - started < 5
