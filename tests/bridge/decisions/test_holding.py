"""What a job may have changed, and what may still be at work."""

import pytest

from bridge.decisions.holding import Gate, is_kept, may_have_applied, unfinished_step
from bridge.domain.rules import Locks
from bridge.domain.runs import RunState
from bridge.domain.terrakube import Step


def steps(statuses: str) -> tuple[Step, ...]:
    return tuple(
        Step(id=f"s{at}", number=at * 100, name="", status=status)
        for at, status in enumerate(statuses.split(), start=1)
    )


@pytest.mark.parametrize(
    ("gate", "statuses", "applied"),
    [
        (Gate.AHEAD, "", False),
        (Gate.AHEAD, "failed failed failed", False),
        (Gate.AHEAD, "cancelled cancelled", False),
        (Gate.AHEAD, "completed notExecuted notExecuted", False),
        (Gate.AHEAD, "completed pending", False),
        (Gate.AHEAD, "completed running", True),
        (Gate.AHEAD, "completed cancelled", True),
        (Gate.WAITED, "completed failed failed", False),
        (Gate.WAITED, "completed cancelled cancelled", False),
        (Gate.PASSED, "completed completed failed", True),
    ],
)
def test_only_what_went_past_its_approval_may_have_applied(
    gate: Gate, statuses: str, *, applied: bool
) -> None:
    assert may_have_applied(gate, steps(statuses), asks=False) is applied


@pytest.mark.parametrize(
    ("statuses", "applied"),
    [
        ("completed cancelled cancelled", False),
        ("completed failed failed", False),
        ("completed completed cancelled", True),
    ],
)
def test_the_bridge_s_own_flow_asks_before_it_applies(statuses: str, *, applied: bool) -> None:
    assert may_have_applied(Gate.AHEAD, steps(statuses), asks=True) is applied


@pytest.mark.parametrize(
    ("state", "statuses", "number"),
    [
        (RunState.SUCCEEDED, "completed completed", None),
        (RunState.FAILED, "completed failed", None),
        (RunState.CANCELLED, "completed completed cancelled cancelled", 300),
        (RunState.CANCELLED, "completed completed running", 300),
        (RunState.CANCELLED, "completed completed completed", None),
        (RunState.ERROR, "completed completed running pending", 300),
        (RunState.ERROR, "completed completed failed", None),
    ],
)
def test_a_cancelled_step_may_go_on(state: RunState, statuses: str, number: int | None) -> None:
    assert unfinished_step(state, steps(statuses)) == number


@pytest.mark.parametrize(
    ("locks", "applied", "kept"),
    [
        (Locks.NONE, True, False),
        (Locks.APPLY, False, False),
        (Locks.APPLY, True, True),
        (Locks.PLAN, False, True),
    ],
)
def test_a_hold_outlives_its_run_as_the_settings_say(
    locks: Locks, *, applied: bool, kept: bool
) -> None:
    assert is_kept(locks, applied=applied) is kept
