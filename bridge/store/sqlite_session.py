"""SQLite: transactions of the writer's own, and the statement that keeps deliveries."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, cast

from sqlalchemy import Connection

from bridge.store.queries.inbox import Acceptance, Row, accept_repeats

# Accepting is one statement for a whole batch, whatever it does inside: after each statement the
# thread has to get hold of the interpreter again, from an event loop that is busy then.
_COLUMNS: Final = ", ".join(f"NULL AS {name}" for name in (*Row._fields, "now"))
_ACCEPTING: Final = (
    f"CREATE TEMP VIEW accepting AS SELECT {_COLUMNS}",
    """
    CREATE TEMP TRIGGER accept INSTEAD OF INSERT ON accepting BEGIN
        INSERT INTO delivery (source, key, kind, subject, semantic_key, body_hash, repository_id,
            headers, received_at, traceparent, seq)
        SELECT NEW.source, NEW.key, NEW.kind, NEW.subject, NEW.semantic_key, NEW.body_hash,
            NEW.repository_id, NEW.headers, NEW.received_at, NEW.traceparent,
            coalesce((SELECT next_seq FROM subject WHERE id = NEW.subject), 1)
        WHERE true ON CONFLICT DO NOTHING;
        INSERT INTO delivery_body (delivery_id, body)
        SELECT last_insert_rowid(), NEW.body WHERE changes() = 1;
        INSERT INTO subject (id, next_seq, pending, due_at, last_at)
        SELECT NEW.subject, 2, 1, NEW.now, NEW.now WHERE changes() = 1
        ON CONFLICT (id) DO UPDATE SET next_seq = next_seq + 1, pending = pending + 1,
            due_at = coalesce(due_at, excluded.due_at), last_at = excluded.last_at;
    END
    """,
)
_CHANGES: Final = 3
"""Rows the trigger writes for a new delivery; none for a repeat."""

_CHUNK: Final = 50


class SqliteSession:
    """See writer.Session."""

    def __init__(self, connection: Connection, now: Callable[[], int]) -> None:
        self.connection = connection
        self._raw = cast("sqlite3.Connection", connection.connection.driver_connection)
        self._now = now
        for statement in _ACCEPTING:
            self._raw.execute(statement)

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
        now = self._now()
        answers: list[Acceptance] = []
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            fresh = self._insert(chunk, now)
            if fresh is None:
                answers += [Acceptance.NEW] * len(chunk)
            else:
                answers += self._sort_out(chunk, fresh, now)
        return answers

    def accept_alone(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """See writer.Session: without BEGIN a statement is a transaction, flushed at its end."""
        if len(rows) > _CHUNK:
            return self._accept_together(rows)
        now = self._now()
        fresh = self._insert(rows, now)
        if fresh is None:
            return [Acceptance.NEW] * len(rows)
        self.begin()
        answers = self._sort_out(rows, fresh, now)
        self.commit(frozenset())
        return answers

    def _accept_together(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        self.begin()
        answers = self.accept(rows)
        self.commit(frozenset())
        return answers

    def _insert(self, rows: Sequence[Row], now: int) -> dict[tuple[str, str], str] | None:
        """Insert *rows*; return what was new if not all of it was: body hashes by key."""
        before = self._raw.total_changes
        values = [value for row in rows for value in (*row, now)]
        self._raw.execute(_insert_deliveries(len(rows)), values)
        inserted = (self._raw.total_changes - before) // _CHANGES
        if inserted == len(rows):
            return None
        newest = self._raw.execute(
            "SELECT source, key, body_hash FROM delivery ORDER BY id DESC LIMIT ?", (inserted,)
        )
        return {(source, key): body_hash for source, key, body_hash in newest}

    def _sort_out(
        self, rows: Sequence[Row], fresh: dict[tuple[str, str], str], now: int
    ) -> Sequence[Acceptance]:
        new: list[bool] = []
        for row in rows:
            new.append(fresh.get((row.source, row.key)) == row.body_hash)
            if new[-1]:
                del fresh[row.source, row.key]
        repeats = [row for row, is_new in zip(rows, new, strict=True) if not is_new]
        answers = iter(accept_repeats(self.connection, repeats, now))
        return [Acceptance.NEW if is_new else next(answers) for is_new in new]


@lru_cache(maxsize=_CHUNK)
def _insert_deliveries(size: int) -> str:
    rows = ",".join([f"({','.join('?' * (len(Row._fields) + 1))})"] * size)
    return f"INSERT INTO accepting VALUES {rows}"  # noqa: S608 - only question marks go in
