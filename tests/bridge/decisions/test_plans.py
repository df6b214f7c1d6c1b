"""Plans: what they change, what they destroy, what they are compared by."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.decisions import plans
from bridge.decisions.step_logs import Role
from bridge.domain.terrakube import Job, JobContext, PlanCounts, ResourceChange, Step

KEY = b"key of the digests"


def a_row(address: str, *actions: str, **more: object) -> ResourceChange:
    return replace(
        ResourceChange(address=address, actions=actions),
        **more,  # type: ignore[arg-type]  # named by each test
    )


ROWS = (
    a_row("a.new", "create", after={"x": 1}, after_unknown={"id": True}),
    a_row("a.old", "delete", before={"x": 1}),
    a_row("a.moved", "delete", "create", before={"x": 1}, after={"x": 2}),
    a_row("a.same", "no-op"),
    a_row("a.read", "read"),
    a_row("a.changed", "update", before={"x": 1}, after={"x": 2}),
)
CHANGING = plans.changing(ROWS)
TEXT = """\
Running Terraform PLAN
***************************************

Terraform will perform the following actions:

  # a.old will be destroyed
  - x

Plan: 2 to add, 1 to change, 2 to destroy.
"""
OTHER_TEXT = TEXT.replace("2 to add", "3 to add")
DONE = Job(id="1", status="completed", organization_id="o")
UNCHANGED = replace(DONE, plan_changes=False)
FAILED = replace(DONE, status="failed", plan_changes=False)
MIXED = PlanCounts(add=2, change=1, destroy=2)


def digest(
    rows: tuple[ResourceChange, ...], text: str = "", job: Job = DONE, key: bytes = KEY
) -> str:
    return plans.digest_of_plan(job, rows, text, key=key)


def test_rows_that_change_nothing_are_left_out_and_the_rest_is_sorted() -> None:
    assert [row.address for row in CHANGING] == ["a.changed", "a.moved", "a.new", "a.old"]


@pytest.mark.parametrize(
    ("job", "rows", "text", "counts"),
    [
        (DONE, CHANGING, "", MIXED),
        (DONE, CHANGING, OTHER_TEXT, MIXED),
        (DONE, (), TEXT, MIXED),
        (DONE, (), "", None),
        (DONE, (), "Error: x", None),
        (UNCHANGED, (), "", plans.NOTHING),
        (UNCHANGED, (), TEXT, plans.NOTHING),
        (replace(DONE, status="noChanges"), (), "", plans.NOTHING),
        # planChanges is read only when completed (contract section 6.2)
        (FAILED, (), "", None),
        (FAILED, CHANGING, "", MIXED),
    ],
)
def test_status_counts_before_rows_and_rows_before_text(
    job: Job, rows: tuple[ResourceChange, ...], text: str, counts: PlanCounts | None
) -> None:
    assert plans.counts_of_plan(job, rows, text) == counts


@pytest.mark.parametrize(
    ("text", "rows"), [("", CHANGING), ("Error: x", CHANGING), (TEXT, CHANGING), (OTHER_TEXT, ())]
)
def test_rows_that_the_text_contradicts_are_not_trusted(
    text: str, rows: tuple[ResourceChange, ...]
) -> None:
    """The structured plan may be half of one (contract section 8)."""
    assert plans.confirmed(ROWS, text) == rows


@pytest.mark.parametrize(
    ("rows", "text", "addresses"),
    [
        (CHANGING, TEXT, ("a.moved", "a.old")),
        ((), TEXT, ("a.old",)),
        ((), "", ()),
        ((a_row("a.new", "create"),), "", ()),
    ],
)
def test_what_is_destroyed_is_named(
    rows: tuple[ResourceChange, ...], text: str, addresses: tuple[str, ...]
) -> None:
    assert plans.destroyed_by(rows, text) == addresses


@pytest.mark.parametrize(
    ("rows", "text", "job", "kinds"),
    [
        (CHANGING, TEXT, DONE, ["json1", "text1"]),
        (CHANGING, "", DONE, ["json1"]),
        ((), "", UNCHANGED, ["json1"]),
        ((), TEXT, DONE, ["text1"]),
        ((), "Running Terraform PLAN\n\nChanges to Outputs:\n  + a = 1", DONE, ["text1"]),
        ((), "", DONE, []),
        ((), "Error: x", DONE, []),
    ],
)
def test_digests_say_what_they_were_made_from(
    rows: tuple[ResourceChange, ...], text: str, job: Job, kinds: list[str]
) -> None:
    found = digest(rows, text, job).split()
    assert [one.partition(":")[0] for one in found] == kinds
    assert {len(one) for one in found} <= {70}


@given(st.permutations(ROWS))
def test_a_digest_does_not_depend_on_the_order_of_rows(rows: list[ResourceChange]) -> None:
    assert digest(plans.changing(rows)) == digest(CHANGING)


def test_two_rows_of_one_address_have_an_order_too() -> None:
    """A deposed object has the address of the one that replaced it."""
    deposed, current = a_row("a", "delete", before={"x": 1}), a_row("a", "delete", before={"x": 2})
    assert plans.changing((deposed, current)) == plans.changing((current, deposed))


@pytest.mark.parametrize(
    "changes",
    [
        {"address": "a.other"},
        {"actions": ("create",)},
        {"before": {"x": 9}},
        {"after": {"x": 9}},
        {"after_unknown": {"x": True}},
        {"before_sensitive": {"x": True}},
        {"after_sensitive": {"x": True}},
    ],
)
def test_a_digest_tells_plans_apart(changes: dict[str, object]) -> None:
    row = a_row("a", "update", before={"x": 1}, after={"x": 2})
    changed = replace(row, **changes)  # type: ignore[arg-type]  # fields of a row
    assert digest((row,)) != digest((changed,))


@pytest.mark.parametrize(
    "changes", [{"status": "planned"}, {"module_address": "m"}, {"resource_type": "t"}]
)
def test_a_digest_ignores_what_decides_nothing(changes: dict[str, str]) -> None:
    row = a_row("a", "update", before={"x": 1}, after={"x": 2})
    assert digest((row,)) == digest((replace(row, **changes),))  # type: ignore[arg-type]  # texts


def test_digests_of_two_installations_do_not_compare() -> None:
    assert digest(CHANGING) != digest(CHANGING, key=b"another")


def test_a_text_s_digest_ignores_what_surrounds_the_plan() -> None:
    assert digest((), TEXT) == digest((), f"Initializing...\n{TEXT}\n\nhello from a script\n")
    assert digest((), TEXT) != digest((), TEXT.replace("- x", "- y"))


MIDWAY = tuple(
    a_row(address, "create", status=status)
    for address, status in (("a.first", "applied"), ("a.second", "errored"), ("a.third", "planned"))
)
LOG = """\
a.first: Creation complete after 0s [id=1]
module.m["x"].a: Modifications complete after 3s
a.second: Creating...
"""


@pytest.mark.parametrize(
    ("planned", "rows", "text", "expected"),
    [
        (MIDWAY, MIDWAY, LOG, (("a.first",), ("a.second", "a.third"))),
        (MIDWAY, (), LOG, (("a.first", 'module.m["x"].a'), ("a.second", "a.third"))),
        ((), (), LOG, (("a.first", 'module.m["x"].a'), ())),
        ((), (), "", ((), ())),
    ],
    ids=["structured output", "log and plan", "log alone", "nothing"],
)
def test_a_broken_off_apply_says_what_it_did(
    planned: tuple[ResourceChange, ...],
    rows: tuple[ResourceChange, ...],
    text: str,
    expected: tuple[tuple[str, ...], tuple[str, ...]],
) -> None:
    assert plans.applied_by(planned, rows, text) == expected


STEPS = tuple(
    Step(id=f"s{at}", number=at, name="", status=status)
    for at, status in enumerate(
        ["completed", "failed", "running", "cancelled", "rejected", "pending", "notExecuted", "new"]
    )
)


def test_only_steps_that_began_have_a_log_of_their_own() -> None:
    """A pending step answers with the log of the one that runs (contract section 7)."""
    assert [step.status for step in plans.steps_with_logs(STEPS)] == [
        "completed",
        "failed",
        "running",
        "cancelled",
        "rejected",
    ]


@pytest.mark.parametrize(
    ("context", "text", "role"),
    [
        ({"applies": {"s0": ()}}, "Running Terraform PLAN", Role.APPLY),
        ({"plans": {"s0": ()}}, "Running Terraform APPLY", Role.PLAN),
        ({"plans": {"s1": ()}}, "Running Terraform PLAN", Role.PLAN),
        ({}, "Running Terraform DESTROY", Role.APPLY),
        ({}, "Running Terraform Init: ", Role.OTHER),
        ({}, "", Role.OTHER),
    ],
)
def test_the_structured_output_knows_what_a_step_did(
    context: dict[str, dict[str, tuple[ResourceChange, ...]]], text: str, role: Role
) -> None:
    empty = JobContext(plans={}, applies={}, diagnostics={})
    assert plans.role_of_step(STEPS[0], text, replace(empty, **context)) is role  # type: ignore[arg-type]  # maps
