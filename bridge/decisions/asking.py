"""What somebody who asks gets: a plan, an allowance, or a refusal that says why and who can.

Whoever asks is answered: done, refused with the reason, or what is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.decisions.bindings import Binding
from bridge.decisions.choosing import chosen, no_such_text
from bridge.decisions.gates import destroy_off_text
from bridge.decisions.paths import Changes
from bridge.decisions.pull_requests import (
    decide_pull_request,
    fork_text,
    is_allowed,
    nothing_text,
    planning,
    refuse_applying_fork,
    too_many_text,
)
from bridge.decisions.triggers import Facts, Ignore, Start, Target, Tell, affected, target_of
from bridge.decisions.wording import code, ready_to_copy
from bridge.domain.commands import AllowCommand, PlanCommand
from bridge.domain.rules import BUILT_IN, On
from bridge.domain.runs import TemplateChoice
from bridge.domain.vcs import ChangedFiles, PullRequest, PullRequestState
from bridge.ports import PullRequestRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """What was asked for is not done.

    Attributes:
        text: Why, and what to do, in Markdown.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allow:
    """A fork's commit may be planned."""

    sha: str


def decide_plan(
    command: PlanCommand,
    facts: Facts,
    *,
    actor: str,
    pull_request: PullRequest,
    changed: ChangedFiles,
    stored: PullRequestRecord | None,
) -> Refuse | Start:
    """Choose what somebody with write permission gets planned.

    Without a target it is what the pull request affects. A pull request that was not looked at
    before is looked at now: one named workspace must not pass for all that are affected.
    """
    if refusal := _refuse_plan(command, facts, pull_request, stored):
        return refusal
    found = _chosen(command, facts, pull_request, changed)
    if isinstance(found, Refuse):
        return found
    why = f"Asked for by {actor}: {command.text}"
    targets = tuple(_target(command, facts, one, why) for one in found)
    if refusal := _refuse_targets(command, facts, pull_request, targets):
        return refusal
    if command.selection.names_something:
        return _with_the_rest(facts, targets, pull_request, changed, stored)
    return Start(targets=targets, verdict=planning(pull_request, targets))


def decide_allowance(
    command: AllowCommand,
    facts: Facts,
    *,
    pull_request: PullRequest,
    stored: PullRequestRecord | None,
) -> Refuse | Allow:
    """Decide whether a fork's commit may be planned: only the one that is its head just now.

    And only at the base that people were told about: whoever made the fork may turn it to another
    one between their look and their word.
    """
    if refusal := refuse_place(facts, pull_request):
        return refusal
    if not pull_request.from_fork:
        return Refuse(
            text="This pull request does not come from a fork: it needs no allowance. "
            f"{code(f'{facts.command} plan')} plans it."
        )
    if command.sha != pull_request.head_sha:
        return Refuse(
            text=f"{code(command.sha)} is not the head of this pull request (any more), so "
            "nothing was started. Read what changed, then say:"
            + ready_to_copy(f"{facts.command} ok-to-plan {pull_request.head_sha}")
        )
    if stored is not None and stored.base_branch != pull_request.base_branch:
        return Refuse(
            text=f"This pull request goes to {code(pull_request.base_branch)} now, so nothing was "
            "started. Look at what it would plan there, then say it again."
        )
    return Allow(sha=command.sha)


def refuse_place(facts: Facts, pull_request: PullRequest) -> Refuse | None:
    """Refuse what is said where nothing can be planned."""
    if not facts.bindings:
        return Refuse(
            text="No workspace in Terrakube takes its code from this repository, as far as the "
            "bridge can see. The source of a workspace must be this repository's address."
        )
    if pull_request.state is not PullRequestState.OPEN:
        return Refuse(text=f"This pull request is {pull_request.state.value}: nothing was started.")
    return None


def _refuse_plan(
    command: PlanCommand,
    facts: Facts,
    pull_request: PullRequest,
    stored: PullRequestRecord | None,
) -> Refuse | None:
    if refusal := refuse_place(facts, pull_request):
        return refusal
    if command.destroy and facts.policy.destroy is None:
        return Refuse(text=destroy_off_text())
    if not is_allowed(pull_request, stored):
        return Refuse(text=fork_text(facts, pull_request))
    return None


def _refuse_targets(
    command: PlanCommand, facts: Facts, pull_request: PullRequest, targets: Sequence[Target]
) -> Refuse | None:
    if refused := refuse_applying_fork(pull_request, targets):
        return Refuse(text=refused)
    if len(targets) > facts.policy.max_workspaces and not command.selection.everything:
        return Refuse(text=too_many_text(facts, len(targets)))
    return None


def _target(command: PlanCommand, facts: Facts, binding: Binding, why: str) -> Target:
    if not command.destroy:
        found = target_of(facts, binding, facts.policy.plan_template, On.PULL_REQUEST, why)
        return replace(found, options=command.options)
    # Whatever the template of plans is: it does not plan a destruction.
    return Target(
        workspace=binding.workspace.ref,
        template=TemplateChoice(reference=BUILT_IN, name=BUILT_IN, tcl=facts.destruction),
        why=why,
        options=command.options,
    )


def _chosen(
    command: PlanCommand, facts: Facts, pull_request: PullRequest, changed: ChangedFiles
) -> Refuse | tuple[Binding, ...]:
    base = pull_request.base_branch
    if not command.selection.names_something:
        found = affected(facts, On.PULL_REQUEST, branch=base, changes=Changes.of(changed))
        if found:
            return tuple(binding for binding, _ in found)
        name = code(f"{facts.command} plan -w organization/name")
        return Refuse(text=f"{nothing_text(facts, pull_request, changed)} To plan one, say {name}.")
    here = [binding for binding in facts.bindings if base in binding.branches]
    return chosen(command.selection, here) or Refuse(
        text=no_such_text(command.selection, here, base)
    )


def _with_the_rest(
    facts: Facts,
    targets: tuple[Target, ...],
    pull_request: PullRequest,
    changed: ChangedFiles,
    stored: PullRequestRecord | None,
) -> Start:
    if stored and stored.verdict and stored.verdict.head_sha == pull_request.head_sha:
        return Start(targets=targets)
    match decide_pull_request(facts, pull_request=pull_request, changed=changed, stored=stored):
        case Start(targets=others, verdict=verdict):
            chosen = {target.workspace.id: target for target in (*others, *targets)}
            together = sorted(chosen.values(), key=lambda target: str(target.workspace))
            return Start(targets=tuple(together), verdict=verdict)
        case Tell(verdict=verdict):
            return Start(targets=targets, verdict=verdict)
        case Ignore():
            return Start(targets=targets)
