"""Fixtures that every part of the tests may use."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bridge.store.database import Database
from tests.databases import DIALECTS, Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the whole run."""
    context = postgres_server()
    try:
        server = context.__enter__()
    except Exception as error:  # noqa: BLE001 - whatever it is, the tests that need it are skipped
        pytest.skip(f"PostgreSQL does not start: {error}")
    yield server
    context.__exit__(None, None, None)


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/bridge.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.create()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database, on SQLite and on PostgreSQL in turn."""
    async with await Database.open(database_url) as database:
        yield database
