"""Creating, changing and ending jobs.

Two rules shape it. A job is created by exactly one POST: whatever comes back, whether it exists
is found out by its key. And a job is never PATCHed in its first seconds, in which a change gets
lost or makes it read failed for a moment (contract section 5).
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final

from cachetools import TTLCache

from bridge.domain.errors import (
    JobStateError,
    PermanentRemoteError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.terrakube import Job, JobChange, JobRequest, JobStatus
from bridge.http import HttpClient, Response
from bridge.terrakube import answers, queries, states
from bridge.terrakube.answers import served_at
from bridge.terrakube.reading import JobReader
from bridge.terrakube.refusals import Refusals

SETTLED: Final = 5.0
"""Seconds after which a job may be PATCHed; trouble was seen in the first one."""

_SURELY_SETTLED: Final = timedelta(seconds=60 + SETTLED)


class JobWriter(JobReader):
    """Creates, changes and ends jobs.

    Args:
        http: See Calls.
        refusals: See Calls.
        organizations: See Places.
        ui_url: See JobReader.
        creator: See JobReader.
        clock: Monotonic seconds.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        http: HttpClient,
        refusals: Refusals,
        *,
        organizations: Sequence[str],
        ui_url: str,
        creator: str,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        super().__init__(
            http, refusals, organizations=organizations, ui_url=ui_url, creator=creator
        )
        self._clock = clock
        self.sleep = sleep
        self._seen: TTLCache[str, float] = TTLCache(maxsize=10_000, ttl=10 * SETTLED, timer=clock)

    async def create_job(self, request: JobRequest) -> Job:
        """See JobServer.create_job.

        On the documented path, ``POST /workspace/{id}/job``. It answers 500 unless the body
        relates the job to its organization, too (contract section 3), so both relations are sent.
        An inline template is checked first, as the server takes anything and fails the job.
        """
        response = await self._send(
            "POST", queries.workspace_path(request.workspace.id, "job"), queries.new_job(request)
        )
        try:
            job = answers.job(response, request.workspace.organization_id)
        except PermanentRemoteError as error:
            # It was accepted, whatever the answer means: the job may exist.
            raise TemporaryRemoteError(
                str(error), service=error.service, status=error.status
            ) from error
        self._seen[job.id] = self._clock()
        if job.created_by:
            self._creators.add(job.created_by)
        return job

    async def update_job(self, organization_id: str, job_id: str, change: JobChange) -> Job:
        """Change a job and return it as read afterwards; waits for one that may be young.

        Terrakube answers 204 to changes that have no effect any more (contract sections 3.1
        and 5); those are refused here.

        Raises:
            UserError: Nothing is to be changed, or this server does not know target addresses.
            JobStateError: The job has gone too far for it.
            NotFoundError: There is no such job in the organization.
        """
        if change == JobChange():
            msg = f"job {job_id}: nothing is to be changed"
            raise UserError(msg)
        document = queries.changed_job(job_id, change)
        if change.target_addrs is not None or change.replace_addrs is not None:
            await self._check_targets()
        job = await self._settled_job(organization_id, job_id, young=lambda _: True)
        states.check_change(job, change)
        await self._patch(organization_id, job_id, document)
        return await self.job(organization_id, job_id)

    async def approve_job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.approve_job.

        The server checks no transition: an approval of a job that has ended is answered 204, runs
        nothing and blocks the workspace (contract section 5). So the state is read right before,
        and again afterwards, as somebody may have been as quick. After an error of the connection
        it may be approved all the same: read the job.
        """
        return await self._answer(organization_id, job_id, JobStatus.APPROVED)

    async def reject_job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.reject_job."""
        return await self._answer(organization_id, job_id, JobStatus.REJECTED)

    async def cancel_job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.cancel_job; waits up to SETTLED seconds for a job that may be young."""
        job = await self._settled_job(organization_id, job_id, young=states.is_open)
        if not states.is_open(job):
            return job
        document = queries.job_with_status(job_id, JobStatus.CANCELLED)
        await self._patch(organization_id, job_id, document)
        return await self.job(organization_id, job_id)

    async def delete_job(self, organization_id: str, job_id: str) -> None:
        """Remove a job and its steps for good; whoever may read it, may do this.

        It ends nothing: cancel a job that is open first.

        Raises:
            NotFoundError: There is no such job in the organization.
            PermanentRemoteError: Among others, 2.33 sent a notification about it (409).
        """
        await self._delete(queries.organization_path(organization_id, "job", job_id))

    async def _answer(self, organization_id: str, job_id: str, status: JobStatus) -> Job:
        job = await self._settled_job(organization_id, job_id, young=states.waits_early)
        states.check_waiting(job)
        await self._patch(organization_id, job_id, queries.job_with_status(job_id, status))
        job = await self.job(organization_id, job_id)
        race = states.race_of(job, status)
        if race:
            raise JobStateError(race)
        return job

    async def _patch(self, organization_id: str, job_id: str, document: dict[str, object]) -> None:
        path = queries.organization_path(organization_id, "job", job_id)
        await self._send("PATCH", path, document)

    async def _settled_job(
        self, organization_id: str, job_id: str, *, young: Callable[[Job], bool]
    ) -> Job:
        """Read a job that may be PATCHed; waited for only if it may be *young*."""
        response = await self._read_job(organization_id, job_id)
        job = answers.job(response, organization_id)
        wait = self._unsettled(job, response) if young(job) else 0.0
        if wait > 0:
            await self.sleep(wait)
            job = await self.job(organization_id, job_id)
        return job

    def _unsettled(self, job: Job, response: Response) -> float:
        """Say how many seconds a job must be left alone yet.

        Its date is precise to the minute: unless that alone is old enough, it counts from when
        this process saw it first.
        """
        if job.created_at and served_at(response) - job.created_at > _SURELY_SETTLED:
            return 0.0
        first_seen = self._seen.setdefault(job.id, self._clock())
        return first_seen + SETTLED - self._clock()

    async def _check_targets(self) -> None:
        if not (await self.features()).targets:
            msg = "this Terrakube knows no target addresses: they need 2.33 or newer"
            raise UserError(msg)
