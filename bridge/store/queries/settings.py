"""What the bridge generated for itself and must find again."""

from sqlalchemy import Connection, select

from bridge.store.queries.upserts import upsert
from bridge.store.schema import setting

SECRET_KEY = "secret_key"  # noqa: S105 - the name of a row


def stored_or(connection: Connection, name: str, candidate: str) -> str:
    """Return the stored value of *name*; without one, store *candidate* and return it.

    Replicas that start together agree on whichever came first.
    """
    connection.execute(
        upsert(connection, setting).values(name=name, value=candidate).on_conflict_do_nothing()
    )
    found: str = connection.scalars(select(setting.c.value).where(setting.c.name == name)).one()
    return found


def remember(connection: Connection, name: str, value: str) -> None:
    """Store the value of *name*, whatever it was before."""
    statement = upsert(connection, setting).values(name=name, value=value)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": value})
    )


def remembered(connection: Connection, name: str) -> str:
    """Return the stored value of *name*; empty when there is none."""
    found = connection.scalar(select(setting.c.value).where(setting.c.name == name))
    return "" if found is None else str(found)
