"""The grammar of the chat: what is typed, what Slack makes of it, and where it goes wrong."""

import shlex
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.decisions.chat_lines import as_said, pointing_at
from bridge.decisions.commands import parse_command
from bridge.decisions.flags import Flag, names_of
from bridge.decisions.replies import explain_misunderstood
from bridge.decisions.splitting import split
from bridge.decisions.verbs import CHAT, EXAMPLES
from bridge.domain.commands import (
    ApplyCommand,
    HelpCommand,
    Misunderstood,
    PlanCommand,
    Word,
    word_of,
)
from tests.bridge.decisions.grammar import SAID, rows, written_command
from tests.golden import check_golden

NAME = "/terrakube"
ROWS = rows(SAID)
GOLDEN = Path(__file__).parent / "golden" / "refusals_said.md"


@pytest.mark.parametrize("section", dict.fromkeys(row.section for row in ROWS))
def test_what_is_said_means_what_the_table_says(section: str) -> None:
    expected = [(row.comment, row.means) for row in ROWS if row.section == section]
    actual = [(text, written_command(parse_command(text, NAME))) for text, _ in expected]
    assert actual == expected


def test_the_table_shows_every_word_and_every_flag_of_the_chat_once() -> None:
    texts = [row.comment for row in ROWS]
    assert len(texts) == len(set(texts)) >= 150
    means = "\n".join(row.means for row in ROWS)
    assert [word for word in Word if f"\n{word.value}" not in f"\n{means}"] == []
    only_here = [flag for flag in Flag if flag in CHAT_ONLY]
    text = "\n".join(texts)
    assert [
        flag
        for flag in only_here
        if not any(one in text for name in names_of(flag) for one in (name, f" {name[2:]}"))
    ] == []


CHAT_ONLY = {
    flag
    for takes in CHAT.takes.values()
    for flag in takes
    if list(Flag).index(flag) > list(Flag).index(Flag.AUTO_MERGE_METHOD)
}


def test_refusals_are_the_golden_ones(request: pytest.FixtureRequest) -> None:
    """What only the asker reads: where it goes wrong is shown under the line as it was read."""
    heard = [parse_command(row.comment, NAME) for row in ROWS]
    answers = [told for one in heard if (told := explain_misunderstood([one]))]
    check_golden(request, GOLDEN, "\n\n---\n\n".join(answers) + "\n")


def test_the_caret_stands_under_the_quote_that_is_not_closed() -> None:
    told = explain_misunderstood([parse_command("plan\u00a0\u201corg/ws", NAME)])
    assert told.startswith(
        '```\nplan "org/ws\n     ^\n```\n\nA quote in it is not closed.\n\nUsage: `/terrakube plan '
    )


@pytest.mark.parametrize(
    ("text", "place", "shown"),
    [
        ("plan x", 5, "plan x\n     ^"),
        ("pl`an x", 6, "pl'an x\n      ^"),
        ("\u7db2\u7db2 x", 3, "\u7db2\u7db2 x\n     ^"),
        ("e\u0301 x", 3, "e\u0301 x\n  ^"),
        ("a" * 200, 100, f"\u2026{'a' * 120}\u2026\n{' ' * 61}^"),
    ],
)
def test_a_place_is_pointed_at_in_signs_of_one_width(text: str, place: int, shown: str) -> None:
    assert pointing_at(text, place) == shown


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("plan msg='a' net msg=\"why", len("plan msg='a' net msg=")),
        ("plan 'a\"b' \"c'd", len("plan 'a\"b' ")),
        ("plan net\\", len("plan net")),
        ('  `plan "x` ', len("`plan ")),
        ("plan net --brunch x", len("plan net ")),
        ("plan net --branch -x", len("plan net --branch ")),
        ("help plan more", len("help plan ")),
        ("status net branch=x", len("status net ")),
        ("logs 42 1 2", None),
        ("statsu", None),
    ],
)
def test_the_place_is_where_it_goes_wrong(text: str, place: int | None) -> None:
    said = parse_command(text, NAME)
    assert isinstance(said, Misunderstood)
    assert said.place == place


def test_nothing_at_all_is_told_from_a_question_for_help() -> None:
    assert parse_command(" \u200b\r\n", NAME) == HelpCommand(line=1, text="")
    assert parse_command("help", NAME) == HelpCommand(line=1, text="help")


def test_every_command_has_an_example_that_is_understood() -> None:
    assert [word_of(parse_command(text, NAME)) for text in EXAMPLES.values()] == [
        Word.HELP if word is Word.HELP else word for word in EXAMPLES
    ]
    assert list(EXAMPLES) == [word for word in Word if word in EXAMPLES] == list(Word)


def test_a_reason_is_kept_in_the_text() -> None:
    said = parse_command("reject 42 it\u2019s <@U1|ada>&amp;me\x07", NAME)
    assert said.text == "reject 42 it's ada&me"


@pytest.mark.parametrize("filler", ["\u200b", " ", "<", "&amp;", "\u2014 ", "<a|", "`"])
def test_what_nobody_types_is_refused_fast(filler: str) -> None:
    """The beginning alone might be something else: ``apply`` without the ``-w`` far behind it."""
    text = f"apply{filler * (10_000 // len(filler))} -w network"
    started = time.process_time()
    said = parse_command(text, NAME)
    assert time.process_time() - started < 1
    assert not isinstance(said, ApplyCommand)


FRAGMENTS = st.sampled_from(
    [
        *[word.value for word in Word],
        *[name for flag in Flag for name in names_of(flag)],
        *[f"{names_of(flag)[0].strip('-')}=" for flag in Flag],
        *["acme/net", "acme/infra#12", "42", "#12", "quiet", "all", "on", "none", "main", "Plan"],
        *["https://github.com/acme/infra/pull/12", "<https://x|x>", "<@U1|n>", "<#C1>", "<!here>"],
        *[
            "&lt;",
            "&gt;",
            "&amp;",
            "<",
            ">",
            "|",
            "'",
            '"',
            "\\",
            "`",
            "```",
            "=",
            "--",
            "*",
            "{",
            "[",
        ],
        *["\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\x9b", "\u2028", "\u202e", "\ud800"],
        *["\u2014", "\u2013", "\u201c", "\u2019", "\u00a0", "\u200b", "\U000e0041", " ", "word"],
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(FRAGMENTS, max_size=20).map("".join),
    st.lists(FRAGMENTS, max_size=12).map(" ".join),
    st.tuples(FRAGMENTS, st.text(max_size=60)).map(" ".join),
)


def texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for one in value:
            yield from texts_in(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts_in(getattr(value, field.name))


@given(TEXTS)
@example("plan '")
@example("plan \\")
@example("\ud800")
@example("workspaces \x1b")
@example("plan \x00=\x00")
@example("plan net msg='a\x85b'")
def test_reading_never_raises_nor_lets_a_control_character_through(text: str) -> None:
    said = parse_command(text, NAME)
    held = "".join(texts_in(said))
    assert {unicodedata.category(one) for one in held} & {"Cc", "Cs", "Cf", "Zl", "Zp"} == set()
    explain_misunderstood([said])
    if isinstance(said, Misunderstood) and said.place is not None:
        assert 0 <= said.place < len(said.text)


@given(TEXTS)
def test_an_answer_holds_one_block_of_code_that_nothing_breaks_out_of(text: str) -> None:
    said = parse_command(text, NAME)
    if isinstance(said, Misunderstood) and said.place is not None:
        head, block, rest = explain_misunderstood([said]).split("```", 2)
        assert head == ""
        assert block.count("\n") == 3
        assert rest.startswith("\n\n")


@given(st.one_of(TEXTS.map(as_said), st.text(alphabet="ab \t'\"\\", max_size=30)))
def test_words_are_split_as_a_shell_does_and_begin_where_it_is_told(text: str) -> None:
    try:
        expected = shlex.split(text)
    except ValueError:
        return
    found = split(text)
    assert [token for token, _ in found] == expected
    for token, start in found:
        assert token[:1] == text[start] or text[start] in "'\"\\"


@given(st.sampled_from(["plan", "apply", "destroy"]), TEXTS)
def test_no_word_behind_a_plan_is_swallowed(word: str, text: str) -> None:
    """A run of everything must not come of a sentence that begins like the command."""
    said = parse_command(f"{word} x{text}", NAME)
    if isinstance(said, PlanCommand | ApplyCommand):
        chosen = said.selection
        named = chosen.names_something or chosen.pull_request
        assert named or said.source.branch or said.source.template or said.source.message
