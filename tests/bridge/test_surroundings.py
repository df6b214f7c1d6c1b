"""What ``doctor`` sees of the database, on SQLite and on PostgreSQL."""

from pathlib import Path

from sqlalchemy import Connection

from bridge.domain.examining import Finding, Level
from bridge.engine.inbox import Inbox
from bridge.services.examining.checks import run_checks
from bridge.settings import load_settings
from bridge.store.database import Database
from bridge.store.schema import delivery
from bridge.wiring.surroundings import Surroundings
from tests.bridge.store.rows import a_delivery
from tests.bridge.test_settings import ENOUGH


def beside(folder: Path, url: str) -> Surroundings:
    settings = load_settings(ENOUGH | {"BRIDGE_DATABASE__URL": url}, folder)
    return Surroundings(settings=settings, patience=10.0)


def set_aside(connection: Connection) -> None:
    connection.execute(delivery.update().values(outcome="dead"))


async def database_lines(surroundings: Surroundings) -> list[Finding]:
    found = await run_checks(surroundings.checks())
    return [one for one in found if one.what in {"database", "set aside"}]


async def test_a_database_in_use_is_looked_into(tmp_path: Path, database_url: str) -> None:
    surroundings = beside(tmp_path, database_url)
    async with await Database.open(database_url) as database:
        await Inbox(database).accept(a_delivery(), 10.0)
        (well,) = await database_lines(surroundings)
        await database.write(set_aside)
        (_, aside) = await database_lines(surroundings)
        assert await surroundings.known_repositories("code") == []
    where = f"SQLite, {tmp_path}/bridge.db" if "sqlite" in database_url else "PostgreSQL on "
    assert aside.detail == "1 delivery set aside after several tries"
    assert well.level is Level.OK
    assert well.detail.startswith(where)
    assert well.detail.endswith(", schema as needed")


async def test_a_server_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    url = "postgresql://bridge:canary@127.0.0.1:1/bridge"
    surroundings = beside(tmp_path, url)
    (broken,) = await database_lines(surroundings)
    assert (broken.what, broken.level) == ("database", Level.ERROR)
    assert "canary" not in broken.detail
    assert await surroundings.known_repositories("code") == ()
