"""The inbox: a delivery is accepted when its row is committed, and not before."""

import hashlib
import json

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import PayloadError
from bridge.store.codecs import to_ms
from bridge.store.database import Database
from bridge.store.queries.inbox import Acceptance, Row


class Inbox:
    """Keeps deliveries for the subject workers."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(
        self,
        delivery: Delivery,
        timeout: float,  # noqa: ASYNC109 - how long the sender waits
        *,
        traceparent: str = "",
    ) -> Acceptance:
        """Keep a delivery; returns after COMMIT, and a repeat is answered like the first.

        Args:
            delivery: Verified.
            timeout: Seconds; less than the sender waits.
            traceparent: W3C trace context of the request; empty for none.

        Raises:
            OverloadedError: Too much is waiting, or the commit takes too long: answer 503. The
                delivery may be kept all the same; sent again, it is recognised.
            PayloadError: A key holds what no database can keep.
        """
        return await self._database.accept(to_row(delivery, traceparent), timeout)


def to_row(delivery: Delivery, traceparent: str = "") -> Row:
    """Lay a delivery out for the database."""
    row = Row(
        source=delivery.source,
        key=delivery.key,
        kind=delivery.kind,
        subject=delivery.subject,
        semantic_key=delivery.semantic_key,
        body_hash=hashlib.sha256(delivery.body).hexdigest(),
        repository_id=delivery.repository_id,
        headers=json.dumps(dict(delivery.headers)),
        received_at=to_ms(delivery.received_at),
        traceparent=traceparent,
        body=delivery.body,
    )
    _check_text(row)
    return row


def _check_text(row: Row) -> None:
    # PostgreSQL keeps no NUL, UTF-8 no lone surrogate; a signed body may hold either.
    text = f"{row.key}\n{row.kind}\n{row.subject}\n{row.semantic_key}\n{row.repository_id}"
    if "\0" in text or not (text.isascii() or _is_unicode(text)):
        msg = "the delivery's id, kind or subject holds characters that are none"
        raise PayloadError(msg)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
