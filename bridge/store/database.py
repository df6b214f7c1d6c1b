"""The one database, whichever it is.

A query is a plain function of a SQLAlchemy connection. ``await database.read(query, ...)`` runs
it on a reader; ``await database.write(query, ...)`` hands it to the group-commit writer and
returns after COMMIT. Times in queries are milliseconds since 1970, UTC; on PostgreSQL by the
server's clock, so that replicas agree on when a lease ends.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, ParamSpec, Protocol, Self, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bridge.domain.errors import OverloadedError
from bridge.ports import Clock
from bridge.store import migrate, postgres, sqlite
from bridge.store.postgres_writer import PostgresWriter
from bridge.store.queries import leases
from bridge.store.queries.inbox import Acceptance, Row
from bridge.store.schema import LEASED
from bridge.store.sqlite_writer import SqliteWriter
from bridge.store.urls import parse_url
from bridge.store.writer import Observe, Unit

P = ParamSpec("P")
T = TypeVar("T")

LEASE: Final = 30.0
"""Seconds a lease lasts; it is renewed three times in that time."""

QUEUE: Final = 2_000
"""Most writes that wait; more are refused at once."""

WRITE_TIMEOUT: Final = 30.0
"""Seconds a write may take before its caller gives up; also while the database is away."""

READERS: Final = 4

_READ_TRIES: Final = (0.1, 0.5, 2.0)


class SystemClock:
    """The time of this machine."""

    def now(self) -> datetime:
        """See ports.Clock."""
        return datetime.now(UTC)


class Writer(Protocol):
    """What the database needs of a writer; see sqlite_writer.SqliteWriter."""

    @property
    def waiting(self) -> int:
        """How many units wait."""
        ...

    def submit(self, unit: Unit) -> None:
        """Queue a unit."""
        ...

    async def close(self) -> None:
        """Write what is queued, and end."""
        ...


class Readers(Protocol):
    """What the database needs of those who read."""

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run *query* on one snapshot."""
        ...

    async def close(self) -> None:
        """Let go of everything."""
        ...


class Database:
    """An open database; make one with :meth:`open`, end it with :meth:`close`.

    Attributes:
        owner: Names this replica in the leases it holds.
        lease: Seconds a lease lasts.
    """

    def __init__(self, url: URL, *, clock: Clock | None, lease: float, queue: int) -> None:
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.lease = lease
        self._url = url
        self._clock = clock or SystemClock()
        self._follows_server = clock is None
        self._queue = queue
        self._offset = 0
        self._loop = asyncio.get_running_loop()
        self._sleepers: dict[str, set[asyncio.Event]] = {}
        self._observe: Observe | None = None
        self._writer: Writer
        self._readers: Readers
        self._lock: sqlite.FileLock | None = None
        self._listener: postgres.Listener | None = None

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        clock: Clock | None = None,
        lease: float = LEASE,
        queue: int = QUEUE,
        exclusive: bool = True,
    ) -> "Database":
        """Open ``sqlite:///path`` or ``postgresql://...``.

        SQLite is migrated first; PostgreSQL must have been (``terrakube-bridge migrate``).

        Args:
            url: As SQLAlchemy writes it, without a driver; a relative SQLite path has three
                slashes, an absolute one four.
            clock: Replaced in tests; then the server's clock is not asked.
            lease: Seconds a lease lasts.
            queue: Most writes that wait.
            exclusive: Whether this is the bridge itself, of which SQLite bears one. False for
                commands that look or write beside it.

        Raises:
            SettingsError: Not a URL of these, nothing answers, another bridge has the file, or
                the schema is not the one this version needs.
        """
        database = cls(parse_url(url), clock=clock, lease=lease, queue=queue)
        if database.dialect == "sqlite":
            await database._open_sqlite(exclusive=exclusive)
        else:
            await database._open_postgres()
        return database

    @property
    def dialect(self) -> str:
        """``sqlite`` or ``postgresql``."""
        return self._url.get_backend_name()

    @property
    def waiting(self) -> int:
        """How many writes wait for the writer."""
        return self._writer.waiting

    def observe(self, observe: Observe) -> None:
        """Let *observe* know of every transaction of the writer from now on."""
        self._observe = observe

    def now(self) -> int:
        """Milliseconds since 1970, UTC, as the database sees it."""
        return int(self._clock.now().timestamp() * 1000) + self._offset

    async def read(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *query* on one snapshot. It must not write; it may run twice.

        Raises:
            OverloadedError: The database is away.
        """
        for pause in (*_READ_TRIES, None):
            try:
                return await self._readers.run(lambda sync: query(sync, *args, **kwargs))
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if not postgres.is_connection_loss(error):
                    raise
                if pause is None:
                    msg = "the database is away"
                    raise OverloadedError(msg) from error
                await asyncio.sleep(pause)
        raise AssertionError

    async def write(
        self, query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run *query* in the writer's next transaction and return after its commit.

        Whatever it raises undoes it alone, and is raised here. See :meth:`write_for`.

        Raises:
            OverloadedError: Too many writes wait, or it took too long; it may have been written.
        """
        return await self.write_for("", query, *args, **kwargs)

    async def write_for(
        self,
        hint: str,
        query: Callable[Concatenate[Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """See :meth:`write`; *hint* names the row that is written first, such as a subject's id.

        A batch is sorted by it, so that replicas lock rows in one order.
        """
        unit = Unit(
            self._loop.create_future(), hint, lambda connection: query(connection, *args, **kwargs)
        )
        return cast("T", await self._settled(unit, WRITE_TIMEOUT))

    async def accept(self, row: Row, timeout: float) -> Acceptance:  # noqa: ASYNC109 - the sender's
        """Keep a delivery, within *timeout* seconds.

        Raises:
            OverloadedError: Too many wait, or the commit takes too long.
        """
        unit = Unit(self._loop.create_future(), row.subject, row=row)
        return cast("Acceptance", await self._settled(unit, timeout))

    def subscribe(self, topic: str) -> asyncio.Event:
        """Return an event that is set whenever rows of *topic* (a table) become due."""
        event = asyncio.Event()
        self._sleepers.setdefault(topic, set()).add(event)
        return event

    def unsubscribe(self, topic: str, event: asyncio.Event) -> None:
        """Forget an event."""
        self._sleepers.get(topic, set()).discard(event)

    async def tidy(self) -> None:
        """Do the housekeeping that only SQLite leaves to its user."""
        if self.dialect == "sqlite":
            await asyncio.to_thread(sqlite.tidy, sqlite.database_path(self._url))

    async def close(self) -> None:
        """Write what is queued, then let go of everything."""
        if self._listener is not None:
            await self._listener.close()
        await self._writer.close()
        await self._readers.close()
        if self._lock is not None:
            self._lock.free()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _settled(self, unit: Unit, timeout: float) -> Any:  # noqa: ANN401, ASYNC109 - see above
        self._writer.submit(unit)
        late = self._loop.call_later(timeout, _give_up, unit)
        try:
            return await unit.future
        finally:
            late.cancel()

    def _note(self, units: int, seconds: float) -> None:
        if self._observe is not None:
            self._observe(units, seconds)

    def _wake(self, topics: frozenset[str]) -> None:
        for topic in topics:
            for event in self._sleepers.get(topic, ()):
                event.set()

    def _set_clock(self, database_now: int) -> None:
        if self._follows_server:
            self._offset = database_now - int(self._clock.now().timestamp() * 1000)

    async def _open_sqlite(self, *, exclusive: bool) -> None:
        path = sqlite.database_path(self._url)
        sqlite.prepare(path, create=exclusive)
        if exclusive:
            self._lock = sqlite.FileLock(path)
            self._lock.take()
        try:
            await asyncio.to_thread(migrate.prepare_sqlite, path, exclusive=exclusive)
        except BaseException:
            if self._lock is not None:
                self._lock.free()
            raise
        writer = SqliteWriter(
            path, limit=self._queue, now=self.now, wake=self._wake, observe=self._note
        )
        writer.start()
        self._writer = writer
        self._readers = sqlite.SqliteReaders(path, READERS)
        if exclusive:
            await self._abandon_leases()

    async def _abandon_leases(self) -> None:
        # Whoever held one is dead: there is one process at a time, and now it is this one.
        try:
            await self.write(leases.abandon, LEASED)
        except BaseException:
            await self.close()
            raise

    async def _open_postgres(self) -> None:
        writer = PostgresWriter(
            self._url,
            lease=self.lease,
            limit=self._queue,
            now=self.now,
            wake=self._wake,
            observe=self._note,
            set_clock=self._set_clock,
            sender=self.owner,
        )
        await writer.start()
        self._writer = writer
        self._readers = postgres.PostgresReaders(self._url, READERS, self.lease)
        try:
            await self.read(migrate.check_version)
        except BaseException:
            await self.close()
            raise
        self._listener = postgres.Listener(self._url, self._wake, myself=self.owner)
        self._listener.start()


def _give_up(unit: Unit) -> None:
    # A unit that has not begun by then is never begun: the writer looks at the future first.
    if not unit.future.done():
        unit.future.set_exception(OverloadedError("the database takes too long to commit"))
