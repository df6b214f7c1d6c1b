from dataclasses import replace

import pytest

from bridge.rendering.markers import Markers
from tests.bridge.services.test_publishing import MARKERS, REPORT

OTHER = replace(REPORT, id="01JD0000000000000000000002")


def test_a_marker_is_a_hidden_comment_with_post_part_and_digest() -> None:
    assert Markers(b"key").make(REPORT, 1) == (
        "<!-- bridge:01JD0000000000000000000001 b4a6ad24d425555ccfb332fa00443a86 -->"
    )
    assert MARKERS.make(REPORT, 3).startswith("<!-- bridge:01JD0000000000000000000001:3 ")


@pytest.mark.parametrize(
    ("body", "matches", "ours"),
    [
        (f"{MARKERS.make(REPORT, 1)}\ntext", True, True),
        (MARKERS.make(REPORT, 2), False, True),
        (MARKERS.make(OTHER, 1), False, True),
        (f" {MARKERS.make(REPORT, 1)}", False, False),
        (f"text\n{MARKERS.make(REPORT, 1)}", False, False),
        (MARKERS.make(REPORT, 1).replace("001 ", "002 "), False, False),
        (MARKERS.make(REPORT, 1).replace("001 ", "001:1 "), False, False),
        (MARKERS.make(REPORT, 1).replace("001 ", "001:2 "), False, False),
        (MARKERS.make(REPORT, 1).replace("bridge:", "bridge:x"), False, False),
        (Markers(b"another").make(REPORT, 1), False, False),
        ("<!-- bridge:01JD0000000000000000000001 -->", False, False),
        ("", False, False),
    ],
)
def test_only_the_own_marker_at_the_very_beginning_counts(
    body: str, *, matches: bool, ours: bool
) -> None:
    assert MARKERS.matches(body, REPORT, 1) is matches
    assert MARKERS.is_ours(body) is ours


def test_each_part_has_its_own_marker() -> None:
    for part in (1, 2, 3):
        matching = [
            n for n in (1, 2, 3, 22) if MARKERS.matches(MARKERS.make(REPORT, part), REPORT, n)
        ]
        assert matching == [part]


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(MARKERS).replace("Markers", "")
