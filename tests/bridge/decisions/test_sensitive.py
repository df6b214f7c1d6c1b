"""Sensitive values: found, and masked in the structured plan."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions.sensitive import changes_json, sensitive_values
from bridge.domain.redaction import REDACTED
from bridge.domain.terrakube import ResourceChange


def a_row(
    before: object = None, before_marks: object = None, after: object = None, marks: object = None
) -> ResourceChange:
    return ResourceChange(
        address="a.b",
        actions=("update",),
        before=before,
        before_sensitive=before_marks,
        after=after,
        after_sensitive=marks,
    )


DEEP: object = "bottom"
for _ in range(500):
    DEEP = [DEEP]

MARKED = [
    # value, marks, what is found, what is shown
    ({"a": "secret"}, {"a": True}, {"secret"}, {"a": REDACTED}),
    ({"a": "secret"}, {}, set(), {"a": "secret"}),
    ({"a": "secret"}, False, set(), {"a": "secret"}),
    ({"a": "secret"}, None, set(), {"a": "secret"}),
    ({"a": "secret", "b": 7}, True, {"secret", "7"}, REDACTED),
    ({"a": None}, {"a": True}, set(), {"a": None}),
    ({"a": True}, {"a": True}, set(), {"a": REDACTED}),
    ({"a": 1.5}, {"a": True}, {"1.5"}, {"a": REDACTED}),
    ({"a": ["x", "secret"]}, {"a": [False, True]}, {"secret"}, {"a": ["x", REDACTED]}),
    ({"a": ["x", "y"]}, {"a": [True]}, {"x"}, {"a": [REDACTED, "y"]}),
    ({"a": {"b": [{"c": "secret"}]}}, {"a": {"b": [{"c": True}]}}, {"secret"},
     {"a": {"b": [{"c": REDACTED}]}}),
    ({"a": {"b": ["p", {"q": "r"}]}}, {"a": True}, {"p", "r"}, {"a": REDACTED}),
    ("text", {"a": True}, set(), "text"),
    ([1], {"a": True}, set(), [1]),
]  # fmt: skip


@pytest.mark.parametrize(("value", "marks", "found", "shown"), MARKED)
def test_marks_have_the_shape_of_what_they_mark(
    value: object, marks: object, found: set[str], shown: object
) -> None:
    for row, side in ((a_row(value, marks), "before"), (a_row(None, None, value, marks), "after")):
        assert sensitive_values([row]) == found
        (told,) = json.loads(changes_json([row], str))
        assert told.get(side) == shown


def test_what_is_nested_too_deeply_is_taken_for_sensitive() -> None:
    (told,) = json.loads(changes_json([a_row(DEEP, DEEP)], str))
    assert "bottom" not in json.dumps(told)
    sensitive_values([a_row(DEEP, DEEP), a_row(DEEP, True)])  # noqa: FBT003 - a mark


def test_the_rows_are_written_with_what_people_need() -> None:
    row = ResourceChange(
        address="module.m.a.b",
        actions=("delete", "create"),
        before={"x": "ä"},
        after={"x": 2},
        after_unknown={"id": True},
        module_address="module.m",
        resource_type="a",
        resource_name="b",
        status="planned",
    )
    assert changes_json([row], str) == (
        '[{"address":"module.m.a.b","actions":["delete","create"],"before":{"x":"ä"},'
        '"after":{"x":2},"afterUnknown":{"id":true},"moduleAddress":"module.m",'
        '"resourceType":"a","resourceName":"b"}]'
    )


def test_redaction_sees_the_whole_text() -> None:
    row = a_row({"password": "hunter2hunter2"})

    def redact(text: str) -> str:
        assert text.startswith("[{")
        return text.replace("hunter2hunter2", REDACTED)

    assert json.loads(changes_json([row, row], redact))[1]["before"] == {"password": REDACTED}


def test_values_are_left_out_when_redaction_breaks_the_text() -> None:
    row = a_row({"key": '-----BEGIN"}, {"x": "'})
    assert json.loads(changes_json([row], lambda text: text.replace('"}', ""))) == [
        {"address": "a.b", "actions": ["update"]}
    ]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inside: (
        st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3)
    ),
    max_leaves=12,
)


@given(value=VALUES, marks=VALUES)
def test_whatever_a_server_sends_is_written(value: object, marks: object) -> None:
    row = a_row(value, marks, value, marks)
    assert json.loads(changes_json([row], str))[0]["address"] == "a.b"
    sensitive_values([row])
