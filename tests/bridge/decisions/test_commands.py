"""The grammar of comments: every flag, every refusal, every way of being left alone."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bridge.decisions.commands import MOST_COMMANDS, parse_command, parse_comment
from bridge.decisions.comment_lines import plain
from bridge.decisions.flags import Flag, names_of
from bridge.decisions.replies import explain_misunderstood
from bridge.decisions.verbs import CHAT, COMMENT
from bridge.domain.commands import (
    Command,
    Conversation,
    HelpCommand,
    Misunderstood,
    PlanCommand,
    Prose,
    Word,
)
from tests.bridge.decisions.grammar import (
    NAMES,
    SHA,
    rows,
    written,
)
from tests.golden import check_golden

ROWS = rows()
LINES = {one.comment for one in ROWS if one.comment.startswith("terrakube ")} - {
    one.comment for one in ROWS if {"\n", "\r"} & set(one.comment)
}
GOLDEN = Path(__file__).parent / "golden" / "refusals.md"


def commands(body: str) -> list[Command]:
    heard = parse_comment(body, NAMES)
    assert isinstance(heard, Conversation), heard
    return list(heard.commands)


@pytest.mark.parametrize("section", dict.fromkeys(row.section for row in ROWS))
def test_comments_mean_what_the_table_says(section: str) -> None:
    expected = [(row.comment, row.means) for row in ROWS if row.section == section]
    actual = [(comment, written(parse_comment(comment, NAMES))) for comment, _ in expected]
    assert actual == expected


def test_the_table_shows_everything_once() -> None:
    comments = [row.comment for row in ROWS]
    assert len(comments) == len(set(comments)) >= 250
    text = "\n".join(comments)
    means = "\n".join(row.means for row in ROWS)
    flags = {flag for takes in COMMENT.takes.values() for flag in takes}
    assert [flag for flag in flags if not any(f" {name}" in text for name in names_of(flag))] == []
    words = set(Word) - COMMENT.elsewhere
    assert [word for word in words if f"\n{word.value}" not in f"\n{means}"] == []
    assert [word for word in COMMENT.elsewhere if f"refused: `{word.value}`" not in means] == []


def test_every_flag_of_another_command_is_refused_with_usage() -> None:
    for word, takes in COMMENT.takes.items():
        for flag in set(Flag) - takes:
            (heard,) = commands(f"tk {word.value} {names_of(flag)[0]} 1")
            assert isinstance(heard, Misunderstood)
            assert heard.usage.startswith(f"terrakube {word.value}")
            assert "left over" not in heard.problem


def test_refusals_are_the_golden_ones(request: pytest.FixtureRequest) -> None:
    """What people read: each row of the table that is refused, as it is answered."""
    answers = []
    for row in ROWS:
        heard = parse_comment(row.comment, NAMES)
        if isinstance(heard, Conversation) and (told := explain_misunderstood(heard.commands)):
            answers.append(told)
    check_golden(request, GOLDEN, "\n\n---\n\n".join(answers) + "\n")


def test_the_reason_for_leaving_a_long_comment_alone_is_told() -> None:
    assert parse_comment("x" * 65_537, NAMES) == Prose(
        reason="the comment is longer than 65,536 characters"
    )


def test_each_line_is_a_command_of_its_own() -> None:
    body = "terrakube plan -w a\n\n`tk plan -w b`\nterrakube plna\n@bridge-bot help"
    assert [(one.line, one.text, type(one)) for one in commands(body)] == [
        (1, "terrakube plan -w a", PlanCommand),
        (3, "`tk plan -w b`", PlanCommand),
        (4, "terrakube plna", Misunderstood),
        (5, "@bridge-bot help", HelpCommand),
    ]


def test_very_many_commands_are_refused_together() -> None:
    body = "\n".join(["terrakube plan"] * (MOST_COMMANDS + 1))
    assert commands(body) == [
        Misunderstood(
            line=1,
            text="terrakube plan",
            problem="11 commands in one comment; 10 are the most",
        )
    ]
    assert len(commands("\n".join(["terrakube plan"] * MOST_COMMANDS))) == MOST_COMMANDS


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (f"terrakube plan {'-w a ' * 51}", "it has more than 50 flags"),
        (f"terrakube plan {'x' * 2000}", "it is longer than 2000 characters"),
        (f"terrakube plan --target a.{'b' * 499}", f"`a.{'b' * 117}…` is no resource address"),
    ],
)
def test_what_nobody_types_is_refused(body: str, problem: str) -> None:
    (command,) = commands(body)
    assert isinstance(command, Misunderstood)
    assert command.problem == problem


def test_a_configured_tools_name_is_a_command() -> None:
    heard = parse_comment("terraform plan", ("terraform",))
    assert heard == Conversation(commands=(PlanCommand(line=1, text="terraform plan"),))


def test_both_doors_read_the_same_grammar() -> None:
    """Whatever a comment may say, a chat understands in the same way."""
    read = 0
    for row in ROWS:
        heard = parse_comment(row.comment, ("terrakube",))
        line = plain(row.comment)
        if isinstance(heard, Prose) or not line.startswith("terrakube "):
            continue
        if {"\n", "\r"} & set(line) or "<!--" in line or line.endswith("`"):
            continue
        (command,) = heard.commands
        if not isinstance(command, Misunderstood):
            alone = parse_command(line.removeprefix("terrakube "), "terrakube")
            assert replace(alone, text="", line=1) == replace(command, text="", line=1), line
            read += 1
    assert read > 150


def test_a_chat_has_all_flags_that_a_comment_has() -> None:
    assert {
        word: takes for word, takes in COMMENT.takes.items() if not takes <= CHAT.takes[word]
    } == {}


FRAGMENTS = st.sampled_from(
    [
        *[word.value for word in Word],
        *[name for flag in Flag for name in names_of(flag)],
        *[
            "terrakube version",
            "\nterrakube version\n",
            "<!-- x -->",
            "> <!-- x -->",
            "- <!-- x -->",
        ],
        *["terrakube", "-target=a.b", "acme/net", "42", "`", "```", "~~~", ">", ">>>", "- ", "1. "],
        *["<!--", "-->", "'", '"', "\\", "\n", "\r\n", "    ", "\t", "\u2028", "\u2014", "\u201c"],
        *["\u200b", " ", "\n\n", "=", "--", SHA, "word", "<details>", "[a]: ", "***", "\x00"],
    ]
)
BODIES = st.one_of(st.text(max_size=200), st.lists(FRAGMENTS, max_size=20).map("".join))


def runs(body: str) -> bool:
    """Tell whether a comment would have something carried out."""
    heard = parse_comment(body, NAMES)
    return isinstance(heard, Conversation) and not any(
        isinstance(one, Misunderstood) for one in heard.commands
    )


@pytest.mark.parametrize(
    "body",
    [
        "terrakube plan" + " -w {*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}{*a,*b}" * 30,
        "terrakube plan" + " -d {a,b}{c,d}{e,f}" * 100,
        "terrakube plan -w {1..17}",
    ],
)
def test_a_line_makes_the_bridge_spell_out_few_alternatives(body: str) -> None:
    """Anybody may comment, and 20 kB of braces once took a minute to read."""
    started = time.process_time()
    heard = parse_comment("\n".join([body] * 10), NAMES)
    assert time.process_time() - started < 5
    assert isinstance(heard, Conversation)
    assert {type(one) for one in heard.commands} == {Misunderstood}


@pytest.mark.parametrize(
    "filler", ["\n", "word and word\n", "terrakube plan\n", "\u2014 ", "> x\n"]
)
def test_a_comment_no_person_writes_is_not_read(filler: str) -> None:
    """Some forges take comments of 30 MB from anybody."""
    body = filler * (30_000_000 // len(filler))
    started = time.process_time()
    assert isinstance(parse_comment(body, NAMES), Prose)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "filler",
    [
        *[">" * 19 + "a\n" + "b\n" * 33_000, "- a\n" * 16_000, "x <!-- " * 10_000, "`" * 65_536],
        *["> " * 32_000, "- " * 32_000, "<a\n" * 21_000, "[a]: b\n" * 9_000, "-\n" * 32_000],
    ],
    ids=lambda filler: filler[:8],
)
def test_no_comment_takes_long_to_read(filler: str) -> None:
    started = time.process_time()
    parse_comment(filler[:65_536], NAMES)
    assert time.process_time() - started < 5


@given(BODIES)
@example("terrakube plan '")
@example("```\x00")
@example("terrakube \ud800")
@example("`" * 3)
def test_reading_a_comment_never_raises(body: str) -> None:
    heard = parse_comment(body, NAMES)
    assert isinstance(heard, Prose) or heard.commands
    parse_command(body, "terrakube")


@given(BODIES)
@example("<!-- x -->terrakube version")
@example("<!--\nx -->terrakube version")
@example("\nterrakube version\n<!--")
@example("x\nterrakube version -d 'a-->b'")
def test_what_is_quoted_fenced_or_hidden_never_runs(body: str) -> None:
    lines = body.replace("\r", "\n").split("\n")
    quoted = "\n".join(f"> {line}" for line in lines)
    fence = "~" * (3 + body.count("~"))
    fenced = f"{fence}\n{body}\n{fence}"
    in_list = "\n  ".join(["- " + fence, *lines, fence])
    indented = "\n".join(f"    {line}" for line in lines)
    hidden = "\n".join(["<!--", *[line.replace("-->", "") for line in lines], "-->"])
    listed = "\n  ".join(["- <!--", *[line.replace("-->", "") for line in lines], "-->"])
    for text in (quoted, fenced, f"{fence}\n{body}", in_list, indented, hidden, listed):
        assert not runs(text), text
        both = f"terrakube version\n\n{text}"
        assert not runs(both) or [one.text for one in commands(both)] == ["terrakube version"]


WORDS = st.text(
    alphabet=st.characters(categories=["L", "N", "Po"], exclude_characters="`'\"\\"), min_size=1
)


@given(
    st.lists(WORDS, min_size=1, max_size=8),
    st.sampled_from(["", "terrakube plan\n", "> q\n\n", "```\nx\n```\n", "<!-- x -->\n"]),
    st.sampled_from(["", "\nterrakube plan", "\n\n> q", "\n```\nx", "\n<!-- x -->"]),
)
def test_a_line_of_prose_keeps_a_comment_from_running(
    words: list[str], before: str, after: str
) -> None:
    prose = "so " + " ".join(words)
    assert isinstance(parse_comment(f"{before}{prose}{after}", NAMES), Prose)


@given(WORDS)
def test_words_after_plan_are_never_taken_for_less(word: str) -> None:
    """A plan of everything must not come of a sentence that begins like the command."""
    heard = parse_comment(f"terrakube plan {word}", NAMES)
    if isinstance(heard, Conversation):
        (command,) = heard.commands
        assert not isinstance(command, PlanCommand) or command.selection.names_something


@given(st.one_of(st.text(max_size=60), st.lists(FRAGMENTS, max_size=8).map(" ".join)))
def test_reading_plain_characters_again_changes_nothing(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert parse_command(once, "tk") == parse_command(text, "tk")


@given(
    st.sampled_from([row.comment for row in ROWS if row.comment in LINES]),
    st.sampled_from(
        ["\n{}\n", "{}\r\n", "  {} ", "\u200b{}", "\ufeff{}", "\r\n\r\n{}", "> q\n\n{}"]
    ),
)
def test_what_stands_around_a_line_changes_nothing(comment: str, around: str) -> None:
    line = comment.strip()
    assert written(parse_comment(around.format(line), NAMES)) == written(parse_comment(line, NAMES))
