"""PostgreSQL: transactions of the writer's own, and the statement that keeps deliveries.

What costs is the way to the server and back, each of which waits for a turn of an event loop that
is busy with requests. So a batch of deliveries is one statement that is its own transaction.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import Connection
from sqlalchemy.util import await_only

from bridge.store.hints import SUBJECT, encode_hints
from bridge.store.postgres import CHANNEL, is_connection_loss
from bridge.store.queries.inbox import Acceptance, Row, accept_repeats

# Which transaction this is, to ask what became of it when the connection dies in its commit.
_ABOUT_TO_COMMIT: Final = "SELECT pg_current_xact_id_if_assigned()::text, pg_notify($1, $2)"
_ABOUT_TO_COMMIT_QUIETLY: Final = "SELECT pg_current_xact_id_if_assigned()::text"

# Subjects come first: their rows are locked, in sorted order, until the commit, so that commit
# order is the order of the numbers. They count everything given; see _recount for repeats.
_ACCEPT: Final = """
WITH given AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
        $7::text[], $8::text[], $9::bigint[], $10::text[], $11::bytea[], $12::bigint[])
    WITH ORDINALITY AS t (source, key, kind, subject, semantic_key, body_hash, repository_id,
        headers, received_at, traceparent, body, from_end, at)
), numbered AS (
    INSERT INTO subject AS s (id, next_seq, pending, due_at, last_at)
    SELECT subject, 1 + count(*), count(*), $13::bigint, $13::bigint FROM given
    GROUP BY subject ORDER BY subject
    ON CONFLICT (id) DO UPDATE SET next_seq = s.next_seq + excluded.pending,
        pending = s.pending + excluded.pending, due_at = coalesce(s.due_at, excluded.due_at),
        last_at = excluded.last_at
    RETURNING id, next_seq
), kept AS (
    INSERT INTO delivery (source, key, kind, subject, semantic_key, body_hash, repository_id,
        headers, received_at, traceparent, seq)
    SELECT source, key, kind, subject, semantic_key, body_hash, repository_id, headers,
        received_at, traceparent, next_seq - from_end
    FROM given JOIN numbered ON id = subject ORDER BY at
    ON CONFLICT DO NOTHING
    RETURNING id, source, key
), bodies AS (
    INSERT INTO delivery_body (delivery_id, body)
    SELECT id, body FROM kept JOIN given USING (source, key)
)
"""
_ACCEPT_QUIETLY: Final = f"{_ACCEPT} SELECT source, key FROM kept"  # noqa: S608 - our constant
# The notification is sent once, and only if there is a row.
_ACCEPT_ALOUD: Final = f"""{_ACCEPT}
SELECT source, key, (SELECT pg_notify($14, $15)) FROM kept
"""  # noqa: S608 - our constant

_LOCK_SUBJECTS: Final = (
    "SELECT FROM subject WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE"
)
_RECOUNT: Final = """
UPDATE subject SET pending = waiting, due_at = CASE WHEN waiting > 0 THEN due_at END
FROM (
    SELECT name, count(delivery.id) AS waiting
    FROM unnest($1::text[]) AS name
    LEFT JOIN delivery ON delivery.subject = name AND delivery.outcome = 'none'
    GROUP BY name
) AS t WHERE id = name AND pending <> waiting
"""


class PostgresSession:
    """See writer.Session; its methods run inside ``run_sync``.

    Attributes:
        transaction: The transaction that was about to be committed last; None before that.
    """

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
        """See writer.Session; hints are sent by the commit."""
        fresh = self._insert(rows, _ACCEPT_QUIETLY)
        if len(fresh) == len(rows):
            return [Acceptance.NEW] * len(rows)
        return self._sort_out(rows, fresh)

    def accept_alone(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """See writer.Session.

        Should the process die before repeats were sorted out, a subject counts too many, and
        whoever looks at it next and finds nothing puts that right.
        """
        if self._sender is None:
            fresh = self._insert(rows, _ACCEPT_QUIETLY)
        else:
            payload = encode_hints({SUBJECT}, self._sender)
            fresh = self._insert(rows, _ACCEPT_ALOUD, CHANNEL, payload)
        if len(fresh) == len(rows):
            return [Acceptance.NEW] * len(rows)
        self.begin()
        answers = self._sort_out(rows, fresh)
        self.commit(frozenset({SUBJECT} if Acceptance.REVIVED in answers else ()))
        return answers

    def _insert(
        self, rows: Sequence[Row], statement: str, *more: object
    ) -> dict[tuple[str, str], Row]:
        """Insert *rows*; return what was new, by its key."""
        # A statement that is given one key twice would not know whose body is whose.
        given: dict[tuple[str, str], Row] = {}
        for row in rows:
            given.setdefault((row.source, row.key), row)
        columns = zip(*given.values(), strict=True)
        places = _from_end([row.subject for row in given.values()])
        found = await_only(self._raw.fetch(statement, *columns, places, self._now(), *more))
        return {(source, key): given[source, key] for source, key, *_ in cast("Any", found)}

    def _sort_out(
        self, rows: Sequence[Row], fresh: dict[tuple[str, str], Row]
    ) -> Sequence[Acceptance]:
        new = [fresh.get((row.source, row.key)) is row for row in rows]
        repeats = [row for row, is_new in zip(rows, new, strict=True) if not is_new]
        self._recount(sorted({row.subject for row in repeats}))
        answers = iter(accept_repeats(self.connection, repeats, self._now()))
        return [Acceptance.NEW if is_new else next(answers) for is_new in new]

    def _recount(self, names: Sequence[str]) -> None:
        # Locked first: the count must see whatever was committed by those who had the locks.
        await_only(self._raw.execute(_LOCK_SUBJECTS, names))
        await_only(self._raw.execute(_RECOUNT, names))


def _from_end(names: Sequence[str]) -> Sequence[int]:
    """Say for each name how many of its kind are left, itself included."""
    left = Counter(names)
    places: list[int] = []
    for name in names:
        places.append(left[name])
        left[name] -= 1
    return places
