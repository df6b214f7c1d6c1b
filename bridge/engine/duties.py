"""Periodic work that one replica does for all: each duty is a row with a lease."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, RowMapping

from bridge.engine.leases import Lease, LeaseKeeper
from bridge.engine.workers import Job, Worker
from bridge.store import hints
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.leases import Held
from bridge.store.queries.upserts import upsert
from bridge.store.schema import duty

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something to do again and again.

    Attributes:
        name: Its row; a constant.
        interval: Seconds from the end of one round to the next.
        call: Does a round. An error is logged and ends the round; the next comes all the same.
        at_start: Whether a starting replica does a round at once.
    """

    name: str
    interval: float
    call: Callable[[Lease], Awaitable[None]]
    at_start: bool = False


class Duties:
    """Runs duties; :meth:`register` before the worker starts."""

    def __init__(self, database: Database, keeper: LeaseKeeper, duties: Sequence[Duty]) -> None:
        self._database = database
        self._duties: Mapping[str, Duty] = {item.name: item for item in duties}
        self.worker = Worker(
            database,
            keeper,
            Job(
                table=duty,
                work=self._work,
                give_up=_give_up,
                concurrency=max(len(duties), 1),
                where=duty.c.id.in_(sorted(self._duties)),
            ),
        )

    async def register(self) -> None:
        """Make the rows, due now or when their last round says."""
        await self._database.write(_register, list(self._duties.values()), self._database.now())

    async def _work(self, row: RowMapping, lease: Lease) -> None:
        item = self._duties[row["id"]]
        with structlog.contextvars.bound_contextvars(duty=item.name):
            try:
                await item.call(lease)
            except Exception:
                log.exception("duty.failed")
        due_at = self._database.now() + int(item.interval * 1000)
        await self._database.write(_finish, lease.held, due_at)


def _register(connection: Connection, duties: Sequence[Duty], now: int) -> None:
    for item in duties:
        statement = upsert(connection, duty).values(id=item.name, due_at=now)
        if item.at_start:
            statement = statement.on_conflict_do_update(index_elements=["id"], set_={"due_at": now})
        else:
            statement = statement.on_conflict_do_nothing()
        connection.execute(statement)
    hints.hint(connection, duty.name)


def _finish(connection: Connection, held: Held, due_at: int) -> None:
    leases.finish(connection, duty, held, due_at=due_at)


def _give_up(connection: Connection, held: Held, row: RowMapping, reason: str, now: int) -> None:
    # A duty is never given up: whoever died over it, an hour later it is tried again.
    leases.finish(connection, duty, held, due_at=now + 3_600_000, last_error=reason)
