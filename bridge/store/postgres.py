"""PostgreSQL: for replicas.

A pool of connections reads, and one connection listens for what other replicas made due; the
connection that writes is in postgres_writer.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TypeVar

import asyncpg  # type: ignore[import-untyped]
import structlog
from sqlalchemy import Connection
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bridge.store.hints import decode_hints

T = TypeVar("T")

log = structlog.get_logger()

CHANNEL: Final = "terrakube_bridge"
RECONNECT: Final = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
"""Seconds between attempts to connect; the last one goes on."""

_COMMAND_TIMEOUT: Final = 30.0

# Classes and codes after which the connection is of no use: 08 connection exceptions, 57P
# shutdown and crash, 25P03 idle in transaction for too long.
_LOST_CODES: Final = ("08", "57P", "25P03")


def engine_url(url: URL) -> tuple[URL, bool]:
    """Name the driver; tell whether the URL says that a PgBouncer in transaction mode answers.

    ``?pgbouncer=true`` turns off what such a pooler cannot carry: prepared statements, settings
    of the session, notifications.
    """
    pooled = str(url.query.get("pgbouncer", "")).lower() in {"1", "true", "yes"}
    plain = url.difference_update_query(["pgbouncer"])
    return plain.set(drivername="postgresql+asyncpg"), pooled


def connect_args(url: URL, lease: float, *, pooled: bool) -> dict[str, object]:
    """Say how to connect; see engine_url for *pooled*."""
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


class PostgresReaders:
    """A pool of connections; each read is one snapshot."""

    def __init__(self, url: URL, size: int, lease: float) -> None:
        plain, pooled = engine_url(url)
        self._engine = create_async_engine(
            plain,
            pool_size=size,
            max_overflow=0,
            isolation_level="REPEATABLE READ",
            hide_parameters=True,  # as in sqlite: no error quotes what was being written
            connect_args=connect_args(plain, lease, pooled=pooled),
        )

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run *query* on a connection of the pool."""
        async with self._engine.connect() as connection:
            return await connection.run_sync(query)

    async def close(self) -> None:
        """Let go of the connections."""
        await self._engine.dispose()


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
            await asyncio.sleep(RECONNECT[min(attempt, len(RECONNECT) - 1)])
            attempt += 1

    async def _listen(self) -> None:
        # In a DSN the driver calls it sslmode, and takes ssl for a setting of the server.
        url = self._url.set(drivername="postgresql").difference_update_query(["ssl"])
        dsn = url.render_as_string(hide_password=False)
        raw = await asyncpg.connect(dsn, ssl=self._url.query.get("ssl"))
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
