"""SQLite: one file, one process, one thread that writes.

A few threads read; the thread that writes is in sqlite_writer.
"""

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, NullPool, QueuePool, create_engine, event
from sqlalchemy.engine import URL

from bridge.domain.errors import SettingsError

T = TypeVar("T")

BUSY_TIMEOUT: Final = 10_000
"""Milliseconds to wait for another process (the command line) that is writing."""

MINIMUM: Final = (3, 35)
"""UPDATE ... FROM and RETURNING."""

STATEMENTS: Final = 150
"""How many prepared statements a writer's connection keeps."""

_NETWORK_FILESYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs"})


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


class SqliteReaders:
    """Threads that read, each one query at a time on a snapshot of its own.

    A query goes to a thread and comes back as a whole: every hop between threads costs more
    than most statements do.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._engine = _reading_engine(path, size)
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="sqlite-reader")

    async def run(self, query: Callable[[Connection], T]) -> T:
        """Run *query* in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, query)

    async def close(self) -> None:
        """Let queries that run come to their end, and let go of the file."""
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _run(self, query: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return query(connection)


def _reading_engine(path: Path, size: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
        # An error's text goes into the log and into columns that say what went wrong: what was
        # being written (comments, plans, deliveries) must not come with it.
        hide_parameters=True,
        connect_args={"isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def on_connect(raw: sqlite3.Connection, _record: object) -> None:
        for pragma in (f"busy_timeout = {BUSY_TIMEOUT}", "query_only = ON"):
            raw.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # The driver would begin nothing for a SELECT, and two of them would see two states.
        connection.exec_driver_sql("BEGIN")

    return engine


def writer_engine(path: Path) -> Engine:
    """Build the engine of a writer; it begins and commits by itself."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        hide_parameters=True,  # see _reading_engine
        connect_args={
            "isolation_level": None,
            "check_same_thread": False,
            "cached_statements": STATEMENTS,
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
            "temp_store = MEMORY",
            # A thread of its own does it, see sqlite_writer.Checkpointer.
            "wal_autocheckpoint = 0",
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
