"""The janitor deletes what nobody needs, in chunks, as long as it may."""

import pytest
from sqlalchemy import Connection, insert
from structlog.typing import EventDict

from bridge.domain.errors import LeaseLostError
from bridge.engine.janitor import INTERVAL, Janitor
from bridge.engine.leases import Lease, boot_time
from bridge.store.database import Database
from bridge.store.queries.leases import Held
from bridge.store.queries.retention import DAY, Retention
from bridge.store.schema import audit, duty
from tests.bridge.store.rows import rows_of


def a_lease(seconds: float = 30.0) -> Lease:
    return Lease(duty, Held("janitor", 1), boot_time() + seconds)


def _add(connection: Connection, count: int, at: int) -> None:
    values = {"actor": "", "action": "", "door": "", "subject": "", "result": ""}
    connection.execute(insert(audit), [{"at": at, **values} for _ in range(count)])


async def test_what_is_old_is_deleted_however_much_it_is(
    database: Database, logs: list[EventDict]
) -> None:
    now = database.now()
    await database.write(_add, 2_500, now - 11 * DAY)
    await database.write(_add, 3, now - 9 * DAY)
    await Janitor(database, Retention(audits=10)).clean(a_lease())
    assert len(await rows_of(database, audit)) == 3
    (entry,) = [entry for entry in logs if entry["event"] == "janitor.cleaned"]
    assert entry["deleted"] == {"audit": 2_500}


async def test_nothing_is_deleted_without_the_lease(database: Database) -> None:
    await database.write(_add, 3, 1)
    with pytest.raises(LeaseLostError):
        await Janitor(database).clean(a_lease(-1))
    assert len(await rows_of(database, audit)) == 3


def test_it_is_a_duty_done_every_hour(sqlite_url: str) -> None:
    duty_of_it = Janitor.duty(Janitor.__new__(Janitor))
    assert (duty_of_it.name, duty_of_it.interval) == ("janitor", INTERVAL)
