"""Which workspaces an apply, or a destroy, is about, and in which there is something left to do.

What is applied already, or on its way, is told and left out; a pull request none of whose plans
changes anything has nothing to apply.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.bindings import Binding
from bridge.decisions.choosing import chosen, is_exactly_named, no_such_text
from bridge.decisions.paths import Changes
from bridge.decisions.reviewed_plans import Asked, unchanged
from bridge.decisions.triggers import Facts, affected
from bridge.decisions.wording import code, listed
from bridge.domain.commands import ApplyCommand, DestroyCommand
from bridge.domain.rules import ApplyPolicy, On
from bridge.domain.runs import Run, RunOptions, RunState, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import ChangedFiles, PullRequest

NOTHING_TO_APPLY: Final = "Nothing to apply: no plan changes anything"
"""Description of the status that then stands where an apply's would."""

DONE: Final[Mapping[Verb, str]] = {Verb.APPLY: "applied", Verb.DESTROY: "destroyed"}
"""What is said of workspaces in which it went through."""

_APPLYING: Final = frozenset({Verb.APPLY, Verb.DESTROY})
_SHARED: Final = (
    "Another open pull request has the same head, and so the same statuses: they stay as they "
    "are, so that this one does not let the other one through."
)
_STANDS: Final[Mapping[RunState, str]] = {
    RunState.QUEUED: "it waits for its turn",
    RunState.RUNNING: "it runs",
    RunState.WAITING: "it waits for an approval",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to be applied or destroyed.

    Attributes:
        verb: Verb.APPLY or Verb.DESTROY.
        policy: How that goes.
    """

    command: ApplyCommand | DestroyCommand
    verb: Verb
    policy: ApplyPolicy

    @property
    def options(self) -> RunOptions | None:
        """That the plans must have been made with; None: as they were."""
        return self.command.options

    @property
    def destroy(self) -> bool:
        """Whether plans of a destruction are meant."""
        return self.verb is Verb.DESTROY

    def asked(self, pull_request: PullRequest, plans: Mapping[WorkspaceRef, Run | None]) -> Asked:
        """Put the plans beside what must hold of them."""
        return Asked(
            head_sha=pull_request.head_sha,
            plans=plans,
            options=self.options,
            destroy=self.destroy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """The workspaces that may be meant.

    Attributes:
        meant: Newest plan at the head of each one that was named, or of all.
        everything: The same of all that are affected or planned, whatever was named.
    """

    meant: Mapping[WorkspaceRef, Run | None]
    everything: Mapping[WorkspaceRef, Run | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """What is still to be applied.

    Attributes:
        plans: Newest plan of each workspace, None where there is none.
        notes: What is told about the others, a sentence of Markdown each.
    """

    plans: Mapping[WorkspaceRef, Run | None]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingToApply:
    """Every plan is a good one, and none changes anything.

    Attributes:
        text: What is answered, in Markdown.
        concludes: Whether that holds for all of the pull request, so that its status says so.
    """

    text: str
    concludes: bool


def candidates(
    wanted: Wanted,
    facts: Facts,
    pull_request: PullRequest,
    changed: ChangedFiles,
    plans: Mapping[str, Run],
) -> Refuse | Candidates:
    """Find the workspaces that are meant: those that are named, else all there are to apply.

    Args:
        wanted: What was said.
        facts: What is known of Terrakube and the configuration.
        pull_request: As the forge shows it now.
        changed: Files it changes.
        plans: Newest plan of each workspace at its head, by workspace id.
    """
    here = concerned(facts, pull_request, changed, plans)
    everything = _planned(here, plans)
    selection = wanted.command.selection
    if not selection.names_something:
        return Candidates(meant=everything, everything=everything)
    base = pull_request.base_branch
    followers = [one for one in facts.bindings if base in one.branches]
    named = chosen(selection, followers)
    if not named:
        return refuse_for(wanted, no_such_text(selection, followers, base))
    # A glob chooses among what there is to apply; what is spelt out is meant in any case.
    meant = tuple(one for one in named if one in here or is_exactly_named(selection, one))
    return Candidates(meant=_planned(meant or named, plans), everything=everything)


def concerned(
    facts: Facts, pull_request: PullRequest, changed: ChangedFiles, plans: Mapping[str, Run]
) -> tuple[Binding, ...]:
    """List the workspaces a pull request affects, and those that were planned at its head."""
    base = pull_request.base_branch
    found = affected(facts, On.PULL_REQUEST, branch=base, changes=Changes.of(changed))
    ids = {binding.workspace.ref.id for binding, _ in found} | plans.keys()
    return tuple(
        one for one in facts.bindings if base in one.branches and one.workspace.ref.id in ids
    )


def decide_due(
    wanted: Wanted,
    pull_request: PullRequest,
    found: Candidates,
    runs: Sequence[Run],
    *,
    shares_head: bool,
) -> Refuse | NothingToApply | Due:
    """Leave out what is applied already or on its way, and see whether anything is left.

    Args:
        wanted: What was said.
        pull_request: As the forge shows it now.
        found: The workspaces that are meant.
        runs: What the pull request shows, oldest first.
        shares_head: Whether another open pull request has the same head, whose status is the same.
    """
    left: dict[WorkspaceRef, Run | None] = {}
    told: dict[str, list[str]] = {}
    for workspace, plan in found.meant.items():
        if note := _note(workspace, plan, runs):
            told.setdefault(note, []).append(str(workspace))
        else:
            left[workspace] = plan
    notes = [f"{listed(names)}: {note}" for note, names in told.items()]
    if notes and not left:
        return refuse_for(wanted, "\n\n".join(notes))
    asked = wanted.asked(pull_request, left)
    if not left or len(unchanged(asked)) < len(left):
        return Due(plans=left, notes=tuple(notes))
    every = wanted.asked(pull_request, found.everything)
    concludes = len(unchanged(every)) == len(found.everything)
    names = listed([str(one) for one in unchanged(asked)])
    said = f"There is nothing to {wanted.verb}: planned without changes: {names}."
    if concludes and shares_head:
        notes.append(_SHARED)
    return NothingToApply(text="\n\n".join([said, *notes]), concludes=concludes and not shares_head)


def is_applied_by(plan: Run, run: Run) -> bool:
    """Tell whether *run* applied this very plan, and went through."""
    reviewed = run.request.reviewed
    return (
        run.state is RunState.SUCCEEDED
        and run.request.verb in _APPLYING
        and reviewed is not None
        and reviewed.run_id == plan.id
    )


def open_apply(workspace: WorkspaceRef, runs: Sequence[Run]) -> Run | None:
    """Find the apply, or the destroy, of a workspace that has not ended."""
    return next(
        (
            one
            for one in reversed(runs)
            if one.request.workspace.id == workspace.id
            and one.request.verb in _APPLYING
            and not one.concluded
        ),
        None,
    )


def how_it_stands(run: Run) -> str:
    """Say how far an open run is, the end of a sentence."""
    job = f" as job {run.job_id}" if run.job_id else ""
    return f"{_STANDS.get(run.state, 'it is about to end')}{job}"


def refuse_for(wanted: Wanted, text: str) -> Refuse:
    """Refuse with what that comes to in front: that nothing was applied, or destroyed."""
    nothing = f"Nothing was {DONE[wanted.verb]}."
    return Refuse(text=text if text.startswith(nothing) else f"{nothing} {text}")


def _planned(
    bindings: Sequence[Binding], plans: Mapping[str, Run]
) -> Mapping[WorkspaceRef, Run | None]:
    return {one.workspace.ref: plans.get(one.workspace.ref.id) for one in bindings}


def _note(workspace: WorkspaceRef, plan: Run | None, runs: Sequence[Run]) -> str:
    """Say why a workspace is left out, without its name; empty when it is not."""
    if under_way := open_apply(workspace, runs):
        verb = under_way.request.verb
        return (
            f"its {verb} is under way. {code(under_way.request.actor)} asked for it, and "
            f"{how_it_stands(under_way)}."
        )
    by = next((one for one in reversed(runs) if plan and is_applied_by(plan, one)), None)
    if by is None:
        return ""
    done = DONE[by.request.verb]
    return (
        f"what was planned is {done} already; {code(by.request.actor)} asked for it. Plan again if "
        "there is more to do."
    )
