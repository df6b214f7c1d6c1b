"""What help says, and that the page about commands says the same."""

import re
from pathlib import Path

import pytest

from bridge.decisions.flags import Flag, names_of
from bridge.decisions.helping import DOES, SETS, help_about, help_text
from bridge.decisions.verbs import TAKES, usage
from bridge.domain.commands import Word
from tests.golden import check_golden

GOLDEN = Path(__file__).parent / "golden" / "help.md"
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "commands.md").read_text()


def test_help_is_the_golden_one(request: pytest.FixtureRequest) -> None:
    about = [help_about("terrakube", word) for word in Word]
    text = "\n\n---\n\n".join([help_text("terrakube", list(Word)), *about])
    check_golden(request, GOLDEN, f"{text}\n")


def test_help_names_the_commands_that_are_there_and_no_others() -> None:
    text = help_text("tk", [Word.HELP, Word.PLAN])
    assert re.findall(r"^\| `(.+?)` \|", text, re.MULTILINE) == ["tk plan", "tk help"]
    assert text.endswith("All but `help` need write permission on the repository.")


def test_help_about_a_command_explains_each_of_its_flags() -> None:
    for word, takes in TAKES.items():
        text = help_about("tk", word)
        assert text.startswith(f"`tk {usage(word)}` {DOES[word]}.")
        assert text.count("\n| `") == len(takes)


def test_everything_is_explained() -> None:
    assert (set(DOES), set(SETS)) == (set(Word), set(Flag))


def test_the_page_shows_every_command_with_its_usage() -> None:
    shown = re.findall(r"^\| `terrakube (.+?)` \| (.+?) \|$", PAGE, re.MULTILINE)
    later = {Word.LOCK, Word.SUBSCRIBE}
    expected = [(usage(word).replace("|", "\\|"), DOES[word]) for word in Word if word not in later]
    assert shown == expected


def test_the_page_explains_every_flag_and_says_who_has_it() -> None:
    shown = re.findall(r"^\| (`-[^|]+`) \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
    expected = [
        (
            ", ".join(f"`{name}`" for name in names_of(flag)),
            text,
            ", ".join(word.value for word in Word if flag in TAKES.get(word, frozenset())),
        )
        for flag, text in SETS.items()
    ]
    assert shown == expected
