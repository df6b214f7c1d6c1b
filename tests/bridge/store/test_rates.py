"""Token buckets that replicas share."""

import pytest

from bridge.store.database import Database
from bridge.store.queries import rates, retention
from bridge.store.queries.rates import Cost
from bridge.store.queries.retention import DAY, Retention
from bridge.store.schema import rate_bucket
from tests.bridge.store.rows import rows_of

NOW = 1_700_000_000_000


def cost(tokens: int = 1, key: str = "content:code") -> Cost:
    return Cost(key=key, tokens=tokens, burst=3, per_minute=6)


async def take(database: Database, *costs: Cost, now: int = NOW) -> int:
    """How many milliseconds one has to wait."""
    return await database.write(rates.take, costs, now) - now


async def test_a_burst_is_free_and_then_each_waits_its_turn(database: Database) -> None:
    waits = [await take(database, cost()) for _ in range(6)]
    assert waits == [0, 0, 0, 10_001, 20_001, 30_001]


async def test_tokens_come_back_with_time_up_to_the_burst(database: Database) -> None:
    for _ in range(3):
        await take(database, cost())
    assert await take(database, cost(), now=NOW + 10_000) == 0
    assert await take(database, cost(), now=NOW + 15_000) == 5_001
    waits = [await take(database, cost(), now=NOW + 10_000_000) for _ in range(4)]
    assert waits == [0, 0, 0, 10_001]


async def test_the_scarcest_of_several_decides(database: Database) -> None:
    await take(database, cost(3, "a"))
    assert await take(database, cost(2, "a"), cost(2, "b")) == 20_001
    assert await take(database, cost(1, "b")) == 0


@pytest.mark.parametrize(("used", "wait"), [(0, 0), (1, 0), (2, 0), (3, 10_001), (5, 30_001)])
async def test_what_was_not_used_comes_back_and_what_was_used_beyond_is_taken(
    database: Database, used: int, wait: int
) -> None:
    await take(database, cost(3))
    await database.write(rates.give_back, [cost(3)], 3 - used)
    assert await take(database, cost()) == wait


async def test_more_does_not_come_back_than_fits(database: Database) -> None:
    await take(database, cost())
    await database.write(rates.give_back, [cost()], 100)
    (row,) = await rows_of(database, rate_bucket)
    assert row["tokens"] == 3_000


async def test_a_block_is_waited_for_and_never_shortened(database: Database) -> None:
    assert await database.read(rates.blocked_until, [cost()]) == 0
    await database.write(rates.block, [cost()], NOW + 50_000, NOW)
    await database.write(rates.block, [cost()], NOW + 20_000, NOW)
    assert await database.read(rates.blocked_until, [cost()]) == NOW + 50_000
    assert await take(database, cost(), now=NOW + 30_000) == 20_000
    assert await take(database, cost(), now=NOW + 50_000) == 0


async def test_buckets_nobody_used_for_a_day_are_forgotten(database: Database) -> None:
    await take(database, cost())
    await take(database, cost(1, "fresh"), now=NOW + DAY)
    (what,) = [
        one for one in retention.expired(Retention(), NOW + DAY + 1) if one.table is rate_bucket
    ]
    keys = await database.read(retention.find, what)
    assert list(keys) == ["content:code"]
    assert await database.write(retention.forget, what, keys) == 1
