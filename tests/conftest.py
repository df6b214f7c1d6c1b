"""Fixtures that every part of the tests may use."""

import asyncio
import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

from bridge.store.database import Database
from bridge.store.migrate import migrate
from tests.databases import DIALECTS, Postgres, postgres_server

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

LONG: Final = ("e2e", "chaos", "deploy", "bench", "bridge/cli/test_demo.py", "bridge/engine")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files instead of comparing"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: one long file at the end would leave all workers but one idle.

    A file of plays takes half a minute, most others a second.
    """
    tests = Path(__file__).parent
    items.sort(key=lambda item: not any(item.path.is_relative_to(tests / one) for one in LONG))


def pytest_collection_finish() -> None:
    """What is there now stays; looking through it again and again costs a tenth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)


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


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file: copying it takes a hundredth of migrating anew."""
    path = tmp_path_factory.mktemp("template") / "bridge.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A fresh SQLite file."""
    shutil.copy(sqlite_template, tmp_path / "bridge.db")
    return f"sqlite:///{tmp_path}/bridge.db"


@pytest.fixture
def postgres_url(postgres: Postgres) -> str:
    """An empty database on PostgreSQL."""
    return postgres.emptied()


@pytest.fixture(params=DIALECTS)
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh database, on SQLite and on PostgreSQL in turn."""
    url: str = request.getfixturevalue(
        "sqlite_url" if request.param == "sqlite" else "postgres_url"
    )
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database, on SQLite and on PostgreSQL in turn."""
    async with await Database.open(database_url) as database:
        yield database
