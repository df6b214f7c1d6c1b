"""How much waits: what a person looks at first when something is slow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select

from bridge.domain.runs import RunPhase
from bridge.store.schema import delivery, organization, post, run, subject

WATCHED: Final[tuple[Table, ...]] = (subject, run, organization, post)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is there at one moment.

    Attributes:
        due: Rows that are due and held by nobody, by table.
        lag: Milliseconds since the longest due of them was due, by table; 0 without any.
        dead: Rows set aside for a person, by table.
        open_runs: Runs without an end, by state.
    """

    due: Mapping[str, int]
    lag: Mapping[str, int]
    dead: Mapping[str, int]
    open_runs: Mapping[str, int]


def backlog(connection: Connection, now: int) -> Backlog:
    """Count."""
    waiting = {table.name: _waiting(connection, table, now) for table in WATCHED}
    states = connection.execute(
        select(run.c.state, func.count())
        .where(run.c.phase != RunPhase.FINISHED.value)
        .group_by(run.c.state)
    )
    return Backlog(
        due={name: count for name, (count, _) in waiting.items()},
        lag={name: max(now - since, 0) for name, (_, since) in waiting.items()},
        dead={
            delivery.name: _count(connection, delivery, delivery.c.outcome == "dead"),
            post.name: _count(connection, post, post.c.dead == 1),
        },
        open_runs={row[0]: row[1] for row in states},
    )


def _waiting(connection: Connection, table: Table, now: int) -> tuple[int, int]:
    due = [table.c.due_at <= now, or_(table.c.lease_until.is_(None), table.c.lease_until < now)]
    if table is post:
        due.append(post.c.dead == 0)
    row = connection.execute(select(func.count(), func.min(table.c.due_at)).where(*due)).one()
    return row[0], now if row[1] is None else row[1]


def _count(connection: Connection, table: Table, condition: ColumnElement[bool]) -> int:
    found: int = connection.scalar(select(func.count()).select_from(table).where(condition)) or 0
    return found
