"""Bringing a database to the schema this version needs.

Alembic takes half a second to import, so it is imported only when there is something to do.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, NullPool, inspect, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from bridge.domain.errors import SettingsError, SilentDatabaseError
from bridge.store import postgres, sqlite
from bridge.store.urls import parse_url

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0001"
"""The newest migration; a test compares it with the scripts."""

FOLDER: Final = Path(__file__).parent / "migrations"

_LOCK: Final = 0x7465_7262  # "terb"; any number no other program on that server uses


def current_version(connection: Connection) -> str | None:
    """Return the version the database is at; None when it is empty."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def check_version(connection: Connection) -> None:
    """Raise SettingsError unless the database is at HEAD."""
    version = current_version(connection)
    if version != HEAD:
        msg = (
            f"the database is at version {version or 'none'}, this program needs {HEAD}:"
            " run terrakube-bridge migrate"
        )
        raise SettingsError(msg)


def upgrade(connection: Connection) -> None:
    """Run the missing migrations in the connection's transaction."""
    from alembic import command  # noqa: PLC0415 - half a second, and seldom needed

    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def configuration() -> "Config":
    """Build Alembic's configuration; there is no alembic.ini."""
    from alembic.config import Config  # noqa: PLC0415 - half a second, and seldom needed

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def prepare_sqlite(path: Path, *, exclusive: bool) -> None:
    """Migrate a SQLite file if it needs it; without *exclusive* refuse instead."""
    engine = sqlite.writer_engine(path)
    try:
        with engine.connect() as connection:
            if not exclusive:
                check_version(connection)
            elif current_version(connection) != HEAD:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                upgrade(connection)
                connection.commit()
    except SQLAlchemyError as error:
        msg = f"the database {path} cannot be used: {error.__cause__ or error}"
        raise SettingsError(msg) from error
    finally:
        engine.dispose()


async def migrate(url: str) -> None:
    """Bring the database at *url* to HEAD: what ``terrakube-bridge migrate`` does.

    Raises:
        SettingsError: Nothing answers, or a bridge is running on the SQLite file.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() == "sqlite":
        path = sqlite.database_path(parsed)
        sqlite.prepare(path)
        lock = sqlite.FileLock(path)
        lock.take()
        try:
            prepare_sqlite(path, exclusive=True)
        finally:
            lock.free()
        return
    engine = create_async_engine(postgres.engine_url(parsed)[0], poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade_postgres)
    except OSError as error:
        msg = f"the database does not answer: {error}"
        raise SilentDatabaseError(msg) from error
    except SQLAlchemyError as error:
        msg = f"the database cannot be migrated: {error}"
        raise SettingsError(msg) from error
    finally:
        await engine.dispose()


def _upgrade_postgres(connection: Connection) -> None:
    # Replicas that start together wait for the first one here.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    if current_version(connection) != HEAD:
        upgrade(connection)
