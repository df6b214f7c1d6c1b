"""Approving, rejecting and cancelling: which runs an answer is for, and what about the others.

A job is answered where it is shown. Named ones that cannot be answered are told one by one; what
was not named is left out without a word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge.decisions.approving import SAID, name_of
from bridge.decisions.asking import Refuse
from bridge.decisions.choosing import is_named, named_text
from bridge.decisions.due_applies import how_it_stands
from bridge.decisions.wording import code, listed
from bridge.domain.commands import ApproveCommand, CancelCommand, RejectCommand
from bridge.domain.runs import Review, Run, RunPhase, RunState
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import Answer, Decision, DecisionPhase

JobCommand: TypeAlias = ApproveCommand | RejectCommand | CancelCommand

ANSWERS: Final[Mapping[type[JobCommand], Answer]] = {
    ApproveCommand: Answer.APPROVE,
    RejectCommand: Answer.REJECT,
    CancelCommand: Answer.CANCEL,
}

_ENDED: Final[Mapping[RunState, str]] = {
    RunState.SUCCEEDED: "went through",
    RunState.FAILED: "failed",
    RunState.ERROR: "did not come about",
    RunState.REJECTED: "was rejected",
    RunState.CANCELLED: "was cancelled",
    RunState.SUPERSEDED: "was dropped",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a pull request shows of runs.

    Attributes:
        runs: All at its head and those that have not ended, oldest first.
        in_folders: Ids of the workspaces in the folders that were named; None when none were.
        decisions: Newest answers that count, by run id.
    """

    pull_request: PullRequestRef
    runs: Sequence[Run]
    in_folders: frozenset[str] | None = None
    decisions: Mapping[str, Decision] | None = None

    def decision(self, run: Run) -> Decision | None:
        """Return the answer Terrakube is being told."""
        found = (self.decisions or {}).get(run.id)
        settled = {DecisionPhase.CONFIRMED, DecisionPhase.VOID}
        return None if found is None or found.phase in settled else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Give:
    """These runs are answered.

    Attributes:
        runs: Oldest first; never empty.
        text: What is said; empty when the living comment says it all.
    """

    runs: tuple[Run, ...]
    text: str = ""


def meant(command: JobCommand, shown: Shown) -> tuple[Run, ...]:
    """List the open runs a command is about; without a name all of the pull request's own."""
    found = [one for one in _named(command, shown) if not one.concluded]
    if _names_something(command):
        return tuple(found)
    return tuple(one for one in found if _is_own(one, shown) or one.state is RunState.WAITING)


def decide_answer(command: ApproveCommand | RejectCommand, shown: Shown) -> Refuse | Give:
    """Choose the jobs that are approved or rejected: those that wait, each answered once."""
    answer = ANSWERS[type(command)]
    notes: list[str] = []
    given: list[Run] = []
    for run in meant(command, shown):
        note = why_not(run, shown.decision(run), answer)
        if not note:
            given.append(run)
        elif run.state is RunState.WAITING or _names_something(command):
            notes.append(f"{_name(run)}: {note}")
    if given:
        return Give(runs=tuple(given), text="\n\n".join(notes))
    return refuse_answer(answer, notes or _nothing(command, shown, "waits for an approval"))


def decide_cancel(command: CancelCommand, shown: Shown) -> Refuse | Give:
    """Choose the runs that are dropped or cancelled: whatever has not ended."""
    notes: list[str] = []
    given: list[Run] = []
    for run in meant(command, shown):
        if note := _why_not_cancelled(run, shown):
            notes.append(f"{_name(run)}: {note}")
        elif _is_own(run, shown) or _names_something(command):
            given.append(run)
    if given:
        return Give(runs=tuple(given), text="\n\n".join([*cancelled_text(given), *notes]))
    return refuse_answer(Answer.CANCEL, notes or _nothing(command, shown, "is under way"))


def why_not(run: Run, first: Decision | None, answer: Answer) -> str:
    """Say why a run cannot be approved or rejected now; empty when it can.

    *first* is an answer that Terrakube is being told; None when there is none.
    """
    if run.cancel_requested:
        return _being_cancelled(run)
    if run.state is not RunState.WAITING:
        return f"it does not wait for an approval: {how_it_stands(run)}."
    if first is not None:
        return f"{code(first.actor)} was first and {SAID[first.answer]} it."
    if run.review in {Review.APPROVED, Review.REJECTED}:
        return f"it is {run.review.value} already, by {code(run.decided_by or 'somebody')}."
    if run.review is Review.DUE and answer is Answer.APPROVE:
        return (
            "its plan is being compared with the one that was reviewed. When they are the same it "
            "goes on by itself; else this pull request says what to do."
        )
    return ""


def workspaces_of(runs: Sequence[Run]) -> tuple[WorkspaceRef, ...]:
    """List the workspaces of runs, each once."""
    return tuple({one.request.workspace.id: one.request.workspace for one in runs}.values())


def refuse_answer(answer: Answer, said: Sequence[str]) -> Refuse:
    """Refuse an answer to jobs, and say why of each."""
    return Refuse(text="\n\n".join([f"Nothing was {SAID[answer]}.", *said]))


def cancelled_text(runs: Sequence[Run]) -> list[str]:
    """Say what cancelling runs comes to, a sentence each."""
    queued = [one for one in runs if one.phase is RunPhase.PLANNED]
    begun = [one for one in runs if one.phase is not RunPhase.PLANNED]
    said: list[str] = []
    if queued:
        said.append(f"Dropped before they started: {_names(queued)}.")
    if begun:
        said.append(
            f"Being cancelled in Terrakube: {_names(begun)}. That does not stop Terraform: what "
            "runs already may go on to its end."
        )
    if any(one.request.applies for one in begun):
        said.append(
            "A workspace in which something may still be applied stays locked until its end is "
            "seen."
        )
    return said


def ended_text(run: Run) -> str:
    """Say how a run ended, the end of a sentence."""
    return _ENDED.get(run.state, "ended")


def _names_something(command: JobCommand) -> bool:
    return bool(command.job) or command.selection.names_something


def _named(command: JobCommand, shown: Shown) -> list[Run]:
    if command.job:
        return [one for one in shown.runs if one.job_id == command.job]
    return [
        one
        for one in shown.runs
        if is_named(command.selection, one.request.workspace)
        and (shown.in_folders is None or one.request.workspace.id in shown.in_folders)
    ]


def _is_own(run: Run, shown: Shown) -> bool:
    request, ref = run.request, shown.pull_request
    return (request.repository.key, request.pull_request) == (ref.repository.key, ref.number)


def _why_not_cancelled(run: Run, shown: Shown) -> str:
    if run.cancel_requested:
        return _being_cancelled(run)
    if run.phase is RunPhase.COLLECTING:
        return "its job has ended, and what it left is being read."
    number = run.request.pull_request
    if number is not None and not _is_own(run, shown):
        return f"it is shared with pull request #{number}: cancel it there."
    return ""


def _being_cancelled(run: Run) -> str:
    by = f" ({code(run.decided_by)} asked for it)" if run.decided_by else ""
    return f"it is being cancelled already{by}."


def _nothing(command: JobCommand, shown: Shown, what: str) -> list[str]:
    """Say that there is nothing to answer to, and how what was named stands."""
    if command.job:
        text = f"No open job {code(command.job)} is shown in this pull request."
    elif command.selection.names_something:
        text = f"Nothing that matches {named_text(command.selection)} {what}."
    else:
        text = f"Nothing of this pull request {what}."
    if not _names_something(command):
        return [text]
    last = {one.request.workspace.id: one for one in _named(command, shown)}
    ended = [
        f"{_name(one)}: it {ended_text(one)}{_by(one)}." for one in last.values() if one.concluded
    ]
    return [text, *ended]


def _by(run: Run) -> str:
    return f" ({code(run.decided_by)} decided)" if run.decided_by else ""


def _name(run: Run) -> str:
    name = name_of(run.request)
    return f"{name[0].upper()}{name[1:]}"


def _names(runs: Sequence[Run]) -> str:
    return listed(sorted({f"{one.request.verb} {one.request.workspace}" for one in runs}))
