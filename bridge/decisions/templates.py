"""Which template a run uses, and whether it may change infrastructure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.decisions.wording import code
from bridge.domain.rules import BUILT_IN, DEFAULT_TEMPLATE, On
from bridge.domain.runs import TemplateChoice
from bridge.domain.terrakube import FlowStep, FlowType, Template, Workspace

_HARMLESS = frozenset(
    {FlowType.PLAN, FlowType.PLAN_DESTROY, FlowType.APPROVAL, FlowType.DISABLE_WORKSPACE}
)
_APPLYING = frozenset({FlowType.APPLY, FlowType.DESTROY})
_DESTROYING = frozenset({FlowType.DESTROY, FlowType.PLAN_DESTROY})
_PLANNING = frozenset({FlowType.PLAN, FlowType.PLAN_DESTROY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A template as far as it could be resolved.

    Attributes:
        may_change: Whether its flow may change infrastructure: scripts and what is not known may.
        applies: Whether it holds a step that applies or destroys; a flow that cannot be read does.
        problem: A sentence of Markdown when it does not exist; empty when all is well.
    """

    template: TemplateChoice
    may_change: bool
    applies: bool
    problem: str = ""


def choose_template(
    reference: str,
    workspace: Workspace,
    *,
    templates: Mapping[str, Sequence[Template]],
    built_in: Mapping[On, str],
    on: On,
) -> Chosen:
    """Resolve a template reference for one workspace.

    One that does not exist (yet) is chosen all the same: the run looks again and says so itself.

    Args:
        reference: A name or an id, ``default`` or ``built-in``.
        workspace: Where it will run.
        templates: By organization id.
        built_in: The inline flows the bridge sends, by what starts them.
        on: What starts the run.
    """
    if reference == BUILT_IN and on in built_in:
        chosen = TemplateChoice(reference=BUILT_IN, name=BUILT_IN, tcl=built_in[on])
        # Ours: a pull request's plans, a push's waits for an approval and applies.
        changes = on is not On.PULL_REQUEST
        return Chosen(template=chosen, may_change=changes, applies=changes)
    known = templates.get(workspace.ref.organization_id, ())
    wanted = workspace.default_template if reference == DEFAULT_TEMPLATE else reference
    found = _find(wanted, known)
    if found is None:
        return _absent(reference, wanted, workspace)
    return Chosen(
        template=TemplateChoice(reference=reference, id=found.id, name=found.name),
        may_change=_may_change(found.flow),
        applies=_applies(found.flow),
    )


def asks_first(flow: Sequence[FlowStep] | None, *, destroys: bool = False) -> bool:
    """Tell whether a template plans, waits for an approval, and only then applies that plan.

    One whose flow cannot be read may do anything.

    Args:
        flow: Steps in order.
        destroys: Whether it is the destruction of everything that it must plan.
    """
    kinds = [step.type for step in flow or ()]
    plans = FlowType.PLAN_DESTROY if destroys else FlowType.PLAN
    # terraformDestroy heeds no plan, and a second change none that anybody approved.
    if [kind for kind in kinds if kind in _APPLYING] != [FlowType.APPLY]:
        return False
    before = kinds[: kinds.index(FlowType.APPLY)]
    planning = [number for number, kind in enumerate(before) if kind in _PLANNING]
    return (
        bool(planning)
        and before[planning[-1]] == plans
        and FlowType.APPROVAL in before[planning[-1] :]
    )


def destroys(flow: Sequence[FlowStep] | None) -> bool:
    """Tell whether a flow destroys everything, or plans to; False for one that cannot be read."""
    return any(step.type in _DESTROYING for step in flow or ())


def _find(wanted: str, known: Sequence[Template]) -> Template | None:
    # An id is exact; a name comes second, so that a template called like an id fools nobody.
    by_id = (one for one in known if wanted and one.id == wanted)
    return next(by_id, None) or next((one for one in known if wanted and one.name == wanted), None)


def _absent(reference: str, wanted: str, workspace: Workspace) -> Chosen:
    organization = code(workspace.ref.organization)
    if reference != DEFAULT_TEMPLATE:
        problem = f"Template {code(reference)} does not exist in organization {organization}."
    elif wanted:
        problem = f"The default template of {code(str(workspace.ref))} no longer exists."
    else:
        problem = f"Workspace {code(str(workspace.ref))} has no default template."
    template = TemplateChoice(reference=reference, name=reference)
    return Chosen(template=template, may_change=True, applies=True, problem=problem)


def _may_change(flow: Sequence[FlowStep] | None) -> bool:
    return flow is None or any(step.type not in _HARMLESS for step in flow)


def _applies(flow: Sequence[FlowStep] | None) -> bool:
    return flow is None or any(step.type in _APPLYING for step in flow)
