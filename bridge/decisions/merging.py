"""Whether all that a pull request planned is applied: then the bridge merges it, if it was to.

What counts is the newest plan of each workspace at the head. One that changes something must be
applied itself: an apply of an older plan leaves it undone. Whatever cannot be told counts as not
applied, so that nothing is merged, or let through a merge queue, by mistake.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.domain.runs import Run, RunState, Verb
from bridge.domain.vcs import MergeMethod, PullRequest, PullRequestState
from bridge.domain.work import Verdict
from bridge.ports import PullRequestRecord

_APPLYING: Final = frozenset({Verb.APPLY, Verb.DESTROY})
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known of a pull request at one head.

    Attributes:
        stored: What was last seen of it.
        plans: Newest plan of each workspace at that head, by workspace id.
        runs: What it shows: all at that head, and what has not ended at others, oldest first.
    """

    head_sha: str
    stored: PullRequestRecord | None
    plans: Mapping[str, Run]
    runs: Sequence[Run]


@dataclass(frozen=True, slots=True)
class Merge:
    """It is merged now.

    Attributes:
        actor: Login of whose apply was the last one.
    """

    method: MergeMethod
    actor: str


@dataclass(frozen=True, slots=True)
class Later:
    """Not yet: something has to change first, and then it is asked again."""


@dataclass(frozen=True, slots=True)
class Never:
    """It was closed, its head moved, or nobody wants it merged any more."""


@dataclass(frozen=True, slots=True)
class Merged:
    """It is merged already.

    Attributes:
        commit: That the merge made; empty when the forge does not say.
    """

    commit: str


def decide_merge(
    pull_request: PullRequest, standing: Standing, method: str
) -> Merge | Later | Never | Merged:
    """Decide what becomes of a wish to merge.

    Args:
        pull_request: As the forge shows it now.
        standing: What is known of the head that is to be merged.
        method: How; empty when it is not to be merged any more.
    """
    if pull_request.head_sha != standing.head_sha:
        return Never()
    if pull_request.state is PullRequestState.MERGED:
        return Merged(pull_request.merge_commit or "")
    if not method or pull_request.state is not PullRequestState.OPEN:
        return Never()
    applies = [one for one in standing.runs if one.request.verb in _APPLYING]
    if left_undone(standing) or not applies:
        return Later()
    return Merge(MergeMethod(method), applies[-1].request.actor)


def left_undone(standing: Standing) -> str:
    """Say what is not applied yet, in a sentence for a status; empty when all is."""
    verdict = _verdict(standing)
    if verdict is None:
        return "Not planned at the pull request's head."
    if under_way := [one for one in standing.runs if _is_under_way(one)]:
        return f"Still under way: {_names(under_way)}."
    plans = standing.plans.values()
    if bad := [one for one in plans if one.state is not RunState.SUCCEEDED]:
        return f"Without a good plan: {_names(bad)}."
    if verdict.kind not in {"planning", "nothing"} or len(plans) < verdict.workspaces:
        return "Not all affected workspaces are planned."
    if undone := [one for one in plans if changes(one) and not _is_applied(one, standing)]:
        return f"Not applied: {_names(undone)}."
    return ""


def changes(plan: Run) -> bool:
    """Tell whether a plan changes something; yes when that is not known."""
    return plan.plan_changes is not False


def _verdict(standing: Standing) -> Verdict | None:
    verdict = standing.stored.verdict if standing.stored else None
    return verdict if verdict and verdict.head_sha == standing.head_sha else None


def _is_under_way(run: Run) -> bool:
    return run.request.verb in _APPLYING and not run.concluded


def _is_applied(plan: Run, standing: Standing) -> bool:
    return any(
        one.state is RunState.SUCCEEDED
        and one.request.verb in _APPLYING
        and one.request.reviewed is not None
        and one.request.reviewed.run_id == plan.id
        for one in standing.runs
    )


def _names(runs: Sequence[Run]) -> str:
    names = sorted({str(one.request.workspace) for one in runs})
    more = len(names) - _MOST_NAMED
    shown = ", ".join(names[:_MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
