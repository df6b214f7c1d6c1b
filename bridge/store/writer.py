"""The group-commit writer: many writes, one transaction, one flush to disk.

Writes wait in a queue; whatever has gathered while the last transaction was being committed goes
into the next. When a batch fails it is repeated with a savepoint for each unit, so that a
poisoned one fails alone. Accepted deliveries, the hot path, are merged into a few statements.

Each dialect brings a Session (how to begin, commit and insert deliveries) and the place where
batches run: a thread of its own on SQLite, a task on PostgreSQL.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bridge.domain.errors import OverloadedError
from bridge.store.hints import SUBJECT, take_hints
from bridge.store.queries.inbox import Acceptance, Row

BATCH: Final = 200
"""Most units in one transaction."""

Observe = Callable[[int, float], None]
"""Told of each transaction, on the event loop: the units in it, the seconds it took."""

_DEADLOCK_CODES: Final = frozenset({"40P01", "40001"})
_DEADLOCK_TRIES: Final = 3


@dataclass(slots=True, eq=False)
class Unit:
    """One write waiting for its commit.

    Attributes:
        hint: What its rows belong to; batches are sorted by it, so that two replicas lock the
            same rows in the same order.
        call: The query with its arguments bound; None for a delivery to accept.
        row: The delivery to accept; None for anything else.
    """

    future: "asyncio.Future[Any]"
    hint: str
    call: Callable[[Connection], object] | None = None
    row: Row | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """How a unit ended."""

    unit: Unit
    result: object = None
    error: BaseException | None = None


class Session(Protocol):
    """A writer's connection, with transactions under the writer's own control."""

    connection: Connection

    def begin(self) -> None:
        """Start a transaction that may write."""
        ...

    def commit(self, topics: frozenset[str]) -> None:
        """Commit; *topics* are announced to other replicas with it."""
        ...

    def rollback(self) -> None:
        """Undo everything since *begin*; harmless outside a transaction."""
        ...

    def savepoint(self) -> None:
        """Mark a point to return to."""
        ...

    def release(self) -> None:
        """Forget the newest mark, keeping what was done."""
        ...

    def rollback_to_savepoint(self) -> None:
        """Undo what was done since the newest mark, and forget it."""
        ...

    def accept(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """Insert deliveries in as few statements as possible; one answer for each row."""
        ...

    def accept_alone(self, rows: Sequence[Row]) -> Sequence[Acceptance]:
        """Insert deliveries and commit them; called outside a transaction.

        When it raises, some may be kept all the same; given again, they are recognised.
        """
        ...

    def is_lost(self, error: BaseException) -> bool:
        """Tell whether *error* means that the connection is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch led to.

    Attributes:
        settled: How each unit ended.
        topics: What became due.
    """

    settled: list[Settled]
    topics: frozenset[str]


class ConnectionLostError(Exception):
    """The connection died under a batch.

    Attributes:
        outcome: What the batch led to if its transaction took effect, which cannot be told when
            COMMIT was already sent; None when it was not, so that nothing took effect.
    """

    def __init__(self, outcome: Outcome | None) -> None:
        super().__init__("the connection to the database is gone")
        self.outcome = outcome


def run_batch(session: Session, units: Sequence[Unit]) -> Outcome:
    """Run *units* in one transaction.

    Raises:
        ConnectionLostError: The caller reconnects and decides what to repeat.
    """
    ordered = sorted(units, key=lambda unit: unit.hint)
    for _ in range(_DEADLOCK_TRIES):
        try:
            return _together(session, ordered)
        except ConnectionLostError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a query raises is its caller's
            session.rollback()  # harmless where it was done already
            if not _is_deadlock(error):
                break
    return _one_by_one(session, ordered)


def _together(session: Session, units: Sequence[Unit]) -> Outcome:
    accepting = [unit for unit in units if unit.row is not None]
    rows = [unit.row for unit in accepting if unit.row is not None]
    if len(rows) == len(units):
        return _alone(session, units, rows)

    def work() -> list[Settled]:
        answers = session.accept(rows) if rows else ()
        settled = [Settled(unit, answer) for unit, answer in zip(accepting, answers, strict=True)]
        settled += [
            Settled(unit, unit.call(session.connection)) for unit in units if unit.call is not None
        ]
        return settled

    return _transaction(session, work)


def _alone(session: Session, units: Sequence[Unit], rows: Sequence[Row]) -> Outcome:
    try:
        answers = session.accept_alone(rows)
    except BaseException as error:
        if session.is_lost(error):
            # Kept or not: given again, what was kept is recognised.
            raise ConnectionLostError(None) from error
        raise
    settled = [Settled(unit, answer) for unit, answer in zip(units, answers, strict=True)]
    return Outcome(settled, _topics(settled))


def _one_by_one(session: Session, units: Sequence[Unit]) -> Outcome:
    return _transaction(session, lambda: [_guarded(session, unit) for unit in units])


def _guarded(session: Session, unit: Unit) -> Settled:
    session.savepoint()
    try:
        result = _run(session, unit)
    except Exception as error:
        if session.is_lost(error):
            raise
        session.rollback_to_savepoint()
        return Settled(unit, error=error)
    session.release()
    return Settled(unit, result)


def _run(session: Session, unit: Unit) -> object:
    if unit.row is not None:
        return session.accept([unit.row])[0]
    return unit.call(session.connection) if unit.call is not None else None


def _transaction(session: Session, work: Callable[[], list[Settled]]) -> Outcome:
    outcome: Outcome | None = None
    take_hints(session.connection)
    try:
        session.begin()
        settled = work()
        topics = take_hints(session.connection) | _topics(settled)
        outcome = Outcome(settled, topics)
        session.commit(topics)
    except BaseException as error:
        if session.is_lost(error):
            raise ConnectionLostError(outcome) from error
        session.rollback()
        raise
    return outcome


def _topics(settled: Sequence[Settled]) -> frozenset[str]:
    kept = (Acceptance.NEW, Acceptance.REVIVED)
    return frozenset({SUBJECT} if any(item.result in kept for item in settled) else ())


def _is_deadlock(error: BaseException) -> bool:
    original = error.orig if isinstance(error, DBAPIError) else error
    return getattr(original, "sqlstate", None) in _DEADLOCK_CODES


def settle(settled: Sequence[Settled]) -> None:
    """Tell everybody who still waits how it ended; on the event loop."""
    for item in settled:
        future = item.unit.future
        if future.done():
            continue
        if item.error is None:
            future.set_result(item.result)
        else:
            future.set_exception(item.error)


def refuse(units: Sequence[Unit], message: str) -> None:
    """Fail everybody who still waits; on the event loop."""
    settle([Settled(unit, error=OverloadedError(message)) for unit in units])


def refusal(error: Exception) -> OverloadedError:
    """Say that the database refuses writes at present (a full disk), and why."""
    refused = OverloadedError(f"the database refuses writes: {error}")
    refused.__cause__ = error
    return refused
