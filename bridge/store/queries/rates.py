"""Budgets that replicas share: token buckets, a row each.

Tokens are kept in thousandths. A bucket that does not exist is full. ``blocked_until`` is what a
service asked for when it limited the whole credential: until then nothing is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, case, func, select, update

from bridge.store.queries.upserts import upsert
from bridge.store.schema import rate_bucket

_THOUSANDTHS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What something takes out of one bucket.

    Attributes:
        key: Of the bucket.
        tokens: How many are taken; never more than the bucket holds.
        burst: How many it holds.
        per_minute: How many come back in a minute.
    """

    key: str
    tokens: int
    burst: int
    per_minute: float


def take(connection: Connection, costs: Sequence[Cost], now: int) -> int:
    """Take from all buckets, on credit if need be; return when it may be used.

    Who comes later waits longer, so nobody has to ask again and again.
    """
    ordered = sorted(costs, key=lambda cost: cost.key)
    stored = _locked(connection, ordered, now)
    usable_at = now
    for cost in ordered:
        left = _tokens(cost, stored[cost.key], now) - cost.tokens * _THOUSANDTHS
        wait = int(-left * 60 / cost.per_minute) + 1 if left < 0 else 0
        usable_at = max(usable_at, now + wait, stored[cost.key].blocked_until)
        connection.execute(
            update(rate_bucket)
            .where(rate_bucket.c.key == cost.key)
            .values(tokens=left, updated_at=now)
        )
    return usable_at


def free_at(connection: Connection, costs: Sequence[Cost], now: int, *, spare: int = 0) -> int:
    """Say when all buckets hold what is asked for; *now* when they do. Nothing is taken.

    Args:
        connection: The writer's.
        costs: What is asked for.
        now: Milliseconds.
        spare: Tokens that have to be left in each, for those whose turn it is before.
    """
    ordered = sorted(costs, key=lambda cost: cost.key)
    stored = _locked(connection, ordered, now)
    usable_at = now
    for cost in ordered:
        left = _tokens(cost, stored[cost.key], now) - (cost.tokens + spare) * _THOUSANDTHS
        wait = int(-left * 60 / cost.per_minute) + 1 if left < 0 else 0
        usable_at = max(usable_at, now + wait, stored[cost.key].blocked_until)
    return usable_at


def blocked_until(connection: Connection, costs: Sequence[Cost]) -> int:
    """Return until when nothing may be used of these buckets; 0 when nothing stands against it."""
    found = connection.scalar(
        select(func.max(rate_bucket.c.blocked_until)).where(
            rate_bucket.c.key.in_([cost.key for cost in costs])
        )
    )
    return int(found or 0)


def give_back(connection: Connection, costs: Sequence[Cost], tokens: int) -> None:
    """Put *tokens* back into all buckets; a negative number takes what was not asked for."""
    if tokens == 0:
        return
    for cost in sorted(costs, key=lambda cost: cost.key):
        filled = rate_bucket.c.tokens + tokens * _THOUSANDTHS
        full = cost.burst * _THOUSANDTHS
        connection.execute(
            update(rate_bucket)
            .where(rate_bucket.c.key == cost.key)
            .values(tokens=case((filled > full, full), else_=filled))
        )


def block(connection: Connection, costs: Sequence[Cost], until: int, now: int) -> None:
    """Let nothing be taken before *until*."""
    for cost in sorted(costs, key=lambda cost: cost.key):
        statement = upsert(connection, rate_bucket).values(
            key=cost.key, tokens=0, updated_at=now, blocked_until=until
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["key"],
                set_={"blocked_until": until},
                where=rate_bucket.c.blocked_until < until,
            )
        )


def _locked(
    connection: Connection, costs: Sequence[Cost], now: int
) -> Mapping[str, Row[tuple[str, int, int, int]]]:
    for cost in costs:
        full = {"tokens": cost.burst * _THOUSANDTHS, "updated_at": now}
        connection.execute(
            upsert(connection, rate_bucket).values(key=cost.key, **full).on_conflict_do_nothing()
        )
    rows = connection.execute(
        select(rate_bucket)
        .where(rate_bucket.c.key.in_([cost.key for cost in costs]))
        .order_by(rate_bucket.c.key)
        .with_for_update()
    )
    return {row.key: row for row in rows}


def _tokens(cost: Cost, row: Row[tuple[str, int, int, int]], now: int) -> int:
    # Thousandths of a token a millisecond are tokens a second.
    tokens: int = row.tokens
    grown = int(max(now - row.updated_at, 0) * cost.per_minute / 60)
    return min(tokens + grown, cost.burst * _THOUSANDTHS)
