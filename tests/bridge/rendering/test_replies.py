"""Replies fit into one comment, and nothing in them is left open."""

import pytest

from bridge.rendering.replies import render_reply

FENCED = "Say:\n\n```\nterrakube plan\n\n--all\n```\n\nOr choose."
NOTE = "_The answer was too long for a comment: {} left out._"


def render(text: str, limit: int) -> str:
    shortened = render_reply(text, measure=len, limit=limit)
    assert len(shortened) <= max(limit, 60)
    return shortened


def test_what_fits_is_left_alone() -> None:
    assert render(FENCED, len(FENCED)) == FENCED


def test_paragraphs_are_left_out_from_the_end_and_counted() -> None:
    text = "\n\n".join(["one", "two", "three" * 20])
    assert render(text, 90) == f"one\n\ntwo\n\n{NOTE.format('one more paragraph')}"
    assert render(text + "\n\nfour", 90) == f"one\n\ntwo\n\n{NOTE.format('2 more paragraphs')}"


def test_no_fence_is_left_open() -> None:
    text = FENCED + "\n\n" + "x" * 500
    assert render(text, 100) == f"Say:\n\n{NOTE.format('4 more paragraphs')}"


@pytest.mark.parametrize("text", ["x" * 500, "`" + "x " * 500, "```\n" + "\n\n".join("x" * 500)])
def test_what_cannot_be_cut_is_not_shown(text: str) -> None:
    assert render(text, 120) == "The answer is too long for a comment. Ask for less at once."
