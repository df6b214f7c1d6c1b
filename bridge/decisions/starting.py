"""What a command of a chat starts without a pull request, and with which flow.

Nobody reviewed anything then. So only branches are applied that a workspace follows, where code
comes by way of reviews; what is applied is planned first and shown, and waits for an approval.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from bridge.decisions.asking import Refuse
from bridge.decisions.bindings import followed_branches
from bridge.decisions.gates import destroy_off_text
from bridge.decisions.naming import is_pattern
from bridge.decisions.templates import asks_first
from bridge.decisions.triggers import Facts
from bridge.decisions.unlocking import holder_text
from bridge.decisions.wording import code, listed
from bridge.domain.commands import ApplyCommand, DestroyCommand, PlanCommand, Word, word_of
from bridge.domain.holds import Hold
from bridge.domain.rules import BUILT_IN, DEFAULT_TEMPLATE, ApplyPolicy, On, Policy
from bridge.domain.runs import RunOptions, TemplateChoice, Verb
from bridge.domain.terrakube import FlowStep, Workspace

StartCommand: TypeAlias = PlanCommand | ApplyCommand | DestroyCommand

_MOST_NEAR: Final = 3
_VERBS: Final = {Word.PLAN: Verb.PLAN, Word.APPLY: Verb.APPLY, Word.DESTROY: Verb.DESTROY}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """With what a run starts.

    Attributes:
        may_change: Whether the template may change infrastructure.
    """

    template: TemplateChoice
    may_change: bool


def verb_of(command: StartCommand) -> Verb:
    """Return what runs are asked for."""
    return _VERBS[word_of(command)]


def word_to_have(command: StartCommand) -> Word:
    """Return the word somebody has to be allowed: planning a destruction takes that for it."""
    is_destroy = isinstance(command, PlanCommand) and command.destroy
    return Word.DESTROY if is_destroy else word_of(command)


def options_of(command: StartCommand) -> RunOptions:
    """Return what is to be done differently."""
    destroys = isinstance(command, DestroyCommand)
    return command.options or RunOptions(destroy=destroys)


def refuse_form(command: StartCommand, policy: Policy) -> Refuse | None:
    """Refuse what no workspace could be started with, whichever it is."""
    selection = command.selection
    if word_to_have(command) is Word.DESTROY and policy.destroy is None:
        return Refuse(text=destroy_off_text())
    if selection.folders:
        return _nothing(f"{code('-d')} is about a pull request's repository. Name workspaces here.")
    if isinstance(command, ApplyCommand) and (command.merge_method or command.auto_merge is False):
        return _nothing("there is no pull request here that could be merged.")
    patterns = [one for one in selection.workspaces if is_pattern(one)]
    if patterns and isinstance(command, DestroyCommand):
        return _nothing(
            f"{listed(patterns)} is a pattern, and what is destroyed is named in full, each "
            "workspace by itself."
        )
    if command.source.template and isinstance(command, PlanCommand) and command.destroy:
        return _nothing("what plans a destruction is the bridge's own, and no template.")
    return None


def refuse_many(command: StartCommand, number: int, most: int) -> Refuse | None:
    """Refuse more workspaces at once than are taken without asking."""
    if number <= most or command.selection.everything:
        return None
    return _nothing(
        f"that are {number} workspaces, more than {most} at once. Name fewer, or say it with "
        f"{code('--all')}."
    )


def choose_branch(
    command: StartCommand, workspace: Workspace, *, default: str = ""
) -> Refuse | str:
    """Choose the branch a run takes its code from; empty for whichever Terrakube takes.

    Args:
        command: What is said.
        workspace: Where.
        default: Of the repository, for a workspace that follows none.
    """
    followed = followed_branches(workspace)
    named = command.source.branch
    if not named:
        return followed[0] if followed else default
    if isinstance(command, PlanCommand) or named in (followed or (default,)):
        return named
    name, word = str(workspace.ref), word_of(command)
    what = f"follows {listed(followed)}" if followed else "follows another branch"
    return _nothing(
        f"{code(name)} {what}, and only that is applied: what is on {code(named)} was not "
        f"reviewed. {code(f'plan {name} branch={named}')} shows what it would change; its pull "
        f"request is where it can be applied."
        if word is Word.APPLY
        else f"{code(name)} {what}, and only what is there is destroyed from here."
    )


def no_branch_text(name: str, slug: str, known: Sequence[str], workspace: str = "") -> Refuse:
    """Say that a repository has no such branch, with names like it.

    Args:
        name: Of the branch.
        slug: The repository.
        known: All branches it has.
        workspace: That follows it; empty where somebody named it.
    """
    why = f", which {code(workspace)} follows" if workspace else ""
    return _nothing(f"{code(slug)} has no branch {code(name)}{why}.{_meant(name, known)}")


def choose_flow(command: StartCommand, workspace: Workspace, facts: Facts) -> Refuse | Flow:
    """Choose the template: the configured one of the command, or the one that is named.

    A plan's must not change anything, and what changes something must ask first, so whoever may
    say the word may name any such template.
    """
    if isinstance(command, PlanCommand):
        return _plan_flow(command, workspace, facts)
    policy = facts.policy.apply if isinstance(command, ApplyCommand) else facts.policy.destroy
    return _changing_flow(command, workspace, facts, policy or ApplyPolicy())


def refuse_held(workspace: Workspace, hold: Hold | None, command: str) -> Refuse | None:
    """Refuse to change what a pull request has for itself: it would take back what that applied.

    Args:
        workspace: Where.
        hold: Who has it; None for nobody.
        command: How people address the bridge in the chat.
    """
    if hold is None:
        return None
    ref = hold.pull_request
    free = code(f"{command} unlock {ref.repository.slug}#{ref.number}")
    return _nothing(
        f"{code(str(workspace.ref))} is {holder_text(hold)}. It is freed when that pull request "
        f"is merged or closed, or by {free}."
    )


def _plan_flow(command: PlanCommand, workspace: Workspace, facts: Facts) -> Refuse | Flow:
    if command.destroy:
        made = TemplateChoice(reference=BUILT_IN, name=BUILT_IN, tcl=facts.destruction)
        return Flow(template=made, may_change=False)
    named = command.source.template
    chosen = facts.choose(named or facts.policy.plan_template, workspace, On.PULL_REQUEST)
    if chosen.problem:
        return _absent(chosen.problem, named, workspace, facts)
    if named and chosen.may_change:
        again = code(f"apply {workspace.ref} template={named}")
        return _nothing(
            f"template {code(chosen.template.name)} may change something, so it is no plan. "
            f"{again} runs it, where it waits for an approval before it does."
        )
    return Flow(template=chosen.template, may_change=chosen.may_change)


def _changing_flow(
    command: StartCommand, workspace: Workspace, facts: Facts, policy: ApplyPolicy
) -> Refuse | Flow:
    named = command.source.template
    reference = named or policy.template
    if reference == BUILT_IN:
        # Which flow that is the run itself knows: it depends on what was asked for.
        made = TemplateChoice(reference=BUILT_IN, name=BUILT_IN)
        return Flow(template=made, may_change=True)
    chosen = facts.choose(reference, workspace, On.PUSH)
    if chosen.problem:
        return _absent(chosen.problem, named, workspace, facts)
    is_left_alone = policy.allow_unasked and not named
    destroys = isinstance(command, DestroyCommand)
    flow = _steps(chosen.template.id, workspace, facts)
    if is_left_alone or asks_first(flow, destroys=destroys):
        return Flow(template=chosen.template, may_change=True)
    return _nothing(
        f"template {code(chosen.template.name)} does not wait for an approval between its plan "
        f"and its change, so nobody could look at what it does. {code(f'template={BUILT_IN}')} "
        "does."
    )


def _steps(template_id: str, workspace: Workspace, facts: Facts) -> Sequence[FlowStep] | None:
    known = facts.templates.get(workspace.ref.organization_id, ())
    return next((one.flow for one in known if one.id == template_id), None)


def _absent(problem: str, named: str, workspace: Workspace, facts: Facts) -> Refuse:
    if not named:
        return _nothing(f"{_inside(problem)} Whoever runs the bridge chose it.")
    known = facts.templates.get(workspace.ref.organization_id, ())
    names = [*(one.name for one in known), BUILT_IN, DEFAULT_TEMPLATE]
    return _nothing(f"{_inside(problem)}{_meant(named, names)}")


def _inside(sentence: str) -> str:
    """Write a sentence so that it may stand behind a colon."""
    return sentence[:1].lower() + sentence[1:]


def _meant(name: str, known: Sequence[str]) -> str:
    folded = {one.casefold(): one for one in known}
    near = difflib.get_close_matches(name.casefold(), folded, n=_MOST_NEAR, cutoff=0.5)
    return f" Did you mean {listed([folded[one] for one in near])}?" if near else ""


def _nothing(text: str) -> Refuse:
    return Refuse(text=f"Nothing was started: {text}")
