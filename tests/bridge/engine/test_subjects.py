"""Subjects: in order, in parallel, and a failing head holds up its own subject only."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import RowMapping

from bridge.decisions.waiting import LASTING, Trouble
from bridge.domain.deliveries import StoredDelivery
from bridge.domain.errors import (
    LeaseLostError,
    NotAllowedError,
    NotYetError,
    OverloadedError,
    PayloadError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.work import Work
from bridge.engine import subjects as engine
from bridge.engine.inbox import Inbox
from bridge.engine.subjects import HEADS, PATIENCE, Subjects
from bridge.engine.workers import MAX_FAILURES
from bridge.store.codecs import from_ms
from bridge.store.schema import delivery, delivery_body, post, run, subject
from tests.bridge.engine.stage import REPORT, Stage, Terrakube, open_stage
from tests.bridge.store.rows import a_delivery, a_request, rows_of
from tests.fakes.clock import FakeClock


@dataclass(slots=True)
class Office:
    """Handles deliveries as it is told, and remembers which."""

    stage: Stage
    subjects: Subjects = field(init=False)
    handled: list[str] = field(default_factory=list)
    attempts: list[tuple[str, int]] = field(default_factory=list)
    failures: dict[str, list[Exception]] = field(default_factory=dict)
    during: Callable[[str], Awaitable[None]] | None = None
    work: Callable[[str], Work] = lambda key: Work()
    troubles: list[Trouble] = field(default_factory=list)
    cannot_tell: Exception | None = None

    def __post_init__(self) -> None:
        self.subjects = Subjects(
            self.stage.database, self.stage.keeper, self.dispatch, tell=self.tell
        )

    async def tell(self, stored: StoredDelivery, trouble: Trouble) -> Work:
        if self.cannot_tell is not None:
            raise self.cannot_tell
        self.troubles.append(trouble)
        return Work(posts=[replace(REPORT, content=f"{trouble.attempt} {trouble.final}")])

    async def told(self) -> list[str]:
        return [row["content"] for row in await rows_of(self.stage.database, post)]

    async def dispatch(self, stored: StoredDelivery) -> Work:
        key = stored.delivery.key
        self.attempts.append((key, stored.attempt))
        if self.during is not None:
            await self.during(key)
        if self.failures.get(key):
            raise self.failures[key].pop(0)
        self.handled.append(key)
        return self.work(key)

    async def receive(self, *keys: str, subject: str = "pr:code:7:3", **more: Any) -> None:  # noqa: ANN401 - fields
        inbox = Inbox(self.stage.database)
        for key in keys:
            sent = a_delivery(key, subject=subject, received_at=self.stage.clock.now(), **more)
            await inbox.accept(sent, 5.0)

    def open(self) -> None:
        self.stage.play(self.subjects.worker)

    async def deliveries(self) -> dict[str, RowMapping]:
        return {row["key"]: row for row in await rows_of(self.stage.database, delivery)}

    async def outcomes(self) -> dict[str, str]:
        return {key: row["outcome"] for key, row in (await self.deliveries()).items()}

    async def rows(self) -> Sequence[RowMapping]:
        return await rows_of(self.stage.database, subject)


@pytest.fixture
async def office(stage: Stage) -> Office:
    return Office(stage)


class TestOrder:
    async def test_deliveries_of_a_subject_are_handled_in_order_one_at_a_time(
        self, office: Office
    ) -> None:
        at_once = 0

        async def only_one(key: str) -> None:
            nonlocal at_once
            at_once += 1
            assert at_once == 1
            await asyncio.sleep(0.001)
            at_once -= 1

        office.during = only_one
        keys = [f"d-{at:02}" for at in range(2 * HEADS + 3)]
        await office.receive(*keys)
        office.open()
        await office.stage.settle()
        assert office.handled == keys
        assert set((await office.outcomes()).values()) == {"done"}
        (row,) = await office.rows()
        assert (row["pending"], row["due_at"], row["attempts"]) == (0, None, 0)

    async def test_of_large_bodies_only_those_that_were_set_aside_are_kept(
        self, office: Office
    ) -> None:
        """Whoever may open a pull request may give it 25 MB of description, again and again."""
        large = b"x" * (1024 * 1024 + 1)
        office.failures["dead"] = [PayloadError("no")] * MAX_FAILURES
        await office.receive("small", body=b"small")
        await office.receive("large", body=large)
        await office.receive("dead", body=large + b"y")
        office.open()
        await office.stage.settle()
        found = await office.deliveries()
        kept = {row["delivery_id"] for row in await rows_of(office.stage.database, delivery_body)}
        assert {key: row["id"] in kept for key, row in found.items()} == {
            "small": True,
            "large": False,
            "dead": True,
        }

    async def test_subjects_do_not_wait_for_each_other(self, office: Office) -> None:
        both = asyncio.Barrier(2)

        async def together(key: str) -> None:
            await both.wait()

        office.during = together
        await office.receive("a", subject="pr:code:7:1")
        await office.receive("b", subject="pr:code:7:2")
        office.open()
        await office.stage.settle()
        assert sorted(office.handled) == ["a", "b"]

    async def test_a_failing_head_holds_up_its_own_subject_only(self, office: Office) -> None:
        office.failures["a"] = [ValueError("a bug")] * 100
        await office.receive("a", "b", subject="pr:code:7:1")
        await office.receive("c", subject="pr:code:7:2")
        office.open()
        await office.stage.settle()
        assert office.handled == ["c"]
        assert (await office.deliveries())["a"]["reason"] == "ValueError: a bug"

        for _ in range(MAX_FAILURES):
            await office.stage.after(400)
        assert office.handled == ["c", "b"]
        assert await office.outcomes() == {"a": "dead", "b": "done", "c": "done"}

    async def test_in_a_chat_whoever_waits_lets_others_pass_and_is_handled_in_its_time(
        self, office: Office
    ) -> None:
        away = TemporaryRemoteError("away", service="terrakube")
        office.subjects = Subjects(
            office.stage.database,
            office.stage.keeper,
            office.dispatch,
            tell=office.tell,
            passing={"slack"},
        )
        office.failures = {"one": [away, away], "two": [away]}
        await office.receive("one", "two", "three", subject="slack:T:C:U", source="slack")
        office.open()
        await office.stage.settle()
        assert office.attempts == [("one", 1), ("two", 1), ("three", 1)]
        assert [trouble.attempt for trouble in office.troubles] == [1, 1]
        await office.receive("four", subject="slack:T:C:U", source="slack")
        await office.stage.settle()
        assert office.handled == ["three", "four"]
        for _ in range(2):
            await office.stage.after(60)
        assert set((await office.outcomes()).values()) == {"done"}
        assert sorted(office.attempts[4:]) == [("one", 2), ("one", 3), ("two", 2)]
        assert {(row["pending"], row["due_at"]) for row in await office.rows()} == {(0, None)}

    async def test_two_replicas_handle_each_once_and_in_order(self, postgres_url: str) -> None:
        clock = FakeClock()
        server = Terrakube(clock=clock)
        async with open_stage(postgres_url, clock=clock, server=server) as one:
            async with open_stage(postgres_url, clock=clock, server=server) as two:
                offices = [Office(one), Office(two)]
                shared = offices[0].handled
                offices[1].handled = shared
                for at in range(10):
                    await offices[0].receive(
                        *(f"{at}-{number}" for number in range(8)), subject=f"pr:code:7:{at}"
                    )
                for office in offices:
                    office.open()
                await one.settle()
                await two.settle()
        assert len(shared) == 80
        for at in range(10):
            mine = [key for key in shared if key.startswith(f"{at}-")]
            assert mine == [f"{at}-{number}" for number in range(8)]


class TestOutcomes:
    async def test_what_follows_is_committed_with_the_outcome(self, office: Office) -> None:
        office.work = lambda key: Work(runs=[a_request()])
        await office.receive("a")
        office.open()
        await office.stage.settle()
        assert await office.outcomes() == {"a": "done"}
        assert len(await rows_of(office.stage.database, run)) == 1

    async def test_what_is_ignored_keeps_its_reason(self, office: Office) -> None:
        office.work = lambda key: Work(ignored="nothing to do")
        await office.receive("a")
        office.open()
        await office.stage.settle()
        row = (await office.deliveries())["a"]
        assert (row["outcome"], row["reason"]) == ("ignored", "nothing to do")

    async def test_what_people_should_know_is_no_error(self, office: Office) -> None:
        office.failures["a"] = [UserError("say it differently")]
        await office.receive("a")
        office.open()
        await office.stage.settle()
        row = (await office.deliveries())["a"]
        assert (row["outcome"], row["reason"]) == ("ignored", "say it differently")

    async def test_bytes_that_do_not_parse_are_set_aside_at_once(self, office: Office) -> None:
        office.failures["a"] = [PayloadError("no JSON")]
        await office.receive("a", "b")
        office.open()
        await office.stage.settle()
        assert await office.outcomes() == {"a": "dead", "b": "done"}
        assert office.attempts == [("a", 1), ("b", 1)]

    async def test_what_is_not_visible_yet_is_looked_for_a_few_times(self, office: Office) -> None:
        office.failures["a"] = [NotYetError("old head", retry_after=2.0, tries=5)] * 5
        await office.receive("a")
        office.open()
        await office.stage.settle()
        for _ in range(5):
            await office.stage.after(2)
        assert await office.outcomes() == {"a": "done"}
        assert office.attempts == [("a", at) for at in range(1, 7)]

    async def test_a_service_that_does_not_answer_is_waited_for(self, office: Office) -> None:
        office.failures["a"] = [TemporaryRemoteError("down", service="code")] * 12
        await office.receive("a")
        office.open()
        for _ in range(20):
            await office.stage.after(300)
        assert await office.outcomes() == {"a": "done"}

    async def test_but_not_for_ever(self, office: Office) -> None:
        office.failures["a"] = [TemporaryRemoteError("down", service="code")] * 2
        await office.receive("a")
        office.open()
        await office.stage.settle()
        await office.stage.after(PATIENCE + 1)
        row = (await office.deliveries())["a"]
        assert (row["outcome"], row["reason"]) == ("dead", "TemporaryRemoteError: down")

    async def test_a_credential_that_ran_out_kills_no_delivery(self, office: Office) -> None:
        refused = NotAllowedError("the token expired", service="terrakube", status=401)
        office.failures["a"] = [refused] * 15
        await office.receive("a")
        office.open()
        for _ in range(20):
            await office.stage.after(300)
        assert await office.outcomes() == {"a": "done"}

    async def test_retry_after_is_honoured(self, office: Office) -> None:
        office.failures["a"] = [TemporaryRemoteError("busy", service="code", retry_after=50.0)]
        await office.receive("a")
        office.open()
        await office.stage.settle()
        await office.stage.after(49)
        assert office.handled == []
        await office.stage.after(1)
        assert office.handled == ["a"]

    async def test_a_handler_that_hangs_is_ended(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine, "HANDLING_TIMEOUT", 0.02)

        async def hang(key: str) -> None:
            await asyncio.Event().wait()

        office.during = hang
        await office.receive("a")
        office.open()
        await office.stage.settle()
        assert (await office.deliveries())["a"]["reason"] == "TimeoutError"

    @pytest.mark.parametrize("error", [OverloadedError("full"), LeaseLostError("lost")])
    async def test_the_engines_own_trouble_is_not_the_deliverys(
        self, office: Office, error: Exception
    ) -> None:
        office.failures["a"] = [error]
        await office.receive("a")
        office.open()
        await office.stage.idle_except_leases()
        row = (await office.deliveries())["a"]
        assert (row["outcome"], row["reason"]) == ("none", "")


class TestTelling:
    """What people are told is written down together with the next try, or with the end."""

    async def test_who_waits_is_told_why_at_each_attempt(self, office: Office) -> None:
        away = TemporaryRemoteError("down", service="terrakube")
        office.failures["a"] = [away] * 2
        await office.receive("a")
        office.open()
        await office.stage.settle()
        assert await office.told() == ["1 False"]
        await office.stage.after(1)
        assert await office.told() == ["2 False"]
        received = (await office.deliveries())["a"]["received_at"]
        assert office.troubles == [
            Trouble(error=away, attempt=attempt, since=from_ms(received), waited=waited)
            for attempt, waited in ((1, 0.0), (2, 1.0))
        ]

    async def test_a_try_falls_on_the_moment_from_which_waiting_is_an_error(
        self, office: Office
    ) -> None:
        office.failures["a"] = [TemporaryRemoteError("down", service="terrakube")] * 12
        await office.receive("a")
        office.open()
        await office.stage.settle()
        for _ in range(int(LASTING)):
            await office.stage.after(1)
        assert [trouble.waited for trouble in office.troubles][-2:] == [511.0, LASTING]

    @pytest.mark.parametrize(
        ("error", "outcome"),
        [(PayloadError("no JSON"), "dead"), (UserError("say it differently"), "ignored")],
    )
    async def test_the_end_is_told(self, office: Office, error: Exception, outcome: str) -> None:
        office.failures["a"] = [error]
        await office.receive("a")
        office.open()
        await office.stage.settle()
        assert await office.outcomes() == {"a": outcome}
        assert await office.told() == ["1 True"]

    async def test_what_cannot_be_told_changes_nothing(self, office: Office) -> None:
        office.cannot_tell = TemporaryRemoteError("down", service="code")
        office.failures["a"] = [TemporaryRemoteError("down", service="terrakube")]
        await office.receive("a")
        office.open()
        await office.stage.settle()
        await office.stage.after(1)
        assert await office.outcomes() == {"a": "done"}


class TestLeases:
    async def test_who_lost_the_subject_writes_nothing(self, office: Office) -> None:
        async def freeze(key: str) -> None:
            office.during = None
            office.stage.boot += 31

        office.during = freeze
        office.work = lambda key: Work(runs=[a_request()])
        await office.receive("a")
        office.open()
        await office.stage.idle_except_leases()
        assert await office.outcomes() == {"a": "none"}
        assert await rows_of(office.stage.database, run) == []

        await office.stage.after(31)
        assert await office.outcomes() == {"a": "done"}
        assert len(await rows_of(office.stage.database, run)) == 1

    async def test_a_head_that_kills_its_holders_is_set_aside_and_the_next_goes_on(
        self, office: Office
    ) -> None:
        await office.receive("a", "b")
        await office.stage.database.write(
            lambda connection: connection.execute(subject.update().values(failures=MAX_FAILURES))
        )
        office.open()
        await office.stage.settle()
        assert await office.outcomes() == {"a": "dead", "b": "done"}
        assert (await office.deliveries())["a"]["reason"] == "its worker died"

    async def test_a_subject_that_is_due_without_a_delivery_rests(self, office: Office) -> None:
        await office.receive("a")
        office.open()
        await office.stage.settle()
        now = office.stage.database.now()
        await office.stage.database.write(
            lambda connection: connection.execute(subject.update().values(due_at=now, pending=3))
        )
        await office.stage.settle()
        (row,) = await office.rows()
        assert (row["due_at"], row["pending"]) == (None, 0)
