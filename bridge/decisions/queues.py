"""What a merge queue's commit starts: plans of the workspaces it would change on the branch.

The commit is a guess about the future of the base branch, so nothing in it is ever applied.
"""

from dataclasses import dataclass, replace

from bridge.decisions.bindings import Binding
from bridge.decisions.merging import Standing, changes, left_undone
from bridge.decisions.paths import Changes
from bridge.decisions.triggers import Facts, Start, Target, affected, target_of
from bridge.domain.reports import CommitReport
from bridge.domain.rules import On
from bridge.domain.runs import Verb
from bridge.domain.vcs import ChangedFiles, StatusState

NOTHING_AFFECTED = "No workspace is affected."
NOTHING_TO_APPLY = "Nothing to apply: no plan of the pull request changes anything."
APPLIED = "Applied at the pull request's head."
UNKNOWN = "Which pull request it is for is not known, so nobody can tell whether it is applied."


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclude:
    """Nothing starts, and the status says so for ever."""

    state: StatusState
    text: str


def decide_queue(facts: Facts, *, base_branch: str, changed: ChangedFiles) -> Start | Conclude:
    """Decide what is planned at a queue's commit.

    However many workspaces that are: the pull request was planned before it came here, and nobody
    could say in a queue that it is to be so many.
    """
    found = affected(facts, On.PULL_REQUEST, branch=base_branch, changes=Changes.of(changed))
    if not found:
        return Conclude(state=StatusState.SUCCESS, text=NOTHING_AFFECTED)
    targets = tuple(_only_planned(facts, binding, target) for binding, target in found)
    unfit = sorted({one.template.reference for one in targets if one.may_change})
    if unfit:
        text = f"Not planned: nothing says that template {', '.join(unfit)} only plans."
        return Conclude(state=StatusState.ERROR, text=text)
    return Start(targets=targets)


def decide_queued_apply(standing: Standing | None) -> Conclude:
    """Say whether what a queued pull request planned is applied; None: nobody knows which it is."""
    if standing is None:
        return Conclude(state=StatusState.FAILURE, text=UNKNOWN)
    if undone := left_undone(standing):
        return Conclude(state=StatusState.FAILURE, text=undone)
    changed = any(changes(plan) for plan in standing.plans.values())
    return Conclude(state=StatusState.SUCCESS, text=APPLIED if changed else NOTHING_TO_APPLY)


def is_elsewhere(known: CommitReport) -> bool:
    """Tell whether a commit is a pull request's head or a branch's, with statuses of its own."""
    requests = [one.run.request for one in known.runs]
    return bool(known.verdicts) or any(
        one.pull_request is not None or one.verb is not Verb.PLAN for one in requests
    )


def _only_planned(facts: Facts, binding: Binding, target: Target) -> Target:
    """Plan with the template of the command where the rule's may do more."""
    if not target.may_change:
        return target
    reference = facts.policy.plan_template
    planned = target_of(facts, binding, reference, On.PULL_REQUEST, target.why)
    return replace(planned, options=target.options)
