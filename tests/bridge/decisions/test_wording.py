"""What others wrote stays inert in our sentences."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.wording import code, counted, listed, sentence


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main", "`main`"),
        ("@acme/admins", "`@acme/admins`"),
        ("a`b", "``a`b``"),
        ("`a`", "`` `a` ``"),
        ("a``b`c", "```a``b`c```"),
        ("a\nb\r\nc", "`a b c`"),
        ("a\u202eb\u200bc", "`a b c`"),
        ("", "`''`"),
        ("  ", "`''`"),
        ("x" * 200, f"`{'x' * 119}…`"),
    ],
)
def test_code_spans_hold_anything(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It waits for job 3.", "It waits for job 3."),
        ("Say `terrakube plan -w a_b`, then look.", "Say `terrakube plan -w a_b`, then look."),
        ("It follows main, and a/b.tf lies in it.", "It follows main, and a/b.tf lies in it."),
        ("Asked for by @acme/all.", "`Asked for by @acme/all.`"),
        ("It follows `x` and #1.", "``It follows `x` and #1.``"),
        ("An odd ` mark.", "``An odd ` mark.``"),
        ("See www.example.com.", "`See www.example.com.`"),
        ("See https://example.com.", "`See https://example.com.`"),
        ("It follows gh-12.", "`It follows gh-12.`"),
        ("Two\nlines.", "`Two lines.`"),
        ("an `` empty one", "an `''` empty one"),
        ("x" * 121, f"`{'x' * 119}…`"),
    ],
)
def test_our_own_sentences_are_plain_while_what_they_quote_is_harmless(
    text: str, expected: str
) -> None:
    assert sentence(text) == expected


@given(st.text(alphabet=st.sampled_from("`a \n@<>\\|"), max_size=40))
def test_nothing_breaks_out_of_a_code_span(text: str) -> None:
    span = code(text)
    fence = re.match(r"`+", span)
    assert fence is not None
    inside = span[len(fence[0]) : -len(fence[0])]
    assert span.endswith(fence[0])
    assert "\n" not in span
    assert fence[0] not in re.findall(r"`+", inside)
    assert not inside.startswith("`")
    assert not inside.endswith("`")


def test_long_lists_say_how_many_more_there_are() -> None:
    assert listed(["a", "b"]) == "`a`, `b`"
    assert listed(["a", "b", "c"], most=2) == "`a`, `b` and 1 more"


def test_numbers_have_their_noun() -> None:
    assert [counted(number, "workspace") for number in (0, 1, 2)] == [
        "0 workspaces",
        "1 workspace",
        "2 workspaces",
    ]
