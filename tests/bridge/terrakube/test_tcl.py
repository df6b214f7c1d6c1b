"""Flows: what is sent is checked, what is stored is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.domain.errors import UserError
from bridge.domain.terrakube import FlowStep, FlowType
from bridge.terrakube import tcl

PLAN = FlowStep(type=FlowType.PLAN, number=100, name="Plan")
DESTROY_PLAN = FlowStep(type=FlowType.PLAN_DESTROY, number=100, name="Plan destroy")
ASK = FlowStep(type=FlowType.APPROVAL, number=150, name="Approve", team="it's ours")
APPLY = FlowStep(type=FlowType.APPLY, number=200, name="Apply")
DESTROY = FlowStep(type=FlowType.DESTROY, number=100)
SCRIPT = FlowStep(type=FlowType.SCRIPTS, number=50)


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        (tcl.plan_text(), (PLAN,)),
        (tcl.apply_text("it's ours"), (PLAN, ASK, APPLY)),
        (tcl.destroy_text("it's ours"), (DESTROY_PLAN, ASK, APPLY)),
    ],
)
def test_what_the_bridge_sends_is_what_it_means(text: str, flow: tuple[FlowStep, ...]) -> None:
    assert tcl.check(text) == flow
    assert tcl.read_flow(tcl.encode(text)) == flow
    assert tcl.decode(tcl.encode(text)) == text


@pytest.mark.parametrize("team", ["", "  ", "a\nb", "a\x00"])
def test_an_approval_of_nobody_in_particular_is_refused(team: str) -> None:
    """Without a team every reader of the workspace could approve (contract section 5)."""
    with pytest.raises(UserError, match="needs a team"):
        tcl.apply_text(team)


BAD = [
    ("", 1, "there must be a list named flow"),
    ("- a", 1, "there must be a list named flow"),
    ("flow: []", 1, "flow must be a list of at least one step"),
    ("flow:", 1, "flow must be a list of at least one step"),
    ("flow:\n - type: terraformPlan\nstep: 1", 3, "'step' is unknown; only flow is allowed here"),
    ("flow:\n - x", 2, "a step must have a type, a name and a step number"),
    ("flow:\n - type: terraformPlan", 2, "step must be a whole number"),
    ("flow:\n - type: terraformPlan\n   step: one", 2, "step must be a whole number"),
    ("flow:\n - type: terraformPlan\n   step: 99999999999", 2, "step must be a whole number"),
    ("flow:\n - type: terraformplan\n   step: 1", 2, "did you mean 'terraformPlan'?"),
    ("flow:\n - step: 1", 2, "no type"),
    ("flow:\n - type: approval\n   step: 1\n   teem: x", 4, "did you mean 'team'?"),
    ("flow:\n - {? [a] : b}", 2, "unknown property '?'"),
    ("flow:\n - &a {type: approval, step: 1}\n - *a", 2, "step 1 is there twice"),
    ("flow: [", 1, "expected the node content"),
    ("{" * 3000, 1, "is no YAML"),
    ("x" * 70_000, 1, "longer than 65536 characters"),
]


@pytest.mark.parametrize(("text", "line", "said"), BAD, ids=[said for _, _, said in BAD])
def test_a_flow_that_would_hang_in_terrakube_is_refused_with_its_line(
    text: str, line: int, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        tcl.check(text)
    assert str(caught.value).startswith(f"template, line {line}: ")
    assert said in str(caught.value)


@pytest.mark.parametrize("stored", [None, "", "?", "////", "é", tcl.encode("x: 1")])
def test_a_stored_text_that_is_no_flow_reads_as_none(stored: str | None) -> None:
    assert tcl.read_flow(stored) is None


def test_a_stored_flow_may_have_types_of_a_newer_server() -> None:
    stored = "flow:\n - {type: dance, step: 7}\n - {type: terraformPlan, step: 3, name: null}"
    assert tcl.read_flow(tcl.encode(stored)) == (
        FlowStep(type="terraformPlan", number=3),
        FlowStep(type="dance", number=7),
    )


@given(st.text(max_size=200))
def test_whatever_is_stored_or_typed_only_a_user_error_comes_out(text: str) -> None:
    tcl.read_flow(text)
    tcl.read_flow(tcl.encode(text.encode(errors="ignore").decode()))
    try:
        assert tcl.check(text)
    except UserError as error:
        assert str(error).startswith("template, line ")  # noqa: PT017 - a flow may be fine, too
