"""Template references, resolved."""

import pytest

from bridge.decisions.templates import Chosen, asks_first, choose_template
from bridge.domain.rules import On
from bridge.domain.runs import TemplateChoice
from bridge.domain.terrakube import FlowStep, FlowType, Template
from tests.bridge.decisions.facts import APPLY, PLAN, SCRIPTED, UNREADABLE, a_workspace

KNOWN = {"o-acme": (PLAN, APPLY, SCRIPTED, UNREADABLE)}
BUILT_IN = {On.PULL_REQUEST: "flow: plan", On.PUSH: "flow: apply"}


def choose(reference: str, on: On = On.PULL_REQUEST, **workspace: str) -> Chosen:
    return choose_template(
        reference, a_workspace(**workspace), templates=KNOWN, built_in=BUILT_IN, on=on
    )


@pytest.mark.parametrize(
    ("reference", "template", "may_change", "applies"),
    [
        ("Plan", PLAN, False, False),
        ("t-plan", PLAN, False, False),
        ("default", APPLY, True, True),
        ("Plan and apply", APPLY, True, True),
        ("Plan with costs", SCRIPTED, True, False),
        ("Odd", UNREADABLE, True, True),
    ],
)
def test_a_stored_template_is_found_by_id_or_name(
    reference: str, template: Template, *, may_change: bool, applies: bool
) -> None:
    assert choose(reference) == Chosen(
        template=TemplateChoice(reference=reference, id=template.id, name=template.name),
        may_change=may_change,
        applies=applies,
    )


@pytest.mark.parametrize(
    ("reference", "default", "problem"),
    [
        ("Plann", "t-apply", "Template `Plann` does not exist in organization `acme`."),
        ("plan", "t-apply", "Template `plan` does not exist in organization `acme`."),
        ("default", "", "Workspace `acme/network` has no default template."),
        ("default", "t-gone", "The default template of `acme/network` no longer exists."),
        ("x`@all`", "", "Template ``` x`@all` ``` does not exist in organization `acme`."),
    ],
)
def test_an_absent_template_is_named_and_may_change_anything(
    reference: str, default: str, problem: str
) -> None:
    assert choose(reference, default_template=default) == Chosen(
        template=TemplateChoice(reference=reference, name=reference),
        may_change=True,
        applies=True,
        problem=problem.replace("``` x`@all` ```", "`` x`@all` ``"),
    )


@pytest.mark.parametrize(
    ("on", "tcl", "changes"),
    [(On.PULL_REQUEST, "flow: plan", False), (On.PUSH, "flow: apply", True)],
)
def test_the_built_in_template_depends_on_what_starts_it(
    on: On, tcl: str, *, changes: bool
) -> None:
    assert choose("built-in", on) == Chosen(
        template=TemplateChoice(reference="built-in", name="built-in", tcl=tcl),
        may_change=changes,
        applies=changes,
    )


@pytest.mark.parametrize(
    ("types", "may_change", "applies"),
    [
        (None, True, True),
        ([], False, False),
        ([FlowType.PLAN_DESTROY], False, False),
        ([FlowType.PLAN, FlowType.APPROVAL], False, False),
        ([FlowType.PLAN, FlowType.APPLY], True, True),
        ([FlowType.PLAN_DESTROY, FlowType.APPROVAL, FlowType.APPLY], True, True),
        ([FlowType.DESTROY], True, True),
        ([FlowType.SCRIPTS, FlowType.PLAN], True, False),
        (["dance"], True, False),
    ],
)
def test_what_a_template_may_do_follows_from_its_steps(
    types: list[str] | None, *, may_change: bool, applies: bool
) -> None:
    """Scripts have the workspace's credentials; what cannot be read may do anything."""
    steps = [FlowStep(type=kind, number=at) for at, kind in enumerate(types or ())]
    flow = None if types is None else tuple(steps)
    template = Template(id="t-1", name="T", organization_id="o-acme", flow=flow)
    chosen = choose_template(
        "T",
        a_workspace(),
        templates={"o-acme": (template,)},
        built_in={},
        on=On.PULL_REQUEST,
    )
    assert (chosen.may_change, chosen.applies) == (may_change, applies)


def test_a_template_called_like_another_ones_id_fools_nobody() -> None:
    trap = Template(id="t-trap", name="t-plan", organization_id="o-acme", flow=APPLY.flow)
    chosen = choose_template(
        "t-plan",
        a_workspace(),
        templates={"o-acme": (trap, PLAN)},
        built_in={},
        on=On.PULL_REQUEST,
    )
    assert chosen.template.id == "t-plan"


PLANS, DESTROYS, ASKS, APPLIES = (
    FlowType.PLAN,
    FlowType.PLAN_DESTROY,
    FlowType.APPROVAL,
    FlowType.APPLY,
)


@pytest.mark.parametrize(
    ("types", "for_apply", "for_destroy"),
    [
        (None, False, False),
        ([], False, False),
        ([PLANS], False, False),
        ([PLANS, APPLIES], False, False),
        ([PLANS, ASKS, APPLIES], True, False),
        ([DESTROYS, ASKS, APPLIES], False, True),
        ([PLANS, FlowType.SCRIPTS, ASKS, FlowType.SCRIPTS, APPLIES], True, False),
        ([ASKS, PLANS, APPLIES], False, False),
        ([PLANS, APPLIES, ASKS], False, False),
        ([PLANS, ASKS, PLANS, APPLIES], False, False),
        ([PLANS, ASKS, DESTROYS, ASKS, APPLIES], False, True),
        ([PLANS, ASKS, APPLIES, PLANS, APPLIES], False, False),
        ([PLANS, ASKS, FlowType.DESTROY], False, False),
        ([DESTROYS, ASKS, FlowType.DESTROY], False, False),
        ([ASKS, APPLIES], False, False),
    ],
)
def test_only_a_plan_that_waits_for_an_approval_asks_first(
    types: list[str] | None, *, for_apply: bool, for_destroy: bool
) -> None:
    steps = tuple(FlowStep(type=kind, number=at) for at, kind in enumerate(types or ()))
    flow = None if types is None else steps
    asked = (asks_first(flow), asks_first(flow, destroys=True))
    assert asked == (for_apply, for_destroy)
