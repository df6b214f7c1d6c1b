"""The watch over holds: sees how cancelled jobs end, and frees what nobody needs any more.

A cancel does not stop Terraform, so the workspace of a cancelled apply stays locked until the
step that ran says that it is over, or until nobody waits for that any longer. What a pull request
held that was closed without anybody telling is freed, too.
"""

from typing import Final

import structlog
from sqlalchemy import RowMapping

from bridge.decisions.holding import end_of, failed_later, not_seen, went_through
from bridge.domain.errors import RemoteError
from bridge.domain.runs import RunState
from bridge.domain.work import AuditEntry
from bridge.engine.duties import Duty
from bridge.engine.leases import Lease
from bridge.ports import JobServer
from bridge.store.database import Database
from bridge.store.queries import holds as queries
from bridge.store.queries.told import record_audits

log = structlog.get_logger()

INTERVAL: Final = 60.0
"""Seconds between two rounds."""

_FORGOTTEN: Final = "Its pull request is closed, or its run has ended."
_NOTES: Final = {"completed": went_through, "failed": failed_later}


class HoldWatch:
    """Looks after the workspaces pull requests have for themselves."""

    def __init__(self, database: Database, server: JobServer) -> None:
        self._database = database
        self._server = server

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name="holds", interval=INTERVAL, call=self.watch)

    async def watch(self, lease: Lease) -> None:
        """Do a round."""
        for row in await self._database.read(queries.lingering):
            lease.check()
            await self._look(row)
        for workspace in await self._database.write(queries.mend, self._database.now()):
            await self._note(workspace, "freed", _FORGOTTEN)

    async def _look(self, row: RowMapping) -> None:
        note = _NOTES.get(await self._status(row))
        if note is None and self._database.now() < row["busy_until"]:
            return
        cancelled = row["state"] in {RunState.CANCELLED, RunState.SUPERSEDED}
        text = (note or not_seen)(row["verb"] or "apply", cancelled=cancelled)
        if await self._database.write(queries.amend, row, text, self._database.now()):
            await self._note(f"{row['organization_name']}/{row['workspace_name']}", "settled", text)

    async def _status(self, row: RowMapping) -> str:
        """Read how a job ended, once nothing of it runs any more; empty when unknown."""
        if not row["job_id"]:
            return ""
        try:
            job = await self._server.job(row["organization_id"], row["job_id"])
        except RemoteError as error:
            log.warning("hold.not_watched", job_id=row["job_id"], error=str(error))
            return ""
        return end_of(job, row["busy_step"])

    async def _note(self, workspace: str, result: str, detail: str) -> None:
        log.info("hold.settled", workspace=workspace, reason=detail)
        entry = AuditEntry(
            actor="terrakube-bridge",
            action="hold.settled",
            door="bridge",
            subject=workspace,
            result=result,
            detail=detail,
        )
        await self._database.write(record_audits, [entry], self._database.now())
