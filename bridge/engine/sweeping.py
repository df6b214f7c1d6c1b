"""The sweep: cancels a job that a run did not mean to have.

A POST may be committed after the grace period in which its job was looked for, and the one that
was sent instead runs, too; or a run was given up, and its job turns up after all.
"""

from typing import Final

import structlog

from bridge.decisions.adopting import jobs_of_run
from bridge.domain.errors import RemoteError
from bridge.domain.runs import Run
from bridge.domain.terrakube import TERMINAL, Job
from bridge.domain.work import AuditEntry
from bridge.engine.duties import Duty
from bridge.engine.leases import Lease
from bridge.ports import JobServer
from bridge.store.codecs import to_ms
from bridge.store.database import Database
from bridge.store.queries import runs as queries
from bridge.store.queries.told import record_audits

log = structlog.get_logger()

INTERVAL: Final = 60.0
"""Seconds between two rounds."""

_WINDOW: Final = 6 * 3_600_000
"""Milliseconds after its POST in which a job may turn up and still be open."""

_MIN_AGE: Final = 70_000
"""Milliseconds: a job must not be changed in its first seconds, and its date is cut to minutes."""


class Sweep:
    """Looks at runs whose POST was sent more than once, or that ended without a job."""

    def __init__(self, database: Database, server: JobServer) -> None:
        self._database = database
        self._server = server

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name="sweep", interval=INTERVAL, call=self.sweep)

    async def sweep(self, lease: Lease) -> None:
        """Cancel what should not be there."""
        since = self._database.now() - _WINDOW
        for run in await self._database.read(queries.perhaps_twice, since=since):
            try:
                await self._sweep_run(run, lease)
            except RemoteError as error:
                log.warning("sweep.failed", run_id=run.id, error=str(error))
                return  # the others would hear the same; the next round comes soon

    async def _sweep_run(self, run: Run, lease: Lease) -> None:
        if not run.job_id and not run.concluded:
            return  # it is being looked for at this moment
        organization_id = run.request.workspace.organization_id
        found = await self._server.jobs_with_key(organization_id, run.key)
        for job in jobs_of_run(run, found):
            if job.id != run.job_id and self._may_be_cancelled(job):
                lease.check()
                ended = await self._server.cancel_job(organization_id, job.id)
                await self._note(run, ended)

    def _may_be_cancelled(self, job: Job) -> bool:
        old_enough = (
            job.created_at is not None and self._database.now() - to_ms(job.created_at) >= _MIN_AGE
        )
        return old_enough and job.status not in TERMINAL

    async def _note(self, run: Run, job: Job) -> None:
        log.warning("job.swept", run_id=run.id, job_id=job.id, job_status=job.status)
        kept = f"job {run.job_id} stands for it" if run.job_id else "it has ended without a job"
        entry = AuditEntry(
            actor="terrakube-bridge",
            action="job.swept",
            door="bridge",
            subject=run.id,
            result=job.status,
            detail=f"Job {job.id} was a second one of its run; {kept}.",
        )
        await self._database.write(record_audits, [entry], self._database.now())
