"""What is forgotten, and what is not."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, Table, func, insert, select, text, update

from bridge.domain.posts import ChatTarget, PostKind, PostTarget, PostUpsert
from bridge.domain.vcs import PullRequestState
from bridge.domain.work import AuditEntry, LinkUse, PullRequestSeen, Work
from bridge.store.codecs import compress, from_ms
from bridge.store.database import Database
from bridge.store.queries import retention
from bridge.store.queries.inbox import Acceptance
from bridge.store.queries.retention import DAY, Retention
from bridge.store.queries.work import apply_work
from bridge.store.schema import (
    audit,
    delivery,
    delivery_body,
    identity,
    output,
    post,
    pull_request,
    run,
    run_link,
    subject,
    subscription,
    vote,
)
from tests.bridge.store.chats import a_subscription, an_identity, an_offer, asked_in
from tests.bridge.store.rows import (
    PULL_REQUEST,
    REPOSITORY,
    a_pull_request,
    a_request,
    a_row,
    rows_of,
)


async def clean(database: Database, days: float) -> dict[str, int]:
    """Forget what would be forgotten in so many days."""
    deleted: dict[str, int] = {}
    for what in retention.expired(Retention(), database.now() + int(days * DAY)):
        while keys := await database.read(retention.find, what):
            count = await database.write(retention.forget, what, keys)
            deleted[what.table.name] = deleted.get(what.table.name, 0) + count
            assert count
    return deleted


async def put(database: Database, table: Table, values: Mapping[str, object]) -> None:
    await database.write(_put, table, values)


def _put(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    connection.execute(update(table).values(values))


class TestDeliveries:
    async def test_bodies_go_first_then_the_keys(self, database: Database) -> None:
        await database.accept(a_row("d-1"), 10)
        await put(database, delivery, {"outcome": "done"})
        await put(database, subject, {"pending": 0, "due_at": None})

        assert await clean(database, 6.9) == {}
        assert await clean(database, 7.1) == {"delivery_body": 1}
        assert await database.accept(a_row("d-1"), 10) is Acceptance.DUPLICATE
        assert await clean(database, 30.1) == {"delivery": 1}
        assert await clean(database, 31.1) == {"subject": 1}

    @pytest.mark.parametrize(
        ("outcome", "bodies", "keys"), [("none", 1, 1), ("dead", 1, 0), ("ignored", 0, 0)]
    )
    async def test_what_waits_stays_and_what_died_can_be_replayed(
        self, database: Database, outcome: str, bodies: int, keys: int
    ) -> None:
        await database.accept(a_row("d-1"), 10)
        await put(database, delivery, {"outcome": outcome})
        await clean(database, 8)
        assert len(await rows_of(database, delivery_body)) == bodies
        await clean(database, 31)
        assert len(await rows_of(database, delivery)) == keys
        assert len(await rows_of(database, delivery_body)) == keys, "no body without its delivery"

    async def test_young_bodies_stay_beside_old_ones(self, database: Database) -> None:
        await database.accept(a_row("old"), 10)
        await put(database, delivery, {"received_at": database.now() - 8 * DAY})
        await database.accept(a_row("young"), 10)
        await put(database, delivery, {"outcome": "done"})
        assert await clean(database, 0) == {"delivery_body": 1}

    async def test_many_go_in_chunks(self, database: Database) -> None:
        await database.write(_many_deliveries, 2_500)
        chunks: list[int] = []
        (_, old, *_) = retention.expired(Retention(), database.now())
        while keys := await database.read(retention.find, old):
            chunks.append(await database.write(retention.forget, old, keys))
        assert chunks == [1_000, 1_000, 500]


async def test_a_subject_with_work_stays(database: Database) -> None:
    await database.accept(a_row("d-1"), 10)
    await put(database, subject, {"last_at": 0})
    assert await clean(database, 0) == {}


class TestRunsAndPosts:
    async def test_runs_go_with_their_links_and_outputs(self, database: Database) -> None:
        work = Work(runs=[a_request()])
        (run_id,) = await database.write(apply_work, work, database.now())
        await database.write(_output, run_id)
        assert await clean(database, 1000) == {}, "an open run stays"
        await put(database, run, {"phase": "finished", "finished_at": database.now()})

        assert await clean(database, 89) == {}
        assert await clean(database, 91) == {"run": 1}

        assert await rows_of(database, run_link) == []
        assert await rows_of(database, output) == []

    async def test_posts_go_when_they_are_settled_and_their_pull_request_is_closed(
        self, database: Database
    ) -> None:
        report = PostUpsert(
            kind=PostKind.REPORT,
            target=PostTarget(repository=REPOSITORY, number=3),
            report=PULL_REQUEST.key,
        )
        seen = PullRequestSeen(pull_request=a_pull_request())
        await database.write(apply_work, Work(posts=[report], pull_requests=[seen]), database.now())
        await put(database, post, {"due_at": None, "sent_at": database.now()})
        assert await clean(database, 1000) == {}, "its comment would be written a second time"

        closed = replace(seen, pull_request=a_pull_request(state=PullRequestState.CLOSED))
        await database.write(apply_work, Work(pull_requests=[closed]), database.now())

        assert await clean(database, 89) == {}
        assert await clean(database, 91) == {"post": 1}
        assert await clean(database, 181) == {"pull_request": 1}
        assert await rows_of(database, pull_request) == []

    async def test_the_audit_is_kept_for_two_years(self, database: Database) -> None:
        entry = AuditEntry(actor="a", action="b", door="cli", subject="s", result="done")
        await database.write(apply_work, Work(audits=[entry]), database.now())
        assert await clean(database, 729) == {}
        assert await clean(database, 731) == {"audit": 1}
        assert await rows_of(database, audit) == []


class TestChats:
    async def test_messages_stay_while_a_run_in_them_is_open(self, database: Database) -> None:
        asked = asked_in("C1", "slack:T1:1")
        await database.write(apply_work, Work(runs=[asked]), database.now())
        await put(database, post, {"due_at": None})
        assert await clean(database, 91) == {}
        await put(database, run, {"phase": "finished"})  # it has no end yet, so it stays itself
        assert await clean(database, 91) == {"post": 3}

    async def test_what_one_person_alone_was_told_goes_after_a_day(
        self, database: Database
    ) -> None:
        """It may hold a code that links people, an address to answer at, the log of a job."""
        told = [
            PostUpsert(
                kind=kind,
                target=ChatTarget(team="T1", channel="C1", slot="slack:T1:1", response_url="u"),
                report="chat:T1:C1::slack:T1:1",
                content="Say `terrakube link 7K3QF-9XW2M`.",
            )
            for kind in (PostKind.CHAT_WHISPER, PostKind.CHAT_VIEW, PostKind.CHAT_REPLY)
        ]
        await database.write(apply_work, Work(posts=told), database.now())
        assert await clean(database, 1.1) == {}, "it may still be sent"
        await put(database, post, {"due_at": None, "sent_at": database.now()})
        assert await clean(database, 0.9) == {}
        assert await clean(database, 1.1) == {"post": 2}
        assert await clean(database, 91) == {"post": 1}

    async def test_subscriptions_and_links_stay_codes_and_votes_go(
        self, database: Database
    ) -> None:
        now = database.now()
        soon = from_ms(now + 600_000)
        work = Work(
            subscribes=[a_subscription()],
            offers=[an_offer(expires_at=soon), an_offer("h-2", expires_at=soon)],
            runs=[a_request()],
        )
        (run_id,) = await database.write(apply_work, work, now)
        used = LinkUse(code_hash="h-1", identity=an_identity())
        await database.write(apply_work, Work(links_used=[used]), now)
        voted = {"run_id": run_id, "step": "1", "actor": "ada", "door": "slack", "at": now}
        await database.write(_add, vote, voted)
        assert await clean(database, 1) == {}
        assert await clean(database, 1.1) == {"link_offer": 2}
        await put(database, run, {"phase": "finished", "finished_at": now})
        await put(database, post, {"due_at": None})
        assert await clean(database, 2_000) == {"run": 1, "post": 3}
        assert await rows_of(database, vote) == []
        kept = [len(await rows_of(database, table)) for table in (subscription, identity)]
        assert kept == [1, 1]


def _add(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    connection.execute(insert(table).values(values))


async def test_a_row_that_is_wanted_again_meanwhile_stays(database: Database) -> None:
    """It was found by a reader a moment before."""
    await database.accept(a_row("d-1"), 10)
    await put(database, delivery, {"outcome": "dead"})
    what = retention.expired(Retention(), database.now() + 31 * DAY)[1]
    keys = await database.read(retention.find, what)
    await database.accept(a_row("d-1"), 10)
    assert await database.write(retention.forget, what, keys) == 0


@pytest.mark.parametrize("place", [0, 1], ids=["bodies", "deliveries"])
async def test_finding_does_not_walk_through_everything(sqlite_url: str, place: int) -> None:
    async with await Database.open(sqlite_url) as database:
        what = retention.expired(Retention(), database.now())[place]
        plan = await database.read(_plan, what)
    assert not [line for line in plan if line.startswith("SCAN delivery USING")]
    assert [line for line in plan if "ix_delivery_received" in line]


def _plan(connection: Connection, what: retention.Expired) -> list[str]:
    query = select(what.key).where(what.condition).limit(10)
    compiled = query.compile(connection, compile_kwargs={"literal_binds": True})
    return [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {compiled}"))]


def _many_deliveries(connection: Connection, count: int) -> None:
    values: list[dict[str, Any]] = [
        {
            "source": "code",
            "key": f"d-{at}",
            "kind": "push",
            "subject": "s",
            "seq": at,
            "body_hash": f"h-{at}",
            "headers": "{}",
            "received_at": 0,
            "outcome": "done",
        }
        for at in range(count)
    ]
    connection.execute(insert(delivery), values)
    assert connection.scalar(select(func.count()).select_from(delivery)) == count


def _output(connection: Connection, run_id: str) -> None:
    connection.execute(
        insert(output).values(run_id=run_id, kind="plan", body=compress("x"), created_at=2**50)
    )
