"""The poll cursor of an organization: which jobs are due for a look, and what the looks showed.

An organization is due when one of its runs is: at a tick of the run's interval, or out of turn at
its ``next_look``. ``not_before`` is the circuit breaker: nothing brings ``due_at`` before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    update,
)

from bridge.decisions.endings import Ending
from bridge.decisions.following import OLD_INTERVAL, TICK, next_tick
from bridge.domain.runs import RunPhase, RunState
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.work import AuditEntry
from bridge.store import hints
from bridge.store.queries import holds, leases
from bridge.store.queries.leases import Held
from bridge.store.queries.told import record_audits, reports_of, touch_reports
from bridge.store.queries.upserts import upsert
from bridge.store.schema import organization, run

NEW: Final = "new_"
"""Before the names of columns in what :func:`finish` takes."""

_SEEN: Final = (
    run.c.id,
    run.c.job_id,
    run.c.job_status,
    run.c.steps,
    run.c.state,
    run.c.verb,
    run.c.trouble,
    run.c.superseded_by,
    run.c.cancel_requested,
    run.c.look_interval,
    run.c.next_look,
    run.c.posted_at,
    run.c.changed_at,
    run.c.started_at,
    run.c.ended_seen_at,
    run.c.absent_seen_at,
    run.c.created_at,
    run.c.review,
    run.c.gate,
)
_FOLLOWED: Final = run.c.phase == RunPhase.CREATED.value


def tick_offset(organization_id: str) -> int:
    """Where an organization's ticks lie, so that not all of them are asked at one moment."""
    return crc32(organization_id.encode()) % OLD_INTERVAL


def follow(connection: Connection, workspaces: Iterable[WorkspaceRef], now: int) -> None:
    """See to it that the organizations of these workspaces are looked at from now on."""
    names = {one.organization_id: one.organization for one in workspaces}
    for key, name in sorted(names.items()):
        statement = upsert(connection, organization).values(id=key, name=name, due_at=now)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={"name": name, "due_at": func.coalesce(organization.c.due_at, now)},
                where=or_(organization.c.name != name, organization.c.due_at.is_(None)),
            )
        )


def bring_forward(connection: Connection, organization_id: str, at: int) -> None:
    """Make an organization due at *at* at the latest, but not before its breaker allows."""
    soonest = case((organization.c.not_before > at, organization.c.not_before), else_=at)
    connection.execute(
        update(organization)
        .where(organization.c.id == organization_id)
        .values(
            due_at=case((organization.c.due_at <= soonest, organization.c.due_at), else_=soonest)
        )
    )
    hints.hint(connection, hints.ORGANIZATION)


def hint(connection: Connection, names: Iterable[tuple[str, str]], now: int) -> bool:
    """Look at the jobs of these (organization, workspace) soon: something happened to them.

    Returns:
        Whether nobody follows any job in one of them, so that it happened to another one.
    """
    strange = False
    for organization_name, workspace_name in sorted(set(names)):
        found = connection.scalars(
            select(organization.c.id)
            .where(organization.c.name == organization_name)
            .order_by(organization.c.id)
            .with_for_update()
        ).all()
        hinted = [
            _hint_workspace(connection, organization_id, workspace_name, now)
            for organization_id in found
        ]
        strange = strange or not any(hinted)
    return strange


def _hint_workspace(connection: Connection, organization_id: str, name: str, now: int) -> bool:
    hinted = connection.execute(
        update(run)
        .where(_followed_in(organization_id), run.c.workspace_name == name)
        .values(next_look=now)
    )
    if hinted.rowcount:
        bring_forward(connection, organization_id, now)
    return bool(hinted.rowcount)


def due_runs(
    connection: Connection, organization_id: str, now: int, intervals: Iterable[int] | None
) -> Sequence[RowMapping]:
    """Read the runs whose jobs are due for a look, oldest job first.

    Args:
        connection: A reader's.
        organization_id: Whose.
        now: Milliseconds.
        intervals: Those that have ticked; None takes every run that is followed.
    """
    query = select(*_SEEN).where(_followed_in(organization_id)).order_by(run.c.id)
    if intervals is not None:
        query = query.where(or_(run.c.look_interval.in_(sorted(intervals)), run.c.next_look <= now))
    return connection.execute(query).mappings().all()


def finish(
    connection: Connection,
    held: Held,
    *,
    going_on: Sequence[Mapping[str, object]],
    ended: Sequence[Mapping[str, object]],
    told: Iterable[str],
    audits: Sequence[AuditEntry],
    now: int,
) -> None:
    """Write what a poll saw, and when the next one is due; all or nothing.

    Args:
        connection: The writer's.
        held: The lease on the organization.
        going_on: New values of runs that are followed on, or reviewed: ``run_id``, and columns
            with NEW before their names.
        ended: The same for runs that leave the phase.
        told: Ids of the runs whose reports changed.
        audits: What somebody did in Terrakube.
        now: When the poll began; looks asked for since then stay due.

    Raises:
        LeaseLostError: Another holder polls the organization; nothing was written.
    """
    leases.keep(connection, organization, held)
    for alike in _alike(going_on):
        connection.execute(_write_followed(alike[0], now), alike)
    for alike in _alike(ended):
        connection.execute(_write_ended(alike[0]), alike)
    holds.leave(connection, [str(columns["run_id"]) for columns in ended], now)
    if ended or any(f"{NEW}due_at" in columns for columns in going_on):
        hints.hint(connection, hints.RUN)
    touch_reports(connection, reports_of(connection, told), now)
    record_audits(connection, audits, now)
    leases.finish(
        connection,
        organization,
        held,
        due_at=_next_due(connection, held.id, now),
        failing_since=None,
        not_before=0,
    )


def fail(
    connection: Connection,
    held: Held,
    *,
    not_before: int,
    since: int,
    error: str,
    trouble: str,
    ending: Ending,
    posted_before: int | None,
    now: int,
) -> Sequence[str]:
    """Ask nothing of an organization until *not_before*, and tell people if it lasts.

    Args:
        connection: The writer's.
        held: The lease on the organization.
        not_before: Milliseconds.
        since: When it began to fail.
        error: What the newest poll got.
        trouble: What every followed run says now; empty while it is too early for that.
        ending: How runs end that are given up.
        posted_before: Those whose job was sent before it are; None gives up none.
        now: Milliseconds.

    Returns:
        Ids of the runs that were given up.
    """
    leases.fail(
        connection,
        organization,
        held,
        due_at=not_before,
        error=error,
        counted=False,
        not_before=not_before,
        failing_since=since,
    )
    ended: Sequence[str] = []
    if posted_before is not None:
        ended = _give_up(connection, held.id, posted_before, ending, now)
        holds.leave(connection, ended, now)
    told = _tell(connection, held.id, trouble) if trouble else []
    touch_reports(connection, reports_of(connection, [*ended, *told]), now)
    return ended


def _tell(connection: Connection, organization_id: str, trouble: str) -> Sequence[str]:
    # Once: whoever reads it need not read it again with every try.
    return connection.scalars(
        update(run)
        .where(_followed_in(organization_id), run.c.state != RunState.ERROR.value)
        .values(state=RunState.ERROR.value, trouble=trouble)
        .returning(run.c.id)
    ).all()


def _give_up(
    connection: Connection, organization_id: str, before: int, ending: Ending, now: int
) -> Sequence[str]:
    return connection.scalars(
        update(run)
        .where(_followed_in(organization_id), run.c.posted_at < before)
        .values(
            phase=RunPhase.FINISHED.value,
            state=ending.state.value,
            reason=ending.reason,
            trouble="",
            finished_at=now,
            next_look=None,
            due_at=None,
        )
        .returning(run.c.id)
    ).all()


def put_off(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    """Let an organization rest whose polls keep failing by the bridge's own fault."""
    # Never set aside for good: nobody would follow its jobs any more.
    leases.finish(connection, organization, held, due_at=now + 300_000, last_error=reason)


def _followed_in(organization_id: str) -> ColumnElement[bool]:
    return and_(run.c.organization_id == organization_id, _FOLLOWED)


def _write_followed(columns: Mapping[str, object], now: int) -> Update:
    values = _placeholders(columns)
    # Asked for while the poll was under way: that look is still to come.
    values["next_look"] = case((run.c.next_look > now, run.c.next_look), else_=values["next_look"])
    # Whoever answered to a job since then has seen more of it.
    current = or_(run.c.changed_at.is_(None), run.c.changed_at <= now)
    return update(run).where(run.c.id == bindparam("run_id"), _FOLLOWED, current).values(values)


def _alike(rows: Sequence[Mapping[str, object]]) -> Sequence[list[Mapping[str, object]]]:
    """Group rows by their columns: a statement is made for many rows that have the same."""
    groups: dict[frozenset[str], list[Mapping[str, object]]] = {}
    for row in rows:
        groups.setdefault(frozenset(row), []).append(row)
    return list(groups.values())


def _write_ended(columns: Mapping[str, object]) -> Update:
    values = _placeholders(columns)
    return update(run).where(run.c.id == bindparam("run_id"), _FOLLOWED).values(values)


def _placeholders(columns: Mapping[str, object]) -> dict[str, ColumnElement[Any]]:
    # Named unlike the columns, which SQLAlchemy wants for itself in an UPDATE.
    names = [name.removeprefix(NEW) for name in columns if name != "run_id"]
    return {name: bindparam(f"{NEW}{name}", type_=run.c[name].type) for name in names}


def _next_due(connection: Connection, organization_id: str, now: int) -> int | None:
    offset = tick_offset(organization_id)
    rows = connection.execute(
        select(run.c.look_interval, func.min(run.c.next_look).label("out_of_turn"))
        .where(_followed_in(organization_id))
        .group_by(run.c.look_interval)
    )
    looks: list[int] = []
    for row in rows:
        looks.append(next_tick(max(row.look_interval, TICK), now, offset=offset))
        if row.out_of_turn is not None:
            looks.append(row.out_of_turn)
    return min(looks, default=None)
