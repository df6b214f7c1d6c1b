"""What ``why`` says: why a workspace was planned or not, what blocks an apply, who can help."""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.decisions.bindings import Binding
from bridge.decisions.paths import Changes
from bridge.decisions.standing import Overview, Standing, gate_lines, sentences
from bridge.decisions.triggers import Facts, affected, rule_for
from bridge.decisions.wording import code, counted, listed, sentence
from bridge.domain.rules import On
from bridge.domain.vcs import ChangedFiles, PullRequest

_MOST = 20
"""Workspaces that are explained one by one."""
_LONGEST = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A workspace, and whether this pull request affects it.

    Attributes:
        affected: The sentence of the rule that chose it, plain text; empty when none did.
        spared: Why none did, a sentence of Markdown; empty when one did.
    """

    standing: Standing
    affected: str = ""
    spared: str = ""


def explain(
    facts: Facts, pull_request: PullRequest, changed: ChangedFiles, standing: Standing
) -> Explained:
    """Find out why a workspace is planned for a pull request, or why not."""
    base, changes = pull_request.base_branch, Changes.of(changed)
    found = affected(facts, On.PULL_REQUEST, branch=base, changes=changes)
    for binding, target in found:
        if binding.workspace.ref.id == standing.workspace.id:
            return Explained(standing=standing, affected=target.why)
    binding = next(one for one in facts.bindings if one.workspace.ref.id == standing.workspace.id)
    return Explained(standing=standing, spared=_spared(facts, binding, base))


def why_text(overview: Overview, explained: Sequence[Explained]) -> str:
    """Say in plain sentences why things are as they are, in Markdown."""
    if not explained:
        return (
            "This pull request affects no workspace, and none is planned. "
            f"{code(f'{overview.command} why -w organization/name')} says why one is not affected."
        )
    parts = [
        f"**{code(str(one.standing.workspace))}**\n\n{' '.join(_sentences(one, overview))}"
        for one in explained[:_MOST]
    ]
    if (more := len(explained) - _MOST) > 0:
        parts.append(f"And {counted(more, 'workspace')} more; {code('-w')} chooses some.")
    return "\n\n".join(filter(None, [*parts, "\n".join(gate_lines(overview))]))


def _sentences(one: Explained, overview: Overview) -> list[str]:
    standing = one.standing
    said = [f"Affected: {sentence(one.affected, most=_LONGEST)}" if one.affected else one.spared]
    plan = standing.plan
    if plan and plan.request.why and plan.request.why != one.affected:
        said.append(f"Why its plan was made: {sentence(plan.request.why, most=_LONGEST)}")
    elif plan is None and one.affected:
        said.append(_unplanned(overview))
    if plan is not None or standing.newest_apply or standing.hold:
        said += sentences(standing, overview)[0 if plan else 1 :]
    if standing.hold and standing.hold.pull_request.key != overview.pull_request.ref.key:
        said.append(_who_frees(standing, overview))
    return said


def _unplanned(overview: Overview) -> str:
    command = overview.command
    if overview.pull_request.from_fork:
        allow = code(f"{command} ok-to-plan {overview.pull_request.head_sha}")
        return (
            "It is not planned: the pull request comes from a fork. Somebody with write permission "
            f"allows this commit with {allow}."
        )
    if overview.pull_request.draft:
        return f"It is not planned at this head; {code(f'{command} plan')} plans drafts, too."
    return f"It is not planned at this head. {code(f'{command} plan')} plans it."


def _who_frees(standing: Standing, overview: Overview) -> str:
    unlock = code(f"{overview.command} unlock -w {standing.workspace}")
    return (
        "An apply here waits until that pull request is merged, closed or unlocked there; "
        f"whoever may free the locks of others can say {unlock}."
    )


def _spared(facts: Facts, binding: Binding, base: str) -> str:
    if base not in binding.branches:
        follows = listed(binding.branches) if binding.branches else "no branch"
        return f"Not affected: it follows {follows}, and this pull request goes to {code(base)}."
    rule = rule_for(binding, On.PULL_REQUEST, facts.policy.rules, branch=base)
    if rule is None:
        return "Not affected: no rule on pull requests is about it."
    folders = listed([folder or "/" for folder in binding.folders]) or "no folder"
    also = f", nor does one match {listed(rule.also)}" if rule.also else ""
    name = rule.name or "a rule on pull requests"
    return (
        f"Not affected: {name} is about it, but no changed file lies in its folder {folders}{also}."
    )
