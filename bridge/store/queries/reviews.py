"""Steps of the review of a job that waits, each one fenced write.

Between two of them lies a call to Terrakube; whoever takes up a run in between reads the job
again and knows from the decision's phase whether Terrakube may have been told already.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, case, func, null, select, update

from bridge.decisions.endings import Ending
from bridge.decisions.following import TICK, next_tick, state_of
from bridge.decisions.holding import Gate
from bridge.decisions.reviewing import Stop
from bridge.domain.runs import Collected, Review, RunPhase, RunState
from bridge.domain.terrakube import Job
from bridge.domain.work import Answer, AuditEntry, DecisionPhase
from bridge.store import hints
from bridge.store.codecs import STEPS
from bridge.store.queries import holds, leases, runs
from bridge.store.queries.answers import CANCEL, insert_decision, void
from bridge.store.queries.leases import Held
from bridge.store.queries.organizations import bring_forward, tick_offset
from bridge.store.queries.told import record_audits, reports_of, touch_reports
from bridge.store.schema import decision, run

BRIDGE: Final = "terrakube-bridge"
"""Who answers where nobody did: the actor of what the bridge rejects."""

DOOR: Final = "bridge"


class Answered(NamedTuple):
    """An answer the bridge gives itself.

    Attributes:
        step: Number of the step that waits.
        actor: Who asked for the apply that is approved; BRIDGE for what is rejected.
        stop: How the run ends; None approves.
        delta: How the plan differs from the reviewed one.
    """

    step: str
    actor: str
    digest: str = ""
    stop: Stop | None = None
    delta: str = ""


def claim(
    connection: Connection, held: Held, answer: Answered, collected: Collected | None, now: int
) -> None:
    """Write the bridge's own answer down, unless somebody was first; keep the lease."""
    values: dict[str, object] = {
        "answer": (Answer.APPROVE if answer.stop is None else Answer.REJECT).value,
        "actor": answer.actor,
        "door": DOOR,
        "digest": answer.digest,
        "at": now,
        "state": "" if answer.stop is None else answer.stop.state.value,
        "reason": "" if answer.stop is None else answer.stop.reason,
    }
    leases.keep(connection, run, held)
    claimed = insert_decision(connection, held.id, answer.step, values)
    shown = {"delta": answer.delta} if claimed and answer.delta else {}
    leases.keep(connection, run, held, **shown, **runs.left_behind(collected))
    runs.store_outputs(connection, held.id, collected, now)


def overrule(connection: Connection, held: Held, step: str, stop: Stop, now: int) -> None:
    """Reject what was to be approved: the pull request has changed since; keep the lease."""
    leases.keep(connection, run, held, decided_by="")
    connection.execute(
        update(decision)
        .where(decision.c.run_id == held.id, decision.c.step == step)
        .values(
            answer=Answer.REJECT.value,
            actor=BRIDGE,
            door=DOOR,
            state=stop.state.value,
            reason=stop.reason,
            phase=DecisionPhase.CLAIMED.value,
            at=now,
        )
    )


def send(connection: Connection, held: Held, step: str, answer: Answer) -> bool:
    """Write down that Terrakube is about to be told; False when it must not be any more."""
    row = leases.keep(connection, run, held)
    if row.cancel_requested:
        return False
    if answer is Answer.APPROVE and (row.superseded_by or not holds.lets_go_on(connection, row)):
        return False
    sent = connection.execute(
        update(decision)
        .where(
            decision.c.run_id == held.id,
            decision.c.step == step,
            decision.c.answer == answer.value,
        )
        .values(phase=DecisionPhase.SENT.value)
    )
    return bool(sent.rowcount)


def approved(
    connection: Connection, held: Held, step: str, job: Job, *, audit: AuditEntry, now: int
) -> None:
    """Confirm that a job goes on, as it was read afterwards, and follow it again."""
    row = leases.keep(connection, run, held)
    _set_phase(connection, held.id, step, DecisionPhase.CONFIRMED)
    state = state_of(job.status, job.steps, before=RunState.RUNNING)
    _follow(
        connection,
        held,
        row,
        now,
        review=Review.APPROVED.value,
        decided_by=audit.actor,
        gate=Gate.PASSED.value,
        job_status=job.status,
        steps=STEPS.dump(job.steps),
        state=state.value,
        changed_at=now,
    )
    record_audits(connection, [audit], now)


def rejected(
    connection: Connection, held: Held, step: str, ending: Ending, *, audit: AuditEntry, now: int
) -> None:
    """Confirm that a job was rejected, and conclude its run."""
    leases.keep(connection, run, held, review=Review.REJECTED.value)
    _set_phase(connection, held.id, step, DecisionPhase.CONFIRMED)
    runs.end(connection, held, ending, now)
    record_audits(connection, [audit], now)


class Question(NamedTuple):
    """What people are asked about a job that waits.

    Attributes:
        text: For people.
        collected: What it is about.
        job: As it was read; people answer to the step at which it waits.
        due_at: When the review was due; whoever changed that meanwhile wants another one.
    """

    text: str
    collected: Collected
    job: Job
    due_at: int


def ask(connection: Connection, held: Held, question: Question, now: int) -> None:
    """Leave the answer to people, and follow the job meanwhile."""
    row = leases.keep(
        connection,
        run,
        held,
        job_status=question.job.status,
        steps=STEPS.dump(question.job.steps),
        **runs.left_behind(question.collected),
    )
    runs.store_outputs(connection, held.id, question.collected, now)
    asked = {"review": Review.ASKED.value, "trouble": question.text}
    _follow(connection, held, row, now, again=row.due_at != question.due_at, **asked)


def go_on(connection: Connection, held: Held, now: int) -> None:
    """Follow a job that does not wait any more, although the bridge did not answer."""
    row = leases.keep(connection, run, held)
    void(connection, held.id)
    _follow(connection, held, row, now)


def leave_to_people(
    connection: Connection, held: Held, collected: Collected | None, now: int
) -> None:
    """Follow a job that nothing was reviewed for: it waits until somebody answers.

    *collected* is what they are shown; None when that could not be read.
    """
    row = leases.keep(connection, run, held, **runs.left_behind(collected))
    runs.store_outputs(connection, held.id, collected, now)
    _follow(connection, held, row, now, review=Review.NONE.value)


def leave_behind(
    connection: Connection,
    held: Held,
    step: str,
    *,
    passed: str | None,
    audits: Sequence[AuditEntry],
    now: int,
) -> None:
    """Settle what was said at other steps than the one at which a job waits; keep the lease.

    *passed* is one that the bridge was told to let pass, and did.
    """
    leases.keep(connection, run, held)
    if passed is not None:
        _set_phase(connection, held.id, passed, DecisionPhase.CONFIRMED)
    void(connection, held.id, but=step)
    record_audits(connection, audits, now)


def postpone(
    connection: Connection,
    held: Held,
    *,
    due_at: int,
    error: str,
    trouble: str,
    now: int,
    unsaid: str | None = None,
) -> None:
    """Look again at *due_at*; *trouble* is what people are told from now on, unless empty.

    *unsaid* is a step for which Terrakube did not take the answer.
    """
    if unsaid is not None:
        _set_phase(connection, held.id, unsaid, DecisionPhase.CLAIMED)
    values: dict[str, object] = {"trouble_since": func.coalesce(run.c.trouble_since, now)}
    if trouble:
        values["trouble"] = trouble
    leases.fail(connection, run, held, due_at=due_at, error=error, counted=False, **values)
    if trouble:
        touch_reports(connection, reports_of(connection, [held.id]), now)


def _follow(
    connection: Connection,
    held: Held,
    row: Row[Any],
    now: int,
    *,
    again: bool = False,
    **values: object,
) -> None:
    """Give a run back to those who follow jobs, unless somebody answered meanwhile.

    With *again* it is looked at once more all the same.
    """
    waiting = connection.scalar(
        select(decision.c.step).where(
            decision.c.run_id == held.id,
            decision.c.step != CANCEL,
            decision.c.phase == DecisionPhase.CLAIMED.value,
        )
    )
    again = again or waiting is not None
    phase = RunPhase.REVIEWING if again else RunPhase.CREATED
    unwanted = case((run.c.cancel_requested == 1, now), else_=null())
    organization_id = row.organization_id
    leases.finish(
        connection,
        run,
        held,
        due_at=now if again else unwanted,
        **{
            "trouble": "",
            "trouble_since": None,
            "phase": phase.value,
            "look_interval": TICK,
            "next_look": now,
            **values,
        },
    )
    bring_forward(
        connection, organization_id, next_tick(TICK, now, offset=tick_offset(organization_id))
    )
    touch_reports(connection, reports_of(connection, [held.id]), now)
    hints.hint(connection, hints.RUN)


def _set_phase(connection: Connection, run_id: str, step: str, phase: DecisionPhase) -> None:
    connection.execute(
        update(decision)
        .where(decision.c.run_id == run_id, decision.c.step == step)
        .values(phase=phase.value)
    )
