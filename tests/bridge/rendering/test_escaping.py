import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.rendering.escaping import clean, escape, link, name, prose
from tests.bridge.rendering.markdown import check_line

SIGNS = st.characters() | st.sampled_from("`<>@#![](){}|\\/:&*_~-+ \n\t\r\x1b\x9b\u202e\u200b")
HOSTILE = st.text(SIGNS, max_size=80) | st.sampled_from(
    [
        "@acme/platform", "/merge", "<!-- bridge:01J 0 -->", "![x](https://evil/x.png)", "#1",
        "https://evil.example", "www.evil.example", "</details>", "``` \n# x", "a@b.example", "``",
        "`@a`",
    ]
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[1m\x1b[31mError\x1b[0m: x", "Error: x"),
        ("\x1b]8;;https://evil\x07link\x1b]8;;\x07", "link"),
        ("\x9b31mred", "red"),
        ("a\x00b\x08c\x7fd\x85e", "abcde"),
        ("a\r\nb\rc\n", "a\nb\nc\n"),
        ("a\tb", "a\tb"),
        ("admin\u202eresu", "admin\\u202eresu"),
        ("zero\u200bwidth \ufeff \U000e0041", "zero\\u200bwidth \\ufeff \\U000e0041"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("Grüße 🔑 👩\u200d🚀", "Grüße 🔑 👩\u200d🚀"),
    ],
)
def test_cleaning_removes_what_a_terminal_obeys_and_shows_what_hides(
    text: str, expected: str
) -> None:
    assert clean(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme/prod", "acme/prod"),
        ("@acme/team", "@\u200dacme/team"),
        ("see #12", "see #\u200d12"),
        ("https://evil", "https:\u200d//evil"),
        ("www.evil", "www\u200d.evil"),
        ("<b>`x`|*y*", "&#60;b&#62;&#96;x&#96;&#124;&#42;y&#42;"),
        ("![x](y)", "&#33;&#91;x&#93;&#40;y&#41;"),
        ("/merge", "&#47;merge"),
        ("- a\n- b", "&#45; a - b"),
        ("a & b", "a &#38; b"),
    ],
)
def test_escaped_text_reads_the_same_and_does_nothing(text: str, expected: str) -> None:
    assert escape(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme/prod-1", "`acme/prod-1`"),
        ('aws_x.y["a b"]', '`aws_x.y["a b"]`'),
        ("a`b", "a&#96;b"),
        ("a|b", "a&#124;b"),
        ("a@b", "a@\u200db"),
        ("x" * 400, f"`{'x' * 299}…`"),
    ],
)
def test_a_name_is_code_where_that_is_safe(text: str, expected: str) -> None:
    assert name(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Say `terrakube plan` again.", "Say `terrakube plan` again."),
        ("Locked (by @bob `x`)", "Locked &#40;by @\u200dbob `x`&#41;"),
        ("Locked `@bob` now", "Locked &#96;@\u200dbob&#96; now"),
        ("an odd ` tick", "an odd &#96; tick"),
        ("``", "&#96;&#96;"),
    ],
)
def test_a_sentence_keeps_its_harmless_code_spans(text: str, expected: str) -> None:
    assert prose(text) == expected


def test_only_pages_of_the_web_are_linked() -> None:
    good = "https://terrakube.example.com/organizations/o/jobs/1?x=y"
    assert link("job 1", good) == f"[job 1]({good})"
    for bad in (
        "javascript:alert(1)",
        "https://x/)[a](b",
        "https://x/ y",
        'https://x/"',
        "",
        "//x",
    ):
        assert link("job 1", bad) == "job 1"


@settings(deadline=None)
@given(HOSTILE)
def test_whatever_is_escaped_takes_no_effect(text: str) -> None:
    for write in (escape, prose, name):
        line = write(text)
        assert "\n" not in line
        check_line(line)
        check_line(f"| {line} | x |")
        assert f"| {line} | x |".count("|") == 3
