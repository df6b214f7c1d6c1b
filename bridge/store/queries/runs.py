"""Steps of a run's intent, each one fenced write: begin, create, look again, end.

A run that starts or ends a wait of others says so in the same transaction: its reports become
due, its organization, and the next run of its workspace.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, RowMapping, and_, case, func, null, or_, select

from bridge.decisions.endings import (
    Ending,
    broken,
    ending_of_cancelled,
    ending_of_job,
    without_output,
)
from bridge.decisions.following import TICK, has_started, next_tick, state_of
from bridge.domain.runs import Collected, Review, Run, RunPhase, RunRequest, RunState
from bridge.domain.terrakube import Job
from bridge.domain.work import AuditEntry
from bridge.store.codecs import COUNTS, RUN_REQUEST, STEPS, STRINGS, compress, run_from_row
from bridge.store.queries import holds, leases
from bridge.store.queries.answers import void
from bridge.store.queries.follow_ups import follow_up
from bridge.store.queries.holders import APPLYING
from bridge.store.queries.holds import Holding
from bridge.store.queries.leases import Held
from bridge.store.queries.organizations import bring_forward, tick_offset
from bridge.store.queries.told import record_audits, reports_of, touch_reports, wake_planned
from bridge.store.queries.upserts import upsert
from bridge.store.schema import output, run

CANCEL_AGE: Final = 10_000
"""Milliseconds a job must be old to be changed (contract section 5)."""

TURN: Final = 2_000
"""Milliseconds until a run that waits for an older one looks by itself."""

QUEUE_TURN: Final = 30_000
"""Milliseconds until a run looks by itself whether its workspace is free."""

_NOT_CREATED: Final = (RunPhase.PLANNED.value, RunPhase.POSTING.value, RunPhase.UNKNOWN.value)


class Begun(StrEnum):
    """What became of the wish to send a POST."""

    POST = "post"
    """It is written down: send it once."""
    LATER = "later"
    """Another run of the workspace comes first, or another pull request has it."""
    CANCELLED = "cancelled"
    """Nobody wants the run any more; it has ended."""


def read(connection: Connection, run_id: str) -> Run | None:
    """Read one run."""
    row = connection.execute(select(run).where(run.c.id == run_id)).mappings().first()
    return None if row is None else run_from_row(row)


def newest(connection: Connection, limit: int) -> Sequence[Run]:
    """List runs, the one made last first."""
    rows = connection.execute(select(run).order_by(run.c.id.desc()).limit(limit)).mappings()
    return [run_from_row(row) for row in rows]


class Turn(StrEnum):
    """Whether a run may have its workspace."""

    NOW = "now"
    LATER = "later"
    """It looks again by itself, and when somebody leaves the workspace."""
    TOO_LATE = "too late"
    """It has waited for so long that it is given up."""


def turn_of(
    connection: Connection, held: Held, request: RunRequest, holding: Holding, now: int
) -> Turn:
    """Tell whether it is a run's turn; the lease ends when it has to look again later."""
    row = leases.keep(connection, run, held)
    if row.cancel_requested or holds.is_free_for(connection, row, request):
        return Turn.NOW
    if row.phase == RunPhase.PLANNED and now - row.created_at >= holding.patience:
        return Turn.TOO_LATE
    # Whatever kept it before: now it only waits.
    waits = {"state": RunState.QUEUED.value, "trouble": "", "trouble_since": None}
    leases.finish(connection, run, held, due_at=now + QUEUE_TURN, **waits)
    if row.trouble:
        touch_reports(connection, reports_of(connection, [held.id]), now)
    return Turn.LATER


def begin(
    connection: Connection,
    held: Held,
    request: RunRequest,
    now: int,
    holding: Holding | None = None,
) -> Begun:
    """Write down that a POST is about to be sent; *request* names the template it is sent with.

    Raises:
        LeaseLostError: Another holder has the run; nothing was written, and nothing may be sent.
    """
    holding = holding or Holding()
    row = leases.keep(connection, run, held)
    if row.cancel_requested:
        ending = ending_of_cancelled(row.superseded_by, by=row.decided_by)
        end(connection, held, ending, now)
        return Begun.CANCELLED
    if request.applies and _has_elder(connection, row):
        leases.finish(connection, run, held, due_at=now + TURN)
        return Begun.LATER
    if holds.needs_hold(request, holding.locks) and not holds.take(
        connection, row, request, holding, now
    ):
        leases.finish(connection, run, held, due_at=now + QUEUE_TURN)
        return Begun.LATER
    leases.keep(
        connection,
        run,
        held,
        phase=RunPhase.POSTING.value,
        request=RUN_REQUEST.dump(request),
        posted_at=now,
        times_posted=run.c.times_posted + 1,
    )
    return Begun.POST


def create(connection: Connection, held: Held, organization_id: str, job: Job, now: int) -> None:
    """Store the job a run started, and follow it from now on."""
    bring_forward(
        connection,
        organization_id,
        next_tick(TICK, now, offset=tick_offset(organization_id)),
    )
    row = leases.finish(
        connection,
        run,
        held,
        # A wish to cancel may have come while the POST was under way.
        due_at=case((run.c.cancel_requested == 1, now + CANCEL_AGE), else_=null()),
        phase=RunPhase.CREATED.value,
        job_id=job.id,
        job_status=job.status,
        steps=STEPS.dump(job.steps),
        state=state_of(job.status, job.steps, before=RunState.QUEUED).value,
        posted_at=func.coalesce(run.c.posted_at, now),
        changed_at=now,
        look_interval=TICK,
        next_look=None,
        trouble="",
        trouble_since=None,
    )
    touch_reports(connection, reports_of(connection, [held.id]), now)
    wake_planned(connection, row.organization_id, row.workspace_id, now)


def put_off(
    connection: Connection,
    held: Held,
    *,
    due_at: int,
    now: int,
    error: str,
    trouble: str = "",
    counted: bool = False,
    phase: RunPhase | None = None,
    posted_at: int | None = None,
) -> None:
    """Go on at *due_at*, as Terrakube does not answer as it should.

    *trouble* is what people are told from now on; *posted_at* is when a POST may have been under
    way at the latest; what is empty or None stays as it is.
    """
    values: dict[str, object] = {"trouble_since": func.coalesce(run.c.trouble_since, now)}
    if phase is not None:
        values["phase"] = phase.value
    if posted_at is not None:
        values["posted_at"] = posted_at
    if trouble:
        values |= {"state": RunState.ERROR.value, "trouble": trouble}
    leases.fail(connection, run, held, due_at=due_at, error=error, counted=counted, **values)
    if trouble:
        touch_reports(connection, reports_of(connection, [held.id]), now)


def wait(connection: Connection, held: Held, due_at: int) -> None:
    """Look again at *due_at*; nothing is wrong."""
    leases.fail(connection, run, held, due_at=due_at, error="", counted=False)


def rest(connection: Connection, held: Held, error: str = "") -> None:
    """End the lease on a run whose job is followed; the poll may have moved it on meanwhile."""
    following = run.c.phase == RunPhase.CREATED.value
    leases.finish(
        connection,
        run,
        held,
        due_at=case((following, null()), else_=run.c.due_at),
        last_error=error,
    )


def note_cancel(
    connection: Connection,
    held: Held,
    organization_id: str,
    audit: AuditEntry,
    now: int,
    *,
    trouble: str = "",
) -> None:
    """Note how Terrakube took the wish to cancel a run's job, and look at the job soon.

    *trouble* is what people are told; empty when there is nothing to tell yet.
    """
    bring_forward(connection, organization_id, now)
    told = {"trouble": trouble} if trouble else {}
    leases.keep(connection, run, held, next_look=now, **told)
    if trouble:
        touch_reports(connection, reports_of(connection, [held.id]), now)
    rest(connection, held)
    record_audits(connection, [audit], now)


class Bypass(NamedTuple):
    """How the job of an apply went on although the bridge did not approve it.

    Attributes:
        audit: Says that somebody else did; None when nobody was to.
        delta: How its plan differs from the reviewed one; empty when it does not.
    """

    audit: AuditEntry | None
    delta: str = ""

    def columns(self) -> dict[str, object]:
        """Return what is kept of it."""
        by = {"review": Review.APPROVED.value, "decided_by": self.audit.actor} if self.audit else {}
        return {**by, **({"delta": self.delta} if self.delta else {})}


def end(
    connection: Connection,
    held: Held,
    ending: Ending,
    now: int,
    collected: Collected | None = None,
    *,
    bypass: Bypass | None = None,
) -> None:
    """Conclude a run with what its job left behind; its reports say so."""
    row = leases.finish(
        connection,
        run,
        held,
        phase=RunPhase.FINISHED.value,
        state=ending.state.value,
        reason=ending.reason,
        trouble="",
        trouble_since=None,
        next_look=None,
        finished_at=func.coalesce(run.c.ended_seen_at, now),
        **left_behind(collected),
        **(bypass.columns() if bypass else {}),
    )
    store_outputs(connection, held.id, collected, now)
    record_audits(connection, [bypass.audit] if bypass and bypass.audit else [], now)
    holds.leave(connection, [held.id], now)
    follow_up(connection, row, now)
    touch_reports(connection, reports_of(connection, [held.id]), now)
    wake_planned(connection, row.organization_id, row.workspace_id, now)


def give_up(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    """Set aside a run the bridge fails on: people are told, and its job goes on by itself."""
    match row["phase"]:
        case RunPhase.CREATED.value | RunPhase.FINISHED.value:
            rest(connection, held, error=reason)
        case RunPhase.REVIEWING.value:
            trouble = broken(reason).reason
            left = {"phase": RunPhase.CREATED.value, "review": Review.ASKED.value}
            leases.keep(connection, run, held, trouble=trouble, decided_by="", **left)
            void(connection, held.id)
            rest(connection, held, error=reason)
            touch_reports(connection, reports_of(connection, [held.id]), now)
        case RunPhase.COLLECTING.value:
            end(connection, held, ending_without_output(row, reason), now)
        case _:
            end(connection, held, broken(reason), now)


def ending_without_output(row: RowMapping, error: str) -> Ending:
    """Say how a run ended whose job's output cannot be read."""
    ending = ending_of_job(
        row["job_status"],
        superseded_by=row["superseded_by"],
        cancel_requested=bool(row["cancel_requested"]),
        started=has_started(STEPS.load(row["steps"])),
        expired=False,
        by=row["decided_by"],
    )
    reason = " ".join(part for part in (ending.reason, without_output(error)) if part)
    return Ending(state=ending.state, reason=reason)


def perhaps_twice(connection: Connection, *, since: int) -> Sequence[Run]:
    """Read the runs that may have more jobs than one, or one nobody follows.

    Those whose POST was sent again, and those that ended without knowing of a job.
    """
    rows = connection.execute(
        select(run)
        .where(
            run.c.posted_at >= since,
            or_(
                run.c.times_posted > 1,
                and_(
                    run.c.times_posted == 1,
                    run.c.phase == RunPhase.FINISHED.value,
                    run.c.job_id.is_(None),
                ),
            ),
        )
        .order_by(run.c.id)
    ).mappings()
    return [run_from_row(row) for row in rows]


def left_behind(collected: Collected | None) -> dict[str, object]:
    """Return the columns that say what a job left behind; none when it was not read."""
    if collected is None:
        return {}
    return {
        "counts": None if collected.counts is None else COUNTS.dump(collected.counts),
        "digest": collected.digest,
        "destroyed": STRINGS.dump(collected.destroyed),
        "applied": STRINGS.dump(collected.applied),
        "not_applied": STRINGS.dump(collected.not_applied),
    }


def store_outputs(
    connection: Connection, run_id: str, collected: Collected | None, now: int
) -> None:
    """Keep the texts of a run; what was kept of one before is replaced."""
    for one in () if collected is None else collected.outputs:
        values = {"body": compress(one.text), "created_at": now}
        statement = upsert(connection, output).values(run_id=run_id, kind=one.kind.value, **values)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["run_id", "kind"], set_=values)
        )


def _has_elder(connection: Connection, row: Row[Any]) -> bool:
    """Tell whether an older run of the workspace that applies has no job yet.

    Terrakube runs the jobs of a workspace in the order of their ids (contract section 3), so
    they are created in the order in which they were meant.
    """
    elders = connection.execute(
        select(run.c.request, run.c.verb, run.c.phase).where(
            run.c.organization_id == row.organization_id,
            run.c.phase.in_(_NOT_CREATED),
            run.c.workspace_id == row.workspace_id,
            or_(
                run.c.created_at < row.created_at,
                and_(run.c.created_at == row.created_at, run.c.id < row.id),
            ),
        )
    ).all()
    return any(
        RUN_REQUEST.load(elder.request).applies
        for elder in elders
        # What waits for its pull request's turn may do so for days.
        if not (elder.phase == RunPhase.PLANNED and elder.verb in APPLYING)
    )
