"""Templates are judged by what they are there for."""

from dataclasses import replace

import pytest

from bridge.decisions.examining.templates import (
    Duty,
    Stored,
    Use,
    judge_flow,
    judge_templates,
    uses_of,
)
from bridge.domain.examining import Level
from bridge.domain.rules import ApplyPolicy, On, Policy, Rule
from bridge.domain.terrakube import FlowStep, Organization
from tests.bridge.decisions.facts import APPLY, PLAN, UNREADABLE, a_workspace

ACME = Organization(id="o-acme", name="acme")
BETA = Organization(id="o-beta", name="beta")
STORED = Stored(
    organizations=(ACME,),
    workspaces=(a_workspace(),),
    templates={"o-acme": (PLAN, APPLY, UNREADABLE)},
)


def flow(*types: str, team: str = "somebody") -> tuple[FlowStep, ...]:
    return tuple(
        FlowStep(type=type_, number=100 * number, team=team if type_ == "approval" else "")
        for number, type_ in enumerate(types, start=1)
    )


P, A, D, Q, S = "terraformPlan", "terraformApply", "terraformDestroy", "approval", "customScripts"
OK: list[Level] = []
WARNING, ERROR = [Level.WARNING], [Level.ERROR]


@pytest.mark.parametrize(
    ("types", "duty", "levels"),
    [
        ((P,), Duty.PLAN, OK),
        (("terraformPlanDestroy",), Duty.PLAN, OK),
        ((P, A), Duty.PLAN, ERROR),
        ((P, Q, A), Duty.PLAN, ERROR),
        ((D,), Duty.PLAN, ERROR),
        ((Q,), Duty.PLAN, ERROR),
        ((P, S), Duty.PLAN, WARNING),
        ((P, Q), Duty.PLAN, WARNING),
        ((P, "disableWorkspace"), Duty.PLAN, WARNING),
        ((), Duty.PLAN, ERROR),
        ((P, Q, A), Duty.APPLY, OK),
        (("terraformPlanDestroy", Q, D), Duty.APPLY, OK),
        ((P, S, Q, S, A), Duty.APPLY, OK),
        ((P, A), Duty.APPLY, ERROR),
        ((Q, P, A), Duty.APPLY, ERROR),
        ((P, A, Q), Duty.APPLY, ERROR),
        ((A,), Duty.APPLY, ERROR),
        ((P, Q), Duty.APPLY, ERROR),
        ((), Duty.APPLY, ERROR),
        ((P, A), Duty.ANY, OK),
        ((S,), Duty.ANY, OK),
        ((), Duty.ANY, WARNING),
        ((P, "newThing"), Duty.ANY, WARNING),
    ],
)
def test_a_flow_is_judged_by_its_duty(
    types: tuple[str, ...], duty: Duty, levels: list[Level]
) -> None:
    assert [one.level for one in judge_flow(flow(*types), duty)] == levels


def test_applying_without_asking_may_be_allowed() -> None:
    (verdict,) = judge_flow(flow(P, A), Duty.APPLY, allow_unasked=True)
    assert (verdict.level, "as allow_unasked allows" in verdict.detail) == (Level.WARNING, True)


def test_an_approval_of_nobody_in_particular_is_anybodys() -> None:
    (verdict,) = judge_flow(flow(P, Q, A, team=""), Duty.APPLY)
    assert verdict.level is Level.WARNING
    assert "names no team" in verdict.detail


def test_every_place_that_names_a_template_is_a_use() -> None:
    policy = Policy(
        rules=(Rule(on=On.PULL_REQUEST, template="Plan", name="rule 1", workspaces=("acme/*",)),),
        apply=ApplyPolicy(template="Ask", allow_unasked=True),
        destroy=ApplyPolicy(template="Raze"),
    )
    assert uses_of(policy) == [
        Use(
            what="template of rule 1",
            reference="Plan",
            duty=Duty.PLAN,
            workspaces=("acme/*",),
        ),
        Use(what="template of plan", reference="Plan", duty=Duty.PLAN),
        Use(what="template of apply", reference="Ask", duty=Duty.APPLY, allow_unasked=True),
        Use(what="template of destroy", reference="Raze", duty=Duty.APPLY),
    ]


@pytest.mark.parametrize(
    ("reference", "duty", "said"),
    [
        ("Plan", Duty.PLAN, [(Level.OK, "'Plan' in acme")]),
        (PLAN.id, Duty.PLAN, [(Level.OK, "'t-plan' in acme")]),
        ("built-in", Duty.APPLY, [(Level.OK, "the bridge sends it along")]),
        ("default", Duty.ANY, [(Level.OK, "each workspace's own")]),
        ("Pln", Duty.PLAN, [(Level.ERROR, "there is no template 'Pln' in acme")]),
        (
            "default",
            Duty.PLAN,
            [
                (
                    Level.ERROR,
                    "'Plan and apply' of acme/network: it is to plan, and it applies (step 200)",
                )
            ],
        ),
        (
            "Odd",
            Duty.PLAN,
            [
                (
                    Level.ERROR,
                    "'Odd' in acme: its text cannot be read, so nobody knows what it does",
                )
            ],
        ),
    ],
)
def test_a_reference_is_looked_up(
    reference: str, duty: Duty, said: list[tuple[Level, str]]
) -> None:
    use = Use(what="template of plan", reference=reference, duty=duty)
    assert [(one.level, one.detail) for one in judge_templates([use], STORED)] == said


def test_one_that_is_in_some_organizations_only_may_be_meant_for_those() -> None:
    stored = replace(
        STORED, organizations=(ACME, BETA), templates={**STORED.templates, "o-beta": ()}
    )
    use = Use(what="template of plan", reference="Plan", duty=Duty.PLAN)
    assert [(one.level, one.detail) for one in judge_templates([use], stored)] == [
        (Level.OK, "'Plan' in acme"),
        (Level.WARNING, "there is no template 'Plan' in beta"),
    ]
    narrow = replace(use, workspaces=("acme/*",))
    assert [one.level for one in judge_templates([narrow], stored)] == [Level.OK]


def test_workspaces_without_a_default_template_are_named() -> None:
    spaces = (a_workspace("app", default_template=""), a_workspace("old", default_template="gone"))
    use = Use(what="template of rule 1", reference="default", duty=Duty.ANY)
    found = judge_templates([use], replace(STORED, workspaces=spaces))
    assert [(one.level, one.detail) for one in found] == [
        (Level.WARNING, "acme/app: no default template is set"),
        (Level.WARNING, "acme/old: the default template is gone"),
    ]
