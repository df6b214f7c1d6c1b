"""What an apply, or a destroy, starts: the reviewed plans that change something, each once.

Whatever is due goes through the gates all together, and with a template that asks before it
changes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bridge.decisions.asking import Refuse
from bridge.decisions.bindings import Binding
from bridge.decisions.due_applies import DONE, Wanted, refuse_for
from bridge.decisions.gates import GateFacts, refusal_text, unmet_gates
from bridge.decisions.reviewed_plans import left_out_text, ready_plans, unchanged
from bridge.decisions.templates import asks_first
from bridge.decisions.triggers import Facts
from bridge.decisions.wording import code, counted, listed, ready_to_copy
from bridge.domain.rules import BUILT_IN, On
from bridge.domain.runs import Run, TemplateChoice
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequest, PullRequestState


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyTarget:
    """A workspace in which a reviewed plan is applied."""

    plan: Run
    template: TemplateChoice

    @property
    def workspace(self) -> WorkspaceRef:
        """Where."""
        return self.plan.request.workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Apply:
    """These plans are applied.

    Attributes:
        targets: Sorted by workspace; never empty.
        text: What is said about those that are left out; empty when none are.
    """

    targets: tuple[ApplyTarget, ...]
    text: str = ""


def refuse_place(wanted: Wanted, facts: Facts, pull_request: PullRequest) -> Refuse | None:
    """Refuse what no gate can open: a pull request that is not open, or a fork's."""
    if pull_request.state is PullRequestState.OPEN and not pull_request.from_fork:
        return None
    gates = GateFacts(pull_request=pull_request, plans={}, destroy=wanted.destroy)
    return refuse_for(wanted, unmet_text(wanted, facts, gates))


def unmet_text(wanted: Wanted, facts: Facts, gates: GateFacts) -> str:
    """Name every gate that is shut, and who helps; empty when all are open."""
    unmet = unmet_gates(wanted.policy, gates, command=facts.command)
    return refusal_text(unmet, destroy=wanted.destroy) if unmet else ""


def decide_apply(
    wanted: Wanted, facts: Facts, gates: GateFacts, notes: Sequence[str]
) -> Refuse | Apply:
    """Apply the plans that change something when every gate is open.

    Args:
        wanted: What was said.
        facts: What is known of Terrakube and the configuration.
        gates: What the gates look at, with the plans that are due.
        notes: What is told about the workspaces that are left out already.
    """
    if text := unmet_text(wanted, facts, gates):
        return Refuse(text="\n\n".join([text, *notes]))
    plans = ready_plans(gates.asked)
    most = facts.policy.max_workspaces
    if len(plans) > most and not wanted.command.selection.everything:
        return Refuse(text=_too_many_text(wanted, facts, len(plans)))
    workspaces = {one.workspace.ref.id: one for one in facts.bindings}
    found = [_target(wanted, facts, workspaces[one.request.workspace.id], one) for one in plans]
    problems = [one.problem for one in found if one.problem]
    if problems:
        return refuse_for(wanted, " ".join(dict.fromkeys(problems)))
    left_out = left_out_text(unchanged(gates.asked))
    return Apply(
        targets=tuple(ApplyTarget(plan=one.plan, template=one.template) for one in found),
        text="\n\n".join([*filter(None, [left_out]), *notes]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    plan: Run
    template: TemplateChoice
    problem: str = ""


def _target(wanted: Wanted, facts: Facts, binding: Binding, plan: Run) -> _Found:
    reference = wanted.policy.template
    if reference == BUILT_IN:
        # Which flow that is the run itself knows: it depends on what was asked for.
        return _Found(plan=plan, template=TemplateChoice(reference=BUILT_IN, name=BUILT_IN))
    resolved = facts.choose(reference, binding.workspace, On.PUSH)
    found = _Found(plan=plan, template=resolved.template, problem=resolved.problem)
    if resolved.problem or wanted.policy.allow_unasked:
        return found
    known = facts.templates.get(binding.workspace.ref.organization_id, ())
    flow = next((one.flow for one in known if one.id == resolved.template.id), None)
    if asks_first(flow, destroys=wanted.destroy):
        return found
    name = code(resolved.template.name)
    return replace(
        found,
        problem=f"Template {name} does not wait for an approval between its plan and its change, "
        "so nobody could make sure that what is applied is what was reviewed.",
    )


def _too_many_text(wanted: Wanted, facts: Facts, number: int) -> str:
    names = listed([f"{facts.command} {wanted.verb} -w organization/name"])
    return (
        f"{counted(number, 'workspace')} would be {DONE[wanted.verb]}, more than "
        f"{facts.policy.max_workspaces} at once. To take all of them, say:"
        + ready_to_copy(f"{facts.command} {wanted.verb} --all")
        + f"\n\nOr choose some: {names}."
    )
