"""What only the file has."""

import asyncio
import os
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, RowMapping, text

from bridge.domain.errors import SettingsError
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.schema import subject
from bridge.store.sqlite import check_filesystem, database_path
from bridge.store.urls import parse_url
from tests.bridge.store.rows import a_row
from tests.waiting import SOON, until

_OPEN = """
import asyncio, sys
from bridge.store.database import Database
from bridge.domain.errors import SettingsError
async def main():
    try:
        async with await Database.open(sys.argv[1], exclusive=sys.argv[2] == "bridge"):
            print("opened")
    except SettingsError as error:
        print(error)
asyncio.run(main())
"""


def in_another_process(url: str, role: str) -> str:
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", _OPEN, url, role], check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


async def test_a_second_bridge_on_the_same_file_is_refused(sqlite_url: str) -> None:
    async with await Database.open(sqlite_url):
        refusal = in_another_process(sqlite_url, "bridge")
        assert re.fullmatch(
            r"another bridge already runs on /.*bridge\.db: .*PostgreSQL.*", refusal
        )
        with pytest.raises(SettingsError, match="another bridge"):
            await Database.open(sqlite_url)
    assert in_another_process(sqlite_url, "bridge") == "opened"


async def test_what_a_dead_bridge_held_is_free_when_the_next_one_starts(sqlite_url: str) -> None:
    """Nobody waits for leases to run out: there is nobody else who could hold them."""
    async with await Database.open(sqlite_url) as dead:
        await dead.accept(a_row("d-1"), 10)
        (held,) = await _claim(dead)
    async with await Database.open(sqlite_url, exclusive=False) as beside:
        assert await _claim(beside) == []
    async with await Database.open(sqlite_url) as restarted:
        (again,) = await _claim(restarted)
    assert (again["fence"], again["attempts"]) == (held["fence"] + 1, 2)


async def test_what_every_bridge_dies_with_is_found_out(sqlite_url: str) -> None:
    """Most rows were only there when the plug was pulled, so it takes a while."""
    failures: list[int] = []
    for at in range(8):
        async with await Database.open(sqlite_url) as database:
            if at == 0:
                await database.accept(a_row("d-1"), 10)
            (held,) = await _claim(database)
            failures.append(held["failures"])
    assert failures == [0, 0, 0, 1, 1, 1, 2, 2]


async def _claim(database: Database) -> Sequence[RowMapping]:
    return await database.write(
        leases.claim,
        subject,
        owner=database.owner,
        limit=1,
        lease_ms=30_000,
        now=database.now(),
    )


async def test_a_command_may_look_while_the_bridge_runs(sqlite_url: str) -> None:
    async with await Database.open(sqlite_url):
        assert in_another_process(sqlite_url, "command") == "opened"


async def test_a_command_does_not_make_a_database(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no database"):
        await Database.open(f"sqlite:///{tmp_path}/none.db", exclusive=False)
    assert not (tmp_path / "none.db").exists()


async def test_a_new_file_and_its_folder_are_made_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "data" / "bridge.db"
    async with await Database.open(f"sqlite:///{path}") as database:
        assert await database.read(_pragmas) == ("wal", 1)
    assert path.stat().st_mode & 0o077 == 0, "deliveries are nobody else's to read"


def _pragmas(connection: Connection) -> tuple[str, int]:
    mode: str = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    only: int = connection.execute(text("PRAGMA query_only")).scalar_one()
    return mode, only


async def test_a_read_nobody_waits_for_any_more_ends_before_the_file_is_let_go(
    sqlite_url: str,
) -> None:
    begun, go_on, ended = threading.Event(), threading.Event(), threading.Event()

    def slow(connection: Connection) -> None:
        begun.set()
        assert go_on.wait(SOON)
        assert connection.scalar(text("SELECT 1")) == 1
        ended.set()

    async with await Database.open(sqlite_url) as database:
        reading = asyncio.create_task(database.read(slow))
        await until(begun.is_set)
        reading.cancel()
        assert await database.read(_pragmas) == ("wal", 1), "others read meanwhile"
        go_on.set()
    assert ended.is_set()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)  # noqa: ASYNC240 - a test may wait for its disk
    with pytest.raises(SettingsError, match="cannot be written"):
        await Database.open(f"sqlite:///{tmp_path}/bridge.db")


async def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(SettingsError, match="cannot be used"):
        await Database.open(f"sqlite:///{tmp_path}/bridge.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("mysql://root:hunter2@db/x", "must be sqlite"),
        ("nonsense hunter2", "must be sqlite"),
    ],
)
async def test_a_url_of_something_else_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said) as caught:
        await Database.open(url)
    assert "hunter2" not in str(caught.value)


def test_relative_and_absolute_paths_are_told_apart() -> None:
    assert database_path(parse_url("sqlite:////var/lib/bridge.db")) == Path("/var/lib/bridge.db")
    assert database_path(parse_url("sqlite:///bridge.db")) == Path.cwd() / "bridge.db"


class TestFileSystems:
    MOUNTS = """\
/dev/root / ext4 rw 0 0
server:/export /srv/shared nfs4 rw 0 0
/dev/sdb /srv/shared/local ext4 rw 0 0
//nas/data /mnt/my\\040nas cifs rw 0 0
"""

    @pytest.fixture
    def mounts(self, tmp_path: Path) -> Path:
        (tmp_path / "mounts").write_text(self.MOUNTS)
        return tmp_path / "mounts"

    @pytest.mark.parametrize("path", ["/srv/shared/data/b.db", "/mnt/my nas/b.db"])
    def test_a_network_file_system_is_refused(self, path: str, mounts: Path) -> None:
        with pytest.raises(SettingsError, match="local disk"):
            check_filesystem(Path(path), mounts)

    @pytest.mark.parametrize("path", ["/var/lib/b.db", "/srv/shared/local/b.db", "/srv/b.db"])
    def test_a_local_one_is_fine(self, path: str, mounts: Path) -> None:
        check_filesystem(Path(path), mounts)

    def test_a_system_that_does_not_tell_is_trusted(self, tmp_path: Path) -> None:
        check_filesystem(Path("/var/lib/b.db"), tmp_path / "none")
