"""Leases under any order of events, on both databases.

Two replicas enqueue, claim, renew, handle, fail, give back, die, and time passes. Whatever
happens: one holder a row, fences only grow, nothing overtakes, ``pending`` is what waits, and
what is done stays done.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, delete

from bridge.domain.errors import LeaseLostError
from bridge.store.database import Database
from bridge.store.queries import leases, subjects
from bridge.store.queries.leases import Held
from bridge.store.schema import delivery, delivery_body, subject
from tests.bridge.store.rows import a_row, rows_of
from tests.fakes.clock import FakeClock

LEASE_MS: Final = 30_000
NAMES: Final = ("pr:code:7:1", "pr:code:7:2", "pr:code:7:3")


@dataclass(slots=True)
class Model:
    """What a subject should look like.

    Attributes:
        waiting: Keys of its deliveries in order.
        fence: Of the newest claim.
        until: When the lease ends; None when nobody has it.
        due_at: None when nothing is to be done.
    """

    waiting: list[str]
    fence: int = 0
    until: int | None = None
    due_at: int | None = None

    def is_free(self, now: int) -> bool:
        return self.until is None or self.until <= now


class LeaseMachine(RuleBasedStateMachine):
    """See the module."""

    open_database: Callable[[FakeClock], Any]

    held = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FakeClock()
        self.database: Database = self.runner.run(type(self).open_database(self.clock))
        self.runner.run(self.database.write(_empty))
        self.models: dict[str, Model] = {}
        self.done: set[str] = set()
        self.count = 0

    def teardown(self) -> None:
        self.runner.run(self.database.close())
        self.runner.close()

    @property
    def now(self) -> int:
        return self.database.now()

    @rule(name=st.sampled_from(NAMES), many=st.integers(1, 3))
    def enqueue(self, name: str, many: int) -> None:
        for _ in range(many):
            self.count += 1
            key = f"d-{self.count}"
            self.runner.run(self.database.accept(a_row(key, subject=name), 5.0))
            model = self.models.setdefault(name, Model([]))
            model.waiting.append(key)
            model.due_at = self.now if model.due_at is None else model.due_at

    @rule(target=held, owner=st.sampled_from(["one", "two"]), limit=st.integers(1, 3))
    def claim(self, owner: str, limit: int) -> Any:  # noqa: ANN401 - of a bundle
        rows = self._write(
            leases.claim, subject, owner=owner, limit=limit, lease_ms=LEASE_MS, now=self.now
        )
        expected = [
            model
            for model in self.models.values()
            if model.is_free(self.now) and model.due_at is not None and model.due_at <= self.now
        ]
        assert len(rows) == min(limit, len(expected))
        for row in rows:
            model = self.models[row["id"]]
            assert model.is_free(self.now), "one holder a row"
            assert row["fence"] == model.fence + 1, "fences only grow"
            model.fence, model.until = row["fence"], self.now + LEASE_MS
        return multiple(*(Held(row["id"], row["fence"]) for row in rows))

    @rule(one=held)
    def renew(self, one: Held) -> None:
        until = self.now + LEASE_MS
        kept = self._write(leases.renew, subject, [one], until=until)
        assert kept == ({one} if self._has(one) else set())
        if self._has(one):
            self.models[one.id].until = until

    @rule(one=held, keep=st.booleans())
    def handle(self, one: Held, keep: bool) -> None:  # noqa: FBT001 - drawn
        stored = self.runner.run(self.database.read(subjects.head, one.id, 1))
        model = self.models[one.id]
        if stored is None:
            self._expect(one, subjects.rest)
            if self._has(one):
                model.until = model.due_at = None
            return
        key = stored.delivery.key
        assert key == model.waiting[0], "nothing overtakes"
        mine = self._has(one)
        kept = self._expect(
            one,
            subjects.conclude,
            stored,
            outcome="done",
            reason="",
            work=None,
            now=self.now,
            keep=keep,
        )
        if mine:
            model.waiting.pop(0)
            self.done.add(key)
            assert kept == (keep and bool(model.waiting))
            model.until = model.until if kept else None
            model.due_at = self.now if model.waiting else None

    @rule(one=consumes(held), wait=st.integers(1, 50_000))
    def fail(self, one: Held, wait: int) -> None:
        mine = self._has(one)
        self._expect(one, leases_fail, self.now + wait)
        if mine:
            self.models[one.id].until = None
            self.models[one.id].due_at = self.now + wait

    @rule(one=consumes(held))
    def give_back(self, one: Held) -> None:
        self._write(leases.release, subject, [one])
        if self._has(one):
            self.models[one.id].until = None

    @rule(one=consumes(held))
    def crash(self, one: Held) -> None:
        """Whoever held it is gone; only time frees the row."""

    @rule(seconds=st.sampled_from([1, 10, 29, 31]))
    def wait(self, seconds: int) -> None:
        self.clock.advance(seconds)

    @invariant()
    def rows_are_as_they_should_be(self) -> None:
        for row in self.runner.run(rows_of(self.database, subject)):
            model = self.models[row["id"]]
            assert row["pending"] == len(model.waiting)
            assert (row["fence"], row["lease_until"], row["due_at"]) == (
                model.fence,
                model.until,
                model.due_at,
            )
        outcomes = {
            row["key"]: row["outcome"] for row in self.runner.run(rows_of(self.database, delivery))
        }
        assert {key for key, outcome in outcomes.items() if outcome == "done"} == self.done

    def _has(self, one: Held) -> bool:
        # Time alone takes nothing away: only another claim, or an end, does.
        model = self.models[one.id]
        return model.until is not None and model.fence == one.fence

    def _write(self, query: Callable[..., Any], *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - any query
        return self.runner.run(self.database.write(query, *arguments, **more))

    def _expect(self, one: Held, query: Callable[..., Any], *arguments: Any, **more: Any) -> Any:  # noqa: ANN401 - any query
        """Run a fenced write, which must be refused when *one* is no longer ours."""
        if self._has(one):
            return self._write(query, one, *arguments, **more)
        with pytest.raises(LeaseLostError):
            self._write(query, one, *arguments, **more)
        return None


def leases_fail(connection: Connection, held: Held, due_at: int) -> None:
    leases.fail(connection, subject, held, due_at=due_at, error="no")


def _empty(connection: Connection) -> None:
    for table in (delivery_body, delivery, subject):
        connection.execute(delete(table))


def test_leases_hold_whatever_happens(database_url: str) -> None:
    async def open_database(clock: FakeClock) -> Database:
        return await Database.open(database_url, clock=clock)

    machine = type("Machine", (LeaseMachine,), {"open_database": staticmethod(open_database)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=15,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # making a failure smaller takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
