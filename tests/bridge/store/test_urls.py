"""Addresses of databases: what is wrong is said in a sentence, whichever library would trip."""

import asyncio

import pytest

from bridge.domain.errors import SettingsError
from bridge.store import hints, migrate
from bridge.store.database import Database
from bridge.store.urls import parse_url
from tests.databases import Postgres

PLACE = "postgresql://bridge:hunter2@127.0.0.1:1/none"
MODES = "disable, allow, prefer, require, verify-ca, verify-full"
KINDS = "the database must be sqlite:///path or postgresql://user:password@host/name"
UNKNOWN = (
    "the address of the database has options that are not known: connect_timeout, timeout; "
    "there are host, passfile, pgbouncer, port, ssl, sslmode, target_session_attrs"
)
HOSTS = (
    "the hosts in the address of the database do not fit: "
    "All ports are required to be present for asyncpg multiple host URL"
)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://bridge:hunter2@host/name", KINDS),
        ("postgresql://bridge:hunter2@host:door/name", KINDS),
        ("hunter2", KINDS),
        (
            f"{PLACE}?sslmode=garbage",
            f"sslmode in the address of the database must be one of {MODES}",
        ),
        (f"{PLACE}?ssl=on", f"sslmode in the address of the database must be one of {MODES}"),
        (
            f"{PLACE}?timeout=5&connect_timeout=5",
            UNKNOWN,
        ),
        (
            f"{PLACE}?host=a&host=b",
            HOSTS,
        ),
    ],
)
async def test_what_is_wrong_with_an_address_is_said_in_a_sentence(url: str, told: str) -> None:
    for attempt in (Database.open(url), migrate.migrate(url)):
        with pytest.raises(SettingsError) as caught:
            await attempt
        assert str(caught.value) == told


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("", {}),
        ("?sslmode=require", {"ssl": "require"}),
        ("?ssl=verify-full", {"ssl": "verify-full"}),
        ("?sslmode=prefer&pgbouncer=true", {"ssl": "prefer", "pgbouncer": "true"}),
        ("?host=a:1&host=b:2", {"host": ("a:1", "b:2")}),
    ],
)
def test_sslmode_is_named_as_the_driver_does(query: str, kept: dict[str, object]) -> None:
    assert dict(parse_url(PLACE + query).query) == kept


@pytest.mark.postgres
async def test_a_database_is_reached_and_listened_to_with_an_sslmode(postgres: Postgres) -> None:
    postgres.sql("CREATE DATABASE guarded")
    url = f"{postgres.url('guarded')}&sslmode=prefer"
    await migrate.migrate(url)
    async with await Database.open(url) as one, await Database.open(url) as other:
        woken = other.subscribe(hints.POST)
        async with asyncio.timeout(5):
            while not woken.is_set():  # the listener may not be there yet
                await one.write(hints.hint, hints.POST)
                await asyncio.sleep(0.05)
