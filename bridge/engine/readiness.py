"""Whether deliveries can be kept right now."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, text

from bridge.domain.errors import OverloadedError
from bridge.engine.supervisor import Supervisor
from bridge.store.database import Database

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """See web.health.Readiness."""

    database: Database
    supervisor: Supervisor

    async def problems(self) -> Sequence[str]:
        """Try the way a delivery takes, and ask whether every worker runs."""
        found: list[str] = []
        if not self.supervisor.healthy:
            found.append("a worker is not running")
        try:
            await self.database.write(_touch)
            await self.database.read(_touch)
        except OverloadedError as error:
            # Anybody may ask, and what the driver says names statements and hosts.
            log.warning("database.not_ready", reason=str(error))
            found.append(str(error).partition(":")[0])
        return found


def _touch(connection: Connection) -> None:
    connection.execute(text("SELECT 1"))
