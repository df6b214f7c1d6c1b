"""Keeping deliveries.

The sequence number comes from the subject's row in the same transaction, so that commit order is
the order of the numbers; a gap in it is harmless. A delivery is known by its key, by the hash of
its body or by its meaning: any of them makes it a repeat, which is answered like the first. One
that ended dead may be handled again when it is sent again.

How deliveries are inserted is the one hot path, so each dialect's module has its own statements
for it; what happens with a repeat is here.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from sqlalchemy import Connection, case, func, or_, select, update

from bridge.store.schema import delivery, delivery_body, subject

# Repeats come by the hundred when a forge catches up; dead ones are few.
_ANY_DEAD: Final = select(delivery.c.id).where(delivery.c.outcome == "dead").limit(1)


class Row(NamedTuple):
    """A delivery as the inbox hands it over; *headers* is JSON, *received_at* milliseconds."""

    source: str
    key: str
    kind: str
    subject: str
    semantic_key: str | None
    body_hash: str
    repository_id: str
    headers: str
    received_at: int
    traceparent: str
    body: bytes


class Acceptance(StrEnum):
    """What became of a delivery; every one of them is answered the same."""

    NEW = "new"
    DUPLICATE = "duplicate"
    REVIVED = "revived"
    """It had ended dead and is handled again."""


def accept_repeats(connection: Connection, rows: Sequence[Row], now: int) -> Sequence[Acceptance]:
    """Deal with deliveries that were not inserted: revive those that had ended dead.

    The new body replaces the old, as that one may be why it died.
    """
    if not rows or connection.scalar(_ANY_DEAD) is None:
        return [Acceptance.DUPLICATE] * len(rows)
    return [_accept_repeat(connection, row, now) for row in rows]


def _accept_repeat(connection: Connection, row: Row, now: int) -> Acceptance:
    same = [delivery.c.key == row.key, delivery.c.body_hash == row.body_hash]
    if row.semantic_key is not None:
        same.append(delivery.c.semantic_key == row.semantic_key)
    dead = connection.execute(
        select(delivery.c.id, delivery.c.body_hash, delivery.c.subject)
        .where(delivery.c.source == row.source, or_(*same), delivery.c.outcome == "dead")
        .order_by(case((delivery.c.body_hash == row.body_hash, 0), else_=1), delivery.c.id.desc())
        .limit(1)
    ).first()
    if dead is None:
        return Acceptance.DUPLICATE
    if dead.body_hash != row.body_hash and not _replace_body(connection, dead.id, row):
        return Acceptance.DUPLICATE
    revive(connection, dead.id, dead.subject, now)
    return Acceptance.REVIVED


def revive(connection: Connection, delivery_id: int, subject_id: str, now: int) -> None:
    """Queue a finished delivery again, at the end of its subject."""
    last = connection.execute(
        update(subject)
        .where(subject.c.id == subject_id)
        .values(
            next_seq=subject.c.next_seq + 1,
            pending=subject.c.pending + 1,
            due_at=func.coalesce(subject.c.due_at, now),
        )
        .returning(subject.c.next_seq)
    ).scalar_one()
    connection.execute(
        update(delivery)
        .where(delivery.c.id == delivery_id)
        .values(outcome="none", reason="", finished_at=None, attempts=0, seq=last - 1)
    )


def _replace_body(connection: Connection, delivery_id: int, row: Row) -> bool:
    # Another delivery may have exactly this body: then that one is what is being repeated.
    taken = connection.execute(
        select(delivery.c.id).where(
            delivery.c.source == row.source, delivery.c.body_hash == row.body_hash
        )
    ).first()
    if taken is not None:
        return False
    connection.execute(
        update(delivery)
        .where(delivery.c.id == delivery_id)
        .values(kind=row.kind, headers=row.headers, body_hash=row.body_hash)
    )
    connection.execute(
        update(delivery_body)
        .where(delivery_body.c.delivery_id == delivery_id)
        .values(body=row.body)
    )
    return True
