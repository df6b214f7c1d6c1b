"""Reading the record of who did what."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, func, or_, select

from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import LINKING, WRONG_CODE, AuditEntry
from bridge.store.codecs import from_ms, to_ms
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


def count_wrong_codes(
    connection: Connection, ref: PullRequestRef, login: str, since: datetime, most: int
) -> int:
    """See ports.RunStore.wrong_codes."""
    on_forge = audit.c.subject.startswith(f"pr:{ref.repository.forge}:", autoescape=True)
    found = (
        select(audit.c.id)
        .where(
            audit.c.at >= to_ms(since),
            audit.c.action == LINKING,
            audit.c.result == WRONG_CODE,
            or_(audit.c.subject == ref.key, and_(audit.c.actor == login, on_forge)),
        )
        .limit(most)
        .subquery()
    )
    return connection.scalar(select(func.count()).select_from(found)) or 0
