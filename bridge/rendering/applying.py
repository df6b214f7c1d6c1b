"""What an apply needs people for, what it waits for, and what it left behind.

Names and addresses are code or escaped; sentences of the engine that quote others pass through
prose. So nothing here takes effect in a comment but what the bridge itself wrote.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.reports import PullRequestReport, RunReport
from bridge.domain.rules import Locks
from bridge.domain.runs import RunState, Verb
from bridge.rendering.durations import age, counted, moment
from bridge.rendering.escaping import escape, link, name, prose
from bridge.rendering.items import Fold, Item, Paragraph
from bridge.rendering.notes import LONGEST_REASON, noted, shortened
from bridge.rendering.standing import applies_of, has_changed_nothing, is_planned_since
from bridge.rendering.wording import by_rank, expires_at, waits_for_a_person

COPIED: Final = 10
"""Most commands in one comment."""

_ADDRESSES_SHOWN: Final = 10
_ENDED_BADLY: Final = frozenset({RunState.FAILED, RunState.ERROR, RunState.CANCELLED})
_TYPED: Final = re.compile(r"[\w.][\w./-]*", re.ASCII)
_MARKS: Final = (("gone: ", "- "), ("new: ", "+ "), ("different: ", "! "))


def questions(report: PullRequestReport) -> Iterator[Item]:
    """Say which applies wait for a person, with the answers ready to be copied."""
    asked = [one for one in applies_of(report) if _asks(report, one)]
    names = [str(one.run.request.workspace) for one in sorted(asked, key=by_rank)]
    typed = [one for one in names if _TYPED.fullmatch(one)][:COPIED]
    if not typed or not _is_typed(report.command):
        return
    until = min(expires_at(one.run) for one in asked)
    left = f", and {len(names) - len(typed):,} more" if len(names) > len(typed) else ""
    lines = "\n".join(f"{report.command} approve -w {one}" for one in typed)
    yield Paragraph(
        text=f"✋ **A person has to decide until {moment(until, report.now)}.** Look at the plan "
        f"below, then copy what you agree with, or say `reject` instead of `approve`{left}:\n\n"
        f"```\n{lines}\n```"
    )


def queued(report: PullRequestReport) -> Iterator[Item]:
    """Say what applies wait for before they start, and what would free it."""
    waiting = sorted((one for one in report.runs if one.queue is not None), key=by_rank)
    found = (
        (str(one.run.request.workspace), _place(report, one.queue))
        for one in waiting
        if one.queue is not None
    )
    yield from noted("⏳ **Waiting for their workspace:**\n", found)


def held(report: PullRequestReport) -> Iterator[Item]:
    """Say what the pull request has locked, and what frees it."""
    first: dict[tuple[str, str], Hold] = {}
    for hold in sorted(report.holds, key=lambda one: one.since):
        first.setdefault((hold.actor, _at_work(report, hold)), hold)
    found = (
        (str(hold.workspace), f"{_holder(report, first[hold.actor, _at_work(report, hold)])}.")
        for hold in report.holds
    )
    free = name(f"{report.command} unlock")
    ends = report.locks is Locks.NONE
    until = "what runs there has ended" if ends else f"it is merged or closed, or {free} is said"
    head = f"🔒 **Locked by this pull request** until {until}:\n"
    yield from noted(head, found)


def stopped(report: PullRequestReport) -> Iterator[Item]:
    """Say of applies that did not come to their end what they changed, and what to do."""
    found = (
        (str(one.run.request.workspace), _left_behind(report, one))
        for one in sorted(applies_of(report), key=by_rank)
        if _has_stopped(one)
    )
    yield from noted("❗ **Applies that did not come to their end:**\n", found)


def unmerged(report: PullRequestReport) -> Iterator[Item]:
    """Say whether the bridge is going to merge the pull request, or why it could not."""
    going_on = [one for one in report.runs if one.run.request.merges and not one.run.concluded]
    if why := shortened(report.merging, LONGEST_REASON):
        yield Paragraph(text=f"⚠️ **Everything is applied, but not merged:** {prose(why)}")
    elif going_on:
        yield Paragraph(text="The bridge merges this pull request once everything is applied.")


def differences(report: PullRequestReport) -> Iterator[Fold]:
    """Fold how plans differ from the reviewed ones, and long lists of what was changed."""
    for one in sorted(applies_of(report), key=by_rank):
        run, workspace = one.run, escape(str(one.run.request.workspace))
        if run.delta and run.request.reviewed is not None:
            yield Fold(
                title=f"{workspace}: how the plan differs from the reviewed one",
                text="\n".join(_marked(line) for line in run.delta.split("\n")),
                owner=f"{run.id} delta",
                rest=f"{workspace}: what differs between `terrakube-bridge output "
                f"{run.request.reviewed.run_id}` and `terrakube-bridge output {run.id}`",
                opened=True,
                by_lines=True,
            )
        if _has_stopped(one) and _is_long(one):
            yield Fold(
                title=f"{workspace}: all that was changed, and all that was not",
                text="\n".join(
                    [
                        *(f"+ changed: {address}" for address in one.applied),
                        *(f"! not changed: {address}" for address in one.not_applied),
                    ]
                ),
                owner=f"{run.id} changed",
                rest=f"{workspace}: what was changed, in `terrakube-bridge output {run.id}`",
                by_lines=True,
            )


def _asks(report: PullRequestReport, one: RunReport) -> bool:
    return waits_for_a_person(one.run) and report.now < expires_at(one.run)


def _place(report: PullRequestReport, place: QueuePlace) -> str:
    hold = place.hold
    where = "next" if place.position == 1 else f"at place {place.position:,}"
    work = _at_work(report, hold)
    if hold.pull_request.key == report.pull_request.key:
        return f"{where}, behind another run of this pull request{work}."
    ref = hold.pull_request
    holder = link(f"{ref.repository.slug}#{ref.number}", hold.web_url)
    return f"{where}; {holder} has it locked {_holder(report, hold)}. {_freed(report)}"


def _freed(report: PullRequestReport) -> str:
    if report.locks is Locks.NONE:
        return "It is freed when what runs there has ended."
    unlock = name(f"{report.command} unlock")
    return f"It is freed when that pull request is merged or closed, or {unlock} is said there."


def _holder(report: PullRequestReport, hold: Hold) -> str:
    how_long = age(hold.since, report.now)
    since = f"since {moment(hold.since, report.now)}{f' ({how_long})' if how_long else ''}"
    return f"for {name(hold.actor)} {since}{_at_work(report, hold)}"


def _at_work(report: PullRequestReport, hold: Hold) -> str:
    if hold.busy_until is not None:
        until = moment(hold.busy_until, report.now)
        return f"; a cancelled job may still be at work in it, until {until} at the latest"
    return (
        "; Terraform may be at work in it, so it is freed no sooner than that ends"
        if hold.busy
        else ""
    )


def _has_stopped(one: RunReport) -> bool:
    """Tell whether people have to know what an apply changed before it ended badly."""
    run = one.run
    if run.state not in _ENDED_BADLY or not run.concluded:
        return False
    return bool(one.applied or one.not_applied) or run.state is RunState.FAILED


def _is_long(one: RunReport) -> bool:
    return max(len(one.applied), len(one.not_applied)) > _ADDRESSES_SHOWN


def _left_behind(report: PullRequestReport, one: RunReport) -> str:
    if has_changed_nothing(one):
        said = "Nothing was changed."
    elif not (one.applied or one.not_applied):
        said = "What it changed is not known; a plan shows what is left."
    elif one.run.state is RunState.FAILED:
        left = f" **Not changed: {_listed(one.not_applied)}.**" if one.not_applied else ""
        said = f"Changed: {_listed(one.applied)}.{left}"
    else:
        # Terrakube stops no Terraform: what it did after the job's end nobody saw.
        left = f", but not yet {_listed(one.not_applied)}" if one.not_applied else ""
        said = f"When it was last seen, it had changed {_listed(one.applied)}{left}."
    return f"{said} {_again(report, one)}"


def _listed(addresses: Sequence[str]) -> str:
    if not addresses:
        return "nothing"
    shown = ", ".join(name(one) for one in addresses[:_ADDRESSES_SHOWN])
    if len(addresses) <= _ADDRESSES_SHOWN:
        return shown
    return f"{counted(len(addresses), 'resource')}, among them {shown}"


def _again(report: PullRequestReport, one: RunReport) -> str:
    verb, where = one.run.request.verb, f"-w {one.run.request.workspace}"
    again = name(f"{report.command} {verb} {where}")
    if is_planned_since(report, one):
        return f"It is planned again since: look at that plan, then say {again} once more."
    behind = " -- -destroy" if verb is Verb.DESTROY else ""
    return f"Say {name(f'{report.command} plan {where}{behind}')}, then {again} again."


def _is_typed(command: str) -> bool:
    return _TYPED.fullmatch(command) is not None


def _marked(line: str) -> str:
    """Put a mark before a line of a difference, so that it is coloured."""
    for beginning, mark in _MARKS:
        if line.startswith(beginning):
            return f"{mark}{line}"
    return line
