"""Answers to jobs: the first one is written down, and counts, whatever door it came through."""

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, RowMapping, func, select, update

from bridge.decisions.reviewing import waiting_step
from bridge.domain.runs import RunPhase, RunState
from bridge.domain.work import Answer, AuditEntry, Decide, Decision, DecisionPhase
from bridge.store import hints
from bridge.store.codecs import STEPS, from_ms
from bridge.store.queries import holds
from bridge.store.queries.superseding import ended_at_once
from bridge.store.queries.told import record_audits, reports_of, wake_planned
from bridge.store.queries.upserts import upsert
from bridge.store.schema import decision, run

CANCEL: Final = "cancel"
"""Stands for the step where a run is cancelled."""


def decide(connection: Connection, wanted: Decide, now: int) -> frozenset[str]:
    """Write an answer down if it is the first one; return the reports that show it."""
    row = connection.execute(select(run).where(run.c.id == wanted.run_id).with_for_update()).first()
    if row is None or row.phase == RunPhase.FINISHED:
        return frozenset()
    taken = (
        _cancel(connection, row, wanted, now)
        if wanted.answer is Answer.CANCEL
        else _answer(connection, row, wanted, now)
    )
    if not taken:
        _note_late(connection, wanted, now)
    return reports_of(connection, [row.id])


def insert_decision(
    connection: Connection, run_id: str, step: str, values: Mapping[str, object]
) -> bool:
    """Write an answer down unless there is one already that counts; tell whether it was."""
    written = {"state": "", "reason": "", "phase": DecisionPhase.CLAIMED.value, **values}
    inserted = connection.execute(
        upsert(connection, decision)
        .values(run_id=run_id, step=step, **written)
        .on_conflict_do_update(
            index_elements=["run_id", "step"],
            set_=written,
            where=decision.c.phase == DecisionPhase.VOID.value,
        )
    )
    return bool(inserted.rowcount)


def at_step(connection: Connection, run_id: str, step: str) -> RowMapping | None:
    """Read the answer that counts to the job of a run that waits at a step."""
    return (
        connection.execute(
            select(decision).where(
                decision.c.run_id == run_id,
                decision.c.step == step,
                decision.c.phase != DecisionPhase.VOID.value,
            )
        )
        .mappings()
        .first()
    )


def unsettled(connection: Connection, run_id: str) -> RowMapping | None:
    """Read the answer that Terrakube is to be told, or may have been told; None without one."""
    return (
        connection.execute(
            select(decision)
            .where(
                decision.c.run_id == run_id,
                decision.c.step != CANCEL,
                decision.c.phase.in_([DecisionPhase.CLAIMED.value, DecisionPhase.SENT.value]),
            )
            .order_by(decision.c.at.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )


def is_approved(connection: Connection, run_id: str) -> bool:
    """Tell whether the job of a run went on because the bridge told Terrakube so."""
    found = connection.scalar(
        select(decision.c.step)
        .where(
            decision.c.run_id == run_id,
            decision.c.answer == Answer.APPROVE.value,
            decision.c.phase == DecisionPhase.CONFIRMED.value,
        )
        .limit(1)
    )
    return found is not None


def newest(connection: Connection, run_id: str) -> Decision | None:
    """Read the newest answer to a run that counts: while its job waits, one to that."""
    query = select(decision).where(
        decision.c.run_id == run_id, decision.c.phase != DecisionPhase.VOID.value
    )
    found = connection.execute(select(run.c.state, run.c.steps).where(run.c.id == run_id)).first()
    if found is not None and found.state == RunState.WAITING:
        step = waiting_step(STEPS.load(found.steps))
        query = query.where(decision.c.step.in_([step, CANCEL]))
    newest_first = query.order_by(decision.c.at.desc(), decision.c.step.desc())
    row = connection.execute(newest_first.limit(1)).mappings().first()
    if row is None:
        return None
    return Decision(
        run_id=row["run_id"],
        answer=Answer(row["answer"]),
        actor=row["actor"],
        door=row["door"],
        digest=row["digest"],
        at=from_ms(row["at"]),
        phase=DecisionPhase(row["phase"]),
    )


def void(connection: Connection, run_id: str, *, but: str = CANCEL) -> None:
    """Let the answers that Terrakube has not heeded count no more; *but* is a step left alone."""
    connection.execute(
        update(decision)
        .where(
            decision.c.run_id == run_id,
            decision.c.step.not_in([but, CANCEL]),
            decision.c.phase.in_([DecisionPhase.CLAIMED.value, DecisionPhase.SENT.value]),
        )
        .values(phase=DecisionPhase.VOID.value)
    )


def _cancel(connection: Connection, row: Row[Any], wanted: Decide, now: int) -> bool:
    if not insert_decision(connection, row.id, CANCEL, _values(wanted, now)):
        return False
    values: dict[str, object] = {"decided_by": wanted.actor}
    if row.phase == RunPhase.PLANNED:
        reason = f"Cancelled by {wanted.actor} before it started."
        values |= ended_at_once(RunState.CANCELLED, reason, now)
    else:
        # Whoever reviews it may be waiting for a forge.
        due_at = now if row.phase == RunPhase.REVIEWING else func.coalesce(run.c.due_at, now)
        values |= {"cancel_requested": 1, "due_at": due_at}
    connection.execute(update(run).where(run.c.id == row.id).values(values))
    hints.hint(connection, hints.RUN)
    if row.phase == RunPhase.PLANNED:
        wake_planned(connection, row.organization_id, row.workspace_id, now)
    return True


def _answer(connection: Connection, row: Row[Any], wanted: Decide, now: int) -> bool:
    step = waiting_step(STEPS.load(row.steps))
    waits = row.state == RunState.WAITING and row.phase in {
        RunPhase.CREATED,
        RunPhase.REVIEWING,
    }
    if not waits or not insert_decision(connection, row.id, step, _values(wanted, now)):
        return False
    # The state stays what it is until the job goes on.
    values = {"decided_by": wanted.actor, **holds.reviewing(now)}
    connection.execute(update(run).where(run.c.id == row.id).values(values))
    hints.hint(connection, hints.RUN)
    return True


def _values(wanted: Decide, now: int) -> dict[str, object]:
    return {
        "answer": wanted.answer.value,
        "actor": wanted.actor,
        "door": wanted.door,
        "digest": wanted.digest,
        "at": now,
    }


def _note_late(connection: Connection, wanted: Decide, now: int) -> None:
    first = newest(connection, wanted.run_id)
    detail = f"{first.actor} was first: {first.answer}." if first else "It does not wait."
    entry = AuditEntry(
        actor=wanted.actor,
        action=f"run.{wanted.answer}",
        door=wanted.door,
        subject=wanted.run_id,
        result="late",
        detail=detail,
    )
    record_audits(connection, [entry], now)
