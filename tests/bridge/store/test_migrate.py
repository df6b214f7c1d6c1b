"""The migrations lead to the schema the program uses."""

import asyncio

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from bridge.domain.errors import SettingsError
from bridge.store import migrate
from bridge.store.database import Database
from bridge.store.schema import metadata
from tests.databases import Postgres


def test_head_is_the_newest_script() -> None:
    scripts = ScriptDirectory.from_config(migrate.configuration())
    assert scripts.get_current_head() == migrate.HEAD


async def test_migrating_leads_to_the_schema(database: Database) -> None:
    assert await database.read(_differences) == []


def _differences(connection: Connection) -> list[object]:
    # Alembic takes SQLite's quoted empty string for another default than the empty string.
    defaults = connection.dialect.name == "postgresql"
    context = MigrationContext.configure(connection, opts={"compare_server_default": defaults})
    return list(compare_metadata(context, metadata))


async def test_partial_indexes_and_storage_are_as_in_the_schema(database: Database) -> None:
    """What the comparison above does not look at."""
    indexes = await database.read(_partial_indexes)
    assert {name for name, condition in indexes.items() if condition} == {
        "uq_delivery_waiting",
        "ix_delivery_dead",
        "uq_run_share",
        "ix_post_chat",
    }


def _partial_indexes(connection: Connection) -> dict[str, bool]:
    if connection.dialect.name == "sqlite":
        found = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'index'"))
    else:
        found = connection.execute(text("SELECT indexname, indexdef FROM pg_indexes"))
    return {name: " WHERE " in (sql or "") for name, sql in found if not name.startswith("pg_")}


async def test_migrating_twice_changes_nothing(database_url: str) -> None:
    await migrate.migrate(database_url)
    async with await Database.open(database_url) as database:
        assert await database.read(migrate.current_version) == migrate.HEAD


async def test_migrating_a_file_in_use_is_refused(sqlite_url: str) -> None:
    async with await Database.open(sqlite_url):
        with pytest.raises(SettingsError, match="another bridge"):
            await migrate.migrate(sqlite_url)


@pytest.mark.postgres
async def test_replicas_that_migrate_together_wait_for_each_other(postgres: Postgres) -> None:
    postgres.sql("CREATE DATABASE together")
    url = postgres.url("together")
    with pytest.raises(SettingsError, match="run terrakube-bridge migrate"):
        await Database.open(url)

    await asyncio.gather(*(migrate.migrate(url) for _ in range(3)))

    async with await Database.open(url) as database:
        tables = await database.read(lambda connection: inspect(connection).get_table_names())
    assert sorted(tables) == sorted([*metadata.tables, "alembic_version"])


@pytest.mark.postgres
async def test_a_server_that_does_not_answer_is_said_so() -> None:
    url = "postgresql://bridge:hunter2@127.0.0.1:1/none"
    for attempt in (Database.open(url), migrate.migrate(url)):
        with pytest.raises(SettingsError, match="database") as caught:
            await attempt
        assert "hunter2" not in str(caught.value)
