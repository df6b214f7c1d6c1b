"""What ``retry`` starts: a new plan wherever something at this head came to no good end.

An apply that failed is planned again, too, and not applied: what its plan said is no longer what
would be done.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.decisions.asking import Refuse, refuse_place
from bridge.decisions.bindings import Binding
from bridge.decisions.choosing import chosen, named_text
from bridge.decisions.pull_requests import fork_text, is_allowed, refuse_applying_fork
from bridge.decisions.triggers import Facts, Start, Target, target_of
from bridge.decisions.wording import code, counted, listed, ready_to_copy
from bridge.domain.commands import RetryCommand
from bridge.domain.rules import BUILT_IN, On
from bridge.domain.runs import Run, RunState, Verb
from bridge.domain.vcs import PullRequest
from bridge.ports import PullRequestRecord

_APPLYING: Final = frozenset({Verb.APPLY, Verb.DESTROY})
_TO_NO_GOOD: Final = frozenset({RunState.FAILED, RunState.ERROR, RunState.CANCELLED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """These workspaces are planned again.

    Attributes:
        text: What is said besides; empty when nothing is.
    """

    start: Start
    text: str = ""


def decide_retry(
    command: RetryCommand,
    facts: Facts,
    *,
    actor: str,
    pull_request: PullRequest,
    runs: Sequence[Run],
    stored: PullRequestRecord | None,
) -> Refuse | Retry:
    """Choose what is planned again.

    Args:
        command: What was said.
        facts: What is known of Terrakube and the configuration.
        actor: Who says it.
        pull_request: As the forge shows it now.
        runs: What it shows at its head, oldest first.
        stored: What was last seen of it.
    """
    if refusal := refuse_place(facts, pull_request):
        return refusal
    if not is_allowed(pull_request, stored):
        return Refuse(text=fork_text(facts, pull_request))
    base = pull_request.base_branch
    here = [one for one in facts.bindings if base in one.branches]
    named = chosen(command.selection, here)
    newest = {one.workspace.ref.id: _newest(one, pull_request, runs) for one in named}
    bad = [one for one in named if _is_to_retry(newest[one.workspace.ref.id])]
    destructions = [one for one in bad if _destroys(newest[one.workspace.ref.id])]
    notes = [_destruction_text(facts, destructions)] if destructions else []
    targets = tuple(
        _target(facts, one, runs, actor, command) for one in bad if one not in destructions
    )
    if not targets:
        return Refuse(text="\n\n".join([_nothing(command), *notes]))
    if len(targets) > facts.policy.max_workspaces and not command.selection.everything:
        return Refuse(text=_too_many_text(facts, len(targets)))
    if refused := refuse_applying_fork(pull_request, targets):
        return Refuse(text=refused)
    if any(_applied(newest[target.workspace.id]) for target in targets):
        apply = code(f"{facts.command} apply")
        notes.append(f"Planned again first. Look at the plans, then say {apply}.")
    return Retry(start=Start(targets=targets), text="\n\n".join(notes))


def _newest(binding: Binding, pull_request: PullRequest, runs: Sequence[Run]) -> Run | None:
    """Find the newest run of a workspace at the head, whatever it was to do."""
    found = (
        one
        for one in reversed(runs)
        if one.request.workspace.id == binding.workspace.ref.id
        and one.request.commit_id == pull_request.head_sha
        and (one.request.verb is Verb.PLAN or one.request.verb in _APPLYING)
    )
    return next(found, None)


def _is_to_retry(run: Run | None) -> bool:
    if run is None:
        return False
    # Rejected by the bridge, as the plan moved; what a person rejected stays so.
    moved = run.state is RunState.REJECTED and bool(run.delta)
    return run.state in _TO_NO_GOOD or moved


def _applied(run: Run | None) -> bool:
    return run is not None and run.request.verb in _APPLYING


def _destroys(run: Run | None) -> bool:
    return run is not None and run.request.options.destroy


def _target(
    facts: Facts, binding: Binding, runs: Sequence[Run], actor: str, command: RetryCommand
) -> Target:
    plans = [
        one
        for one in runs
        if one.request.workspace.id == binding.workspace.ref.id and one.request.verb is Verb.PLAN
    ]
    # As it was planned before: with the rule's template, and the options somebody chose.
    last = plans[-1].request if plans else None
    kept = last is not None and last.template.reference != BUILT_IN
    reference = last.template.reference if last and kept else facts.policy.plan_template
    why = f"Asked for by {actor}: {command.text}"
    found = target_of(facts, binding, reference, On.PULL_REQUEST, why)
    return replace(found, options=last.options) if last and kept else found


def _nothing(command: RetryCommand) -> str:
    which = (
        f" that matches {named_text(command.selection)}"
        if command.selection.names_something
        else ""
    )
    return (
        f"Nothing was started: nothing{which} failed, was cancelled or came to no good end at "
        "this head without being planned again."
    )


def _destruction_text(facts: Facts, destructions: Sequence[Binding]) -> str:
    again = code(f"{facts.command} plan -w organization/name -- -destroy")
    names = listed([str(one) for one in destructions])
    return f"Not planned again, as it is a destruction: {names}. {again} plans one."


def _too_many_text(facts: Facts, number: int) -> str:
    return (
        f"{counted(number, 'workspace')} would be planned again, more than "
        f"{facts.policy.max_workspaces} at once. To plan all of them, say:"
        + ready_to_copy(f"{facts.command} retry --all")
    )
