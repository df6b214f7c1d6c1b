"""Notes about workspaces, each said once for all it is true of."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from bridge.domain.reports import PullRequestReport
from bridge.rendering.escaping import name, prose
from bridge.rendering.items import Item, Table
from bridge.rendering.standing import is_apply
from bridge.rendering.wording import by_rank, is_answered

LONGEST_REASON: Final = 1_000
"""Signs shown of a sentence that quotes others."""

_NAMES_SHOWN: Final = 10


def troubles(report: PullRequestReport) -> Iterator[Item]:
    """Say what is in the way of runs, or why they ended; of older plans nobody needs to know."""
    stale = (one for one in report.stale if is_apply(one))
    found = (
        (str(one.run.request.workspace), prose(shortened(text, LONGEST_REASON)))
        for one in sorted((*report.runs, *report.pushes, *stale), key=by_rank)
        for text in ("" if is_answered(one.run) else one.run.trouble, one.run.reason)
        if text.strip()
    )
    yield from noted("**Please note:**\n", found)


def noted(head: str, found: Iterable[tuple[str, str]]) -> Iterator[Item]:
    """List notes under a head; nothing when there are none.

    Args:
        head: Markdown of ours.
        found: Names of workspaces with what is true of them, in inert Markdown; in order.
    """
    rows = [f"- {named(names)}: {text}" for text, names in _by_text(found).items()]
    if rows:
        yield Table(
            head=head,
            rows=[(row,) for row in rows],
            more=lambda number: f"- and {number:,} more of this kind",
        )


def named(names: Sequence[str]) -> str:
    """Name so many as people read, and count the others."""
    shown = ", ".join(name(one) for one in names[:_NAMES_SHOWN])
    left = len(names) - _NAMES_SHOWN
    return f"{shown} and {left:,} more" if left > 0 else shown


def shortened(text: str, most: int) -> str:
    """Write *text* on one line of at most *most* signs."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _by_text(found: Iterable[tuple[str, str]]) -> Mapping[str, Sequence[str]]:
    grouped: dict[str, list[str]] = {}
    for workspace, text in found:
        names = grouped.setdefault(text, [])
        if workspace not in names:
            names.append(workspace)
    return grouped
