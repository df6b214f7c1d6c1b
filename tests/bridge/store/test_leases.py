"""Claiming, renewing and ending leases, as far as SQL goes."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest
from sqlalchemy import Connection, RowMapping, insert

from bridge.domain.errors import LeaseLostError
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.leases import Held
from bridge.store.schema import duty, organization
from tests.bridge.store.rows import rows_of

NOW = 1_000_000


async def make(database: Database, due: Mapping[str, int | None]) -> None:
    await database.write(_make, due)


def _make(connection: Connection, due: Mapping[str, int | None]) -> None:
    for name, moment in due.items():
        connection.execute(insert(duty).values(id=name, due_at=moment))


async def claim(
    database: Database, now: int = NOW, limit: int = 10, owner: str = "one"
) -> Sequence[RowMapping]:
    return await database.write(
        leases.claim, duty, owner=owner, limit=limit, lease_ms=30_000, now=now
    )


def ids(rows: Sequence[RowMapping]) -> list[str]:
    return [row["id"] for row in rows]


async def test_due_rows_are_claimed_longest_due_first(database: Database) -> None:
    await make(
        database, {"late": NOW - 5, "later": NOW - 9, "now": NOW, "soon": NOW + 1, "not": None}
    )

    assert ids(await claim(database, limit=2)) == ["later", "late"]
    assert ids(await claim(database)) == ["now"]
    assert ids(await claim(database)) == []


async def test_a_claim_sets_owner_deadline_and_fence_and_counts(database: Database) -> None:
    await make(database, {"a": NOW})
    (row,) = await claim(database)
    assert {name: row[name] for name in ("owner", "lease_until", "fence", "attempts")} == {
        "owner": "one",
        "lease_until": NOW + 30_000,
        "fence": 1,
        "attempts": 1,
    }


async def test_an_expired_lease_is_taken_over_and_its_holder_refused(database: Database) -> None:
    await make(database, {"a": NOW})
    await claim(database)
    assert ids(await claim(database, now=NOW + 29_999, owner="two")) == []

    (row,) = await claim(database, now=NOW + 30_000, owner="two")

    assert (row["fence"], row["attempts"], row["failures"]) == (2, 2, 1)
    for late in (_finish, _fail, _keep):
        with pytest.raises(LeaseLostError):
            await database.write(late, Held("a", 1))
    await database.write(_release, Held("a", 1))
    assert (await rows_of(database, duty))[0]["owner"] == "two"


async def test_a_lease_ends_once(database: Database) -> None:
    await make(database, {"a": NOW})
    await claim(database)
    await database.write(_finish, Held("a", 1))
    with pytest.raises(LeaseLostError):
        await database.write(_finish, Held("a", 1))


async def test_finishing_forgets_failures_and_sets_the_next_time(database: Database) -> None:
    await make(database, {"a": NOW})
    await claim(database)
    await database.write(_fail, Held("a", 1))
    (row,) = await rows_of(database, duty)
    assert (row["failures"], row["last_error"], row["due_at"], row["owner"]) == (1, "no", 7, None)

    await claim(database)
    await database.write(_finish, Held("a", 2))

    (row,) = await rows_of(database, duty)
    assert dict(row) == {
        "id": "a",
        "due_at": 5,
        "lease_until": None,
        "owner": None,
        "fence": 2,
        "attempts": 0,
        "failures": 0,
        "last_error": "",
    }


async def test_giving_back_leaves_no_trace_but_the_fence(database: Database) -> None:
    await make(database, {"a": NOW})
    await claim(database)
    await database.write(_release, Held("a", 1))
    (row,) = await claim(database)
    assert (row["fence"], row["attempts"], row["failures"]) == (2, 1, 0)


async def test_renewing_tells_what_was_lost(database: Database) -> None:
    await make(database, dict.fromkeys("abc", NOW))
    await claim(database)
    await database.write(_finish, Held("b", 1))
    held = [Held("a", 1), Held("b", 1), Held("c", 9)]

    assert await database.write(leases.renew, duty, held, until=NOW + 99) == {Held("a", 1)}

    assert {row["id"]: row["lease_until"] for row in await rows_of(database, duty)} == {
        "a": NOW + 99,
        "b": None,
        "c": NOW + 30_000,
    }
    assert await database.write(leases.renew, duty, [], until=1) == frozenset()


async def test_the_next_due_row_is_the_earliest_that_is_free(database: Database) -> None:
    await make(database, {"a": NOW - 5, "b": NOW + 7, "c": None})
    assert await database.read(leases.next_due, duty, NOW) == NOW - 5
    await claim(database)
    assert await database.read(leases.next_due, duty, NOW) == NOW + 7
    assert await database.read(leases.next_due, duty, NOW + 30_000) == NOW - 5
    assert await database.read(leases.next_due, organization, NOW) is None


async def test_only_chosen_rows_are_claimed(database: Database) -> None:
    await make(database, dict.fromkeys("abc", NOW))
    rows = await database.write(
        leases.claim,
        duty,
        owner="one",
        limit=9,
        lease_ms=1,
        now=NOW,
        where=duty.c.id.in_(["a", "c"]),
    )
    assert sorted(ids(rows)) == ["a", "c"]


@pytest.mark.postgres
async def test_replicas_that_claim_together_share_the_rows(postgres_url: str) -> None:
    async with await Database.open(postgres_url) as one, await Database.open(postgres_url) as two:
        await make(one, {f"d-{at:03}": NOW for at in range(200)})

        claimed = await asyncio.gather(
            *(claim(database, limit=7) for _ in range(20) for database in (one, two))
        )

        taken = [name for rows in claimed for name in ids(rows)]
        assert len(taken) == len(set(taken))
        assert {row["fence"] for row in await rows_of(one, duty)} <= {0, 1}


def _finish(connection: Connection, held: Held) -> None:
    leases.finish(connection, duty, held, due_at=5)


def _fail(connection: Connection, held: Held) -> None:
    leases.fail(connection, duty, held, due_at=7, error="no")


def _keep(connection: Connection, held: Held) -> None:
    leases.keep(connection, duty, held, due_at=1)


def _release(connection: Connection, held: Held) -> None:
    leases.release(connection, duty, [held])
