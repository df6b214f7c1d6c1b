"""Text of others in Slack's markup: what it becomes."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.rendering.slack.escaping import code, cut, date, escape, link, person, prose, split

J = "\u200d"
PLAIN = [
    ("a & <b>", "a &amp; &lt;b&gt;"),
    ("&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
    ("<!channel>", "&lt;!channel&gt;"),
    ("*bold*", "\u2217bold\u2217"),
    ("~gone~", "\u223cgone\u223c"),
    ("_it_ my_name _", "\u02cdit\u02cd my_name \u02cd"),
    ("a`b", "a\u02cbb"),
    ("> quote", f"{J}&gt; quote"),
    ("a\n> b", "a &gt; b"),
    (":tada: 12:30:15", f":{J}tada: 12:{J}30:15"),
    ("@here #ops", f"@{J}here #{J}ops"),
    ("https://x.example www.x.example", f"https:{J}//x.example www{J}.x.example"),
    ("a\u202eb\u200bc\x1b[31md", "a\\u202eb\\u200bcd"),
    ("  ", ""),
]


@pytest.mark.parametrize(("text", "expected"), PLAIN)
def test_what_others_wrote_stays_plain(text: str, expected: str) -> None:
    assert escape(text) == expected


NAMES = [
    ("acme/my_*net*", "`acme/my_*net*`"),
    ("a`b", "`a\u02cbb`"),
    ("<!here>", "`&lt;!here&gt;`"),
    ("a\nb", "`a b`"),
    (" ", ""),
]


@pytest.mark.parametrize(("text", "expected"), NAMES)
def test_a_name_is_code(text: str, expected: str) -> None:
    assert code(text) == expected


SENTENCES = [
    ("Say `apply -w a_b` *now*.", "Say `apply -w a_b` \u2217now\u2217."),
    ("The `<!here>` is odd", "The `&lt;!here&gt;` is odd"),
    ("an odd ` tick", "an odd \u02cb tick"),
    ("Rejected by Ada (slack:U0ADA).", "Rejected by Ada."),
]


@pytest.mark.parametrize(("text", "expected"), SENTENCES)
def test_a_sentence_keeps_its_code(text: str, expected: str) -> None:
    assert prose(text) == expected


ADDRESSES = [
    ("https://x.example/a?b=1&c=2", "<https://x.example/a?b=1&amp;c=2|job>"),
    ("javascript:alert(1)", "job"),
    ("https://x.example/a|b", "job"),
    ("https://x.example/>", "job"),
    ("", "job"),
    (f"https://x.example/{'a' * 2_000}", "job"),
]


@pytest.mark.parametrize(("url", "expected"), ADDRESSES)
def test_only_addresses_of_pages_are_linked(url: str, expected: str) -> None:
    assert link("job", url) == expected


def test_a_link_says_what_others_wrote_in_plain() -> None:
    assert link("a|b>", "https://x.example") == "<https://x.example|a|b&gt;>"


PEOPLE = [
    ("Ada (slack:U0ADA)", "<@U0ADA>"),
    ("Ada (slack:W0ADA)", "<@W0ADA>"),
    ("Ada (slack:S0ADA)", "Ada (slack:S0ADA)"),
    ("ada", "ada"),
    ("<@U1>", f"&lt;@{J}U1&gt;"),
    ("", "somebody"),
]


@pytest.mark.parametrize(("actor", "expected"), PEOPLE)
def test_people_of_the_chat_are_mentioned_others_named(actor: str, expected: str) -> None:
    assert person(actor) == expected


def test_a_moment_is_shown_in_each_readers_time_zone() -> None:
    at = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
    expected = "<!date^1795521600^{date_short_pretty} {time}|2026-11-24 12:00 UTC>"
    assert date(at) == expected
    assert date(at.astimezone(timezone(timedelta(hours=5)))) == expected


CUTS = [
    ("abcdef", 4, "abc…"),
    ("ab&amp;cd", 6, "ab…"),
    ("ab<@U1> cd", 6, "ab…"),
    ("ab<@U1> cd", 8, "ab<@U1>…"),
    ("ab", 2, "ab"),
]


@pytest.mark.parametrize(("text", "most", "expected"), CUTS)
def test_a_cut_goes_through_nothing_that_means_something(
    text: str, most: int, expected: str
) -> None:
    assert cut(text, most) == expected


@given(text=st.text(st.sampled_from("ab <>&@;x"), max_size=60), most=st.integers(4, 12))
def test_a_line_is_broken_into_parts_that_hold_all_its_words(text: str, most: int) -> None:
    parts = split(escape(text), most)
    assert all(len(part) <= most for part in parts)
    assert "".join(parts).replace(" ", "") == escape(text).replace(" ", "")
