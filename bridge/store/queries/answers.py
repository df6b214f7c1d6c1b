"""Answers to jobs: the first one is written down, and counts, whatever door it came through.

Where more than one person must approve, each approval but the last is a vote; the one that fills
the quorum is the answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Row, RowMapping, func, select, update

from bridge.decisions.approving import (
    count_people,
    counted_text,
    late_text,
    name_of,
    votes_text,
)
from bridge.decisions.reviewing import waiting_step
from bridge.domain.posts import PostUpsert
from bridge.domain.runs import RunPhase, RunState
from bridge.domain.work import Answer, AuditEntry, Decide, Decision, DecisionPhase
from bridge.store import hints
from bridge.store.codecs import RUN_REQUEST, STEPS, from_ms
from bridge.store.queries import holds, votes
from bridge.store.queries.organizations import bring_forward
from bridge.store.queries.superseding import ended_at_once
from bridge.store.queries.told import record_audits, reports_of, wake_planned
from bridge.store.queries.upserts import upsert
from bridge.store.schema import decision, run

CANCEL: Final = "cancel"
"""Stands for the step where a run is cancelled."""

_ADOPTED: Final = "terrakube:"
"""What the trigger of an adopted job begins with; see AdoptJob."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What became of somebody's answer.

    Attributes:
        reports: Those that show it.
        told: What whoever answered is told; None when what is shown tells it.
    """

    reports: frozenset[str] = frozenset()
    told: PostUpsert | None = None


def decide(connection: Connection, wanted: Decide, now: int) -> Heard:
    """Write an answer down if it is the first one, or counts towards it."""
    row = _locked(connection, wanted.run_id)
    if row is None:
        return Heard(told=_note_late(connection, wanted, now))
    reports = reports_of(connection, [row.id])
    if not _is_open_to(connection, row, wanted):
        return Heard(reports=reports, told=_note_late(connection, wanted, now, row.id))
    if wanted.answer is Answer.CANCEL:
        _cancel(connection, row, wanted, now)
    elif told := _count(connection, row, wanted, now):
        return Heard(reports=reports, told=_tell(wanted, told))
    else:
        _answer(connection, row, wanted, now)
        return Heard(reports=reports, told=_tell(wanted, wanted.done) if wanted.done else None)
    return Heard(reports=reports)


def look_again(connection: Connection, run_id: str, now: int) -> frozenset[str]:
    """Look at the job of a run at once; return the reports that show it."""
    row = _locked(connection, run_id)
    if row is None:
        return frozenset()
    connection.execute(update(run).where(run.c.id == row.id).values(next_look=now))
    bring_forward(connection, row.organization_id, now)
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


def _locked(connection: Connection, run_id: str) -> Row[Any] | None:
    """Read a run, which may be named by the trigger of a job that was adopted just now."""
    by_trigger = run_id.startswith(_ADOPTED)
    named = run.c.trigger == run_id if by_trigger else run.c.id == run_id
    return connection.execute(select(run).where(named).with_for_update()).first()


def _is_open_to(connection: Connection, row: Row[Any], wanted: Decide) -> bool:
    """Tell whether nobody was faster: neither somebody who answered, nor the job itself."""
    if row.phase == RunPhase.FINISHED:
        return False
    if wanted.answer is Answer.CANCEL:
        return at_step(connection, row.id, CANCEL) is None
    step = waiting_step(STEPS.load(row.steps))
    return (
        row.state == RunState.WAITING
        and row.phase in {RunPhase.CREATED, RunPhase.REVIEWING}
        and wanted.step in {"", step}
        and at_step(connection, row.id, step) is None
    )


def _cancel(connection: Connection, row: Row[Any], wanted: Decide, now: int) -> None:
    insert_decision(connection, row.id, CANCEL, _values(wanted, now))
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


def _answer(connection: Connection, row: Row[Any], wanted: Decide, now: int) -> None:
    step = waiting_step(STEPS.load(row.steps))
    insert_decision(connection, row.id, step, _values(wanted, now))
    # The state stays what it is until the job goes on.
    values = {"decided_by": wanted.actor, **holds.reviewing(now)}
    connection.execute(update(run).where(run.c.id == row.id).values(values))
    hints.hint(connection, hints.RUN)


def _count(connection: Connection, row: Row[Any], wanted: Decide, now: int) -> str:
    """Count an approval; return what is said while it is not enough, empty once it is."""
    if wanted.answer is not Answer.APPROVE or wanted.quorum <= 1:
        return ""
    step = waiting_step(STEPS.load(row.steps))
    earlier = votes.read(connection, row.id, step)
    known = [votes.accounts(connection, row.forge, one.actor) for one in earlier]
    mine = votes.accounts(connection, row.forge, wanted.actor)
    is_new = not any(mine & one for one in known)
    number = count_people([*known, mine])
    detail = f"Approval {number} of {wanted.quorum}."
    if number >= wanted.quorum:
        if names := ", ".join(one.actor for one in earlier):
            detail = f"Approval {number} of {wanted.quorum}, after {names}."
        _record(connection, wanted, row.id, now, result="counted", detail=detail)
        return ""
    if is_new:
        votes.cast(connection, wanted, row.id, step, now)
    else:
        detail = f"They approved it already: {number} of {wanted.quorum}."
    result = "counted" if is_new else "late"
    _record(connection, wanted, row.id, now, result=result, detail=detail)
    name = name_of(RUN_REQUEST.load(row.request))
    given = votes.read(connection, row.id, step)
    standing = votes_text(given, wanted.quorum, people=number)
    return counted_text(name, standing, is_new=is_new)


def _values(wanted: Decide, now: int) -> dict[str, object]:
    return {
        "answer": wanted.answer.value,
        "actor": wanted.actor,
        "door": wanted.door,
        "digest": wanted.digest,
        "at": now,
    }


def _note_late(
    connection: Connection, wanted: Decide, now: int, run_id: str = ""
) -> PostUpsert | None:
    """Record that an answer came too late; return what whoever gave it is told."""
    first = newest(connection, run_id) if run_id else None
    detail = f"{first.actor} was first: {first.answer}." if first else "It does not wait."
    _record(connection, wanted, run_id or wanted.run_id, now, result="late", detail=detail)
    return _tell(wanted, late_text(first, wanted.answer, from_ms(now)))


def _record(
    connection: Connection, wanted: Decide, run_id: str, now: int, *, result: str, detail: str
) -> None:
    entry = AuditEntry(
        actor=wanted.actor,
        action=f"run.{wanted.answer}",
        door=wanted.door,
        subject=run_id,
        result=result,
        detail=detail,
    )
    record_audits(connection, [entry], now)


def _tell(wanted: Decide, text: str) -> PostUpsert | None:
    return replace(wanted.told, content=text) if wanted.told is not None else None
