"""Terrakube's JSON:API, as far as runs need it; the server as observed, not as documented.

Two rules shape it. A job is created by exactly one POST: whatever comes back, whether it exists
is found out by its key. And a job is never PATCHed in its first seconds, in which a change gets
lost or makes it read failed for a moment (contract section 5).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from cachetools import TTLCache

from bridge.domain.errors import NotFoundError, PermanentRemoteError, TemporaryRemoteError
from bridge.domain.terrakube import (
    TERMINAL,
    Job,
    JobContext,
    JobRequest,
    JobStatus,
    Organization,
    Permissions,
    ServerFeatures,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.http import HttpClient, Response, segment
from bridge.terrakube import answers, contexts, payloads, queries, rsql
from bridge.terrakube.answers import served_at, understood
from bridge.terrakube.lists import Listed, read_list
from bridge.terrakube.refusals import Refusals

SETTLED: Final = 5.0
"""Seconds after which a job may be PATCHed; trouble was seen in the first one."""


class TerrakubeServer:
    """See JobServer; safe for concurrent use.

    Args:
        http: Adapter for the API's base URL; its *refine* is that of *refusals*.
        organizations: Names that are served, in this order; none: all the token may see.
        ui_url: Base of the user interface; empty: links go through the API's redirect.
        creator: What ``createdBy`` of our own jobs says, if known before the first one.
        clock: Monotonic seconds; *sleep* waits for them.
    """

    def __init__(
        self,
        http: HttpClient,
        refusals: Refusals,
        *,
        organizations: Sequence[str] = (),
        ui_url: str = "",
        creator: str = "",
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._http = http
        self._refusals = refusals
        self._names = tuple(organizations)
        self._ui_url = ui_url.rstrip("/")
        self._creators = {creator} if creator else set[str]()
        self._clock = clock
        self.sleep = sleep
        self._seen: TTLCache[str, float] = TTLCache(maxsize=10_000, ttl=10 * SETTLED, timer=clock)
        self._features: ServerFeatures | None = None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def organizations(self) -> Sequence[Organization]:
        """See JobServer.organizations."""
        listed = await self._list(
            f"{queries.API}/organization",
            "organization",
            {**queries.ORGANIZATION_FIELDS, "sort": "name"},
            where=rsql.one_of("name", self._names) if self._names else None,
        )
        with understood(listed.last):
            found = [payloads.organization_of(row) for row in listed.found.rows]
        by_name = {organization.name: organization for organization in found}
        for name in self._names:
            if name not in by_name:
                msg = (
                    f"organization {name!r}: it does not exist, or no team of the token may see "
                    "it: correct BRIDGE_TERRAKUBE__ORGANIZATIONS or add a team to it"
                )
                raise NotFoundError(msg, service=self._http.service)
        return [by_name[name] for name in self._names or by_name]

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        """See JobServer.workspaces."""
        listed = await self._list(
            queries.organization_path(organization.id, "workspace"),
            "workspace",
            {**queries.WORKSPACE_FIELDS, "sort": "name"},
        )
        with understood(listed.last):
            return [payloads.workspace_of(row, organization) for row in listed.found.rows]

    async def workspace(self, ref: WorkspaceRef) -> Workspace:
        """See JobServer.workspace."""
        path = queries.organization_path(ref.organization_id, "workspace", ref.id)
        response = await self._get(path, queries.WORKSPACE_FIELDS)
        organization = Organization(id=ref.organization_id, name=ref.organization)
        with understood(response):
            row = answers.one(answers.document(response))
            return payloads.workspace_of(row, organization)

    async def templates(self, organization_id: str) -> Sequence[Template]:
        """See JobServer.templates."""
        listed = await self._list(
            queries.organization_path(organization_id, "template"),
            "template",
            {**queries.TEMPLATE_FIELDS, "sort": "name"},
        )
        with understood(listed.last):
            return [payloads.template_of(row, organization_id) for row in listed.found.rows]

    async def permissions(self, organization_id: str) -> Permissions:
        """See JobServer.permissions."""
        path = f"/access-token/v1/teams/permissions/organization/{segment(organization_id)}"
        response = await self._get(path, accept="application/json")
        with understood(response):
            return payloads.permissions_of(response.json())

    async def features(self) -> ServerFeatures:
        """Say what the server can, from its own description (over 1 MB, so read once)."""
        if self._features is None:
            response = await self._get("/doc", accept="*/*")
            self._features = ServerFeatures(
                targets=b"targetAddrs" in response.body,
                notifications=b"notification_configuration" in response.body,
            )
        return self._features

    async def create_job(self, request: JobRequest) -> Job:
        """See JobServer.create_job."""
        response = await self._http.request(
            "POST",
            queries.workspace_jobs_path(request.workspace.id),
            json=queries.job_document(request),
            headers=_JSON_API_BODY,
        )
        self._refusals.note_success()
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

    async def jobs_with_key(self, organization_id: str, key: str) -> Sequence[Job]:
        """See JobServer.jobs_with_key."""
        found = await self._jobs(organization_id, queries.with_key(key), queries.IDENTIFIED_FIELDS)
        return [job for job in found if queries.has_key(job.comments, key) and self._is_ours(job)]

    async def jobs(self, organization_id: str, ids: Sequence[str]) -> Sequence[Job]:
        """See JobServer.jobs; ValueError for more than 400 ids, or one that is no number."""
        if not ids:
            return []
        response = await self._get(
            queries.organization_path(organization_id, "job"),
            {"filter[job]": str(queries.with_ids(ids)), **queries.FOLLOWED_FIELDS},
        )
        with understood(response):
            found = answers.document(response)
        return answers.jobs(response, found, organization_id)

    async def open_jobs(self, organization_id: str) -> Sequence[Job]:
        """See JobServer.open_jobs."""
        found = await self._jobs(organization_id, queries.still_open(), queries.IDENTIFIED_FIELDS)
        return [job for job in found if job.status not in TERMINAL]

    async def job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.job; with every attribute the server has."""
        return answers.job(await self._read_job(organization_id, job_id), organization_id)

    async def cancel_job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.cancel_job; waits up to SETTLED seconds for a job that may be young."""
        response = await self._read_job(organization_id, job_id)
        job = answers.job(response, organization_id)
        wait = 0.0 if job.status in TERMINAL else self._unsettled(job, response)
        if wait > 0:
            await self.sleep(wait)
            job = await self.job(organization_id, job_id)
        if job.status in TERMINAL:
            return job
        await self._http.request(
            "PATCH",
            queries.organization_path(organization_id, "job", job_id),
            json=queries.status_document(job_id, JobStatus.CANCELLED),
            headers=_JSON_API_BODY,
        )
        return await self.job(organization_id, job_id)

    async def step_log(self, organization_id: str, job_id: str, step_id: str) -> str:
        """See JobServer.step_log."""
        path = queries.log_path(organization_id, job_id, step_id)
        response = await self._get(path, accept="*/*")
        return response.text

    async def context(self, job_id: str) -> JobContext:
        """See JobServer.context; a server without structured output has empty maps, too."""
        try:
            response = await self._get(f"/context/v1/{segment(job_id)}", accept="application/json")
        except NotFoundError:
            return JobContext(plans={}, applies={}, diagnostics={})
        with understood(response):
            return contexts.context_of(response.json())

    def job_url(self, workspace: WorkspaceRef, job_id: str) -> str:
        """See JobServer.job_url."""
        if self._ui_url:
            organization, space = segment(workspace.organization_id), segment(workspace.id)
            below = f"organizations/{organization}/workspaces/{space}/runs/{segment(job_id)}"
            return f"{self._ui_url}/{below}"
        organization, space = segment(workspace.organization), segment(workspace.name)
        return f"{self._http.base_url}/app/{organization}/{space}/runs/{segment(job_id)}"

    async def _get(
        self, path: str, params: queries.Query | None = None, *, accept: str = queries.JSON_API
    ) -> Response:
        response = await self._http.request("GET", path, params=params, headers={"Accept": accept})
        self._refusals.note_success()
        return response

    async def _read_job(self, organization_id: str, job_id: str) -> Response:
        path = queries.organization_path(organization_id, "job", job_id)
        return await self._get(path, {"include": "step"})

    async def _jobs(
        self, organization_id: str, where: rsql.Filter, fields: queries.Query
    ) -> list[Job]:
        path = queries.organization_path(organization_id, "job")
        listed = await self._list(path, "job", {**fields, "sort": "id"}, where=where)
        return answers.jobs(listed.last, listed.found, organization_id)

    async def _list(
        self, path: str, kind: str, query: queries.Query, *, where: rsql.Filter | None = None
    ) -> Listed:
        return await read_list(self._get, path, kind, query, where=where)

    def _is_ours(self, job: Job) -> bool:
        """Tell whether a job may be the bridge's own.

        Personal and team tokens name their owner, so this is known from the start. With another
        kind of token (none of Terrakube's own making) it is learned from the first job that is
        created; until then, and where the server names no creator, what the job is to do decides
        alone (see decisions.adopting).
        """
        known = bool(self._creators) and bool(job.created_by)
        return not known or job.created_by in self._creators

    def _unsettled(self, job: Job, response: Response) -> float:
        """Say how many seconds a job must be left alone yet.

        Its date is precise to the minute: unless that alone is old enough, it counts from when
        this process saw it first.
        """
        if job.created_at and served_at(response) - job.created_at > _SURELY_SETTLED:
            return 0.0
        first_seen = self._seen.setdefault(job.id, self._clock())
        return first_seen + SETTLED - self._clock()


_JSON_API_BODY: Mapping[str, str] = {
    "Accept": queries.JSON_API,
    "Content-Type": queries.JSON_API,
}
_SURELY_SETTLED = timedelta(seconds=60 + SETTLED)
