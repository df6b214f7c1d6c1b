"""What ``status`` says: every workspace of a pull request, and what an apply still waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bridge.decisions.deciding_jobs import ended_text
from bridge.decisions.due_applies import is_applied_by, open_apply
from bridge.decisions.gates import Unmet
from bridge.decisions.unlocking import holder_text
from bridge.decisions.wording import code, counted, listed, sentence
from bridge.domain.holds import Hold
from bridge.domain.runs import Run, RunPhase, RunState, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequest

_APPLYING: Final = frozenset({Verb.APPLY, Verb.DESTROY})
_LIFE: Final = timedelta(hours=6)  # after that Terrakube ends a job (contract section 6.4)
_MOST: Final = 50
"""Workspaces that are told one by one: an answer has to fit into one comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one workspace stands.

    Attributes:
        plan: Newest plan at the head; None when there is none.
        runs: What the pull request shows of it, oldest first.
        hold: Who has it locked; None when nobody has.
        queue: The runs that wait for it, the next one first.
        concerned: Whether the pull request affects it, or it is planned at the head.
    """

    workspace: WorkspaceRef
    plan: Run | None = None
    runs: Sequence[Run] = ()
    hold: Hold | None = None
    queue: Sequence[Run] = ()
    concerned: bool = True

    @property
    def newest_apply(self) -> Run | None:
        """The newest apply or destroy."""
        return next((one for one in reversed(self.runs) if one.request.verb in _APPLYING), None)

    @property
    def is_settled(self) -> bool:
        """Whether an apply is under way, or has applied the plan."""
        under_way = open_apply(self.workspace, self.runs) is not None
        return under_way or any(
            self.plan is not None and is_applied_by(self.plan, one) for one in self.runs
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a pull request stands.

    Attributes:
        workspaces: Sorted by name.
        unmet: Gates that are shut for what is still to be applied.
        command: How people address the bridge.
    """

    pull_request: PullRequest
    workspaces: Sequence[Standing]
    unmet: Sequence[Unmet]
    command: str


def left_to_apply(workspaces: Sequence[Standing]) -> Mapping[WorkspaceRef, Run | None]:
    """List the plans the gates are asked about: those that nobody has applied yet."""
    return {one.workspace: one.plan for one in workspaces if one.concerned and not one.is_settled}


def status_text(overview: Overview) -> str:
    """Say how every workspace stands, and what an apply waits for, in Markdown."""
    pull_request = overview.pull_request
    head = code(pull_request.head_sha[:12])
    if not overview.workspaces:
        return f"At {head} this pull request affects no workspace, and none is planned."
    lines = [
        f"- {code(str(one.workspace))}: {' '.join(sentences(one, overview))}"
        for one in overview.workspaces[:_MOST]
    ]
    if (more := len(overview.workspaces) - _MOST) > 0:
        lines.append(f"- And {counted(more, 'workspace')} more; {code('-w')} chooses some.")
    start = f"At {head}, {counted(len(overview.workspaces), 'workspace')}:"
    return "\n".join([start, "", *lines, "", *gate_lines(overview)]).strip()


def sentences(one: Standing, overview: Overview) -> list[str]:
    """Say how a workspace stands, in whole sentences."""
    said = [plan_sentence(one.plan, one.queue)]
    if run := one.newest_apply:
        said.append(_apply_sentence(run, one.queue))
    if one.hold:
        own = one.hold.pull_request.key == overview.pull_request.ref.key
        since = f"since {one.hold.since:%Y-%m-%d %H:%M} UTC"
        by = f"Locked by this pull request {since}." if own else f"It is {holder_text(one.hold)}."
        said.append(by)
    return said


def gate_lines(overview: Overview) -> list[str]:
    """Say what an apply waits for, a line each, or that it waits for nothing."""
    if not any(one.concerned for one in overview.workspaces):
        return []
    if not left_to_apply(overview.workspaces):
        return ["There is nothing left to apply: it is done, or under way."]
    if not overview.unmet:
        return [f"Nothing is in the way of {code(f'{overview.command} apply')}."]
    lines = [
        f"- **{one.gate.value}**: {one.text} *Who can help*: {one.who}." for one in overview.unmet
    ]
    return ["An apply waits for:", "", *lines]


def plan_sentence(plan: Run | None, queue: Sequence[Run] = ()) -> str:
    """Say how the plan of a workspace stands; it may wait in the workspace's queue."""
    if plan is None:
        return "Not planned at this head."
    match plan.state:
        case RunState.SUCCEEDED:
            what = "Its destruction is planned" if plan.request.options.destroy else "Planned"
            return f"{what}{_with(plan)}{_when(plan)}: {_changes(plan)}."
        case RunState.QUEUED:
            return f"Its plan {_unbegun(plan, queue)}"
        case RunState.RUNNING:
            return f"Being planned{_job(plan)}.{_trouble(plan)}"
        case RunState.WAITING:
            return f"Its plan waits for an approval{_job(plan)}{_until(plan)}."
        case _:
            return f"Its plan {ended_text(plan)}{_when(plan)}.{_reason(plan)}"


def _with(plan: Run) -> str:
    """Name the options that make a plan less than everything, or more."""
    flags = replace(plan.request.options, destroy=False).flags
    return f" with {listed(flags)}" if flags else ""


def _changes(plan: Run) -> str:
    if plan.plan_changes is False:
        return "nothing changes"
    if plan.counts is None:
        return "something changes"
    counts = plan.counts
    return f"{counts.add} to add, {counts.change} to change, {counts.destroy} to destroy"


def _apply_sentence(run: Run, queue: Sequence[Run]) -> str:
    verb, by = run.request.verb, code(run.request.actor)
    start = f"The {verb} {by} asked for"
    match run.state:
        case RunState.QUEUED:
            return f"{start} {_unbegun(run, queue)}"
        case RunState.RUNNING:
            return f"{start} is under way{_job(run)}.{_trouble(run)}"
        case RunState.WAITING:
            return f"{start} waits for an approval{_job(run)}{_until(run)}.{_trouble(run)}"
        case _:
            return f"{start} {ended_text(run)}{_when(run)}.{_reason(run)}"


def _unbegun(run: Run, queue: Sequence[Run]) -> str:
    ids = [one.id for one in queue]
    if run.phase is RunPhase.PLANNED and run.id in ids:
        return f"waits for its turn, number {ids.index(run.id) + 1} in line.{_trouble(run)}"
    return f"has not started yet.{_trouble(run)}"


def _when(run: Run) -> str:
    return f" at {run.finished_at:%Y-%m-%d %H:%M} UTC" if run.finished_at else ""


def _until(run: Run) -> str:
    """Say when Terrakube ends a job that waits."""
    return f" until {run.posted_at + _LIFE:%H:%M} UTC" if run.posted_at else ""


def _job(run: Run) -> str:
    return f" (job {run.job_id})" if run.job_id else ""


def _reason(run: Run) -> str:
    return f" {sentence(run.reason, most=300)}" if run.reason else ""


def _trouble(run: Run) -> str:
    return f" {sentence(run.trouble, most=300)}" if run.trouble else ""
