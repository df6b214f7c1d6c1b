"""Answers that quote others, however they are nested: nothing in them calls or links."""

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rendering.slack.answers import render_answer

PARTS = [
    "<!here>", "<!channel>", "<@U1>", "<#C1>", "<!subteam^S1>", "&lt;", "&amp;lt;",
    "&#60;!here&#62;", "<", ">", "&", "`", "``", "```", "~~~", "\n", "\n\n", "|", "**", "_", "~",
    "[a](<!here>)", "[<!here>](https://x.example/)", "![x](http://x.example/i)",
    "<http://x.example|ok>", "@here", "- ", "> ", "1. ", "# ", "    ", "\\", "a", " ", "\t",
    "| a | b |\n|---|---|\n| <!here> | c |\n",
    "<javascript:x>", "\u202e", "(slack:U1)", "x" * 300,
]  # fmt: skip
LINK = re.compile(r"<https?://[^<>|\s]+\|[^<>]*>")
ENTITY = re.compile(r"&(?:amp|lt|gt);")


def marked_up(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every text that Slack reads as its markup."""
    if isinstance(value, dict):
        if value.get("type") == "mrkdwn":
            yield value["text"]
        for member in value.values():
            yield from marked_up(member)
    elif isinstance(value, list | tuple):
        for member in value:
            yield from marked_up(member)


def live(markdown: str) -> list[str]:
    """List what Slack would read as more than text, but for links, and the marks of quotes."""
    message = render_answer(markdown)
    found = []
    for text in (message.text, *marked_up(message.blocks)):
        rest = ENTITY.sub("", LINK.sub("", text))
        found += re.findall("[<&].*", rest)
    return found


@pytest.mark.parametrize(
    "markdown",
    [
        "> ```\n> <!channel>\n> ```",
        ">     <!channel>",
        "> | a |\n> |---|\n> | <!channel> |",
        "- > ```\n  > <!channel>\n  > ```",
        "> - ```\n>   <!channel>\n>   ```",
        "> > ```\n> > <!channel>\n> > ```",
    ],
)
def test_text_as_it_is_inside_of_quotes_and_lists_calls_nobody(markdown: str) -> None:
    assert "channel" in render_answer(markdown).text
    assert live(markdown) == []


@given(st.lists(st.sampled_from(PARTS), max_size=14).map("".join))
def test_nothing_that_others_wrote_is_live(markdown: str) -> None:
    assert live(markdown) == []


def test_any_number_of_small_pieces_is_written_at_once() -> None:
    started = time.perf_counter()
    message = render_answer("```\nx\n```\n" * 20_000)
    assert time.perf_counter() - started < 5
    assert "more lines" in message.text
