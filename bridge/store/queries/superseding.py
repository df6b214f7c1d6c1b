"""What a new head, a new base or a closed pull request makes of its runs."""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    and_,
    delete,
    func,
    select,
    update,
)

from bridge.decisions.holding import Gate
from bridge.domain.runs import CLOSED, RETARGETED, RunPhase, RunState, Verb
from bridge.domain.terrakube import JobStatus
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import FreeHolds, Supersede, SupersedeCommit
from bridge.store import hints
from bridge.store.codecs import RUN_REQUEST
from bridge.store.queries import holds
from bridge.store.queries.holders import APPLYING
from bridge.store.queries.told import reports_of
from bridge.store.schema import run, run_link

_DROPPED: Final = (run.c.id, run.c.trigger, run.c.phase, run.c.job_status, run.c.request)
_NOT_RUNNING: Final = ("", JobStatus.PENDING, JobStatus.QUEUE)


def supersede_runs(connection: Connection, supersede: Supersede, now: int) -> set[str]:
    """Drop what no longer matters; return the reports that say something else now."""
    ended = _drop_applies(connection, supersede, now)
    left = _leave(connection, supersede)
    for row in _superseded(connection, supersede):
        _drop(connection, row, _by(supersede), supersede.reason, now)
        ended.append(row["id"])
    if ended:
        hints.hint(connection, hints.RUN)
    return left | set(reports_of(connection, ended))


def supersede_commit(connection: Connection, commit: SupersedeCommit, now: int) -> set[str]:
    """Drop the plans of a commit that is no pull request's; return the reports that show them."""
    query = select(*_DROPPED).where(
        run.c.forge == commit.repository.forge,
        run.c.repository_id == commit.repository.id,
        run.c.commit_id == commit.sha,
        run.c.pull_request.is_(None),
        run.c.verb == Verb.PLAN.value,
        run.c.shared == 0,
        run.c.superseded_by == "",
        run.c.phase != RunPhase.FINISHED.value,
    )
    found = connection.execute(query.order_by(run.c.id).with_for_update()).mappings().all()
    for row in found:
        _drop(connection, row, CLOSED, commit.reason, now)
    if found:
        hints.hint(connection, hints.RUN)
    return set(reports_of(connection, [row["id"] for row in found]))


def _drop(connection: Connection, row: RowMapping, by: str, reason: str, now: int) -> None:
    """End a plan nobody wants any more, or have its job cancelled if that has not started."""
    values: dict[str, object] = {
        "superseded_by": by,
        # A dying run is nothing to share, and the same head may come back (reopened).
        "share_key": None,
        "trigger": f"{row['trigger']}#{row['id']}",
    }
    if row["phase"] == RunPhase.PLANNED:
        values |= ended_at_once(RunState.SUPERSEDED, reason, now)
    elif row["phase"] != RunPhase.FINISHED and row["job_status"] in _NOT_RUNNING:
        values |= {"cancel_requested": 1, "due_at": func.coalesce(run.c.due_at, now)}
    connection.execute(update(run).where(run.c.id == row["id"]).values(values))


def end_queued(connection: Connection, wanted: FreeHolds, now: int) -> set[str]:
    """End the applies of a pull request that wait; return the reports that say so."""
    queued = select(run).where(
        of_pull_request(wanted.pull_request),
        run.c.verb.in_(sorted(APPLYING)),
        run.c.phase == RunPhase.PLANNED.value,
    )
    if wanted.workspaces is not None:
        queued = queued.where(run.c.workspace_id.in_(sorted(wanted.workspaces)))
    found = connection.execute(queued.order_by(run.c.id).with_for_update()).all()
    for row in found:
        values = ended_at_once(RunState.SUPERSEDED, wanted.ends_queued, now)
        connection.execute(update(run).where(run.c.id == row.id).values(values))
    return set(reports_of(connection, [row.id for row in found]))


def _drop_applies(connection: Connection, supersede: Supersede, now: int) -> list[str]:
    """End the applies of another head that wait, and let jobs that wait be rejected.

    What runs is never touched.
    """
    query = select(run).where(
        of_pull_request(supersede.pull_request),
        run.c.verb.in_(sorted(APPLYING)),
        run.c.phase != RunPhase.FINISHED.value,
    )
    if supersede.keep_head is not None:
        query = query.where(run.c.commit_id != supersede.keep_head)
    if supersede.workspaces is not None:
        query = query.where(run.c.workspace_id.in_(sorted(supersede.workspaces)))
    changed: list[str] = []
    for row in connection.execute(query.order_by(run.c.id).with_for_update()).all():
        values: dict[str, object] = {}
        if row.phase == RunPhase.PLANNED:
            values = ended_at_once(RunState.SUPERSEDED, _moved(supersede, row), now)
            values["superseded_by"] = _by(supersede)
            changed.append(row.id)
        elif row.state == RunState.WAITING and row.phase in {
            RunPhase.CREATED,
            RunPhase.REVIEWING,
        }:
            values = holds.reviewing(now)
        if supersede.leaves and row.phase != RunPhase.PLANNED and row.gate != Gate.PASSED:
            values["superseded_by"] = _by(supersede)  # so it does not go on from where it waits
        if values:
            hints.hint(connection, hints.RUN)
            connection.execute(update(run).where(run.c.id == row.id).values(values))
    return changed


def _by(supersede: Supersede) -> str:
    return supersede.keep_head or (RETARGETED if supersede.leaves else CLOSED)


def _moved(supersede: Supersede, row: Row[Any]) -> str:
    if supersede.keep_head is not None:
        return (
            f"The pull request moved to {supersede.keep_head[:12]} before the {row.verb} started: "
            f"look at the plan of that commit, then say {row.verb} again."
        )
    if supersede.leaves:
        return f"The pull request goes to another branch now; the {row.verb} never started."
    return f"The pull request was closed before the {row.verb} started."


def _leave(connection: Connection, supersede: Supersede) -> set[str]:
    """Let a pull request show no more what was planned in workspaces it has left."""
    if not supersede.leaves or supersede.workspaces is None:
        return set()
    report = supersede.pull_request.key
    plans = select(run.c.id).where(
        run.c.verb == Verb.PLAN.value, run.c.workspace_id.in_(sorted(supersede.workspaces))
    )
    gone = connection.execute(
        delete(run_link).where(run_link.c.report == report, run_link.c.run_id.in_(plans))
    )
    return {report} if gone.rowcount else set()


def _superseded(connection: Connection, supersede: Supersede) -> list[RowMapping]:
    ref = supersede.pull_request
    query = (
        select(*_DROPPED)
        .where(
            of_pull_request(ref),
            run.c.verb == Verb.PLAN.value,
            run.c.shared == 0,
            run.c.superseded_by == "",
        )
        .order_by(run.c.id)
        .with_for_update()
    )
    if not supersede.leaves:
        query = query.where(run.c.phase != RunPhase.FINISHED.value)
    if supersede.keep_head is not None:
        query = query.where(run.c.commit_id != supersede.keep_head)
    if supersede.workspaces is not None:
        query = query.where(run.c.workspace_id.in_(sorted(supersede.workspaces)))
    found = connection.execute(query).mappings().all()
    return [row for row in found if not RUN_REQUEST.load(row["request"]).applies]


def ended_at_once(state: RunState, reason: str, now: int) -> dict[str, object]:
    """Return what ends a run that has no job."""
    return {
        "phase": RunPhase.FINISHED.value,
        "state": state.value,
        "reason": reason,
        "trouble": "",
        "finished_at": now,
        "due_at": None,
        # Whoever holds it at this moment finds its fence refused.
        "fence": run.c.fence + 1,
        "owner": None,
        "lease_until": None,
    }


def of_pull_request(ref: PullRequestRef) -> ColumnElement[bool]:
    """Tell of a run that it was asked for in a pull request."""
    return and_(
        run.c.forge == ref.repository.forge,
        run.c.repository_id == ref.repository.id,
        run.c.pull_request == ref.number,
    )
