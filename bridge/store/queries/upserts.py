"""INSERT ... ON CONFLICT, which SQLAlchemy spells per dialect and both dialects spell alike."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(connection: Connection, table: Table) -> Any:  # noqa: ANN401 - the dialects' classes share no base
    """Begin an INSERT into *table* that knows ``on_conflict_do_nothing`` and ``..._do_update``."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
