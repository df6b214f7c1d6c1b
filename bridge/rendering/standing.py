"""How the plan and the apply of a workspace stand to each other.

An apply names the plan that was reviewed for it. So it is known, without comparing times, which
plans are carried out already and which are still to be.
"""

from collections.abc import Callable, Sequence
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.runs import Review, RunState, Verb
from bridge.domain.terrakube import Step
from bridge.rendering.wording import APPLYING

_NOT_BEGUN: Final = frozenset({"", "pending", "queue", "notExecuted", "rejected"})
_UNDONE: Final = frozenset({RunState.ERROR, RunState.CANCELLED, RunState.SUPERSEDED})


def is_apply(one: RunReport) -> bool:
    """Tell whether a run carries a plan out, be it to apply or to destroy."""
    return one.run.request.verb in APPLYING


def applies_of(report: PullRequestReport) -> Sequence[RunReport]:
    """Return the applies of this head and those of an older one that are still shown."""
    return [one for one in (*report.runs, *report.stale) if is_apply(one)]


def plans_ahead(report: PullRequestReport) -> Sequence[RunReport]:
    """Return the plans of this head whose changes nobody has made yet."""
    return _plans(report, lambda apply: apply.run.state is not RunState.SUCCEEDED)


def plans_in_hand(report: PullRequestReport) -> Sequence[RunReport]:
    """Return the plans of this head that no apply has carried out, or is about to."""
    return _plans(report, lambda apply: not _speaks_for_itself(apply))


def plans_to_apply(report: PullRequestReport) -> Sequence[RunReport]:
    """Return the plans of this head that somebody may say ``apply`` to."""
    return [one for one in _changing(report) if not one.run.request.options.destroy]


def plans_to_destroy(report: PullRequestReport) -> Sequence[RunReport]:
    """Return the plans of this head that somebody may say ``destroy`` to."""
    return [one for one in _changing(report) if one.run.request.options.destroy]


def has_changed_nothing(one: RunReport) -> bool:
    """Tell whether it is certain that a run ended before anything was applied."""
    if one.applied or not one.run.concluded:
        return False
    return not one.run.job_id or _stopped_before_applying(one.run.steps)


def is_planned_since(report: PullRequestReport, apply: RunReport) -> bool:
    """Tell whether a plan of this head was begun after an apply, in its workspace."""
    return any(
        one.run.request.verb is Verb.PLAN
        and one.run.request.workspace.id == apply.run.request.workspace.id
        and one.run.created_at > apply.run.created_at
        for one in report.runs
    )


def _plans(report: PullRequestReport, may: Callable[[RunReport], bool]) -> Sequence[RunReport]:
    """Return the plans of which *may* says yes to every apply that carries them out."""
    taken = {
        one.run.request.reviewed.run_id
        for one in report.runs
        if is_apply(one) and one.run.request.reviewed is not None and not may(one)
    }
    plans = (one for one in report.runs if one.run.request.verb is Verb.PLAN)
    return [one for one in plans if one.run.id not in taken]


def _changing(report: PullRequestReport) -> Sequence[RunReport]:
    plans = _plans(report, _left_all_as_it_was)
    return [
        one
        for one in plans
        if one.run.state is RunState.SUCCEEDED and one.run.plan_changes is not False
    ]


def _speaks_for_itself(one: RunReport) -> bool:
    """Tell whether an apply has gone through, applies, or waits with a plan of its own."""
    run = one.run
    return run.state in {RunState.SUCCEEDED, RunState.WAITING} or (
        run.state is RunState.RUNNING and run.review in {Review.NONE, Review.APPROVED}
    )


def _left_all_as_it_was(one: RunReport) -> bool:
    return one.run.state in _UNDONE and has_changed_nothing(one)


def _stopped_before_applying(steps: Sequence[Step]) -> bool:
    # The first step plans, whatever else there is. One that is alone may have applied.
    return len(steps) > 1 and all(step.status in _NOT_BEGUN for step in steps[1:])
