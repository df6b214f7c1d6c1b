"""PostgreSQL: the task that writes.

Its connection may be ended by the server at any time (a restart, or because this process was
frozen inside a transaction): it is made again, and what was not committed is repeated.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, cast

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import Connection, NullPool
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bridge.domain.errors import OverloadedError, SettingsError, SilentDatabaseError
from bridge.store.postgres import RECONNECT, connect_args, engine_url, is_connection_loss
from bridge.store.postgres_session import PostgresSession
from bridge.store.writer import (
    BATCH,
    ConnectionLostError,
    Observe,
    Outcome,
    Settled,
    Unit,
    refusal,
    refuse,
    run_batch,
    settle,
)

log = structlog.get_logger()

_CLOCK_EVERY: Final = 5.0
"""Seconds between two looks at the server's clock."""

_FATE: Final = "SELECT pg_xact_status($1::text::xid8)"
_FATE_TRIES: Final = 20
_NOW: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint"


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
        observe: Observe,
        set_clock: Callable[[int], None],
        sender: str,
    ) -> None:
        plain, pooled = engine_url(url)
        self._sender = None if pooled else sender
        self._engine = create_async_engine(
            plain,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",  # BEGIN and COMMIT are ours
            hide_parameters=True,  # as in sqlite: no error quotes what was being written
            connect_args=connect_args(plain, lease, pooled=pooled),
        )
        self._limit = limit
        self._now = now
        self._wake = wake
        self._observe = observe
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
            if isinstance(error, OSError):  # a timeout is one, too
                msg = f"the database does not answer: {error}"
                raise SilentDatabaseError(msg) from error
            msg = f"the database cannot be used: {error}"
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
            if self._closing and attempt > len(RECONNECT):
                return None
            try:
                connection = await self._engine.connect()
            except (OSError, asyncpg.PostgresError, SQLAlchemyError, TimeoutError) as error:
                log.warning("database.unreachable", error=str(error), attempt=attempt + 1)
                await asyncio.sleep(RECONNECT[min(attempt, len(RECONNECT) - 1)])
            else:
                log.info("database.reconnected", attempt=attempt + 1)
                return connection
        return None

    async def _write_batch(self, connection: AsyncConnection) -> AsyncConnection | None:
        units = self._gather()
        if not units:
            return connection
        session: PostgresSession | None = None
        started = time.perf_counter()
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
        self._observe(len(units), time.perf_counter() - started)
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
            await asyncio.sleep(RECONNECT[0])
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
