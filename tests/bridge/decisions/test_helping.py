"""What help says, and that the page about commands says the same."""

import re
from pathlib import Path

import pytest

from bridge.decisions.commands import parse_command
from bridge.decisions.flags import Flag, names_of
from bridge.decisions.helping import DOES, SETS, does, help_about, help_text
from bridge.decisions.verbs import CHAT, COMMENT, EXAMPLES, Door, usage
from bridge.domain.commands import Word, word_of
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden"
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()


@pytest.mark.parametrize(
    ("door", "name", "golden"),
    [(COMMENT, "terrakube", "help.md"), (CHAT, "/tk-prod", "help_said.md")],
    ids=["comment", "chat"],
)
def test_help_is_the_golden_one(
    request: pytest.FixtureRequest, door: Door, name: str, golden: str
) -> None:
    words = [word for word in Word if word not in door.elsewhere]
    about = [help_about(name, word, door) for word in words]
    text = "\n\n---\n\n".join([help_text(name, words, door), *about])
    check_golden(request, GOLDEN / golden, f"{text}\n")


def test_help_names_no_command_of_the_other_door() -> None:
    assert help_text("tk", list(Word)) == help_text(
        "tk", [word for word in Word if word not in COMMENT.elsewhere]
    )


def test_help_names_the_commands_that_are_there_and_no_others() -> None:
    text = help_text("tk", [Word.HELP, Word.PLAN])
    assert re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE) == ["tk plan", "tk help"]
    assert text.endswith("All but `help` need write permission on the repository.")


def test_help_about_a_command_explains_each_of_its_flags() -> None:
    for word, takes in COMMENT.takes.items():
        text = help_about("tk", word)
        assert text.startswith(f"`tk {usage(word)}` {DOES[word]}.")
        assert text.count("\n| `") == len(takes)


def test_help_in_the_chat_lists_what_is_there_by_examples_that_are_understood() -> None:
    text = help_text("/tk", [Word.LOGS, Word.PLAN, Word.HELP], CHAT)
    shown = re.findall(r"^- `/tk (.+?)` (.+)$", text, re.MULTILINE)
    words = [Word.PLAN, Word.LOGS, Word.HELP]
    assert shown == [(EXAMPLES[word], does(word, CHAT)) for word in words]
    assert [word_of(parse_command(example, "/tk")) for example, _ in shown] == words


def test_help_in_the_chat_about_a_command_explains_each_of_its_flags() -> None:
    for word, takes in CHAT.takes.items():
        text = help_about("/tk", word, CHAT)
        assert text.startswith(f"`/tk {usage(word, CHAT)}` {does(word, CHAT)}. For example `/tk ")
        assert text.count("\n- `") == len(takes)


def test_everything_is_explained() -> None:
    assert (set(DOES), set(SETS)) == (set(Word), set(Flag))


def test_the_page_shows_every_command_with_its_usage() -> None:
    shown = re.findall(r"^\| `terrakube (.+?)` \| (.+?) \|$", PAGE, re.MULTILINE)
    assert shown == [
        (usage(word).replace("|", "\\|"), DOES[word])
        for word in Word
        if word not in {Word.LOCK, *COMMENT.elsewhere}
    ]


def test_the_page_shows_every_command_of_the_chat_with_its_usage_and_an_example() -> None:
    shown = re.findall(r"^\| `/terrakube (.+?)` \| (.+?) \| `(.+?)` \|$", PAGE, re.MULTILINE)
    assert shown == [
        (usage(word, CHAT).replace("|", "\\|"), does(word, CHAT), EXAMPLES[word])
        for word in Word
        if word is not Word.LOCK
    ]


def test_the_page_explains_every_flag_and_says_who_has_it() -> None:
    shown = re.findall(r"^\| (`-[^|]+`) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    assert shown == [*_flags(COMMENT), *(row for row in _flags(CHAT) if row[0] not in IN_COMMENTS)]


def _flags(door: Door) -> list[tuple[str, str, str]]:
    return [
        (
            ", ".join(f"`{name}`" for name in names_of(flag)),
            text,
            ", ".join(word.value for word in door.takers(flag)),
        )
        for flag, text in SETS.items()
        if door.takers(flag)
    ]


IN_COMMENTS = {names for names, _, _ in _flags(COMMENT)}
