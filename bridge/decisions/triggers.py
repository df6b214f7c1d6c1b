"""What an event starts: the first rule that matches a workspace decides.

Facts come in gathered, decisions go out as values; "ignore, because ..." is one of them. A
decision says why in a sentence: which rule, which branch, which folder, which file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.decisions.bindings import Binding
from bridge.decisions.paths import Changes, is_too_deep, matches
from bridge.decisions.templates import Chosen, choose_template
from bridge.domain.rules import On, Policy, Rule
from bridge.domain.runs import RunOptions, TemplateChoice
from bridge.domain.terrakube import Template, Workspace, WorkspaceRef
from bridge.domain.work import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of Terrakube and of the configuration.

    Attributes:
        bindings: Workspaces the repository feeds, sorted by name; empty when Terrakube does not
            know the repository.
        templates: By organization id, with their flows.
        built_in: The inline flows the bridge sends, by what starts them.
        destruction: The one that plans the destruction of everything.
    """

    bindings: tuple[Binding, ...]
    policy: Policy
    templates: Mapping[str, Sequence[Template]] = field(default_factory=dict)
    built_in: Mapping[On, str] = field(default_factory=dict)
    destruction: str = ""

    @property
    def command(self) -> str:
        """How people address the bridge."""
        return self.policy.command_names[0]

    def choose(self, reference: str, workspace: Workspace, on: On) -> Chosen:
        """Resolve a template reference for a workspace."""
        return choose_template(
            reference, workspace, templates=self.templates, built_in=self.built_in, on=on
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A workspace in which a run is to start.

    Attributes:
        why: One sentence of plain text: rule, branch, folder, file; what others wrote stands in
            it as it is.
        may_change: Whether the template may change infrastructure.
        applies: Whether it holds a step that applies.
        problem: What is wrong with the template, in Markdown; empty when nothing is.
        options: What whoever asked wants done differently.
    """

    workspace: WorkspaceRef
    template: TemplateChoice
    why: str
    may_change: bool = False
    applies: bool = False
    problem: str = ""
    options: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignore:
    """Nothing is done, and nobody is told.

    Attributes:
        reason: One sentence for the log and for ``explain``.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tell:
    """Nothing starts, and the pull request says why."""

    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Runs start in these workspaces.

    Attributes:
        targets: Sorted by workspace; never empty.
        verdict: What the pull request says; None keeps what it says, and for pushes.
    """

    targets: tuple[Target, ...]
    verdict: Verdict | None = None


def rule_for(
    binding: Binding, on: On, rules: Iterable[Rule], *, branch: str = "", tag: str = ""
) -> Rule | None:
    """Find the rule that decides about a workspace: the first that matches.

    Args:
        binding: The workspace.
        on: What happened.
        rules: In the order of the configuration.
        branch: Pushed branch, or a pull request's base.
        tag: Bare name of a pushed tag.
    """
    return next((rule for rule in rules if _is_about(rule, binding, on, branch, tag)), None)


def affected(
    facts: Facts, on: On, *, branch: str, changes: Changes | None
) -> tuple[tuple[Binding, Target], ...]:
    """Choose the workspaces that follow *branch*, have a rule and hold a changed file.

    *changes* None takes every one that has a rule: somebody named them.
    """
    found: list[tuple[Binding, Target]] = []
    for binding in facts.bindings:
        if branch not in binding.branches:
            continue
        rule = rule_for(binding, on, facts.policy.rules, branch=branch)
        effect = _effect(binding, rule, changes) if rule else None
        if rule and effect:
            why = f"{_named(rule)}: the workspace follows {branch}, and {effect}."
            found.append((binding, target_of(facts, binding, rule.template, on, why)))
    return tuple(found)


def target_of(facts: Facts, binding: Binding, reference: str, on: On, why: str) -> Target:
    """Describe a run in a workspace with the template a rule or a command names."""
    chosen = facts.choose(reference, binding.workspace, on)
    return Target(
        workspace=binding.workspace.ref,
        template=chosen.template,
        why=why,
        may_change=chosen.may_change,
        applies=chosen.applies,
        problem=chosen.problem,
    )


def follows(bindings: Iterable[Binding], branch: str) -> bool:
    """Tell whether any workspace follows *branch*."""
    return any(branch in binding.branches for binding in bindings)


def _is_about(rule: Rule, binding: Binding, on: On, branch: str, tag: str) -> bool:
    return (
        rule.on is on
        and (not rule.workspaces or matches(str(binding), rule.workspaces))
        and (on is On.TAG or not rule.branches or matches(branch, rule.branches))
        and (on is not On.TAG or not rule.tags or matches(tag, rule.tags))
    )


def _effect(binding: Binding, rule: Rule, changes: Changes | None) -> str | None:
    """Say what concerns the workspace, as the end of a sentence; None when nothing does."""
    if changes is None:
        return "it was asked for"
    if not changes.files.complete:
        return f"anything may have changed ({changes.files.reason or 'the list is incomplete'})"
    for folder in binding.folders:
        path = changes.in_folder(folder)
        if path is not None:
            return f"{path} lies in its folder {folder or '/'}"
    path = changes.among(rule.also) if rule.also else None
    if path is None:
        return None
    how = "is too deep to be compared with" if is_too_deep(path) else "matches"
    return f"{path} {how} {', '.join(rule.also)}"


def _named(rule: Rule) -> str:
    name = rule.name or f"A rule on {rule.on.value}"
    return name[0].upper() + name[1:]
