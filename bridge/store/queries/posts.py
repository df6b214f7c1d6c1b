"""Posts: what exists remotely, what was sent, what is due again, and dead letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    and_,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from bridge.domain.errors import BudgetSpentError, MissingError, UserError
from bridge.domain.posts import Post, PostKind, RemotePart
from bridge.store import hints
from bridge.store.codecs import PARTS, from_ms, load_target
from bridge.store.queries import leases, rates
from bridge.store.queries.leases import Held
from bridge.store.queries.rates import Cost
from bridge.store.schema import post

SPACING: Final = {PostKind.REPORT: 2_000, PostKind.STATUS: 5_000}
"""Least milliseconds between two versions of one text; what lies between is never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostSummary:
    """A post without its text, for a table.

    Attributes:
        id: What ``terrakube-bridge replay`` takes when it was set aside.
        target: What it writes to, e.g. ``status:code:7:<sha>:terrakube/plan``.
        outcome: ``sent``, ``waiting`` or ``failed`` (set aside).
        sent_at: When something was written last; None when nothing was yet.
        reason: What is in its way, or why it was set aside.
    """

    id: str
    kind: str
    target: str
    created_at: datetime
    sent_at: datetime | None
    outcome: str
    reason: str


def soonest(now: int) -> ColumnElement[int]:
    """When a post that changes now may be sent: not right after its last version."""
    spacing = case(
        *((post.c.kind == kind.value, spacing) for kind, spacing in SPACING.items()), else_=0
    )
    allowed = post.c.sent_at + spacing
    return case((allowed > now, allowed), else_=now)


def save_parts(connection: Connection, held: Held, parts: Sequence[RemotePart]) -> None:
    """Store what exists remotely, and keep the lease."""
    leases.keep(connection, post, held, parts=PARTS.dump(tuple(parts)))


def finish(
    connection: Connection,
    held: Held,
    sent: Post,
    parts: Sequence[RemotePart],
    *,
    writes: int,
    again_at: int | None,
    now: int,
) -> bool:
    """Note that *sent* is what the outside says; return whether it is due again, as it changed.

    Raises:
        LeaseLostError: Another holder took over; nothing was written.
    """
    row = leases.keep(connection, post, held)
    changed = bool(row.revision != sent.revision)
    values: dict[str, object] = {"sent_at": now} if writes else {}
    leases.finish(
        connection,
        post,
        held,
        due_at=now + SPACING.get(sent.kind, 0) if changed else again_at,
        parts=PARTS.dump(_with_forgotten(parts, PARTS.load(row.parts))),
        sent_revision=sent.revision,
        **values,
    )
    return changed


def pay_or_wait(
    connection: Connection, held: Held, row: RowMapping, costs: Sequence[Cost], now: int
) -> int | None:
    """Take what sending a post costs; None when it may be sent now, else when it may be.

    What was taken is kept while it waits; it pays once for each time it is sent.
    """
    paid_until: int | None = row["paid_until"]
    if paid_until is None:
        until = rates.take(connection, costs, now)
    else:
        until = max(paid_until, rates.blocked_until(connection, costs))
    if until <= now:
        leases.keep(connection, post, held, paid_until=None)
        return None
    leases.fail(
        connection,
        post,
        held,
        due_at=until,
        error=str(BudgetSpentError(until)),
        counted=False,
        paid_until=until,
        attempts=post.c.attempts - 1,  # it was not tried
    )
    return until


def pay(
    connection: Connection, held: Held, costs: Sequence[Cost], now: int, *, gap: int = 0
) -> BudgetSpentError | None:
    """Take what one call costs if it may be made now; else take nothing and say when it may be.

    Nothing is taken on credit: by then the post may have something newer to say, or nothing. So
    that none waits for ever, tokens are left for those that were sent longer ago and wait as well.

    Args:
        connection: The writer's.
        held: The lease.
        costs: What it takes.
        now: Milliseconds.
        gap: Milliseconds that must have passed since it was sent last; 0 for what waits for no
            other post.
    """
    row = leases.keep(connection, post, held)
    rested = (row.sent_at or 0) + gap
    if rested > now:
        return BudgetSpentError(rested, "was sent a moment ago")
    patient, first = (
        f"waits for its budget{how}: {costs[0].key}" for how in ("", ", first of all")
    )
    spare = _count_before(connection, row, patient=patient, first=first) if gap else 0
    until = rates.free_at(connection, costs, now, spare=spare)
    if until > now:
        return BudgetSpentError(until, patient if gap else first)
    rates.take(connection, costs, now)
    return None


def wait(connection: Connection, held: Held, spent: BudgetSpentError) -> None:
    """Look again when a budget allows; it was not tried."""
    leases.fail(
        connection,
        post,
        held,
        due_at=spent.until,
        error=str(spent),
        counted=False,
        attempts=post.c.attempts - 1,
    )


def _count_before(connection: Connection, row: Row[Any], *, patient: str, first: str) -> int:
    """Count the posts whose turn it is before this one's, by what they say they wait for."""
    is_older = tuple_(post.c.sent_at, post.c.id) < tuple_(row.sent_at, row.id)
    query = select(func.count()).where(
        post.c.due_at > 0,
        post.c.forge == row.forge,
        post.c.dead == 0,
        post.c.id != row.id,
        or_(post.c.last_error == first, and_(post.c.last_error == patient, is_older)),
    )
    found: int = connection.execute(query).scalar_one()
    return found


def bury(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    """Set a post aside: nothing is sent any more until somebody wants it again."""
    leases.finish(connection, post, held, due_at=None, dead=1, last_error=reason[:2_000])


def recent_posts(connection: Connection, limit: int = 100) -> Sequence[PostSummary]:
    """List what there is to be said, newest first, whatever became of it."""
    return _list(connection, (), limit)


def waiting_posts(connection: Connection, limit: int = 100) -> Sequence[PostSummary]:
    """List what is not sent yet, newest first; the reason says what is in the way."""
    return _list(connection, (post.c.dead == 0, post.c.sent_revision < post.c.revision), limit)


def failed_posts(connection: Connection, limit: int = 100) -> Sequence[PostSummary]:
    """List what was set aside, newest first."""
    return _list(connection, (post.c.dead == 1,), limit)


def _list(
    connection: Connection, where: Sequence[ColumnElement[bool]], limit: int
) -> Sequence[PostSummary]:
    query = select(post).where(*where).order_by(post.c.id.desc()).limit(limit)
    return [
        PostSummary(
            id=row["id"],
            kind=row["kind"],
            target=load_target(PostKind(row["kind"]), row["target"]).key(PostKind(row["kind"])),
            created_at=from_ms(row["created_at"]),
            sent_at=None if row["sent_at"] is None else from_ms(row["sent_at"]),
            outcome=_outcome(row),
            reason=row["last_error"],
        )
        for row in connection.execute(query).mappings()
    ]


def _outcome(row: RowMapping) -> str:
    if row["dead"]:
        return "failed"
    return "waiting" if row["sent_revision"] < row["revision"] else "sent"


def revive_post(connection: Connection, post_id: str, now: int) -> None:
    """Try a post again that was set aside.

    Raises:
        MissingError: There is none of this id.
        UserError: It was not.
    """
    revived = connection.execute(
        update(post)
        .where(post.c.id == post_id, post.c.dead == 1)
        .values(dead=0, due_at=now, attempts=0, failures=0, last_error="")
    )
    if not revived.rowcount:
        if connection.scalar(select(post.c.id).where(post.c.id == post_id)) is None:
            msg = f"there is no post {post_id}"
            raise MissingError(msg)
        msg = f"post {post_id} was not set aside"
        raise UserError(msg)
    hints.hint(connection, hints.POST)


def _with_forgotten(
    parts: Sequence[RemotePart], stored: Sequence[RemotePart]
) -> tuple[RemotePart, ...]:
    """Keep hashes blank that were blanked meanwhile: somebody changed the remote text."""
    blank = {part.id for part in stored if part.id and not part.hash}
    return tuple(RemotePart(id=part.id, hash="") if part.id in blank else part for part in parts)
