"""What a searched list offers: told from what is known already, since people wait while they type.

Slack shows at most a hundred options, and an empty list to whoever waits longer than three seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, Protocol

from bridge.chat.payloads import Payload, control_of, values_of, who_of
from bridge.domain.chat_controls import Control
from bridge.domain.terrakube import Template, Workspace

SUGGESTION: Final = "block_suggestion"

MOST: Final = 100
"""Options that are shown; whoever misses one types more."""

_LONGEST_TEXT: Final = 75
_LONGEST_VALUE: Final = 150

Options = Mapping[str, Any]
_NONE: Final[Options] = {"options": []}


class Known(Protocol):
    """What is known of Terrakube without asking anybody; what was known last while it is dead."""

    def workspaces(self) -> Sequence[Workspace]:
        """List the workspaces of all organizations; empty before anything was read."""
        ...

    def templates(self) -> Mapping[str, Sequence[Template]]:
        """Map the names of organizations to their templates."""
        ...


def options_for(payload: Payload, known: Known) -> Options:
    """Say what is offered to whoever types into a list, as Slack wants it answered."""
    who = who_of(SUGGESTION, payload)
    if who.user_team not in {"", who.team}:
        return _NONE
    typed = str(payload.get("value") or "")
    match control_of(payload):
        case Control.WORKSPACE:
            return _workspaces(known.workspaces(), typed)
        case Control.TEMPLATE:
            entered = values_of(payload.get("view") or {})
            organization = entered.get(Control.WORKSPACE, "").partition("/")[0]
            return _templates(known.templates(), organization, typed)
        case _:
            return _NONE


def _workspaces(workspaces: Iterable[Workspace], typed: str) -> Options:
    """Offer workspaces by organization; a value is ``organization/workspace``."""
    refs = {str(one.ref): one.ref for one in workspaces}
    names = _best([name for name in refs if len(name) <= _LONGEST_VALUE], typed)
    by_organization = groupby(sorted(names), key=lambda name: refs[name].organization)
    groups = [
        {
            "label": _text(organization),
            "options": [_option(refs[name].name, name) for name in members],
        }
        for organization, members in by_organization
    ]
    return {"option_groups": groups} if groups else _NONE


def _templates(
    templates: Mapping[str, Sequence[Template]], organization: str, typed: str
) -> Options:
    """Offer the templates of the workspace's organization, of all before one is chosen."""
    near = [templates[organization]] if organization in templates else templates.values()
    names = {one.name for several in near for one in several if len(one.name) <= _LONGEST_VALUE}
    return {"options": [_option(name, name) for name in sorted(_best(names, typed))]}


def _best(names: Iterable[str], typed: str) -> Sequence[str]:
    """Return what holds every word that was typed: first what begins with it, a page at most."""
    sought, words = typed.casefold().strip(), typed.casefold().split()
    found = [name for name in names if all(word in name.casefold() for word in words)]
    return sorted(found, key=lambda name: (not _begins(name.casefold(), sought), name))[:MOST]


def _begins(name: str, sought: str) -> bool:
    return name.startswith(sought) or name.rpartition("/")[2].startswith(sought)


def _option(text: str, value: str) -> Mapping[str, Any]:
    return {"text": _text(text), "value": value}


def _text(text: str) -> Mapping[str, str]:
    fits = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
    return {"type": "plain_text", "text": fits}
