"""Asking for an approval: a message for each step a job waits at, which says in the end who did."""

from collections.abc import Iterator, Sequence
from typing import Final

from bridge.domain.chat import ChatMessage, Interest
from bridge.domain.reports import ChatReport, ChatRun, RunReport
from bridge.domain.work import Answer, Decision, DecisionPhase
from bridge.rendering.durations import counted
from bridge.rendering.slack.controls import (
    answers,
    deletions,
    may_be_answered,
    needs_name,
    others,
    step_of,
)
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import bold, code, cut, date, link, person, prose
from bridge.rendering.slack.excerpts import beginning, listed, plan_excerpt
from bridge.rendering.slack.pieces import Block, actions, context, preformatted, section
from bridge.rendering.slack.wanting import wants
from bridge.rendering.slack.words import (
    approvals,
    counts,
    decided,
    decided_elsewhere,
    numbers,
    origin,
)
from bridge.rendering.wording import expires_at

_PLAN: Final = 1_800
_DELTA: Final = 900
_LONGEST_REASON: Final = 600
_BRIDGE: Final = "bridge"


def render_prompts(
    report: ChatReport,
    run_id: str,
    *,
    sent: int = 0,
    quorum: int = 1,
    confirm_deletions: int = 10,
) -> Sequence[ChatMessage]:
    """Ask whoever may to decide, once for each step the job has come to, in order.

    What is decided keeps its message, without buttons. So the n-th message stays the n-th.

    Args:
        report: Whose run it is.
        run_id: Of the run.
        sent: How many messages there are already: they go on being told, so that no button is
            left where nothing waits any more.
        quorum: How many people must approve.
        confirm_deletions: An approval that deletes more than this takes the workspace's name.
    """
    one = next((one for one in report.runs if one.report.run.id == run_id), None)
    if one is None or not (sent or wants(report, Interest.APPROVAL)):
        return ()
    found = [_settled(one, decided(answer)) for answer in _answers(one)]
    if _is_open(one):
        found.append(_open(one, quorum=quorum, confirm_deletions=confirm_deletions))
    while len(found) < sent:
        found.append(_settled(one, _passed(one)))
    return tuple(degrade(message) for message in found)


def _answers(one: ChatRun) -> Sequence[Decision]:
    """Return what people said to steps; what the bridge compared itself it asked nobody about."""
    return [
        found
        for found in one.decisions
        if found.answer is not Answer.CANCEL
        and found.phase is not DecisionPhase.VOID
        and found.door != _BRIDGE
    ]


def _is_open(one: ChatRun) -> bool:
    """Tell whether the job waits at a step that nobody has answered to."""
    run = one.report.run
    if not may_be_answered(run):
        return False
    step = step_of(run)
    return not any(step and found.step == step for found in _answers(one))


def _open(one: ChatRun, *, quorum: int, confirm_deletions: int) -> ChatMessage:
    report, run = one.report, one.report.run
    asks = f"✋ {_asked(report)}"
    lines = [asks, *_conditions(one, quorum, confirm_deletions)]
    blocks = [section(cut("\n".join(lines), 2_900))]
    if of := [*origin(run)][1:]:  # who asked is said above
        blocks.append(context(of))
    blocks += _plan(report)
    buttons = [*answers(one, confirm_deletions=confirm_deletions), *others(one)]
    if buttons:
        blocks.append(actions(buttons))
    return ChatMessage(text=cut("\n".join(lines), 3_000), blocks=tuple(blocks))


def _asked(report: RunReport) -> str:
    """Say who waits for what: ``@ada's apply of acme/network waits for an approval: +3 ~1``."""
    run = report.run
    what = f"{person(run.request.actor)}'s {run.request.verb} of {_named(report)}"
    changes = counts(run)
    return f"{what} *waits for an approval*{f': {changes}' if changes else ''}"


def _named(report: RunReport) -> str:
    name = bold(str(report.run.request.workspace))
    job = link(f"job {report.run.job_id}", report.job_url) if report.run.job_id else ""
    return f"{name} ({job})" if job else name


def _conditions(one: ChatRun, quorum: int, confirm_deletions: int) -> Iterator[str]:
    """Say what it takes, until when, and what people should know before they decide."""
    run = one.report.run
    if one.votes:
        yield approvals(one.votes, quorum)
    elif quorum > 1:
        yield f"{quorum:,} people have to approve it."
    if needs_name(one.report, confirm_deletions):
        yield "Whoever approves it types the workspace's name."
    yield f"Terrakube waits until {date(expires_at(run))}."
    if run.trouble.strip():
        yield prose(run.trouble, _LONGEST_REASON)


def _plan(report: RunReport) -> Iterator[Block]:
    """Show what is destroyed, how the plan differs from the reviewed one, and the plan itself."""
    if gone := deletions(report):
        yield section(f"⚠️ *{counted(gone, 'resource')} would be destroyed or replaced*")
    if report.destroyed:
        yield preformatted(listed([f"- {address}" for address in report.destroyed]))
    if report.run.delta and (told := beginning(report.run.delta, _DELTA)):
        yield section("*How the plan differs from the reviewed one:*")
        yield preformatted(told)
    if excerpt := plan_excerpt(report, _PLAN):
        yield preformatted(excerpt)


def _settled(one: ChatRun, how: str) -> ChatMessage:
    """Say of a step that waits no more what came of it."""
    report, run = one.report, one.report.run
    what = f"{person(run.request.actor)}'s {run.request.verb} of {_named(report)}"
    # Nothing that goes on changing: each edit is one that another message does not get.
    changes = code(numbers(run))
    said = f"{what}{f': {changes}' if changes else ''}"
    return ChatMessage(text=f"{how} · {said}", blocks=(section(said), context([how])))


def _passed(one: ChatRun) -> str:
    """Say what came of a step that nobody answered to through the bridge."""
    run = one.report.run
    cancels = [found for found in one.decisions if found.answer is Answer.CANCEL]
    if cancels:
        return decided(cancels[-1])
    if run.decided_by:
        return decided_elsewhere(run)
    return "It waits for nobody any more"
