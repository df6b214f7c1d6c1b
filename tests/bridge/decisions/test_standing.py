"""How the plan of a workspace is told: with its options, and its place in line."""

import pytest

from bridge.decisions.standing import plan_sentence
from bridge.domain.runs import Run, RunOptions, RunPhase, RunState
from tests.bridge.decisions.applying import a_plan

WAITING = a_plan(id="waiting", state=RunState.QUEUED, phase=RunPhase.PLANNED)
OTHER = a_plan(id="other", state=RunState.QUEUED, phase=RunPhase.PLANNED)
EVERYTHING = RunOptions(refresh=False, refresh_only=True, targets=('a.b["c"]',), replaces=("d.e",))


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (None, "Not planned"),
        (a_plan(options=RunOptions(targets=("a.b",))), "Planned with `-target=a.b`"),
        (a_plan(options=RunOptions(destroy=True)), "Its destruction is planned"),
        (
            a_plan(options=EVERYTHING),
            'Planned with `-target=a.b["c"]`, `-replace=d.e`, `-refresh-only`, `-refresh=false`',
        ),
        (WAITING, "Its plan waits for its turn, number 2 in line."),
        (a_plan(id="x", state=RunState.QUEUED), "Its plan has not started yet."),
    ],
)
def test_a_plan_is_told_with_what_makes_it_special(plan: Run | None, told: str) -> None:
    sentence = plan_sentence(plan, (OTHER, WAITING))
    assert sentence.partition(" at ")[0].partition(":")[0] == told
