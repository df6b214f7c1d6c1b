"""Heads of subjects: reading the next delivery in line, and ending it."""

from sqlalchemy import Connection, RowMapping, delete, insert, select, update

from bridge.domain.deliveries import Delivery, StoredDelivery
from bridge.domain.work import Work
from bridge.store.codecs import HEADERS, from_ms
from bridge.store.queries import leases
from bridge.store.queries.leases import Held
from bridge.store.queries.work import apply_work
from bridge.store.schema import delivery, delivery_body, subject

DONE = "done"
IGNORED = "ignored"
DEAD = "dead"

KEPT_BODY = 1024 * 1024
"""Bytes of a body up to which it is kept after it was handled."""


def head(connection: Connection, subject_id: str, attempt: int) -> StoredDelivery | None:
    """Read the first delivery of a subject that waits; None when nothing does."""
    row = (
        connection.execute(
            select(*delivery.c, delivery_body.c.body)
            .join(delivery_body, delivery_body.c.delivery_id == delivery.c.id, isouter=True)
            .where(delivery.c.subject == subject_id, delivery.c.outcome == "none")
            .order_by(delivery.c.seq)
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else stored_delivery(row, attempt)


def stored_delivery(row: RowMapping, attempt: int) -> StoredDelivery:
    """Read a row of ``delivery`` joined with its body."""
    return StoredDelivery(
        id=row["id"],
        attempt=attempt,
        traceparent=row["traceparent"],
        delivery=Delivery(
            source=row["source"],
            key=row["key"],
            kind=row["kind"],
            subject=row["subject"],
            semantic_key=row["semantic_key"],
            repository_id=row["repository_id"],
            headers=HEADERS.load(row["headers"]),
            body=row["body"] or b"",
            received_at=from_ms(row["received_at"]),
        ),
    )


def conclude(
    connection: Connection,
    held: Held,
    stored: StoredDelivery,
    *,
    outcome: str,
    reason: str,
    work: Work | None,
    now: int,
    keep: bool,
) -> bool:
    """End the head and write down what follows from it, in one transaction.

    Args:
        connection: The writer's.
        held: The lease on the subject.
        stored: The head.
        outcome: ``done``, ``ignored`` or ``dead``.
        reason: Why, for people; may be empty.
        work: What handling it led to.
        now: Milliseconds.
        keep: Whether to keep the lease for the next head; it ends anyway when there is none.

    Returns:
        Whether the lease was kept, for a next head whose first attempt this is.

    Raises:
        LeaseLostError: Another holder has the subject; nothing was written.
    """
    left = leases.keep(connection, subject, held).pending
    if _end(connection, stored, outcome=outcome, reason=reason, now=now):
        left -= 1
        if work is not None:
            apply_work(connection, work, now)
    if keep and left > 0:
        leases.keep(
            connection,
            subject,
            held,
            pending=left,
            due_at=now,
            attempts=1,
            failures=0,
            last_error="",
        )
        return True
    leases.finish(connection, subject, held, due_at=now if left > 0 else None, pending=left)
    return False


def postpone(
    connection: Connection,
    held: Held,
    stored: StoredDelivery,
    *,
    due_at: int,
    error: str,
    counted: bool,
    now: int,
    work: Work | None = None,
    aside: bool = False,
) -> None:
    """Try the head again at *due_at*; see leases.fail. *work* says why to those who wait.

    With *aside* it waits in a subject of its own from now on, and those behind it go on.
    """
    if aside and not stored.delivery.subject.endswith(_own(stored)):
        _step_aside(connection, held, stored, due_at=due_at, error=error, counted=counted, now=now)
    else:
        leases.fail(connection, subject, held, due_at=due_at, error=error, counted=counted)
    if work is not None:
        apply_work(connection, work, now)
    connection.execute(
        update(delivery)
        .where(delivery.c.id == stored.id)
        .values(attempts=stored.attempt, reason=error[:500])
    )


def _step_aside(
    connection: Connection,
    held: Held,
    stored: StoredDelivery,
    *,
    due_at: int,
    error: str,
    counted: bool,
    now: int,
) -> None:
    left = leases.keep(connection, subject, held).pending - 1
    leases.finish(connection, subject, held, due_at=now if left > 0 else None, pending=left)
    own = f"{stored.delivery.subject}{_own(stored)}"
    connection.execute(
        insert(subject).values(
            id=own,
            next_seq=2,
            pending=1,
            last_at=now,
            due_at=due_at,
            attempts=stored.attempt,
            failures=int(counted),
            last_error=error[:500],
        )
    )
    connection.execute(
        update(delivery).where(delivery.c.id == stored.id).values(subject=own, seq=1)
    )


def _own(stored: StoredDelivery) -> str:
    """How the name of a subject ends that is one delivery's alone."""
    return f"#{stored.id}"


def bury_head(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    """Set aside the head of a subject whose workers die, so that the subject goes on."""
    stored = head(connection, held.id, row["attempts"])
    if stored is None:
        rest(connection, held)
    else:
        conclude(
            connection,
            held,
            stored,
            outcome=DEAD,
            reason=reason,
            work=None,
            now=now,
            keep=False,
        )


def rest(connection: Connection, held: Held) -> None:
    """End the lease of a subject in which nothing waits."""
    # Counted again: whatever made the number wrong must not make the subject due for ever.
    leases.finish(connection, subject, held, due_at=None, pending=0)


def _end(
    connection: Connection, stored: StoredDelivery, *, outcome: str, reason: str, now: int
) -> bool:
    ended = connection.execute(
        update(delivery)
        .where(delivery.c.id == stored.id, delivery.c.outcome == "none")
        .values(outcome=outcome, reason=reason[:500], finished_at=now, attempts=stored.attempt)
    )
    # Strangers choose how long a description is: a week of those would fill a disk.
    if outcome != DEAD and len(stored.delivery.body) > KEPT_BODY:
        connection.execute(delete(delivery_body).where(delivery_body.c.delivery_id == stored.id))
    return ended.rowcount == 1
