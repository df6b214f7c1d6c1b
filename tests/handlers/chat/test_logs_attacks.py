"""Logs that are made to be hard to show."""

from bridge.rendering.answers import log_shown
from bridge.rendering.slack import render_answer
from tests.bridge.rendering.slack.chats import problems_of


def told(log: str, tail: int) -> str:
    shown = log_shown(log, job_id="1", url="https://ui.example/1", step="step 100 Plan", tail=tail)
    assert problems_of(render_answer(shown.text, shown.says)) == []
    return shown.text


def test_lines_of_megabytes_are_cut_and_what_a_terminal_obeys_is_not_shown() -> None:
    log = "\n".join(
        ["\x1b[2J" * 1_000_000, "x" * 5_000_000, "\u202eevil\x1b[1m!\x1b[0m", "end\n\n"]
    )
    assert told(log, 3) == (
        "**[job 1](https://ui.example/1)**, `step 100 Plan`: the last 3 of 4 lines; [all of it is "
        f"in Terrakube](https://ui.example/1)\n\n```\n{'x' * 289}…\n\\u202eevil!\nend\n```"
    )


def test_only_the_end_of_a_long_log_is_shown_with_how_much_there_is() -> None:
    shown = told("\n".join(f"line {number}" for number in range(100_000)), 500)
    assert "of 100,000 lines" in shown
    assert shown.endswith("line 99999\n```")
