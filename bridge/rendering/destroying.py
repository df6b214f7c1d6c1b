"""The warning about what is going to be deleted: by a plan people look at, or by an apply."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.runs import RunState, Verb
from bridge.rendering.durations import counted
from bridge.rendering.escaping import name
from bridge.rendering.items import Item, Paragraph
from bridge.rendering.standing import plans_in_hand

_SHOWN: Final = 20
_NAMES_SHOWN: Final = 10


def destroy_warning(report: PullRequestReport) -> Iterator[Item]:
    """Name the resources that would go; nothing when none would."""
    told = _telling(report)
    if not told:
        return
    known = [(one, address) for one in told for address in one.destroyed]
    count = sum(max(len(one.destroyed), _counted(one)) for one in told)
    lines = [f"> ⚠️ **{counted(count, 'resource')} would be destroyed or replaced:**"]
    for one in told:
        here = [address for owner, address in known[:_SHOWN] if owner is one]
        if here:
            addresses = ", ".join(name(address) for address in here)
            lines.append(f"> - {name(str(one.run.request.workspace))}: {addresses}")
    if len(known) > _SHOWN:
        lines.append(f"> - and {len(known) - _SHOWN:,} more")
    elif not known:
        lines += [f"> - {name(str(one.run.request.workspace))}" for one in told[:_NAMES_SHOWN]]
    yield Paragraph(text="\n".join(lines))


def _telling(report: PullRequestReport) -> Sequence[RunReport]:
    planned = {one.run.id for one in plans_in_hand(report)}
    return [one for one in report.runs if (_waits(one) or one.run.id in planned) and _destroys(one)]


def _waits(one: RunReport) -> bool:
    return one.run.state is RunState.WAITING


def _destroys(one: RunReport) -> bool:
    run = one.run
    planned = run.state is RunState.SUCCEEDED and run.request.verb is Verb.PLAN
    return (planned or _waits(one)) and bool(one.destroyed or _counted(one))


def _counted(one: RunReport) -> int:
    return one.run.counts.destroy if one.run.counts else 0
