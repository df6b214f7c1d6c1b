"""What other rows hear of a change: reports become due, runs look again, the record grows."""

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, exists, insert, or_, select, update

from bridge.domain.access import SLACK
from bridge.domain.posts import PostKind
from bridge.domain.runs import RunPhase
from bridge.domain.work import AuditEntry
from bridge.store import hints
from bridge.store.queries.posts import soonest
from bridge.store.schema import audit, channel, post, run, run_link


def touch_reports(
    connection: Connection, reports: Iterable[str], now: int, *, kind: PostKind | None = None
) -> None:
    """Make every composed post of these reports due, or those of a *kind*; leases are left alone.

    One that was set aside gets another chance: what refused it then may be over, and a status
    that is never tried again never concludes. Not so where a channel is known to be gone.
    """
    names = sorted(set(reports))
    if not names:
        return
    kinds = [] if kind is None else [post.c.kind == kind.value]
    # Locked in the order of ids, or two replicas wait for each other.
    chosen = (
        select(post.c.id)
        .where(
            post.c.report.in_(names),
            post.c.content.is_(None),
            or_(post.c.dead == 0, ~_is_parked()),
            *kinds,
        )
        .order_by(post.c.id)
        .with_for_update()
        .cte("chosen")
    )
    touched = connection.execute(
        update(post)
        .where(post.c.id == chosen.c.id)
        .values(
            revision=post.c.revision + 1,
            due_at=at_latest(now),
            dead=0,
            failures=case((post.c.dead == 1, 0), else_=post.c.failures),
        )
    )
    if touched.rowcount:
        hints.hint(connection, hints.POST)


def reports_of(connection: Connection, run_ids: Iterable[str]) -> frozenset[str]:
    """Return the reports these runs show in."""
    ids = sorted(set(run_ids))
    found = connection.scalars(select(run_link.c.report).where(run_link.c.run_id.in_(ids)))
    return frozenset(found)


def record_audits(connection: Connection, entries: Sequence[AuditEntry], now: int) -> None:
    """Append to the record of who did what."""
    if entries:
        connection.execute(
            insert(audit),
            [
                {
                    "at": now,
                    "actor": entry.actor,
                    "action": entry.action,
                    "door": entry.door,
                    "subject": entry.subject,
                    "result": entry.result,
                    "detail": entry.detail,
                }
                for entry in entries
            ],
        )


def record_unless_known(connection: Connection, entry: AuditEntry, since: int, now: int) -> None:
    """Append what may have been recorded already, at *since* at the earliest."""
    query = select(audit.c.id).where(
        audit.c.at >= since, audit.c.subject == entry.subject, audit.c.action == entry.action
    )
    if connection.scalar(query.limit(1)) is None:
        record_audits(connection, [entry], now)


def wake_planned(connection: Connection, organization_id: str, workspace_id: str, now: int) -> None:
    """Let the runs that wait for others in a workspace look at once."""
    woken = connection.execute(
        update(run)
        .where(
            run.c.organization_id == organization_id,
            run.c.phase == RunPhase.PLANNED.value,
            run.c.workspace_id == workspace_id,
            run.c.trouble_since.is_(None),
            run.c.lease_until.is_(None),
            run.c.due_at > now,
        )
        .values(due_at=now)
    )
    if woken.rowcount:
        hints.hint(connection, hints.RUN)


def at_latest(now: int) -> object:
    """When a post that has something new to say is due, if it is not due sooner."""
    allowed = soonest(now)
    return case((post.c.due_at < allowed, post.c.due_at), else_=allowed)


def _is_parked() -> ColumnElement[bool]:
    """Tell of a post that it goes to a channel to which nothing is sent at present."""
    gone = exists().where(channel.c.id == post.c.repository_id, channel.c.parked != "")
    return and_(post.c.forge == SLACK, gone)
