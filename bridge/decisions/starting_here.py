"""What would start something in a workspace: for whoever asks why nothing does."""

from collections.abc import Sequence
from typing import Final

from bridge.decisions.bindings import Binding, followed_branches, workspace_folders
from bridge.decisions.triggers import rule_for
from bridge.decisions.wording import code, listed
from bridge.domain.rules import DEFAULT_TEMPLATE, On, Rule
from bridge.domain.terrakube import Workspace

_MOST_BRANCHES: Final = 5


def starts_of(workspace: Workspace, rules: Sequence[Rule]) -> list[str]:
    """Say what starts something in a workspace by itself, a line of Markdown each.

    Args:
        workspace: Which one.
        rules: Of the configuration, in its order.
    """
    binding = Binding(
        workspace=workspace,
        branches=followed_branches(workspace),
        folders=workspace_folders(workspace),
    )
    if not workspace.source.strip():
        return ["- nothing by itself: it has no repository"]
    folders = listed([one or "/" for one in binding.folders]) or "no folder"
    lines = [
        f"- {_event(on, branch)} that changes {folders}: {_template(rule)}, by {code(_name(rule))}"
        for on in (On.PULL_REQUEST, On.PUSH)
        for branch in binding.branches[:_MOST_BRANCHES]
        if (rule := rule_for(binding, on, rules, branch=branch)) is not None
    ]
    if workspace.native_webhook:
        lines.append("- a webhook that Terrakube itself has in the repository")
    return lines or ["- nothing by itself: no rule is about it and a branch that it follows"]


def _event(on: On, branch: str) -> str:
    return f"a {'pull request' if on is On.PULL_REQUEST else 'push'} to {code(branch)}"


def _template(rule: Rule) -> str:
    if rule.template == DEFAULT_TEMPLATE:
        return "the workspace's own template"
    return f"template {code(rule.template)}"


def _name(rule: Rule) -> str:
    return rule.name or f"a rule on {rule.on.value}"
