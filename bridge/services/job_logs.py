"""Reading the log of a step of a job for whoever asks: as plain text, without secrets."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bridge.decisions.log_growth import Given, grown
from bridge.decisions.plans import all_rows, steps_with_logs
from bridge.decisions.sensitive import sensitive_values
from bridge.decisions.step_logs import plain
from bridge.domain.errors import RemoteError
from bridge.domain.redaction import Redactor
from bridge.domain.terrakube import Job, JobContext, Step
from bridge.ports import JobServer

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownLog:
    """What a step wrote, redacted; of one that runs, so far and in whole lines."""

    step: Step
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLogs:
    """Reads logs of jobs.

    Attributes:
        redactor: Knows the configured secrets.
    """

    server: JobServer
    redactor: Redactor

    async def read(self, job: Job, steps: Sequence[Step] = ()) -> ShownLog | None:
        """Read the last of *steps* that wrote something; None when none did.

        Args:
            job: As read just now, with its steps.
            steps: Of it; empty for all.

        Raises:
            RemoteError: Terrakube does not say.
        """
        for step in reversed(steps_with_logs(steps or job.steps)):
            text = await self.server.step_log(job.organization_id, job.id, step.id)
            text = grown(Given(), text, complete=step.status != "running").text
            if text.strip():
                return ShownLog(step=step, text=await self._redacted(job, text))
        return None

    async def _redacted(self, job: Job, text: str) -> str:
        rows = all_rows(await self._context(job))
        # A log of megabytes takes seconds: deliveries are answered meanwhile. Secrets are looked
        # for in all of it, as in a piece one may be cut in two.
        return await asyncio.to_thread(self.redactor.redact, plain(text), sensitive_values(rows))

    async def _context(self, job: Job) -> JobContext:
        try:
            return await self.server.context(job.id)
        except RemoteError as error:
            log.warning("context.lost", job_id=job.id, error=str(error))
            return JobContext(plans={}, applies={}, diagnostics={})
