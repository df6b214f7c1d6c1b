"""How a pull request stands: gathered for ``status`` and ``why``."""

from dataclasses import dataclass

from bridge.decisions.asking import Refuse
from bridge.decisions.bindings import Binding
from bridge.decisions.choosing import chosen, named_text, nearest
from bridge.decisions.due_applies import concerned
from bridge.decisions.gates import Unmet, unmet_gates
from bridge.decisions.standing import Overview, Standing, left_to_apply
from bridge.decisions.triggers import Facts
from bridge.decisions.wording import listed
from bridge.domain.commands import Selection
from bridge.domain.vcs import ChangedFiles
from bridge.routing import Asked, Services
from handlers.reading import changed_files, gather_facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What was found out."""

    facts: Facts
    changed: ChangedFiles
    overview: Overview


async def gather_stand(selection: Selection, asked: Asked, services: Services) -> Refuse | Stand:
    """Look at the workspaces that are named, or at all that the pull request is about."""
    pull_request, store = asked.pull_request, services.store
    facts = await gather_facts(pull_request.repository, services)
    changed = await changed_files(facts, pull_request, services)
    plans = await store.latest_plans(pull_request.ref, pull_request.head_sha)
    bindings = about = concerned(facts, pull_request, changed, plans)
    if selection.names_something:
        bindings = chosen(selection, facts.bindings)
        if not bindings:
            return _unknown(selection, facts)
    runs = await store.shown_runs(pull_request.ref, pull_request.head_sha)
    workspaces = [
        Standing(
            workspace=one.workspace.ref,
            plan=plans.get(one.workspace.ref.id),
            runs=[run for run in runs if run.request.workspace.id == one.workspace.ref.id],
            hold=await store.hold_of(one.workspace.ref.id),
            queue=await store.queue(one.workspace.ref.id),
            concerned=one in about,
        )
        for one in bindings
    ]
    overview = await _overview(workspaces, asked, services)
    return Stand(facts=facts, changed=changed, overview=overview)


async def _overview(workspaces: list[Standing], asked: Asked, services: Services) -> Overview:
    policy, command = services.policy, services.policy.command_names[0]
    left = left_to_apply(workspaces)
    unmet: tuple[Unmet, ...] = ()
    if left:
        facts = await services.gating.facts(asked.pull_request, left)
        unmet = unmet_gates(policy.apply, facts, command=command)
    return Overview(
        pull_request=asked.pull_request, workspaces=workspaces, unmet=unmet, command=command
    )


def _unknown(selection: Selection, facts: Facts) -> Refuse:
    known: list[Binding] = list(facts.bindings)
    near = nearest(selection, known)
    meant = f" Did you mean {listed(near)}?" if near else ""
    there = f" There are: {listed([str(one) for one in known])}." if known else ""
    return Refuse(
        text=f"No workspace of this repository matches {named_text(selection)}.{meant}{there}"
    )
