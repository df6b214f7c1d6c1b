"""Commit statuses: one aggregate per verb that branch rules may require, and one per workspace.

An aggregate is the worst over all open pull requests with that head and over all runs, so that
one pull request cannot unlock another. ``pending`` means that something is going on and will end
by itself: a run, one that waits for its workspace, or a job that waits for an approval, which
expires. What ended without a plan anybody could rely on is never success: ``failure`` when
Terraform failed, somebody rejected it, or the bridge did because the plan is not the one that was
reviewed; ``error`` when the bridge or Terrakube is why, and that includes what waits for a person
to act (a fork nobody allowed, a draft, too many workspaces): it stays so until they do, and the
description says what to do. Only "no workspace is affected" succeeds without a run.

``apply`` and ``destroy`` have a status from the first time somebody says so at a commit: applying
nothing says nothing, never success. It is about the newest apply of each workspace and stays as
that one left it, whatever is planned afterwards: only another apply changes it. Where some
workspaces are applied and others have a plan that is still to be, ``apply`` is an error until they
are, so that a branch rule that asks for it lets nothing half-applied through. An apply of an older
head is told at that head only; the new one begins without.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.domain.reports import CommitReport, RunReport
from bridge.domain.runs import RETARGETED, RunState, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import CommitStatus, StatusState
from bridge.domain.work import Verdict
from bridge.rendering.escaping import clean
from bridge.rendering.wording import (
    APPLYING,
    by_rank,
    changes,
    expires_at,
    is_answered,
    options_of,
    rank,
    tally,
    total,
    waits_for_a_person,
    word,
)

DESCRIPTION_LIMIT: Final = 140

_STATES: Final[Mapping[RunState, StatusState]] = {
    RunState.QUEUED: StatusState.PENDING,
    RunState.RUNNING: StatusState.PENDING,
    RunState.WAITING: StatusState.PENDING,
    RunState.SUCCEEDED: StatusState.SUCCESS,
    RunState.FAILED: StatusState.FAILURE,
    RunState.REJECTED: StatusState.FAILURE,
    RunState.ERROR: StatusState.ERROR,
    RunState.CANCELLED: StatusState.ERROR,
    RunState.SUPERSEDED: StatusState.ERROR,
}
_BADNESS: Final[Mapping[StatusState, int]] = {
    StatusState.SUCCESS: 0,
    StatusState.PENDING: 1,
    StatusState.ERROR: 2,
    StatusState.FAILURE: 3,
}
_UNPLANNED: Final[Mapping[str, str]] = {
    "fork": "Not planned: it comes from a fork. The pull request says how to allow it.",
    "draft": "Not planned: it is a draft. It is planned when it is ready for review.",
    "too_many": "Not planned: too many workspaces. The pull request says how to plan them.",
    "error": "Not planned: the bridge could not decide what to plan. The pull request says why.",
}


@dataclass(frozen=True, slots=True)
class _Finding:
    """One of the things an aggregate is the worst of."""

    state: StatusState
    description: str


def context_of(prefix: str, verb: Verb, workspace: WorkspaceRef | None = None) -> str:
    """Name a status: ``terrakube/plan``, ``terrakube/plan: org/name``."""
    aggregate = f"{prefix}/{verb.value}"
    return aggregate if workspace is None else f"{aggregate}: {workspace}"


def render_statuses(
    report: CommitReport, *, prefix: str, per_workspace_limit: int
) -> Sequence[CommitStatus]:
    """Write every status a commit has, aggregates first.

    Args:
        report: What is known of the commit.
        prefix: First part of every name.
        per_workspace_limit: Above so many workspaces of a verb, none gets a status of its own.
    """
    current = replace(report, runs=tuple(one for one in report.runs if not _is_left(one)))
    aggregates = [
        status for verb in Verb if (status := _aggregate(current, verb, prefix=prefix)) is not None
    ]
    by_verb = {verb: _runs_of(report, verb) for verb in Verb}
    single = [
        _of_workspace(one, prefix=prefix)
        for runs in by_verb.values()
        if len(runs) <= per_workspace_limit
        for one in runs
    ]
    return [*aggregates, *single]


def render_status(
    report: CommitReport, context: str, *, prefix: str, per_workspace_limit: int
) -> CommitStatus | None:
    """Write one status; None when there is nothing to say under that name.

    A push whose plans a pull request already had shares their runs, which are then not its own:
    the status that was asked for is made from those.
    """
    written = render_statuses(report, prefix=prefix, per_workspace_limit=per_workspace_limit)
    for status in written:
        if status.context == context:
            return status
    if context == context_of(prefix, Verb.PUSH) and report.runs:
        return _write(context, [_of_runs(report.runs)], report.runs)
    return None


def _runs_of(report: CommitReport, verb: Verb) -> Sequence[RunReport]:
    return [one for one in report.runs if one.run.request.verb is verb]


def _aggregate(report: CommitReport, verb: Verb, *, prefix: str) -> CommitStatus | None:
    findings: list[_Finding] = []
    runs = _runs_of(report, verb)
    if verb is Verb.PLAN:
        runs = [*runs, *_standing_in(report)]
        findings += [_of_verdict(verdict, runs) for verdict in report.verdicts]
    if runs:
        findings.append(_of_runs(runs))
    if verb is Verb.APPLY and (left := _to_apply(report)) and runs:
        findings.append(_half_applied(runs, left))
    return _write(context_of(prefix, verb), findings, runs) if findings else None


def _standing_in(report: CommitReport) -> list[RunReport]:
    """Return runs that a push began and a pull request shares, so that it has none of its own."""
    wanted = max((one.workspaces for one in report.verdicts if one.kind == "planning"), default=0)
    planned = {
        one.run.request.workspace.id for one in report.runs if one.run.request.verb is Verb.PLAN
    }
    if wanted <= len(planned):
        return []
    return [
        one
        for one in report.runs
        if one.run.request.verb is Verb.PUSH and one.run.request.workspace.id not in planned
    ]


def _of_verdict(verdict: Verdict, runs: Sequence[RunReport]) -> _Finding:
    match verdict.kind:
        case "planning" if runs:
            # The runs say the rest, and what they say is no better than success.
            return _Finding(StatusState.SUCCESS, "")
        case "planning":
            return _Finding(StatusState.PENDING, "The plans are about to start.")
        case "nothing":
            return _Finding(StatusState.SUCCESS, "No workspace is affected.")
        case kind:
            return _Finding(StatusState.ERROR, _UNPLANNED.get(kind, _UNPLANNED["error"]))


def _of_runs(runs: Sequence[RunReport]) -> _Finding:
    state = _worst(_STATES[one.run.state] for one in runs)
    counts = total(runs)
    found = tally(one.run for one in runs)
    description = f"{found}: {changes(counts)}" if counts and _has_changes(runs) else found
    return _Finding(state, f"{description}{_of_foremost(runs)}")


def _of_foremost(runs: Sequence[RunReport]) -> str:
    """Say where the worst apply stands; what becomes of plans is in the comment."""
    told = ((one, _stand(one)) for one in sorted(runs, key=by_rank) if _is_apply(one))
    one, text = next(((one, text) for one, text in told if text), (None, ""))
    if one is None or len(runs) == 1:
        return f". {text}" if text else ""
    return f". {one.run.request.workspace}: {text}"


def _stand(one: RunReport) -> str:
    """Say where a run stands, besides its state; empty when there is nothing to say."""
    run, place = one.run, one.queue
    said = []
    if place is not None:
        ref = place.hold.pull_request
        where = "Next" if place.position == 1 else f"Place {place.position:,}"
        said.append(f"{where}, behind {ref.repository.slug}#{ref.number}.")
    if waits_for_a_person(run):
        said.append(f"Until {expires_at(run):%H:%M} UTC.")
    trouble = "" if is_answered(run) else run.trouble  # that a person is asked for is past
    return " ".join(filter(None, (*said, trouble or run.reason)))


def _is_apply(one: RunReport) -> bool:
    return one.run.request.verb in APPLYING


def _half_applied(runs: Sequence[RunReport], left: int) -> _Finding:
    state = _worst(_STATES[one.run.state] for one in runs)
    # While something goes on, or went wrong, that is what there is to say.
    worse = StatusState.ERROR if state is StatusState.SUCCESS else StatusState.SUCCESS
    be = "workspace is" if left == 1 else "workspaces are"
    found = tally(one.run for one in runs)
    return _Finding(worse, f"{found}, but {left:,} more {be} planned and not applied yet.")


def _to_apply(report: CommitReport) -> int:
    """Count the workspaces whose plans would change something, and that nobody has applied."""
    asked = {one.run.request.workspace.id for one in report.runs if _is_apply(one)}
    planned = {
        one.run.request.workspace.id
        for one in _runs_of(report, Verb.PLAN)
        if one.run.state is RunState.SUCCEEDED
        and one.run.plan_changes is not False
        and not one.run.request.options.destroy
    }
    return len(planned - asked)


def _write(context: str, findings: Sequence[_Finding], runs: Sequence[RunReport]) -> CommitStatus:
    state = _worst(finding.state for finding in findings)
    worst = [one.description for one in findings if one.state is state and one.description]
    return CommitStatus(
        context=context,
        state=state,
        # Runs come last and say most.
        description=_line(worst[-1]),
        target_url=min(runs, key=rank).job_url if runs else "",
    )


def _of_workspace(report: RunReport, *, prefix: str) -> CommitStatus:
    run = report.run
    if _is_left(report):
        return CommitStatus(
            context=context_of(prefix, run.request.verb, run.request.workspace),
            state=StatusState.SUCCESS,
            description="Not affected any more: the pull request goes to another branch now.",
            target_url=report.job_url,
        )
    doing = " with ".join(filter(None, (word(run), " ".join(options_of(run)))))
    said = [doing, changes(run.counts) if run.counts and run.plan_changes is not False else ""]
    because = _stand(report)
    return CommitStatus(
        context=context_of(prefix, run.request.verb, run.request.workspace),
        state=_STATES[run.state],
        description=_line(". ".join([": ".join(filter(None, said)), *filter(None, [because])])),
        target_url=report.job_url,
    )


def _is_left(report: RunReport) -> bool:
    """Tell whether the run is none of its pull request's business any more."""
    return report.run.superseded_by == RETARGETED


def _has_changes(runs: Sequence[RunReport]) -> bool:
    return any(one.run.plan_changes is not False for one in runs if one.run.counts)


def _worst(states: Iterable[StatusState]) -> StatusState:
    return max(states, key=_BADNESS.__getitem__)


def _line(text: str) -> str:
    line = " ".join(clean(text).replace("`", "").split())
    line = line[:1].upper() + line[1:]
    return line if len(line) <= DESCRIPTION_LIMIT else f"{line[: DESCRIPTION_LIMIT - 1]}…"
