"""Whether two plans are one, and how they differ."""

import json

import pytest

from bridge.decisions.reviewing import (
    LONGEST_DELTA,
    Comparison,
    compare,
    delta,
    has_passed,
    has_sensitive,
    waiting_step,
)
from bridge.domain.runs import Output, OutputKind
from bridge.domain.terrakube import Job, ResourceChange, Step


@pytest.mark.parametrize(
    ("reviewed", "current", "expected"),
    [
        ("json1:a text1:b", "json1:a text1:b", Comparison.EQUAL),
        ("json1:a text1:b", "json1:a text1:c", Comparison.EQUAL),
        ("json1:a text1:b", "json1:c text1:b", Comparison.DIFFERENT),
        ("json1:a text1:b", "text1:b", Comparison.EQUAL),
        ("text1:b", "json1:a text1:c", Comparison.DIFFERENT),
        ("json1:a", "text1:a", Comparison.UNSURE),
        ("", "json1:a text1:b", Comparison.UNSURE),
        ("", "", Comparison.UNSURE),
        ("json1:", "json1:", Comparison.UNSURE),
        ("json2:a", "json2:a", Comparison.UNSURE),
    ],
)
def test_only_digests_of_one_type_compare(
    reviewed: str, current: str, expected: Comparison
) -> None:
    assert compare(reviewed, current) is expected


def rows(*found: tuple[str, list[str], object]) -> tuple[Output, ...]:
    shown = [{"address": one[0], "actions": one[1], "after": one[2]} for one in found]
    return (Output(kind=OutputKind.CHANGES, text=json.dumps(shown)),)


def plan(text: str) -> tuple[Output, ...]:
    return (Output(kind=OutputKind.PLAN, text=text),)


HIDDEN = "The difference lies in values that are not shown."


@pytest.mark.parametrize(
    ("reviewed", "current", "lines"),
    [
        (
            rows(("a", ["create"], {}), ("b", ["update"], {"x": 1}), ("c", ["update"], {})),
            rows(
                ("b", ["update"], {"x": 2}),
                ("c", ["delete", "create"], {}),
                ("d", ["delete"], {}),
            ),
            [
                "gone: a (create)",
                "new: d (delete)",
                "different: b (update): x",
                "different: c (replace), was update",
            ],
        ),
        (rows(("a", ["create"], {})), rows(("a", ["create"], {})), [HIDDEN]),
        (plan("one\ntwo\n"), plan("one\nthree\n"), [" one", "-two", "+three"]),
        (plan("one"), (), [HIDDEN]),
        (rows(("a", ["create"], {})), plan("one"), [HIDDEN]),
    ],
    ids=["rows", "equal rows", "texts", "nothing now", "nothing in common"],
)
def test_a_difference_is_said_in_lines(
    reviewed: tuple[Output, ...], current: tuple[Output, ...], lines: list[str]
) -> None:
    assert delta(reviewed, current).splitlines() == lines


def test_a_long_difference_is_cut_and_says_so() -> None:
    many = rows(*((f"a.{at:04}", ["create"], {}) for at in range(LONGEST_DELTA + 5)))
    lines = delta(rows(("b", ["create"], {})), many).splitlines()
    assert (len(lines), lines[-1]) == (LONGEST_DELTA + 1, "... and 6 more lines")


@pytest.mark.parametrize(
    ("before", "after", "text", "expected"),
    [
        (None, None, "", False),
        ({}, {"x": False, "y": [{}]}, "", False),
        ({"x": [{"y": True}]}, {}, "", True),
        ({}, True, "", True),
        (None, None, "+ password = (sensitive value)", True),
    ],
)
def test_sensitive_values_are_seen(
    before: object, after: object, text: str, *, expected: bool
) -> None:
    row = ResourceChange(
        address="a", actions=("update",), before_sensitive=before, after_sensitive=after
    )
    assert has_sensitive((row,), text) is expected


def steps(*statuses: str) -> tuple[Step, ...]:
    return tuple(
        Step(id=f"s{at}", number=at * 50, name="", status=status)
        for at, status in enumerate(statuses, start=2)
    )


@pytest.mark.parametrize(
    ("status", "approval", "passed"),
    [
        ("waitingApproval", "pending", False),
        ("approved", "pending", True),
        ("pending", "pending", True),
        ("running", "running", True),
        ("completed", "completed", True),
        ("failed", "completed", True),
        ("cancelled", "completed", True),
        ("failed", "failed", False),
        ("rejected", "failed", False),
        ("cancelled", "cancelled", False),
    ],
)
def test_a_job_went_on_when_its_approval_did(status: str, approval: str, *, passed: bool) -> None:
    job = Job(
        id="1", status=status, organization_id="o", steps=steps("completed", approval, "failed")
    )
    assert has_passed(job, "150") is passed


def test_a_job_waits_at_the_first_step_that_has_not_begun() -> None:
    assert waiting_step(steps("completed", "pending", "pending")) == "150"
    assert waiting_step(steps("completed")) == ""
