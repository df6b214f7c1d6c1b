"""Holds: which pull request has a workspace for itself, and whose turn is next.

A run that may change infrastructure takes the hold in the transaction in which its POST is
written down, and leaves it in the one in which it ends; what a hold does then was settled when it
was taken (``locks``, ``linger``), so that whoever ends a run need not know the settings.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    and_,
    delete,
    exists,
    or_,
    select,
    update,
)

from bridge.decisions.holding import Gate, is_kept, may_have_applied, unfinished_step
from bridge.domain.rules import Locks
from bridge.domain.runs import RunPhase, RunRequest, RunState, Verb
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import Answer, DecisionPhase, FreeHolds
from bridge.store import hints
from bridge.store.codecs import RUN_REQUEST, STEPS
from bridge.store.queries.holders import APPLYING, pull_request_key, read_queue
from bridge.store.queries.told import reports_of, touch_reports, wake_planned
from bridge.store.queries.upserts import upsert
from bridge.store.schema import decision, hold, pull_request, run

_IDLE: Final[Mapping[str, object]] = {"busy_run": None, "busy_step": None, "busy_until": None}


class Holding(NamedTuple):
    """What the settings say about holds.

    Attributes:
        locks: From when on a hold outlives its run.
        linger: Milliseconds a cancelled job may be at work without anybody seeing its end.
        patience: Milliseconds a run waits for its workspace.
    """

    locks: Locks = Locks.APPLY
    linger: int = 3_600_000
    patience: int = 6 * 3_600_000


def needs_hold(request: RunRequest, locks: Locks) -> bool:
    """Tell whether a run has to have its workspace for its pull request."""
    if request.pull_request is None:
        return False
    return request.verb in APPLYING or (request.verb is Verb.PLAN and locks is Locks.PLAN)


def is_free_for(connection: Connection, row: Row[Any], request: RunRequest) -> bool:
    """Tell whether it is a run's turn: nobody else holds the workspace, or waited longer."""
    found = _locked(connection, row.workspace_id)
    key = pull_request_key(row)
    if found is None:
        return not _is_behind(connection, row, own=None)
    if not _is_own(found, row, request):
        return False
    if request.verb is Verb.PLAN or found["busy_run"] is not None:
        return True
    return not _is_behind(connection, row, own=key)


def take(
    connection: Connection, row: Row[Any], request: RunRequest, holding: Holding, now: int
) -> bool:
    """Take a workspace for the pull request of a run; False when it is not its turn."""
    if not is_free_for(connection, row, request):
        return False
    taken = connection.execute(
        upsert(connection, hold)
        .values(**_hold_values(connection, row, request, holding, now))
        .on_conflict_do_nothing()
    )
    found = _locked(connection, row.workspace_id)
    if found is None or not _is_own(found, row, request):
        return False  # somebody took it at this moment
    if request.verb is not Verb.PLAN:
        mine = hold.c.workspace_id == row.workspace_id
        connection.execute(update(hold).where(mine).values({**_IDLE, "busy_run": row.id}))
    if taken.rowcount:
        touch_reports(connection, _concerned(connection, row.workspace_id), now)
    return True


def _is_own(found: RowMapping, row: Row[Any], request: RunRequest) -> bool:
    """Tell whether a workspace is its pull request's, and no other run is at work in it."""
    if found["pull_request"] != pull_request_key(row):
        return False
    return request.verb is Verb.PLAN or found["busy_run"] in {None, row.id}


def leave(connection: Connection, run_ids: Iterable[str], now: int) -> None:
    """Let go of the workspaces of runs that have ended, as far as that is known to be safe."""
    ended = connection.execute(
        select(run)
        .where(
            run.c.id.in_(sorted(set(run_ids))),
            run.c.verb.in_(sorted(APPLYING)),
            run.c.phase == RunPhase.FINISHED.value,
        )
        .order_by(run.c.workspace_id)
    ).all()
    for row in ended:
        found = _locked(connection, row.workspace_id)
        if found is not None and found["busy_run"] == row.id and found["busy_until"] is None:
            _leave(connection, row, found, now)


def _leave(connection: Connection, row: Row[Any], found: RowMapping, now: int) -> None:
    steps = STEPS.load(row.steps)
    asks = bool(RUN_REQUEST.load(row.request).template.tcl)
    applied = may_have_applied(Gate(row.gate), steps, asks=asks) or _may_go_on(connection, row.id)
    step = unfinished_step(RunState(row.state), steps) if applied else None
    if step is not None and found["linger"] > 0:
        until = now + found["linger"]
        _change(connection, found, now, busy_step=step, busy_until=until)
        return
    # One that an earlier run left was kept for a reason.
    kept = found["run_id"] != row.id or is_kept(Locks(found["locks"]), applied=applied)
    settle(connection, found, now, kept=kept)


def settle(connection: Connection, found: RowMapping, now: int, *, kept: bool) -> None:
    """Say that nobody is at work any more, and free the workspace unless it stays locked."""
    if kept and not found["release_on_end"]:
        _change(connection, found, now, **_IDLE)
        # The pull request itself may have more to apply.
        wake_planned(connection, found["organization_id"], found["workspace_id"], now)
    else:
        release(connection, found, now)


def release(connection: Connection, found: RowMapping, now: int) -> None:
    """Free a workspace: whoever waits for it looks at once."""
    concerned = _concerned(connection, found["workspace_id"])
    connection.execute(delete(hold).where(hold.c.workspace_id == found["workspace_id"]))
    touch_reports(connection, concerned, now)
    wake_planned(connection, found["organization_id"], found["workspace_id"], now)


def free(connection: Connection, wanted: FreeHolds, now: int) -> None:
    """Free what a pull request needs no longer; what is busy is freed when its run has ended."""
    query = select(hold).where(hold.c.pull_request == wanted.pull_request.key)
    if wanted.workspaces is not None:
        query = query.where(hold.c.workspace_id.in_(sorted(wanted.workspaces)))
    # Runs before holds, as whoever ends a run does, or two replicas wait for each other.
    at_work = run.c.id.in_(query.with_only_columns(hold.c.busy_run))
    connection.execute(select(run.c.id).where(at_work).order_by(run.c.id).with_for_update())
    for found in _locked_rows(connection, query.order_by(hold.c.workspace_id)):
        if found["busy_until"] is None and not _is_open(connection, found["busy_run"]):
            release(connection, found, now)
        else:
            _change(connection, found, now, release_on_end=1)
            if found["busy_run"]:
                _look_again(connection, found["busy_run"], now)


def lets_go_on(connection: Connection, row: Row[Any]) -> bool:
    """Tell whether a job that waits may go on: its workspace is its own, and stays so."""
    if row.verb not in APPLYING or row.pull_request is None:
        return True
    own = connection.scalar(
        select(hold.c.run_id).where(
            hold.c.workspace_id == row.workspace_id,
            hold.c.busy_run == row.id,
            hold.c.release_on_end == 0,
        )
    )
    return own is not None


def is_unlocked(connection: Connection, run_id: str) -> bool:
    """Tell whether somebody unlocked the workspace of a run whose job waits."""
    row = connection.execute(select(run).where(run.c.id == run_id)).first()
    return row is not None and not lets_go_on(connection, row)


def lingering(connection: Connection) -> Sequence[RowMapping]:
    """Read the holds of cancelled jobs whose end nobody has seen, with their runs."""
    return (
        connection.execute(
            select(hold, run.c.job_id, run.c.verb, run.c.state, run.c.reason)
            .join(run, run.c.id == hold.c.busy_run, isouter=True)
            .where(hold.c.busy_until.is_not(None))
            .order_by(hold.c.workspace_id)
        )
        .mappings()
        .all()
    )


def amend(connection: Connection, seen: RowMapping, note: str, now: int) -> bool:
    """Write down what became of a cancelled job, and let go; False when it is settled already."""
    found = _locked(connection, seen["workspace_id"])
    if found is None or found["busy_run"] != seen["busy_run"] or found["busy_until"] is None:
        return False
    reason = " ".join(part for part in (seen["reason"] or "", note) if part)
    connection.execute(update(run).where(run.c.id == found["busy_run"]).values(reason=reason))
    touch_reports(connection, reports_of(connection, [found["busy_run"]]), now)
    settle(connection, found, now, kept=Locks(found["locks"]) is not Locks.NONE)
    return True


def mend(connection: Connection, now: int) -> Sequence[str]:
    """Free what closed pull requests hold, and what ended runs left; return the workspaces."""
    closed = exists().where(
        pull_request.c.id == hold.c.pull_request,
        pull_request.c.state != PullRequestState.OPEN.value,
    )
    at_work = exists().where(run.c.id == hold.c.busy_run, run.c.phase != RunPhase.FINISHED.value)
    query = select(hold).where(
        hold.c.busy_until.is_(None),
        ~at_work,
        or_(closed, hold.c.busy_run.is_not(None)),
    )
    mended = _locked_rows(connection, query.order_by(hold.c.workspace_id))
    for found in mended:
        release(connection, found, now)
    return [f"{found['organization_name']}/{found['workspace_name']}" for found in mended]


def _locked(connection: Connection, workspace_id: str) -> RowMapping | None:
    rows = _locked_rows(connection, select(hold).where(hold.c.workspace_id == workspace_id))
    return rows[0] if rows else None


def _locked_rows(connection: Connection, query: Select[Any]) -> Sequence[RowMapping]:
    return connection.execute(query.with_for_update()).mappings().all()


def _is_behind(connection: Connection, row: Row[Any], own: str | None) -> bool:
    """Tell whether another run has waited longer; with *own* only its own pull request counts."""
    elders = connection.execute(
        select(run.c.forge, run.c.repository_id, run.c.pull_request).where(
            run.c.organization_id == row.organization_id,
            run.c.phase == RunPhase.PLANNED.value,
            run.c.workspace_id == row.workspace_id,
            run.c.verb.in_(sorted(APPLYING)),
            run.c.pull_request.is_not(None),
            run.c.id < row.id,
        )
    ).all()
    keys = [pull_request_key(one) for one in elders]
    return bool(keys) if own is None else own in keys


def _hold_values(
    connection: Connection, row: Row[Any], request: RunRequest, holding: Holding, now: int
) -> dict[str, object]:
    key = pull_request_key(row)
    web_url = connection.scalar(select(pull_request.c.web_url).where(pull_request.c.id == key))
    return {
        "workspace_id": request.workspace.id,
        "workspace_name": request.workspace.name,
        "organization_id": request.workspace.organization_id,
        "organization_name": request.workspace.organization,
        "pull_request": key,
        "forge": request.repository.forge,
        "repository_id": request.repository.id,
        "repository_slug": request.repository.slug,
        "number": request.pull_request,
        "web_url": web_url or "",
        "actor": request.actor,
        "since": now,
        "run_id": row.id,
        "locks": holding.locks.value,
        "linger": holding.linger,
    }


def _change(connection: Connection, found: RowMapping, now: int, **values: object) -> None:
    connection.execute(
        update(hold).where(hold.c.workspace_id == found["workspace_id"]).values(values)
    )
    touch_reports(connection, _concerned(connection, found["workspace_id"]), now)


def _concerned(connection: Connection, workspace_id: str) -> frozenset[str]:
    """Return the reports of whoever holds a workspace, and of whoever waits for it."""
    holders = connection.scalars(
        select(hold.c.pull_request).where(hold.c.workspace_id == workspace_id)
    ).all()
    waiting = [row.id for row in read_queue(connection, workspace_id)]
    return frozenset(holders) | reports_of(connection, waiting)


def _may_go_on(connection: Connection, run_id: str) -> bool:
    """Tell whether Terrakube may have been told to, and nobody knows what came of it."""
    told = connection.scalar(
        select(decision.c.step).where(
            decision.c.run_id == run_id,
            decision.c.answer == Answer.APPROVE.value,
            decision.c.phase == DecisionPhase.SENT.value,
        )
    )
    return told is not None


def _is_open(connection: Connection, run_id: str | None) -> bool:
    found = connection.scalar(
        select(run.c.id).where(run.c.id == run_id, run.c.phase != RunPhase.FINISHED.value)
    )
    return found is not None


def _look_again(connection: Connection, run_id: str, now: int) -> None:
    """Let a job that waits for an approval be rejected: its workspace is unlocked."""
    woken = connection.execute(
        update(run).where(run.c.id == run_id, waits()).values(reviewing(now))
    )
    if woken.rowcount:
        hints.hint(connection, hints.RUN)


def waits() -> ColumnElement[bool]:
    """Tell of a run that its job waits for an approval, as far as was seen."""
    return and_(
        run.c.state == RunState.WAITING.value,
        run.c.phase.in_([RunPhase.CREATED.value, RunPhase.REVIEWING.value]),
    )


def reviewing(now: int) -> dict[str, object]:
    """Return what lets the bridge look at a job that waits."""
    return {"phase": RunPhase.REVIEWING.value, "due_at": now}
