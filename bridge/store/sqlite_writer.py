"""SQLite: the thread that writes, and the one that copies what it wrote into the database.

The writer has a thread and a connection of its own: every hop between threads and every
statement costs more than what it does, so a batch is a handful of multi-row statements.
"""

import asyncio
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, cast

import structlog

from bridge.domain.errors import OverloadedError
from bridge.store.sqlite import writer_engine
from bridge.store.sqlite_session import SqliteSession
from bridge.store.writer import (
    BATCH,
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

CHECKPOINT_EVERY: Final = 0.25
"""Seconds from the first commit after a checkpoint to the next one."""

LONGEST_LOG: Final = 16_384
"""Pages of the write-ahead log (64 MiB) after which it must begin again."""

_CLOSE: Final = None


class Checkpointer:
    """The thread that copies the write-ahead log into the database.

    Left to itself, SQLite does that inside whichever commit makes the log long enough, and
    everybody waits. Beside the writer it holds up nobody; only a log that has become very long
    is worth a moment in which nothing is written, so that it can begin again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sqlite-checkpointer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def note_commit(self) -> None:
        """Say that the log has grown."""
        if not self._written.is_set():
            self._written.set()

    def close(self) -> None:
        """End the thread."""
        self._closing.set()
        self._written.set()
        self._thread.join()

    def _run(self) -> None:
        engine = writer_engine(self._path)
        try:
            with engine.connect() as connection:
                raw = cast("sqlite3.Connection", connection.connection.driver_connection)
                while self._wait():
                    self._checkpoint(raw)
        except Exception:
            log.exception("checkpointer.died")
        finally:
            engine.dispose()

    def _wait(self) -> bool:
        self._written.wait()
        self._written.clear()
        return not self._closing.wait(CHECKPOINT_EVERY)

    def _checkpoint(self, raw: sqlite3.Connection) -> None:
        try:
            (_, pages, _) = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages > LONGEST_LOG:
                raw.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except sqlite3.Error as error:
            log.warning("checkpoint.failed", error=str(error))


class Handover:
    """The way of units from the event loop to the thread.

    Units that came in one turn of the loop are handed over together at its end: the thread needs
    the interpreter as much as the loop does, and waking it for every unit makes both slow.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._gathered: list[Unit] = []
        self._queue: SimpleQueue[list[Unit] | None] = SimpleQueue()
        self._received: deque[Unit] = deque()
        self._put = 0
        self._taken = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many units were put and not taken."""
        return self._put - self._taken

    def put(self, unit: Unit) -> None:
        """Add a unit; on the event loop."""
        if not self._gathered:
            self._loop.call_soon(self._hand_over)
        self._gathered.append(unit)
        self._put += 1

    def close(self) -> None:
        """Say that no more will come; on the event loop."""
        self._hand_over()
        self._queue.put(_CLOSE)

    def take(self) -> list[Unit] | None:
        """Wait for units and take as many as make a batch; None at the end. In the thread."""
        while not self._received:
            if self._closed:
                return None
            self._receive(block=True)
        while len(self._received) < BATCH and self._receive(block=False):
            pass
        units = [self._received.popleft() for _ in range(min(BATCH, len(self._received)))]
        self._taken += len(units)
        return units

    def rest(self) -> list[Unit]:
        """Take what is left; on the event loop, once the thread has ended."""
        self._hand_over()
        while not self._queue.empty():
            self._receive(block=False)
        self._taken = self._put
        return list(self._received)

    def _hand_over(self) -> None:
        units, self._gathered = self._gathered, []
        if units:
            self._queue.put(units)

    def _receive(self, *, block: bool) -> bool:
        try:
            units = self._queue.get(block=block)
        except Empty:
            return False
        if units is _CLOSE:
            self._closed = True
            return False
        self._received += units
        return True


class SqliteWriter:
    """The thread that writes; everything else of it is called on the event loop."""

    def __init__(
        self,
        path: Path,
        *,
        limit: int,
        now: Callable[[], int],
        wake: Callable[[frozenset[str]], None],
        observe: Observe,
    ) -> None:
        self._engine = writer_engine(path)
        self._checkpointer = Checkpointer(path)
        self._limit = limit
        self._now = now
        self._wake = wake
        self._observe = observe
        self._loop = asyncio.get_running_loop()
        self._handover = Handover(self._loop)
        self._ended = self._loop.create_future()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._thread.start()
        self._checkpointer.start()

    def submit(self, unit: Unit) -> None:
        """Queue a unit; its future resolves after COMMIT.

        Raises:
            OverloadedError: The queue is full, or the writer is closing.
        """
        if self._closing:
            msg = "the bridge is stopping"
            raise OverloadedError(msg)
        if self._handover.waiting >= self._limit:
            msg = "the queue of the database's writer is full"
            raise OverloadedError(msg)
        self._handover.put(unit)

    @property
    def waiting(self) -> int:
        """How many units wait."""
        return self._handover.waiting

    async def close(self) -> None:
        """Write what is queued, then end the thread."""
        if not self._closing:
            self._closing = True
            self._handover.close()
        await asyncio.shield(self._ended)
        self._thread.join()
        await asyncio.to_thread(self._checkpointer.close)
        self._engine.dispose()

    def _run(self) -> None:
        try:
            with self._engine.connect() as connection:
                session = SqliteSession(connection, self._now)
                while (units := self._handover.take()) is not None:
                    self._write_batch(session, units)
        except BaseException:
            log.exception("writer.died")
            raise
        finally:
            self._loop.call_soon_threadsafe(self._on_end)

    def _write_batch(self, session: SqliteSession, taken: list[Unit]) -> None:
        # Whoever gave up must not find it half done.
        units = [unit for unit in taken if not unit.future.done()]
        if not units:
            return
        started = time.perf_counter()
        try:
            outcome = run_batch(session, units)
        except Exception as error:
            log.exception("writer.failed", units=len(units))
            outcome = Outcome([Settled(unit, error=refusal(error)) for unit in units], frozenset())
        seconds = time.perf_counter() - started
        self._loop.call_soon_threadsafe(self._on_commit, outcome, seconds)
        self._checkpointer.note_commit()

    def _on_commit(self, outcome: Outcome, seconds: float) -> None:
        settle(outcome.settled)
        self._observe(len(outcome.settled), seconds)
        if outcome.topics:
            self._wake(outcome.topics)

    def _on_end(self) -> None:
        self._closing = True
        refuse(self._handover.rest(), "the bridge is stopping")
        if not self._ended.done():
            self._ended.set_result(None)
