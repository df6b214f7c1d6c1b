"""What a channel wants to be told: an unwanted message is as good as a lost one."""

from bridge.domain.chat import Interest
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import RunState, Verb
from bridge.domain.work import Answer
from bridge.rendering.wording import waits_for_a_person

_WENT_WRONG = frozenset({RunState.FAILED, RunState.ERROR})
_CAME_TO_AN_END = _WENT_WRONG | {RunState.SUCCEEDED}


def wants(report: ChatReport, interest: Interest) -> bool:
    """Tell whether a channel wants to hear of a kind of thing; whoever asked hears all."""
    return report.asked or bool(report.interests & {interest, Interest.STARTED})


def wants_run(report: ChatReport, one: ChatRun) -> bool:
    """Tell whether something happened to a run that the channel wants to hear of."""
    waits = waits_for_a_person(one.report.run) or any(
        decision.answer is not Answer.CANCEL and decision.door != "bridge"
        for decision in one.decisions
    )
    return (
        wants(report, Interest.STARTED)
        or (waits and wants(report, Interest.APPROVAL))
        or wants_result(report, one)
    )


def wants_result(report: ChatReport, one: ChatRun) -> bool:
    """Tell whether a run came to an end the channel wants to hear of."""
    failed = has_failed(one) and wants(report, Interest.FAILED)
    applied = has_applied(one) and wants(report, Interest.APPLIED)
    return wants(report, Interest.STARTED) or failed or applied


def has_failed(one: ChatRun) -> bool:
    """Tell whether a run ended badly, and nobody wanted it so."""
    run = one.report.run
    return run.concluded and run.state in _WENT_WRONG


def has_applied(one: ChatRun) -> bool:
    """Tell whether a run that may change infrastructure came to its end, and had something to."""
    run = one.report.run
    changes = run.request.applies or run.request.verb in {Verb.APPLY, Verb.DESTROY, Verb.PUSH}
    ended = run.concluded and run.state in _CAME_TO_AN_END
    return ended and changes and run.plan_changes is not False
