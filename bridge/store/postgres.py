"""PostgreSQL: for replicas.

One connection writes, in a task of its own; a pool reads; one connection listens for what other
replicas made due. The writer's connection may be ended by the server at any time (a restart, or
because this process was frozen inside a transaction): it is made again, and what was not
committed is repeated.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import Connection, NullPool
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from bridge.domain.errors import OverloadedError, SettingsError
from bridge.store.hints import decode_hints, encode_hints
from bridge.store.queries.inbox import Acceptance, Row, accept_repeat
from bridge.store.writer import (
    BATCH,
    ConnectionLostError,
    Outcome,
    Settled,
    Unit,
    refusal,
    refuse,
    run_batch,
    settle,
)

log = structlog.get_logger()

CHANNEL: Final = "terrakube_bridge"
_COMMAND_TIMEOUT: Final = 30.0
_RECONNECT: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_CLOCK_EVERY: Final = 5.0
"""Seconds between two looks at the server's clock."""

# Classes and codes after which the connection is of no use: 08 connection exceptions, 57P
# shutdown and crash, 25P03 idle in transaction for too long.
_LOST_CODES: Final = ("08", "57P", "25P03")

# Which transaction this is, to ask what became of it when the connection dies in its commit.
_ABOUT_TO_COMMIT: Final = "SELECT pg_current_xact_id_if_assigned()::text, pg_notify($1, $2)"
_ABOUT_TO_COMMIT_QUIETLY: Final = "SELECT pg_current_xact_id_if_assigned()::text"
_FATE: Final = "SELECT pg_xact_status($1::text::xid8)"
_FATE_TRIES: Final = 20

_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
_TAKE_NUMBERS: Final = """
INSERT INTO subject AS s (id, next_seq, pending)
SELECT id, 1 + taken, 0 FROM unnest($1::text[], $2::bigint[]) AS t (id, taken) ORDER BY id
ON CONFLICT (id) DO UPDATE SET next_seq = s.next_seq + excluded.next_seq - 1
RETURNING id, next_seq
"""
_INSERT_DELIVERIES: Final = """
INSERT INTO delivery (source, key, kind, subject, semantic_key, body_hash, repository_id, headers,
    received_at, traceparent, seq)
SELECT source, key, kind, subject, semantic_key, body_hash, repository_id, headers, received_at,
    traceparent, seq
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bigint[], $10::text[], $11::bigint[]) WITH ORDINALITY AS t (source, key, kind,
    subject, semantic_key, body_hash, repository_id, headers, received_at, traceparent, seq, at)
ORDER BY at
ON CONFLICT DO NOTHING
RETURNING id, source, key
"""
_INSERT_BODIES: Final = """
INSERT INTO delivery_body (delivery_id, body) SELECT * FROM unnest($1::bigint[], $2::bytea[])
"""
_COUNT: Final = """
UPDATE subject SET pending = pending + fresh, due_at = coalesce(due_at, $3::bigint),
    last_at = $3::bigint
FROM unnest($1::text[], $2::bigint[]) AS t (name, fresh) WHERE id = name
"""


def engine_url(url: URL) -> tuple[URL, bool]:
    """Name the driver; tell whether the URL says that a PgBouncer in transaction mode answers.

    ``?pgbouncer=true`` turns off what such a pooler cannot carry: prepared statements, settings
    of the session, notifications.
    """
    pooled = str(url.query.get("pgbouncer", "")).lower() in {"1", "true", "yes"}
    plain = url.difference_update_query(["pgbouncer"])
    return plain.set(drivername="postgresql+asyncpg"), pooled


def _connect_args(url: URL, lease: float, *, pooled: bool) -> dict[str, object]:
    if pooled:
        return {
            "command_timeout": _COMMAND_TIMEOUT,
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
        }
    return {
        "command_timeout": _COMMAND_TIMEOUT,
        "server_settings": {
            "application_name": "terrakube-bridge",
            # A replica frozen inside a transaction keeps its row locks, and SKIP LOCKED passes
            # silently over those rows for as long as the connection lives.
            "idle_in_transaction_session_timeout": str(int(lease * 1000 / 3)),
            "tcp_keepalives_idle": "10",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "3",
        },
    }


def readers(url: URL, size: int, lease: float) -> AsyncEngine:
    """Build the pool of readers; each read is one snapshot."""
    plain, pooled = engine_url(url)
    return create_async_engine(
        plain,
        pool_size=size,
        max_overflow=0,
        isolation_level="REPEATABLE READ",
        connect_args=_connect_args(plain, lease, pooled=pooled),
    )


def is_connection_loss(error: BaseException | None) -> bool:
    """Tell whether *error* means that the connection is gone, however it was wrapped."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(error, SQLAlchemyError):
        return is_connection_loss(getattr(error, "orig", None) or error.__cause__)
    code = getattr(error, "sqlstate", None)
    if isinstance(code, str) and code.startswith(_LOST_CODES):
        return True
    return isinstance(error, asyncpg.InterfaceError | OSError | TimeoutError)


class PostgresSession:
    """See writer.Session; its methods run inside ``run_sync``."""

    def __init__(
        self,
        connection: Connection,
        raw: asyncpg.Connection,
        now: Callable[[], int],
        *,
        sender: str | None,
    ) -> None:
        """Wrap a connection; *sender* signs notifications, None sends none."""
        self.connection = connection
        self.transaction: str | None = None
        self._raw = raw
        self._now = now
        self._sender = sender
        self._open = False

    def begin(self) -> None:
        """See writer.Session."""
        await_only(self._raw.execute("BEGIN"))
        self._open = True
        self.transaction = None

    def commit(self, topics: frozenset[str]) -> None:
        """See writer.Session; the notification is sent by the commit itself."""
        if topics and self._sender is not None:
            payload = encode_hints(topics, self._sender)
            about = self._raw.fetchval(_ABOUT_TO_COMMIT, CHANNEL, payload)
        else:
            about = self._raw.fetchval(_ABOUT_TO_COMMIT_QUIETLY)
        self.transaction = await_only(about)
        await_only(self._raw.execute("COMMIT"))
        self._open = False
        self.connection.commit()

    def rollback(self) -> None:
        """See writer.Session."""
        if self._open:
            await_only(self._raw.execute("ROLLBACK"))
            self._open = False
        self.connection.rollback()

    def savepoint(self) -> None:
        """See writer.Session."""
        await_only(self._raw.execute("SAVEPOINT unit"))

    def release(self) -> None:
        """See writer.Session."""
        await_only(self._raw.execute("RELEASE SAVEPOINT unit"))

    def rollback_to_savepoint(self) -> None:
        """See writer.Session."""
        await_only(self._raw.execute("ROLLBACK TO SAVEPOINT unit; RELEASE SAVEPOINT unit"))

    def is_lost(self, error: BaseException) -> bool:
        """See writer.Session."""
        return self._raw.is_closed() or is_connection_loss(error)

    def accept(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """See writer.Session."""
        taken = Counter(row.subject for row in rows)
        numbers = self._take_numbers(taken)
        fresh = self._insert(rows, numbers)
        new = [(fresh.pop((row.source, row.key), None), row) for row in rows]
        stored = [(number, row.body) for number, row in new if number is not None]
        if stored:
            await_only(self._raw.execute(_INSERT_BODIES, *zip(*stored, strict=True)))
            self._count(Counter(row.subject for number, row in new if number is not None))
        now = self._now()
        return [
            Acceptance.NEW if number is not None else accept_repeat(self.connection, row, now)
            for number, row in new
        ]

    def _take_numbers(self, taken: Counter[str]) -> dict[str, int]:
        # First of all: it locks the subjects, in sorted order, until the commit.
        found = await_only(self._raw.fetch(_TAKE_NUMBERS, list(taken.keys()), list(taken.values())))
        return {name: following - taken[name] for name, following in found}

    def _insert(self, rows: Sequence[Row], numbers: dict[str, int]) -> dict[tuple[str, str], int]:
        sequence: list[int] = []
        for row in rows:
            sequence.append(numbers[row.subject])
            numbers[row.subject] += 1
        columns = list(zip(*rows, strict=True))[:-1]
        found = await_only(self._raw.fetch(_INSERT_DELIVERIES, *columns, sequence))
        return {(source, key): number for number, source, key in found}

    def _count(self, new: Counter[str]) -> None:
        await_only(self._raw.execute(_COUNT, list(new.keys()), list(new.values()), self._now()))


class PostgresWriter:
    """The task that writes; see SqliteWriter for what its methods promise."""

    def __init__(
        self,
        url: URL,
        *,
        lease: float,
        limit: int,
        now: Callable[[], int],
        wake: Callable[[frozenset[str]], None],
        set_clock: Callable[[int], None],
        sender: str,
    ) -> None:
        plain, pooled = engine_url(url)
        self._sender = None if pooled else sender
        self._engine = create_async_engine(
            plain,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are ours
            connect_args=_connect_args(plain, lease, pooled=pooled),
        )
        self._limit = limit
        self._now = now
        self._wake = wake
        self._set_clock = set_clock
        self._clock_read_at = float("-inf")
        self._queue: deque[Unit] = deque()
        self._filled = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None:
        """Connect once, so that a wrong URL is told at start, and start the task."""
        try:
            connection = await self._engine.connect()
        except (OSError, asyncpg.PostgresError, SQLAlchemyError, TimeoutError) as error:
            await self._engine.dispose()
            msg = f"the database does not answer: {error}"
            raise SettingsError(msg) from error
        await self._read_clock(await _raw(connection))
        self._task = asyncio.create_task(self._run(connection), name="postgres-writer")

    def submit(self, unit: Unit) -> None:
        """See SqliteWriter.submit."""
        if self._closing:
            msg = "the bridge is stopping"
            raise OverloadedError(msg)
        if len(self._queue) >= self._limit:
            msg = "the queue of the database's writer is full"
            raise OverloadedError(msg)
        self._queue.append(unit)
        self._filled.set()

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return len(self._queue)

    async def close(self) -> None:
        """Write what is queued, then end the task and the connection."""
        self._closing = True
        self._filled.set()
        if self._task is not None:
            await asyncio.shield(self._task)
        refuse(list(self._queue), "the bridge is stopping")
        self._queue.clear()
        await self._engine.dispose()

    async def _run(self, connection: AsyncConnection | None) -> None:
        try:
            while await self._wait():
                connection = connection or await self._connect()
                if connection is None:
                    return  # closing, and the server does not come back
                connection = await self._write_batch(connection)
        except BaseException:
            log.exception("writer.died")
            raise
        finally:
            self._closing = True
            await _discard(connection)

    async def _wait(self) -> bool:
        while not self._queue:
            if self._closing:
                return False
            self._filled.clear()
            await self._filled.wait()
        return True

    async def _connect(self) -> AsyncConnection | None:
        for attempt in range(1_000_000):
            if self._closing and attempt > len(_RECONNECT):
                return None
            try:
                connection = await self._engine.connect()
            except (OSError, asyncpg.PostgresError, SQLAlchemyError, TimeoutError) as error:
                log.warning("database.unreachable", error=str(error), attempt=attempt + 1)
                await asyncio.sleep(_RECONNECT[min(attempt, len(_RECONNECT) - 1)])
            else:
                log.info("database.reconnected", attempt=attempt + 1)
                return connection
        return None

    async def _write_batch(self, connection: AsyncConnection) -> AsyncConnection | None:
        units = self._gather()
        if not units:
            return connection
        session: PostgresSession | None = None
        try:
            raw = await _raw(connection)
            await self._refresh_clock(raw)
            session = PostgresSession(
                cast("Connection", connection.sync_connection),
                raw,
                self._now,
                sender=self._sender,
            )
            outcome = await connection.run_sync(_run_batch, session, units)
        except ConnectionLostError as error:
            await _discard(connection)
            return await self._after_loss(units, session, error.outcome)
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever, whatever it was
            await _discard(connection)
            if is_connection_loss(error):
                return await self._after_loss(units, None, None)
            log.warning("writer.failed", units=len(units), error=str(error))
            settle([Settled(unit, error=refusal(error)) for unit in units])
            return None
        self._on_commit(outcome)
        return connection

    def _on_commit(self, outcome: Outcome) -> None:
        settle(outcome.settled)
        if outcome.topics:
            self._wake(outcome.topics)

    async def _after_loss(
        self, units: Sequence[Unit], session: PostgresSession | None, outcome: Outcome | None
    ) -> AsyncConnection | None:
        """Find out whether the batch took effect, repeat it if not; return a new connection."""
        log.warning("database.connection_lost", units=len(units), committing=outcome is not None)
        connection = await self._connect()
        transaction = session.transaction if session is not None else None
        fate = "aborted"
        if outcome is not None and transaction is not None:
            fate = await _fate(connection, transaction)
        if outcome is not None and fate == "committed":
            self._on_commit(outcome)
        elif fate == "aborted":
            self._queue.extendleft(reversed(units))
            self._filled.set()
        else:
            refuse(units, "the database went away during a commit")
        return connection

    def _gather(self) -> list[Unit]:
        units: list[Unit] = []
        while self._queue and len(units) < BATCH:
            unit = self._queue.popleft()
            if not unit.future.done():  # whoever gave up must not find it half done
                units.append(unit)
        return units

    async def _refresh_clock(self, raw: asyncpg.Connection) -> None:
        if self._loop.time() - self._clock_read_at > _CLOCK_EVERY:
            await self._read_clock(raw)

    async def _read_clock(self, raw: asyncpg.Connection) -> None:
        self._set_clock(cast("int", await raw.fetchval(_NOW)))
        self._clock_read_at = self._loop.time()


class Listener:
    """Hears what other replicas made due; while it is deaf, the poll finds it."""

    def __init__(self, url: URL, wake: Callable[[frozenset[str]], None], *, myself: str) -> None:
        self._url, self._pooled = engine_url(url)
        self._myself = myself
        self._wake = wake
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start listening, unless a pooler answers, which cannot carry notifications."""
        if not self._pooled:
            self._task = asyncio.create_task(self._run(), name="postgres-listener")

    async def close(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._listen()
                attempt = 0
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("listener.unreachable", error=str(error))
            await asyncio.sleep(_RECONNECT[min(attempt, len(_RECONNECT) - 1)])
            attempt += 1

    async def _listen(self) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        raw = await asyncpg.connect(dsn)
        ended = asyncio.Event()
        try:
            raw.add_termination_listener(lambda _raw: ended.set())
            await raw.add_listener(CHANNEL, self._on_notification)
            await ended.wait()
        finally:
            raw.terminate()

    def _on_notification(self, _raw: object, _pid: int, _channel: str, payload: object) -> None:
        sender, topics = decode_hints(str(payload))
        if sender != self._myself:  # who wrote it is awake already
            self._wake(topics)


def _run_batch(connection: Connection, session: PostgresSession, units: Sequence[Unit]) -> Outcome:
    return run_batch(session, units)


async def _fate(connection: AsyncConnection | None, transaction: str) -> str:
    """Say what became of a transaction: ``committed``, ``aborted``, or something else."""
    if connection is None:
        return "unknown"
    try:
        raw = await _raw(connection)
        for _ in range(_FATE_TRIES):
            fate: str | None = await raw.fetchval(_FATE, transaction)
            if fate != "in progress":  # the old connection's process may not have noticed yet
                return fate or "unknown"
            await asyncio.sleep(_RECONNECT[0])
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        log.warning("database.fate_unknown", error=str(error))
    return "unknown"


async def _raw(connection: AsyncConnection) -> asyncpg.Connection:
    fairy = await connection.get_raw_connection()
    return cast("Any", fairy).driver_connection


async def _discard(connection: AsyncConnection | None) -> None:
    if connection is None:
        return
    with suppress(Exception):
        raw = await _raw(connection)
        raw.terminate()
    with suppress(Exception):
        await connection.invalidate()
    with suppress(Exception):
        await connection.close()
