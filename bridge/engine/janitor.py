"""The janitor deletes what nobody needs any more."""

import asyncio
from typing import Final

import structlog

from bridge.engine.duties import Duty
from bridge.engine.leases import Lease
from bridge.store.database import Database
from bridge.store.queries import retention
from bridge.store.queries.retention import Retention

log = structlog.get_logger()

INTERVAL: Final = 3600.0
"""Seconds between two rounds."""

_PAUSE: Final = 0.05
"""Seconds between two chunks: whoever writes meanwhile comes first."""


class Janitor:
    """Deletes in chunks, so that no write waits long."""

    def __init__(self, database: Database, keep: Retention | None = None) -> None:
        self._database = database
        self._keep = keep or Retention()

    def duty(self) -> Duty:
        """Describe it for :class:`Duties`."""
        return Duty(name="janitor", interval=INTERVAL, call=self.clean)

    async def clean(self, lease: Lease) -> None:
        """Delete everything whose time is over."""
        deleted: dict[str, int] = {}
        for what in retention.expired(self._keep, self._database.now()):
            count = await self._forget(what, lease)
            if count:
                deleted[what.table.name] = count
        await self._database.tidy()
        if deleted:
            log.info("janitor.cleaned", deleted=deleted)

    async def _forget(self, what: retention.Expired, lease: Lease) -> int:
        total = 0
        while True:
            lease.check()
            keys = await self._database.read(retention.find, what)
            if not keys:
                return total
            count = await self._database.write(retention.forget, what, keys)
            total += count
            if len(keys) < retention.CHUNK or not count:
                return total
            await asyncio.sleep(_PAUSE)
