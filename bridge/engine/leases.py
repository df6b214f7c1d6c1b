"""The right to work on one row for a while, and the task that prolongs it.

A replica that was stopped (SIGSTOP, a suspended machine, a stalled host) wakes up believing that
it still holds what others have taken over long ago. The fence keeps it from writing; the deadline
check keeps it from calling. The deadline is measured with a clock that runs on while the process
is stopped, and read before the claim was sent, so that it errs early.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import structlog
from sqlalchemy import ColumnElement, Connection, RowMapping, Table

from bridge.domain.errors import LeaseLostError, OverloadedError
from bridge.metrics import Metrics
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.leases import Held

log = structlog.get_logger()

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_time() -> float:
    """Seconds since the machine started, asleep or not."""
    return time.clock_gettime(_CLOCK)


class Lease:
    """A lease on one row; see ports.Lease.

    Attributes:
        table: Where the row is.
        held: What queries need of it.
        deadline: In seconds of :func:`boot_time`.
        lost: Whether another holder was seen to have taken over.
    """

    __slots__ = ("_boot_time", "deadline", "held", "lost", "table")

    def __init__(
        self,
        table: Table,
        held: Held,
        deadline: float,
        boot_time: Callable[[], float] = boot_time,
    ) -> None:
        self.table = table
        self.held = held
        self.deadline = deadline
        self.lost = False
        self._boot_time = boot_time

    def check(self) -> None:
        """See ports.Lease."""
        if self.lost or self._boot_time() >= self.deadline:
            msg = f"the lease on {self.table.name} {self.held.id} has ended"
            raise LeaseLostError(msg)


class LeaseKeeper:
    """All leases this replica holds; they are renewed with one statement for each table."""

    def __init__(
        self,
        database: Database,
        *,
        metrics: Metrics | None = None,
        boot_time: Callable[[], float] = boot_time,
    ) -> None:
        self._database = database
        self._metrics = metrics or Metrics()
        self._boot_time = boot_time
        self._held: dict[tuple[str, Held], Lease] = {}

    async def claim(
        self,
        table: Table,
        *,
        limit: int,
        where: ColumnElement[bool] | None = None,
    ) -> list[tuple[RowMapping, Lease]]:
        """Claim due rows; return each with its lease, which is renewed until it is let go."""
        before = self._boot_time()
        rows = await self._database.write(
            leases.claim,
            table,
            owner=self._database.owner,
            limit=limit,
            lease_ms=int(self._database.lease * 1000),
            now=self._database.now(),
            where=where,
        )
        deadline = before + self._database.lease
        return [(row, self._add(table, Held(row["id"], row["fence"]), deadline)) for row in rows]

    def let_go(self, lease: Lease) -> None:
        """Stop renewing; what the row says is the caller's business."""
        self._held.pop((lease.table.name, lease.held), None)

    async def renew(self) -> None:
        """Prolong everything that is held."""
        held = list(self._held.values())
        if not held:
            return
        before = self._boot_time()
        until = self._database.now() + int(self._database.lease * 1000)
        kept = await self._database.write(_renew, _by_table(held), until)
        for lease in held:
            if (lease.table.name, lease.held) in kept:
                lease.deadline = before + self._database.lease
            elif (lease.table.name, lease.held) in self._held:
                lease.lost = True
                self._metrics.leases_lost.labels(lease.table.name).inc()
                log.warning("lease.lost", table=lease.table.name, row=lease.held.id)

    async def release_all(self) -> None:
        """Give everything back at once, so that nobody waits for it to expire."""
        held = list(self._held.values())
        self._held.clear()
        if held:
            await self._database.write(_release, _by_table(held))

    async def run(self) -> None:
        """Renew for ever, three times in the length of a lease."""
        while True:
            await asyncio.sleep(self._database.lease / 3)
            try:
                await self.renew()
            except OverloadedError as error:
                log.warning("lease.not_renewed", error=str(error))

    def _add(self, table: Table, held: Held, deadline: float) -> Lease:
        lease = Lease(table, held, deadline, self._boot_time)
        self._held[table.name, held] = lease
        return lease


def _by_table(held: Iterable[Lease]) -> list[tuple[Table, list[Held]]]:
    tables: dict[str, tuple[Table, list[Held]]] = {}
    for lease in held:
        tables.setdefault(lease.table.name, (lease.table, []))[1].append(lease.held)
    return [tables[name] for name in sorted(tables)]


def _renew(
    connection: Connection, held: Sequence[tuple[Table, list[Held]]], until: int
) -> frozenset[tuple[str, Held]]:
    return frozenset(
        (table.name, lease)
        for table, mine in held
        for lease in leases.renew(connection, table, mine, until=until)
    )


def _release(connection: Connection, held: Sequence[tuple[Table, list[Held]]]) -> None:
    for table, mine in held:
        leases.release(connection, table, mine)
