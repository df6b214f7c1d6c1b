"""SQLite: one file, one process, one thread that writes.

The writer has a thread and a connection of its own: every hop between threads and every
statement costs more than what it does, so a batch is a handful of multi-row statements
(aiosqlite, which serves the readers, would cost several hops for each).
"""

import asyncio
import fcntl
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, cast

import structlog
from sqlalchemy import Connection, Engine, NullPool, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bridge.domain.errors import OverloadedError, SettingsError
from bridge.store.queries.inbox import Acceptance, Row, accept_repeat
from bridge.store.writer import BATCH, Outcome, Settled, Unit, refusal, refuse, run_batch, settle

log = structlog.get_logger()

BUSY_TIMEOUT: Final = 10_000
"""Milliseconds to wait for another process (the command line) that is writing."""

MINIMUM: Final = (3, 35)
"""UPDATE ... FROM and RETURNING."""

_CHUNK: Final = 50
_NETWORK_FILESYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs"})
_CLOSE: Final = None


def database_path(url: URL) -> Path:
    """Return the file a URL names, absolute.

    Raises:
        SettingsError: It names none; an in-memory database would forget what was accepted.
    """
    if not url.database or url.database == ":memory:":
        msg = "the SQLite URL names no file: write sqlite:///path/to/bridge.db"
        raise SettingsError(msg)
    return Path(url.database).absolute()


class FileLock:
    """Keeps a second bridge off the same file; the operating system frees it with the process."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._descriptor: int | None = None

    def take(self) -> None:
        """Lock, or raise SettingsError when another process has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            msg = (
                f"another bridge already runs on {self._path.with_suffix('')}: one SQLite file"
                " serves one process; use PostgreSQL for replicas"
            )
            raise SettingsError(msg) from error
        self._descriptor = descriptor

    def free(self) -> None:
        """Unlock; the file stays, as removing it would let two processes lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def check_filesystem(path: Path, mounts: Path = Path("/proc/self/mounts")) -> None:
    """Refuse a network file system, whose locks do not protect a WAL database.

    Silent where the system does not list its mounts.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    kinds = {
        Path(fields[1].replace("\\040", " ")): fields[2]
        for fields in (line.split() for line in lines)
        if len(fields) > 2  # noqa: PLR2004 - device, mount point, type
    }
    mounted = next((kinds[parent] for parent in path.parents if parent in kinds), "")
    if mounted in _NETWORK_FILESYSTEMS:
        msg = f"{path} lies on {mounted}: SQLite needs a local disk; use PostgreSQL"
        raise SettingsError(msg)


def prepare(path: Path, *, create: bool = True) -> None:
    """Make the file and its folder and check what SQLite must be able to do.

    Raises:
        SettingsError: It cannot; or there is no file and *create* is not set.
    """
    if not create and not path.exists():
        msg = f"there is no database at {path}: has the bridge run here?"
        raise SettingsError(msg)
    if sqlite3.sqlite_version_info < MINIMUM:
        msg = f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed"
        raise SettingsError(msg)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    except OSError as error:
        msg = f"the database {path} cannot be written: {error.strerror}"
        raise SettingsError(msg) from error
    check_filesystem(path)


def readers(path: Path, size: int) -> AsyncEngine:
    """Build the pool of readers; each read is one snapshot."""
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=size,
        max_overflow=0,
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(raw: object, _record: object) -> None:
        cursor = raw.cursor()  # type: ignore[attr-defined] # the adapter's cursor is untyped
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        # The driver would begin nothing for a SELECT, and two of them would see two states.
        connection.exec_driver_sql("BEGIN")

    return engine


def writer_engine(path: Path) -> Engine:
    """Build the engine of a writer; it begins and commits by itself."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": 4 * _CHUNK,
            "timeout": BUSY_TIMEOUT / 1000,
        },
    )

    @event.listens_for(engine, "connect")
    def on_connect(raw: sqlite3.Connection, _record: object) -> None:
        for pragma in (
            "journal_mode = WAL",
            # NORMAL may lose acknowledged commits when the power goes.
            "synchronous = FULL",
            "foreign_keys = ON",
            f"busy_timeout = {BUSY_TIMEOUT}",
            # Kept at this size after a checkpoint instead of being truncated and grown again.
            "journal_size_limit = 67108864",
        ):
            raw.execute(f"PRAGMA {pragma}").close()

    return engine


def tidy(path: Path) -> None:
    """Refresh the planner's statistics and shrink the write-ahead log; writers wait meanwhile."""
    engine = writer_engine(path)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA optimize")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        engine.dispose()


class SqliteSession:
    """See writer.Session."""

    def __init__(self, connection: Connection, now: Callable[[], int]) -> None:
        self.connection = connection
        self._raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        self._now = now

    def begin(self) -> None:
        """See writer.Session."""
        self._raw.execute("BEGIN IMMEDIATE")

    def commit(self, topics: frozenset[str]) -> None:
        """See writer.Session; nobody else is told, as there is nobody else."""
        self._raw.execute("COMMIT")
        self.connection.commit()

    def rollback(self) -> None:
        """See writer.Session."""
        if self._raw.in_transaction:
            self._raw.execute("ROLLBACK")
        self.connection.rollback()

    def savepoint(self) -> None:
        """See writer.Session."""
        self._raw.execute("SAVEPOINT unit")

    def release(self) -> None:
        """See writer.Session."""
        self._raw.execute("RELEASE unit")

    def rollback_to_savepoint(self) -> None:
        """See writer.Session."""
        self._raw.execute("ROLLBACK TO unit")
        self._raw.execute("RELEASE unit")

    def is_lost(self, error: BaseException) -> bool:
        """See writer.Session; a file does not go away."""
        return False

    def accept(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """See writer.Session."""
        answers: list[Acceptance] = []
        for start in range(0, len(rows), _CHUNK):
            answers += self._accept_chunk(rows[start : start + _CHUNK])
        return answers

    def _accept_chunk(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        size = len(rows)
        offsets: Counter[str] = Counter()
        values: list[object] = []
        for row in rows:
            values += (*row[:10], offsets[row.subject])
            offsets[row.subject] += 1
        cursor = self._raw.execute(_insert_deliveries(size), values)
        inserted = cursor.rowcount
        if inserted == size:
            first = cast("int", cursor.lastrowid) - size + 1
            self._store_bodies([(first + at, row.body) for at, row in enumerate(rows)])
            self._count(offsets, offsets)
            return [Acceptance.NEW] * size
        return self._accept_mixed(rows, offsets, inserted, cast("int", cursor.lastrowid))

    def _accept_mixed(
        self, rows: Sequence[Row], offsets: Counter[str], inserted: int, last: int
    ) -> Sequence[Acceptance]:
        fresh: dict[tuple[str, str], int] = {}
        if inserted:
            found = self._raw.execute(
                "SELECT source, key, id FROM delivery WHERE id > ?", (last - inserted,)
            )
            fresh = {(source, key): number for source, key, number in found}
        new = [(fresh.pop((row.source, row.key), None), row) for row in rows]
        self._store_bodies([(number, row.body) for number, row in new if number is not None])
        self._count(offsets, Counter(row.subject for number, row in new if number is not None))
        now = self._now()
        return [
            Acceptance.NEW if number is not None else accept_repeat(self.connection, row, now)
            for number, row in new
        ]

    def _store_bodies(self, bodies: Sequence[tuple[int, bytes]]) -> None:
        if bodies:
            values = [value for pair in bodies for value in pair]
            self._raw.execute(_insert_bodies(len(bodies)), values)

    def _count(self, taken: Counter[str], new: Counter[str]) -> None:
        now = self._now()
        values = [
            value
            for name, numbers in taken.items()
            for value in (name, numbers + 1, new[name], now if new[name] else None, now)
        ]
        self._raw.execute(_upsert_subjects(len(taken)), values)


@lru_cache(maxsize=_CHUNK)
def _insert_deliveries(size: int) -> str:
    rows = ",".join(["(?,?,?,?,?,?,?,?,?,?,?)"] * size)
    return (
        "INSERT INTO delivery (source, key, kind, subject, semantic_key, body_hash,"  # noqa: S608 - only a number goes in
        " repository_id, headers, received_at, traceparent, seq)"
        " SELECT column1, column2, column3, column4, column5, column6, column7, column8,"
        " column9, column10, coalesce(subject.next_seq, 1) + column11"
        f" FROM (VALUES {rows}) LEFT JOIN subject ON subject.id = column4"
        " WHERE true ON CONFLICT DO NOTHING"
    )


@lru_cache(maxsize=_CHUNK)
def _insert_bodies(size: int) -> str:
    return f"INSERT INTO delivery_body (delivery_id, body) VALUES {','.join(['(?,?)'] * size)}"  # noqa: S608 - only a number goes in


@lru_cache(maxsize=_CHUNK)
def _upsert_subjects(size: int) -> str:
    return (
        "INSERT INTO subject (id, next_seq, pending, due_at, last_at)"  # noqa: S608 - only a number goes in
        f" VALUES {','.join(['(?,?,?,?,?)'] * size)} ON CONFLICT (id) DO UPDATE SET"
        " next_seq = next_seq + excluded.next_seq - 1, pending = pending + excluded.pending,"
        " due_at = coalesce(due_at, excluded.due_at), last_at = excluded.last_at"
    )


class SqliteWriter:
    """The thread that writes; everything else of it is called on the event loop."""

    def __init__(
        self,
        path: Path,
        *,
        limit: int,
        now: Callable[[], int],
        wake: Callable[[frozenset[str]], None],
    ) -> None:
        self._engine = writer_engine(path)
        self._limit = limit
        self._now = now
        self._wake = wake
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[Unit | None] = SimpleQueue()
        self._ended = self._loop.create_future()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, unit: Unit) -> None:
        """Queue a unit; its future resolves after COMMIT.

        Raises:
            OverloadedError: The queue is full, or the writer is closing.
        """
        if self._closing:
            msg = "the bridge is stopping"
            raise OverloadedError(msg)
        if self._queue.qsize() >= self._limit:
            msg = "the queue of the database's writer is full"
            raise OverloadedError(msg)
        self._queue.put(unit)

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return self._queue.qsize()

    async def close(self) -> None:
        """Write what is queued, then end the thread."""
        if not self._closing:
            self._closing = True
            self._queue.put(_CLOSE)
        await asyncio.shield(self._ended)
        self._thread.join()
        self._engine.dispose()

    def _run(self) -> None:
        try:
            with self._engine.connect() as connection:
                session = SqliteSession(connection, self._now)
                while self._write_batch(session):
                    pass
        except BaseException:
            log.exception("writer.died")
            raise
        finally:
            self._loop.call_soon_threadsafe(self._on_end)

    def _write_batch(self, session: SqliteSession) -> bool:
        units, going_on = self._gather()
        if units:
            try:
                outcome = run_batch(session, units)
            except Exception as error:
                log.exception("writer.failed", units=len(units))
                outcome = Outcome(
                    [Settled(unit, error=refusal(error)) for unit in units], frozenset()
                )
            self._loop.call_soon_threadsafe(self._on_commit, outcome)
        return going_on

    def _gather(self) -> tuple[list[Unit], bool]:
        unit = self._queue.get()
        units: list[Unit] = []
        try:
            while unit is not _CLOSE:
                if not unit.future.done():  # whoever gave up must not find it half done
                    units.append(unit)
                if len(units) == BATCH:
                    return units, True
                unit = self._queue.get_nowait()
        except Empty:
            return units, True
        return units, False

    def _on_commit(self, outcome: Outcome) -> None:
        settle(outcome.settled)
        if outcome.topics:
            self._wake(outcome.topics)

    def _on_end(self) -> None:
        self._closing = True
        left: list[Unit] = []
        while not self._queue.empty():
            unit = self._queue.get_nowait()
            if unit is not _CLOSE:
                left.append(unit)
        refuse(left, "the bridge is stopping")
        if not self._ended.done():
            self._ended.set_result(None)
