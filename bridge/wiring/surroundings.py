"""The bridge's own side of ``doctor``: its public address, its database, its key."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bridge.decisions.examining import surroundings
from bridge.decisions.examining.surroundings import StoreSeen
from bridge.decisions.examining.wording import BRIDGE
from bridge.domain.errors import BridgeError, RemoteError, SettingsError
from bridge.domain.examining import Finding
from bridge.http import HttpClient, Retries, Timeouts
from bridge.services.examining.checks import Check
from bridge.settings import Settings
from bridge.store.database import Database
from bridge.store.queries.gauges import backlog
from bridge.store.runs import SqlRunStore
from bridge.store.sqlite import database_path
from bridge.store.urls import parse_url

_ANSWERS = range(200, 600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The settings beside this machine; *patience* is in seconds."""

    settings: Settings
    patience: float

    def checks(self) -> list[Check]:
        """List the checks."""
        looks = {
            "public_url": self._public_url,
            "reachable": self._reached,
            "database": self._database,
            "secret key": self._key,
        }
        return [
            Check(area=BRIDGE, what=what, look=look, patience=self.patience)
            for what, look in looks.items()
        ]

    async def known_repositories(self, forge: str) -> Sequence[str]:
        """List the slugs of repositories deliveries came from, in lower case; none without."""
        try:
            async with asyncio.timeout(self.patience), self._opened() as database:
                if database is None:
                    return ()
                store = SqlRunStore(database=database, job_url=lambda _, job_id: job_id)
                return [one.slug.lower() for one in await store.known_repositories(forge)]
        except (TimeoutError, BridgeError, OSError):  # a line of its own says so
            return ()

    async def look(self, path: str) -> tuple[int, str]:
        """Ask for something below the public address; return status and text.

        Raises:
            RemoteError: Nobody answers there.
        """
        limit = self.patience / 2  # so that it is this that ends first, and says why
        async with HttpClient(
            service="bridge",
            base_url=self.settings.public_url,
            timeouts=Timeouts(connect=limit, read=limit, total=limit),
            retries=Retries(attempts=1),
        ) as http:
            response = await http.request("GET", path, expect=_ANSWERS)
        return response.status, response.text

    async def _public_url(self) -> Sequence[Finding]:
        return surroundings.judge_public_url(self.settings.public_url)

    async def _reached(self) -> Sequence[Finding]:
        url = self.settings.public_url
        if not url:
            return []
        try:
            status, text = await self.look("/healthz")
        except RemoteError as error:
            return [surroundings.judge_unreached(url, str(error))]
        return [surroundings.judge_reached(url, status, text)]

    async def _database(self) -> Sequence[Finding]:
        try:
            async with self._opened() as database:
                if database is None:
                    return [surroundings.judge_no_store(str(self._file()))]
                dead = (await database.read(backlog, database.now())).dead
        except SettingsError as error:
            return [surroundings.judge_broken_store(str(error))]
        seen = StoreSeen(
            where=self._where(),
            deliveries=dead["delivery"],
            posts=dead["post"],
            free=self._free(),
        )
        return surroundings.judge_store(seen)

    async def _key(self) -> Sequence[Finding]:
        return [surroundings.judge_key(is_set=self.settings.secret_key is not None)]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Database | None]:
        """Open the database beside a bridge that may run; None for a file that is not there."""
        file = self._file()
        if file is not None and not file.exists():
            yield None
            return
        url = self.settings.database.url.get_secret_value()
        async with await Database.open(url, exclusive=False) as database:
            yield database

    def _file(self) -> Path | None:
        url = parse_url(self.settings.database.url.get_secret_value())
        return database_path(url) if url.get_backend_name() == "sqlite" else None

    def _where(self) -> str:
        url = parse_url(self.settings.database.url.get_secret_value())
        return f"SQLite, {self._file()}" if self._file() else f"PostgreSQL on {url.host}"

    def _free(self) -> int | None:
        file = self._file()
        return shutil.disk_usage(file.parent).free if file else None
