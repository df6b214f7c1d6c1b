"""Reading the record of who did what."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from bridge.domain.work import AuditEntry
from bridge.store.codecs import from_ms
from bridge.store.schema import audit


def read_audits(
    connection: Connection, *, actor: str = "", subject: str = "", limit: int = 100
) -> Sequence[tuple[datetime, AuditEntry]]:
    """List what was recorded, newest first; *actor* and *subject* narrow it when not empty."""
    statement = select(audit).order_by(audit.c.id.desc()).limit(limit)
    if actor:
        statement = statement.where(audit.c.actor == actor)
    if subject:
        statement = statement.where(audit.c.subject == subject)
    return [
        (
            from_ms(row["at"]),
            AuditEntry(
                actor=row["actor"],
                action=row["action"],
                door=row["door"],
                subject=row["subject"],
                result=row["result"],
                detail=row["detail"],
            ),
        )
        for row in connection.execute(statement).mappings()
    ]
