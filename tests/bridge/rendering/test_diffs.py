import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rendering.diffs import (
    blocks,
    closing_line,
    fence_for,
    first_error,
    lines,
    shown,
    shown_up_to,
)
from tests import recorded


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('  + resource "a" "b" {', '+   resource "a" "b" {'),
        ('      + id = "x"', '+       id = "x"'),
        ('      - id = "x" -> null', '-       id = "x" -> null'),
        ('          ~ name = "a" -> "b"', '!           name = "a" -> "b"'),
        ('-/+ resource "a" "b" {', '-/+ resource "a" "b" {'),
        ("        # (1 unchanged attribute hidden)", "        # (1 unchanged attribute hidden)"),
        ("        - a list in a heredoc", "        - a list in a heredoc"),
        ("      -no mark", "      -no mark"),
        ("      ~ ", "!       "),
        ('\x1b[0m  \x1b[32m+\x1b[0m\x1b[0m resource "a"', '+   resource "a"'),
    ],
)
def test_marks_move_to_the_first_column(line: str, expected: str) -> None:
    assert shown(line) == f"{expected}\n"


def test_a_text_is_cut_where_resources_and_paragraphs_begin() -> None:
    text = (
        "Terraform will perform:\n\n  # a.b will be created\n  # (because of c)\n+   resource {\n\n"
        "+       nested {\n    }\n\n  # d.e must be replaced\n-/+ resource {\n    }\n\n"
        "Plan: 1 to add.\n\nChanges to Outputs:\n+   x = 1\n"
    )
    assert [block.split("\n", 1)[0] for block in blocks(text)] == [
        "Terraform will perform:",
        "  # a.b will be created",
        "  # d.e must be replaced",
        "Plan: 1 to add.",
        "Changes to Outputs:",
    ]


@settings(deadline=None)
@given(st.text(st.sampled_from(" \n+-#ab`"), max_size=200))
def test_cutting_loses_nothing(text: str) -> None:
    whole = shown(text)
    assert "".join(blocks(whole)) == whole
    if whole:
        assert "".join(lines(whole)) == whole


@settings(deadline=None)
@given(st.text(st.sampled_from("`a\n"), max_size=300), st.integers(0, 500))
def test_a_fence_is_longer_than_any_run_inside(text: str, run: int) -> None:
    body = shown(f"{text}{'`' * run}")
    fence = fence_for(body)
    assert len(fence) >= 3
    assert fence not in body
    assert len(fence) <= 101
    assert body.replace("\u200d", "") == shown(f"{text}{'`' * run}").replace("\u200d", "")


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("plan_mixed_create_update_replace_destroy", "Plan: 2 to add, 2 to change, 2 to destroy."),
        ("plan_no_changes", "No changes. Your infrastructure matches the configuration."),
        ("apply_ok", "Apply complete! Resources: 5 added, 0 changed, 0 destroyed."),
        ("plan_failed_undeclared_variable", ""),
    ],
)
def test_terraforms_own_summary_is_found_in_recorded_logs(log: str, expected: str) -> None:
    assert closing_line(recorded.log(f"logs/raw/{log}")) == expected


@settings(deadline=None)
@given(st.text(st.sampled_from(" \n+-a\x1b[m\u202e"), max_size=300), st.integers(0, 400))
def test_a_text_may_be_shown_up_to_a_size(text: str, size: int) -> None:
    whole, head = shown(text), shown_up_to(text, size)
    if len(whole) <= size:
        assert head == whole
    else:
        assert len(head) > size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nError: first\nError: second\n", "Error: first"),
        ("╷\n│ Error: in a box\n│ \n", "Error: in a box"),
        ("\nFailed to prepare work dir\nx", "Failed to prepare work dir"),
        ("", ""),
    ],
)
def test_the_first_error_is_quoted(text: str, expected: str) -> None:
    assert first_error(text) == expected
