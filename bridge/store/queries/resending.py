"""Sending again what somebody outside lost: posts of statuses as they are, each if it still is."""

from collections.abc import Sequence

from sqlalchemy import Connection, case, select, update

from bridge.domain.posts import PostKind, Resend, StatusPost
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import AuditEntry
from bridge.store import hints
from bridge.store.codecs import POST_TARGET
from bridge.store.queries.outbox import forget_sent
from bridge.store.queries.told import at_latest, record_audits
from bridge.store.schema import post


def read_status_posts(connection: Connection, ref: RepositoryRef, sha: str) -> Sequence[StatusPost]:
    """Read the posts of a commit's statuses, sorted by name."""
    rows = connection.execute(
        select(post.c.key, post.c.target, post.c.content, post.c.revision).where(
            post.c.report == f"commit:{ref.key}:{sha}", post.c.kind == PostKind.STATUS.value
        )
    )
    found = [
        StatusPost(
            key=row.key,
            context=POST_TARGET.load(row.target).context,
            content=row.content,
            revision=row.revision,
        )
        for row in rows
    ]
    return sorted(found, key=lambda one: one.context)


def resend(connection: Connection, wanted: Sequence[Resend], now: int) -> int:
    """Make posts due again, even what was set aside; return how many.

    One that somebody changed since it was looked at says something newer, and is left alone.
    """
    again = [one for one in wanted if _touch(connection, one, now)]
    for one in again:
        forget_sent(connection, one.key)
    if again:
        hints.hint(connection, hints.POST)
    record_audits(connection, [_audit(one) for one in again], now)
    return len(again)


def _touch(connection: Connection, wanted: Resend, now: int) -> bool:
    said = {} if wanted.content is None else {"content": wanted.content}
    touched = connection.execute(
        update(post)
        .where(post.c.key == wanted.key, post.c.revision == wanted.revision)
        .values(
            revision=post.c.revision + 1,
            due_at=at_latest(now),
            dead=0,
            failures=case((post.c.dead == 1, 0), else_=post.c.failures),
            **said,
        )
    )
    return bool(touched.rowcount)


def _audit(wanted: Resend) -> AuditEntry:
    lost = "The forge did not say what it was told."
    return AuditEntry(
        actor="terrakube-bridge",
        action="status.repaired",
        door="bridge",
        subject=wanted.key,
        result="done",
        detail=lost if wanted.content is None else "Nothing was open behind it any more.",
    )
