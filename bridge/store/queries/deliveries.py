"""What arrived and what became of it, dead letters among it, and putting one back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from bridge.domain.errors import MissingError, UserError
from bridge.store import hints
from bridge.store.codecs import from_ms
from bridge.store.queries.inbox import revive
from bridge.store.schema import delivery, delivery_body


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySummary:
    """A delivery without its body, for a table.

    Attributes:
        id: What ``terrakube-bridge replay`` takes.
        key: The sender's id.
        outcome: ``none`` (waits), ``done``, ``ignored`` or ``dead``.
        attempts: How often handling was begun.
        reason: Why it ended so, or what is in its way.
        replayable: Whether its body is still kept.
    """

    id: int
    source: str
    key: str
    kind: str
    subject: str
    received_at: datetime
    attempts: int
    outcome: str
    reason: str
    replayable: bool


def recent_deliveries(connection: Connection, limit: int = 100) -> Sequence[DeliverySummary]:
    """List what arrived, newest first, whatever became of it."""
    return _list(connection, None, limit)


def failed_deliveries(connection: Connection, limit: int = 100) -> Sequence[DeliverySummary]:
    """List what was set aside, newest first."""
    return _list(connection, "dead", limit)


def waiting_deliveries(connection: Connection, limit: int = 100) -> Sequence[DeliverySummary]:
    """List what is not handled yet, newest first; the reason says what is in the way."""
    return _list(connection, "none", limit)


def replay_delivery(connection: Connection, delivery_id: int, now: int) -> str:
    """Queue a finished delivery again, at the end of its subject, and return the subject.

    Raises:
        MissingError: There is none.
        UserError: It waits already, or its body is no longer kept.
    """
    row = connection.execute(
        select(delivery.c.subject, delivery.c.outcome, delivery_body.c.delivery_id.label("body"))
        .join(delivery_body, delivery_body.c.delivery_id == delivery.c.id, isouter=True)
        .where(delivery.c.id == delivery_id)
    ).first()
    if row is None:
        msg = f"there is no delivery {delivery_id}"
        raise MissingError(msg)
    if row.outcome == "none":
        msg = f"delivery {delivery_id} is waiting to be handled already"
        raise UserError(msg)
    if row.body is None:
        msg = f"the body of delivery {delivery_id} is no longer kept"
        raise UserError(msg)
    revive(connection, delivery_id, row.subject, now)
    hints.hint(connection, hints.SUBJECT)
    return str(row.subject)


def _list(connection: Connection, outcome: str | None, limit: int) -> Sequence[DeliverySummary]:
    query = (
        select(*delivery.c, delivery_body.c.delivery_id.label("body"))
        .join(delivery_body, delivery_body.c.delivery_id == delivery.c.id, isouter=True)
        .order_by(delivery.c.id.desc())
        .limit(limit)
    )
    if outcome is not None:
        query = query.where(delivery.c.outcome == outcome)
    rows = connection.execute(query).mappings()
    return [
        DeliverySummary(
            id=row["id"],
            source=row["source"],
            key=row["key"],
            kind=row["kind"],
            subject=row["subject"],
            received_at=from_ms(row["received_at"]),
            attempts=row["attempts"],
            outcome=row["outcome"],
            reason=row["reason"],
            replayable=row["body"] is not None,
        )
        for row in rows
    ]
