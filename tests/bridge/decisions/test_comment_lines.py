"""Which lines of a comment count, and how they are read."""

import pytest

from bridge.decisions.comment_lines import counting_lines, plain


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", []),
        (" \n\t\n", []),
        ("a", [(1, "a")]),
        ("a\r\nb\rc\nd", [(1, "a"), (2, "b"), (3, "c"), (4, "d")]),
        ("\n\n  a  \n", [(3, "a")]),
        # Quotes, and what Markdown shows as part of them.
        ("> a", []),
        ("   > a", []),
        ("> a\nb", []),
        ("> a\nb\nc", []),
        ("> a\n\nb", [(3, "b")]),
        (">\nb", [(2, "b")]),
        (">> a\n> b\n\nc", [(4, "c")]),
        ("a\n> b", [(1, "a")]),
        # Fences.
        ("```\na\n```", []),
        ("```\na\n```\nb", [(4, "b")]),
        ("~~~ hcl\na\n~~~\nb", [(4, "b")]),
        ("```\na", []),
        ("````\n```\na\n````\nb", [(5, "b")]),
        ("```\na\n~~~\nb\n```\nc", [(6, "c")]),
        ("```\na\n``` x\nb\n```", []),
        ("```\na\n    ```\nb", []),
        ("   ```\na\n   ```\nb", [(4, "b")]),
        ("a\n```\nb\n```\nc", [(1, "a"), (5, "c")]),
        ("``` a ``` b", [(1, "``` a ``` b")]),
        ("> ```\na", [(2, "a")]),
        ("> ```\n> a\n> ```\nb", [(4, "b")]),
        ("> - a\nb", []),
        ("> # a\nb", [(2, "b")]),
        # GitLab's quotes of several lines: everywhere else they are text.
        (">>>\na\n>>>", [(1, ">>>"), (2, "a"), (3, ">>>")]),
        ("```\n>>>\n```", []),
        # Inside of lists.
        ("- ```\n  a\n  ```\nb", [(4, "b")]),
        ("1. a\n   > b\n   c", [(1, "1. a")]),
        ("- a\n\n      b", [(1, "- a")]),
        # What HTML hides.
        ("<!-- a -->", []),
        ("<!--\na\n-->\nb", [(4, "b")]),
        ("<!--\na\n--> b", [(3, "b")]),
        ("<!-- a", []),
        ("a <!-- b --> c", [(1, "a  c")]),
        ("a <!-- b\nc -->", [(1, "a <!-- b"), (2, "c -->")]),
        ("a `<!-- b -->`", [(1, "a `<!-- b -->`")]),
        ("a \\<!-- b -->", [(1, "a \\<!-- b -->")]),
        ("a <!-->b-->", [(1, "a b-->")]),
        ("> a\n<!-- b -->\nc", [(3, "c")]),
        ("<div>\na\n</div>", [(1, "<div>"), (2, "a"), (3, "</div>")]),
        # Shown or not, it is no command.
        ("[a]: b", [(1, "[a]: b")]),
        ("a\n===", [(1, "a"), (2, "===")]),
        # Indented blocks; an indented line below text is text.
        ("    a", []),
        ("\ta", []),
        ("  \ta", []),
        ("    a\n\n    b\n\nc", [(5, "c")]),
        ("a\n    b", [(1, "a"), (2, "b")]),
        ("a\n\n    b", [(1, "a")]),
        ("   a", [(1, "a")]),
        # Characters that only look like the end of a line.
        ("a\u2028b", [(1, "a\u2028b")]),
        ("> a\x0bb\x0cc\x85d", []),
    ],
)
def test_only_the_authors_own_words_count(body: str, expected: list[tuple[int, str]]) -> None:
    assert [(line.number, line.text) for line in counting_lines(body)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u00a0b\u2003c\td", "a b c d"),
        ("a\u200bb\ufeffc\u202ed", "abcd"),
        ("-w \u201cacme/net\u201d", '-w "acme/net"'),
        ("-w \u2018acme/net\u2019", "-w 'acme/net'"),
        ("\u2014all", "--all"),
        ("\u2013all", "--all"),
        ("\u2014w x", "-w x"),
        ("a \u2014dir=x", "a --dir=x"),
        ("\u2014\u2014all", "--all"),
        ("-\u2013all", "--all"),
        ("ok\u2010to\u2011plan", "ok-to-plan"),
        ("a \u2014 -target=x", "a -- -target=x"),
        ("\u2212w x", "-w x"),
        ("  x  ", "x"),
    ],
)
def test_what_keyboards_make_of_signs_is_undone(text: str, expected: str) -> None:
    assert plain(text) == expected
