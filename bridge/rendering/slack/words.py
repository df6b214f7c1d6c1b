"""What a message says of a run: its state, its counts, who asked, who decided, what is in the way.

Nothing here changes by the clock alone: a message is sent again only when something happened.
"""

from collections.abc import Iterator
from typing import Final

from bridge.domain.holds import QueuePlace
from bridge.domain.reports import ChatRun, RunReport
from bridge.domain.runs import Run, RunState, Verb
from bridge.domain.work import Answer, Decision, DecisionPhase, Vote
from bridge.rendering.durations import duration
from bridge.rendering.slack.escaping import (
    LONGEST_NAME,
    bold,
    code,
    date,
    escape,
    link,
    person,
    prose,
)
from bridge.rendering.wording import (
    expires_at,
    icon,
    is_answered,
    options_of,
    waits_for_a_person,
    word,
)

_SHORT: Final = 8
_NAMED: Final = 8
_LONGEST_REASON: Final = 700
_OPTIONS_SHOWN: Final = 5
_LONGEST_OPTION: Final = 80
_BRIDGE: Final = "bridge"
_SAID: Final = {
    Answer.APPROVE: "Approved",
    Answer.REJECT: "Rejected",
    Answer.CANCEL: "Cancelled",
}
_STANDING: Final = frozenset({RunState.RUNNING, RunState.WAITING, RunState.SUCCEEDED})
_DID: Final = {RunState.REJECTED: "Rejected", RunState.CANCELLED: "Cancelled"}
_WITHOUT_NAME: Final = frozenset({Verb.PUSH, Verb.JOB})


def state(run: Run) -> str:
    """Say what a run does, with its sign; a word tells as much as the sign."""
    said = word(run)
    if run.state is RunState.FAILED and run.request.verb not in _WITHOUT_NAME:
        said = f"{run.request.verb} failed"
    elif run.state is RunState.SUCCEEDED and run.plan_changes is False:
        said = "no changes"
    if run.cancel_requested and not run.concluded:
        said = f"{said}, being cancelled"
    return f"{icon(run.state)} {said}"


def counts(run: Run) -> str:
    """Write counts, what goes for ever in bold; empty while they are not known."""
    found = run.counts
    if found is None or run.plan_changes is False:
        return ""
    written = code(numbers(run))
    if not found.destroy or run.state not in _STANDING:
        return written
    verb = "destroyed" if _has_applied(run) else "to destroy"
    return f"{written} ⚠️ *{found.destroy:,} {verb}*"


def numbers(run: Run) -> str:
    """Write counts as plain text: ``+3 ~1 -2``; empty while they are not known."""
    found = run.counts
    # A minus sign, as a hyphen is hard to see.
    return f"+{found.add:,} ~{found.change:,} \u2212{found.destroy:,}" if found else ""


def about(report: RunReport) -> str:
    """Name a run in bold, with its job: ``*acme/network* apply (job 17)``."""
    run = report.run
    job = link(f"job {run.job_id}", report.job_url) if run.job_id else ""
    named = named_run(run)
    return f"{named} ({job})" if job else named


def named_run(run: Run) -> str:
    """Name a run without its job: ``*acme/network* apply``."""
    verb = run.request.verb
    named = bold(str(run.request.workspace))
    return named if verb is Verb.JOB else f"{named} {verb}"


def origin(run: Run) -> Iterator[str]:
    """Say who asked for it, of what, with which template, and when: a text each."""
    request = run.request
    by = "started in Terrakube by" if request.verb is Verb.JOB else "by"
    yield f"{by} {person(request.actor)}"
    if of := revision(run):
        yield of
    if name := request.template.name or request.template.reference:
        yield f"template {code(name)}"
    if flags := options_of(run):
        shown = " ".join(code(one, _LONGEST_OPTION) for one in flags[:_OPTIONS_SHOWN])
        left = len(flags) - _OPTIONS_SHOWN
        yield f"with {shown} and {left:,} more" if left > 0 else f"with {shown}"
    if run.started_at:
        yield f"started {date(run.started_at)}"
    if took := duration(run.started_at, run.finished_at):
        yield f"took {took}"


def revision(run: Run) -> str:
    """Name what of the repository it is about: ``main@4b825dc6``; empty when it is nothing."""
    request = run.request
    name = request.tag or request.branch
    sha = request.commit_id[:_SHORT]
    return code("@".join(part for part in (name, sha) if part))


def answered(one: ChatRun, *, quorum: int) -> Iterator[str]:
    """Say who decided, and who approved while others are still to: a line each."""
    told = [*_decisions(one)]
    yield from (decided(found) for found in told)
    run = one.report.run
    if not told and run.decided_by and not run.reason:
        yield decided_elsewhere(run)
    if waits_for_a_person(run) and one.votes:
        yield approvals(one.votes, quorum)


def decided(decision: Decision) -> str:
    """Say who answered to a job, and when; all of them where it took several."""
    who = person(decision.actor)
    if decision.door == _BRIDGE:
        return f"The plan is the reviewed one: approved for {who} {date(decision.at)}"
    if decision.earlier:
        who = f"{', '.join(person(one) for one in decision.earlier[:_NAMED])} and {who}"
    return f"{_SAID[decision.answer]} by {who} {date(decision.at)}"


def decided_elsewhere(run: Run) -> str:
    """Say who answered to a job in another way than through the bridge."""
    return f"{_DID.get(run.state, 'Approved')} by {person(run.decided_by)}"


def approvals(votes: tuple[Vote, ...], quorum: int) -> str:
    """Say how many of how many have approved what still waits: ``1 of 2 approved: @ada``."""
    named = ", ".join(person(vote.actor) for vote in votes[:_NAMED])
    left = len(votes) - _NAMED
    more = f" and {left:,} more" if left > 0 else ""
    if len(votes) >= quorum > 1:  # else it would wait no more
        return f"Approved by {named}{more}, of whom some may be one person: others have to as well"
    return f"{len(votes):,} of {max(quorum, len(votes)):,} approved: {named}{more}"


def because(report: RunReport, most: int = _LONGEST_REASON) -> Iterator[str]:
    """Say what a run waits for, what is in its way, and why it ended as it did: a line each."""
    run = report.run
    if report.queue is not None and not run.concluded:
        yield _place(run, report.queue)
    if waits_for_a_person(run):
        yield f"Terrakube waits until {date(expires_at(run))}"
    trouble = "" if is_answered(run) or run.concluded else run.trouble
    yield from (prose(text, most) for text in (trouble, run.reason) if text.strip())


def _place(run: Run, place: QueuePlace) -> str:
    where = "next" if place.position == 1 else f"at place {place.position:,}"
    ref = place.hold.pull_request
    holder = link(f"{ref.repository.slug}#{ref.number}", place.hold.web_url)
    who = escape(place.hold.actor.partition(" (slack:")[0], LONGEST_NAME)  # nobody is called
    name = bold(str(run.request.workspace))
    return f"Waits for {name}, {where}: {holder} has it locked for {who or 'somebody'}"


def _decisions(one: ChatRun) -> Iterator[Decision]:
    return (found for found in one.decisions if found.phase is not DecisionPhase.VOID)


def _has_applied(run: Run) -> bool:
    changes = run.request.applies or run.request.verb in {Verb.APPLY, Verb.DESTROY}
    return changes and run.state is RunState.SUCCEEDED
