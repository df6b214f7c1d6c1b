"""Which workspaces a command means, and what is said when it means none."""

import difflib
from collections.abc import Iterable, Sequence

from bridge.decisions.bindings import Binding
from bridge.decisions.paths import matches
from bridge.decisions.wording import code, listed
from bridge.domain.commands import Selection
from bridge.domain.terrakube import WorkspaceRef

_MOST_NEAR = 3


def chosen(selection: Selection, bindings: Iterable[Binding]) -> tuple[Binding, ...]:
    """Choose the workspaces that are named; all of them when none are."""
    return tuple(
        one
        for one in bindings
        if is_named(selection, one.workspace.ref) and _is_in_folder(selection, one)
    )


def is_named(selection: Selection, workspace: WorkspaceRef) -> bool:
    """Tell whether a workspace's name is among the named ones; folders are left out of account."""
    globs = tuple(one if "/" in one else f"*/{one}" for one in selection.workspaces)
    return not globs or matches(str(workspace), globs)


def is_exactly_named(selection: Selection, binding: Binding) -> bool:
    """Tell whether a workspace, or its folder, was named without a glob."""
    names = {str(binding), binding.workspace.ref.name}
    return not names.isdisjoint(selection.workspaces) or not set(binding.folders).isdisjoint(
        selection.folders
    )


def named_text(selection: Selection) -> str:
    """Write what was named."""
    return listed([*selection.workspaces, *(folder or "." for folder in selection.folders)])


def no_such_text(selection: Selection, here: Sequence[Binding], base: str) -> str:
    """Say that nothing of that name follows a branch, what was meant perhaps, and what does."""
    if not here:
        return f"No workspace of this repository follows the branch {code(base)}."
    names = [str(binding) for binding in here]
    near = nearest(selection, here)
    meant = f" Did you mean {listed(near)}?" if near else ""
    return (
        f"No workspace that follows {code(base)} matches {named_text(selection)}.{meant} There "
        f"{'is' if len(here) == 1 else 'are'} {listed(names)}."
    )


def nearest(selection: Selection, bindings: Iterable[Binding]) -> Sequence[str]:
    """Find the workspaces with names like those that were named."""
    names = {str(one).casefold(): str(one) for one in bindings}
    names |= {str(one).partition("/")[2].casefold(): str(one) for one in bindings}
    found = [
        names[near]
        for word in selection.workspaces
        for near in difflib.get_close_matches(word.casefold(), names, n=_MOST_NEAR, cutoff=0.75)
    ]
    return list(dict.fromkeys(found))[:_MOST_NEAR]


def _is_in_folder(selection: Selection, binding: Binding) -> bool:
    wanted = selection.folders
    globs = [one for one in wanted if one]
    return not wanted or any(one in wanted or matches(one, globs) for one in binding.folders)
