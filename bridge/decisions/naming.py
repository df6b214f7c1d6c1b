"""Which workspaces are meant by names alone, where no repository says which there are."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from bridge.decisions.asking import Refuse
from bridge.decisions.paths import matches
from bridge.decisions.wording import code, listed
from bridge.domain.commands import Selection
from bridge.domain.terrakube import Workspace

_MOST_NEAR: Final = 5
_LIKE: Final = 0.5
_GLOB: Final = frozenset("*?[{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Refuse):
    """Nothing of that name is there.

    Attributes:
        name: As it was written.
        near: ``organization/workspace`` with names like it, the nearest first.
    """

    name: str
    near: tuple[str, ...] = ()


def is_pattern(name: str) -> bool:
    """Tell whether a name stands for whatever matches it."""
    return not _GLOB.isdisjoint(name)


def decide_named(
    selection: Selection, workspaces: Sequence[Workspace], organization: str = ""
) -> Refuse | tuple[Workspace, ...]:
    """Find the workspaces that are named, sorted; each name has to be that of some.

    Args:
        selection: At least one name, or pattern.
        workspaces: All there are.
        organization: That is meant where none is named; empty for none.
    """
    found: dict[str, Workspace] = {}
    for name in selection.workspaces:
        one = _find(name, workspaces, organization)
        if isinstance(one, Refuse):
            return one
        found |= {each.ref.id: each for each in one}
    return tuple(sorted(found.values(), key=lambda one: str(one.ref)))


def _find(
    name: str, workspaces: Sequence[Workspace], organization: str
) -> Refuse | Sequence[Workspace]:
    if "/" in name:
        return _matching(name, workspaces) or _unknown(name, workspaces)
    if organization:
        full = f"{organization}/{name}"
        return _matching(full, workspaces) or replace(_unknown(full, workspaces), name=name)
    found = _matching(f"*/{name}", workspaces)
    if len(found) > 1 and not is_pattern(name):
        names = listed([str(one.ref) for one in found])
        return Refuse(
            text=f"Nothing was done: several organizations have a workspace {code(name)}: "
            f"{names}. Say which one."
        )
    return found or _unknown(name, workspaces)


def _matching(glob: str, workspaces: Sequence[Workspace]) -> Sequence[Workspace]:
    exact = [one for one in workspaces if str(one.ref) == glob]
    return exact or [one for one in workspaces if matches(str(one.ref), (glob,))]


def _unknown(name: str, workspaces: Sequence[Workspace]) -> Unknown:
    # A pattern is no name that could be misspelt.
    near = () if is_pattern(name) else nearest(name, [str(one.ref) for one in workspaces])
    what = "No workspace matches" if is_pattern(name) else "There is no workspace"
    meant = f" Did you mean {listed(near)}?" if near else ""
    return Unknown(text=f"{what} {code(name)}.{meant}", name=name, near=tuple(near))


def nearest(name: str, names: Sequence[str]) -> Sequence[str]:
    """Find names like one; what they are called counts, and the organization where that is like."""
    organization, _, wanted = name.casefold().rpartition("/")
    homes: dict[str, list[str]] = {}
    for one in names:
        homes.setdefault(one.casefold().partition("/")[2], []).append(one)

    def at_home(one: str) -> float:
        home = one.casefold().partition("/")[0]
        return difflib.SequenceMatcher(a=organization, b=home).ratio()

    close = difflib.get_close_matches(wanted, homes, n=_MOST_NEAR, cutoff=_LIKE)
    found = [one for each in close for one in sorted(homes[each], key=at_home, reverse=True)]
    return found[:_MOST_NEAR]
