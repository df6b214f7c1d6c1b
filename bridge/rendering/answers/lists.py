"""What ``workspaces`` and ``templates`` answer: what there is, as much as is read."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from bridge.domain.terrakube import FlowType, Template, Workspace
from bridge.rendering.answers.pieces import (
    Shown,
    bounded,
    command,
    last_job,
    named,
    offered,
    short,
)
from bridge.rendering.durations import counted
from bridge.rendering.escaping import name

_MOST: Final = 40
_MOST_STEPS: Final = 8
_NAMED: Final = 5
_FEW: Final = 3
_STEPS: Final[Mapping[str, str]] = {
    FlowType.PLAN: "plan",
    FlowType.PLAN_DESTROY: "plan of a destruction",
    FlowType.APPLY: "apply",
    FlowType.DESTROY: "destroy",
    FlowType.APPROVAL: "approval",
    FlowType.SCRIPTS: "scripts",
    FlowType.DISABLE_WORKSPACE: "disable the workspace",
}


def workspaces_shown(
    found: Sequence[Workspace], *, name_of: str, what: str, near: Sequence[str] = ()
) -> Shown:
    """List workspaces.

    Args:
        found: Sorted by name.
        name_of: How people address the bridge.
        what: What was looked for, in Markdown, the end of a sentence; empty for all.
        near: Names like the one that was looked for, when nothing was found.
    """
    if not found:
        meant = " Did you mean one of these?" if near else ""
        return offered(f"There is no workspace{what}.{meant}", "status", near)
    more = f"{name(f'{name_of} workspaces PART')} shows those with a part in their name"
    lines = bounded([f"- {_workspace(one)}" for one in found], _MOST, more=more)
    start = f"{counted(len(found), 'workspace')}{what}{_by_organization(found)}:"
    few = found if len(found) <= _FEW else ()
    says = tuple((f"Status of {one.ref.name}", command("status", str(one.ref))) for one in few)
    return Shown(text="\n".join([start, "", *lines]), says=says)


def templates_shown(
    found: Sequence[tuple[str, Template]], used: Mapping[str, int], *, name_of: str, what: str
) -> Shown:
    """List templates.

    Args:
        found: Each with the name of its organization, sorted.
        used: How many workspaces have it as their own template, by its id.
        name_of: How people address the bridge.
        what: Where was looked, in Markdown, the end of a sentence; empty for everywhere.
    """
    if not found:
        return Shown(text=f"There is no template{what}.")
    several = len({organization for organization, _ in found}) > 1
    lines = [
        f"- {_template(organization, one, used.get(one.id, 0), several=several)}"
        for organization, one in found
    ]
    more = f"{name(f'{name_of} templates org=NAME')} shows those of one organization"
    shown = bounded(lines, _MOST, more=more if several else "")
    return Shown(text="\n".join([f"{counted(len(found), 'template')}{what}:", "", *shown]))


def _workspace(one: Workspace) -> str:
    told = [named(one.ref)]
    if one.branch.strip():
        told.append(f"on {name(short(one.branch))}")
    if one.locked:
        told.append("🔒 locked")
    told.append(last_job(one) or "no job yet")
    return ", ".join(told)


def _by_organization(found: Sequence[Workspace]) -> str:
    """Count them by their organizations, where that helps to choose."""
    numbers = Counter(one.ref.organization for one in found)
    if len(numbers) == 1 or len(found) <= _MOST:
        return ""
    told = [f"{number:,} in {name(short(one))}" for one, number in numbers.most_common(_NAMED)]
    left = len(numbers) - _NAMED
    return f" ({', '.join(told)}{f' and {left:,} organizations more' if left > 0 else ''})"


def _template(organization: str, one: Template, used: int, *, several: bool) -> str:
    told = [name(short(one.name))]
    if several:
        told.append(f"in {name(short(organization))}")
    if one.flow is None:
        told.append("its steps cannot be read")
    else:
        steps = [_STEPS.get(step.type) or name(short(step.type)) for step in one.flow]
        shown = [*steps[:_MOST_STEPS], *(["…"] if len(steps) > _MOST_STEPS else [])]
        told.append(", then ".join(shown) or "no steps")
    if used:
        told.append(f"the template of {counted(used, 'workspace')}")
    return "; ".join(told)
