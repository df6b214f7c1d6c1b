"""Claiming, renewing and ending leases, on any table with the columns of ``schema._leased``.

A row is due when ``due_at`` has come and nobody holds it. A claim sets owner, lease_until and
fence + 1 and counts the attempt; every later write names the fence, and finds nothing when
another holder took over. A claim that finds an owner finds one that died: that counts as a
failure of the row, as work may be what kills its process.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Table,
    and_,
    case,
    func,
    or_,
    select,
    tuple_,
    update,
)

from bridge.domain.errors import LeaseLostError

DEATHS: Final = 3
"""Deaths of the only process that count as one failure of a row it held."""

_ERROR_LENGTH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as queries need it.

    Attributes:
        id: Primary key of the row.
        fence: As the claim set it.
    """

    id: str
    fence: int


def claim(
    connection: Connection,
    table: Table,
    *,
    owner: str,
    limit: int,
    lease_ms: int,
    now: int,
    where: ColumnElement[bool] | None = None,
) -> Sequence[RowMapping]:
    """Take up to *limit* due rows, longest due first; return them as they are now.

    ``attempts`` counts this claim already. Rows that another replica is claiming at this moment
    are passed over.
    """
    due = (
        select(table.c.id)
        .where(_is_free(table, now), table.c.due_at <= now)
        .order_by(table.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    if where is not None:
        due = due.where(where)
    chosen = due.cte("chosen")
    claimed = connection.execute(
        update(table)
        .where(table.c.id == chosen.c.id)
        .values(
            owner=owner,
            lease_until=now + lease_ms,
            fence=table.c.fence + 1,
            attempts=table.c.attempts + 1,
            failures=table.c.failures + case((table.c.owner.is_not(None), 1), else_=0),
        )
        .returning(*table.c)
    )
    return sorted(claimed.mappings().all(), key=lambda row: int(row["due_at"]))


def next_due(
    connection: Connection, table: Table, now: int, where: ColumnElement[bool] | None = None
) -> int | None:
    """Return when the earliest free row is due (it may be past); None when nothing will be."""
    query = select(func.min(table.c.due_at)).where(table.c.due_at.is_not(None))
    query = query.where(_is_free(table, now))
    if where is not None:
        query = query.where(where)
    found: int | None = connection.scalar(query)
    return found


def renew(
    connection: Connection, table: Table, held: Sequence[Held], *, until: int
) -> frozenset[Held]:
    """Extend leases; return those that still are ours."""
    if not held:
        return frozenset()
    pairs = [(lease.id, lease.fence) for lease in held]
    # Locked in the order of ids, as every batch does, or two replicas wait for each other.
    mine = (
        select(table.c.id)
        .where(tuple_(table.c.id, table.c.fence).in_(pairs), table.c.lease_until.is_not(None))
        .order_by(table.c.id)
        .with_for_update()
        .cte("mine")
    )
    kept = connection.execute(
        update(table)
        .where(table.c.id == mine.c.id)
        .values(lease_until=until)
        .returning(table.c.id, table.c.fence)
    )
    return frozenset(Held(row.id, row.fence) for row in kept)


def keep(connection: Connection, table: Table, held: Held, **values: object) -> Row[Any]:
    """Write *values* and keep the lease; return the row as it is now.

    Raises:
        LeaseLostError: Another holder took over; nothing was written.
    """
    # Without values it locks the row and proves the fence.
    values = values or {"owner": table.c.owner}
    row = connection.execute(
        update(table).where(_is_mine(table, held)).values(values).returning(*table.c)
    ).first()
    if row is None:
        msg = f"another holder has {table.name} {held.id}"
        raise LeaseLostError(msg)
    return row


def finish(
    connection: Connection,
    table: Table,
    held: Held,
    *,
    due_at: object = None,
    **values: object,
) -> Row[Any]:
    """Write *values*, end the lease and forget past failures; return the row as it is now.

    Args:
        connection: The writer's.
        table: Whose row is held.
        held: The lease.
        due_at: When it is due again: milliseconds, a SQL expression, or None for never.
        values: Columns; ``attempts``, ``failures`` and ``last_error`` are reset unless given.

    Raises:
        LeaseLostError: Another holder took over; nothing was written.
    """
    ended: Mapping[str, object] = {
        "attempts": 0,
        "failures": 0,
        "last_error": "",
        **values,
        **_RELEASED,
    }
    return keep(connection, table, held, due_at=due_at, **ended)


def fail(
    connection: Connection,
    table: Table,
    held: Held,
    *,
    due_at: object,
    error: str,
    counted: bool = True,
    **values: object,
) -> Row[Any]:
    """End the lease after trouble; the row is due again at *due_at*.

    Args:
        connection: The writer's.
        table: Whose row is held.
        held: The lease.
        due_at: Milliseconds or a SQL expression.
        error: Kept for people; cut at 2,000 characters.
        counted: Whether it was the row's own failure; False when something else was in the way.
        values: Further columns.

    Raises:
        LeaseLostError: Another holder took over; nothing was written.
    """
    ended: dict[str, object] = {**values, **_RELEASED, "last_error": error[:_ERROR_LENGTH]}
    if counted:
        ended["failures"] = table.c.failures + 1
    return keep(connection, table, held, due_at=due_at, **ended)


def release(connection: Connection, table: Table, held: Sequence[Held]) -> None:
    """Give leases back at once, as if they had not been taken; those lost are passed over."""
    for lease in sorted(held, key=lambda lease: lease.id):
        connection.execute(
            update(table)
            .where(_is_mine(table, lease))
            .values(attempts=table.c.attempts - 1, **_RELEASED)
        )


def abandon(connection: Connection, tables: Iterable[Table]) -> None:
    """End every lease, as its holder is known to have died with the process.

    A row that kills its process must be found out, but most rows were only there when somebody
    pulled the plug: only every DEATHS-th claim of a row counts as its failure.
    """
    for table in tables:
        counts = table.c.attempts % DEATHS == 0
        connection.execute(
            update(table)
            .where(table.c.lease_until.is_not(None))
            .values(lease_until=0, owner=case((counts, table.c.owner), else_=None))
        )


_RELEASED: Final[Mapping[str, object]] = {"owner": None, "lease_until": None}


def _is_free(table: Table, now: int) -> ColumnElement[bool]:
    return or_(table.c.lease_until.is_(None), table.c.lease_until <= now)


def _is_mine(table: Table, held: Held) -> ColumnElement[bool]:
    # A lease that was ended is nobody's, although its fence is still the newest.
    return and_(
        table.c.id == held.id, table.c.fence == held.fence, table.c.lease_until.is_not(None)
    )
