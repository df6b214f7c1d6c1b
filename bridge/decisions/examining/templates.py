"""The templates the configuration names: whether they exist, and do what is expected of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.decisions.examining.wording import TERRAKUBE, few
from bridge.decisions.paths import matches
from bridge.domain.examining import Finding, Level
from bridge.domain.rules import BUILT_IN, DEFAULT_TEMPLATE, On, Policy
from bridge.domain.terrakube import FlowStep, FlowType, Organization, Template, Workspace

_KNOWN = frozenset(kind.value for kind in FlowType) | {"scheduleTemplates", "policyEvaluation"}
_PLANNING = frozenset({FlowType.PLAN, FlowType.PLAN_DESTROY})
_APPLYING = frozenset({FlowType.APPLY, FlowType.DESTROY})


class Duty(StrEnum):
    """What a template is expected to do."""

    PLAN = "plan"
    APPLY = "apply"
    """Plan, ask, apply."""
    ANY = "any"
    """Whatever its owner wants."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """A place of the configuration that names a template.

    Attributes:
        what: The place, for people.
        workspaces: Globs of ``organization/workspace`` it is about; empty for all.
        allow_unasked: Whether it may apply without asking.
    """

    what: str
    reference: str
    duty: Duty
    workspaces: tuple[str, ...] = ()
    allow_unasked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What Terrakube holds; *templates* by organization id."""

    organizations: Sequence[Organization]
    workspaces: Sequence[Workspace]
    templates: Mapping[str, Sequence[Template]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said of one flow; nothing when it is as expected."""

    level: Level
    detail: str
    advice: str


def uses_of(policy: Policy) -> list[Use]:
    """List where templates are named, in the order of the settings."""
    found = [
        Use(
            what=f"template of {rule.name}",
            reference=rule.template,
            duty=Duty.PLAN if rule.on is On.PULL_REQUEST else Duty.ANY,
            workspaces=rule.workspaces,
        )
        for rule in policy.rules
    ]
    found.append(Use(what="template of plan", reference=policy.plan_template, duty=Duty.PLAN))
    for word, one in (("apply", policy.apply), ("destroy", policy.destroy)):
        if one is not None:
            found.append(
                Use(
                    what=f"template of {word}",
                    reference=one.template,
                    duty=Duty.APPLY,
                    allow_unasked=one.allow_unasked,
                )
            )
    return found


def judge_templates(uses: Sequence[Use], stored: Stored) -> list[Finding]:
    """Judge every template that is named: a line for all places where all is well."""
    return [finding for use in uses for finding in _judge(use, stored)]


def judge_flow(
    flow: Sequence[FlowStep] | None, duty: Duty, *, allow_unasked: bool = False
) -> list[Verdict]:
    """Say what is wrong with a flow for its duty; None is one that cannot be read."""
    if not flow:
        return [_UNREADABLE if duty is not Duty.ANY else _UNREADABLE_PUSH]
    found: list[Verdict] = []
    if duty is Duty.PLAN:
        found = _judge_plan(flow)
    elif duty is Duty.APPLY:
        found = _judge_apply(flow, allow_unasked=allow_unasked)
    strange = sorted({step.type for step in flow if step.type not in _KNOWN})
    if strange:
        detail = f"it has a step of the unknown type {few(strange)}: its jobs may never begin"
        found.append(Verdict(level=Level.WARNING, detail=detail, advice="correct it in Terrakube"))
    return found


def _judge_plan(flow: Sequence[FlowStep]) -> list[Verdict]:
    types = {step.type for step in flow}
    applying = [step for step in flow if step.type in _APPLYING]
    if applying:
        return [
            Verdict(
                level=Level.ERROR,
                detail=f"it is to plan, and it applies (step {applying[0].number})",
                advice="name a template that only plans, such as Plan",
            )
        ]
    if not types & _PLANNING:
        detail, advice = "it is to plan, and it has no step that plans", "name one that plans"
        return [Verdict(level=Level.ERROR, detail=detail, advice=advice)]
    if FlowType.SCRIPTS in types:
        detail = "it runs scripts, which may change anything"
        advice = "see that they change nothing, or name a template that only plans"
        return [Verdict(level=Level.WARNING, detail=detail, advice=advice)]
    if len(types) > 1 or FlowType.APPROVAL in types:
        detail = "it does more than planning: it does not pass jobs that wait for an approval"
        advice = "name a template that only plans, such as Plan"
        return [Verdict(level=Level.WARNING, detail=detail, advice=advice)]
    return []


def _judge_apply(flow: Sequence[FlowStep], *, allow_unasked: bool) -> list[Verdict]:
    """Judge a flow that is to plan, to ask and then to apply."""
    applying = next((at for at, step in enumerate(flow) if step.type in _APPLYING), None)
    if applying is None:
        detail, advice = "it is to apply, and it never does", "name one that applies"
        return [Verdict(level=Level.ERROR, detail=detail, advice=advice)]
    before = flow[:applying]
    planning = next((at for at, step in enumerate(before) if step.type in _PLANNING), None)
    asking = [
        step
        for at, step in enumerate(before)
        if step.type == FlowType.APPROVAL and planning is not None and at > planning
    ]
    if not asking:
        return [_UNASKED_ALLOWED if allow_unasked else _UNASKED]
    if not any(step.team for step in asking):
        return [_NO_TEAM]
    return []


def _judge(use: Use, stored: Stored) -> list[Finding]:
    if use.reference == BUILT_IN:
        return [_finding(use, Level.OK, "the bridge sends it along")]
    if use.reference == DEFAULT_TEMPLATE:
        return _judge_defaults(use, stored)
    concerned = _concerned(use, stored)
    found = {one.name: _find(use.reference, stored.templates.get(one.id, ())) for one in concerned}
    without = [name for name, template in found.items() if template is None]
    problems = [_missing(use, without, everywhere=len(without) == len(found))] if without else []
    good: list[str] = []
    for name, template in found.items():
        if template is None:
            continue
        verdicts = judge_flow(template.flow, use.duty, allow_unasked=use.allow_unasked)
        problems += [_said(use, f"{use.reference!r} in {name}", one) for one in verdicts]
        good += [] if verdicts else [name]
    if good:
        problems.insert(0, _finding(use, Level.OK, f"{use.reference!r} in {few(good)}"))
    return problems or [_finding(use, Level.OK, f"{use.reference!r}; no workspace is concerned")]


def _judge_defaults(use: Use, stored: Stored) -> list[Finding]:
    """Judge the workspaces' own templates."""
    spaces = [one for one in stored.workspaces if _is_about(use, one)]
    unset: list[str] = []
    gone: list[str] = []
    users: dict[tuple[str, str], list[str]] = {}
    for one in spaces:
        known = {each.id for each in stored.templates.get(one.ref.organization_id, ())}
        if not one.default_template:
            unset.append(str(one.ref))
        elif one.default_template not in known:
            gone.append(str(one.ref))
        else:
            key = (one.ref.organization_id, one.default_template)
            users.setdefault(key, []).append(str(one.ref))
    found = [
        _said(use, few(names), verdict)
        for names, verdict in ((unset, _NO_DEFAULT), (gone, _GONE_DEFAULT))
        if names
    ]
    for (organization_id, template_id), names in users.items():
        template = _find(template_id, stored.templates[organization_id])
        flow = template.flow if template else None
        name = template.name if template else template_id
        verdicts = judge_flow(flow, use.duty, allow_unasked=use.allow_unasked)
        found += [_said(use, f"{name!r} of {few(names)}", one) for one in verdicts]
    if found:
        return found
    return [_finding(use, Level.OK, "each workspace's own")]


def _concerned(use: Use, stored: Stored) -> list[Organization]:
    if not use.workspaces:
        return list(stored.organizations)
    ids = {one.ref.organization_id for one in stored.workspaces if _is_about(use, one)}
    return [one for one in stored.organizations if one.id in ids]


def _is_about(use: Use, workspace: Workspace) -> bool:
    return not use.workspaces or matches(str(workspace.ref), use.workspaces)


def _find(reference: str, known: Iterable[Template]) -> Template | None:
    listed = list(known)
    by_id = (one for one in listed if one.id == reference)
    return next(by_id, None) or next((one for one in listed if one.name == reference), None)


def _missing(use: Use, without: Sequence[str], *, everywhere: bool) -> Finding:
    return _finding(
        use,
        # One that exists in some organizations may be meant for those alone.
        Level.ERROR if everywhere else Level.WARNING,
        f"there is no template {use.reference!r} in {few(without)}",
        "create it, or name another",
    )


def _said(use: Use, whose: str, verdict: Verdict) -> Finding:
    return _finding(use, verdict.level, f"{whose}: {verdict.detail}", verdict.advice)


def _finding(use: Use, level: Level, detail: str, advice: str = "") -> Finding:
    return Finding(area=TERRAKUBE, what=use.what, level=level, detail=detail, advice=advice)


_SET_DEFAULT = "set a default template in the workspace's settings"
_NO_DEFAULT = Verdict(level=Level.WARNING, detail="no default template is set", advice=_SET_DEFAULT)
_GONE_DEFAULT = Verdict(
    level=Level.WARNING, detail="the default template is gone", advice=_SET_DEFAULT
)
_UNREADABLE = Verdict(
    level=Level.ERROR,
    detail="its text cannot be read, so nobody knows what it does",
    advice="correct it in Terrakube, or name another",
)
_UNREADABLE_PUSH = Verdict(
    level=Level.WARNING, detail=_UNREADABLE.detail, advice=_UNREADABLE.advice
)
_UNASKED = Verdict(
    level=Level.ERROR,
    detail="it applies without an approval between its plan and its apply: nobody can tell "
    "whether that is what was reviewed",
    advice="name built-in or one that asks, or set allow_unasked and take it as it comes",
)
_UNASKED_ALLOWED = Verdict(
    level=Level.WARNING,
    detail="it applies without asking, as allow_unasked allows",
    advice="nothing, if that is wanted",
)
_NO_TEAM = Verdict(
    level=Level.WARNING,
    detail="its approval names no team: whoever may read the workspace may approve in Terrakube",
    advice="let the approval step name a team, best one that nobody is in",
)
