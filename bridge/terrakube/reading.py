"""Reading jobs: one, many, those that are searched for, and what they said."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Final

from bridge.domain.errors import NotFoundError, UserError
from bridge.domain.terrakube import (
    TERMINAL,
    Job,
    JobContext,
    JobDetails,
    JobSearch,
    Template,
    Workspace,
    WorkspaceRef,
)
from bridge.http import HttpClient, Response, segment
from bridge.terrakube import answers, contexts, queries, searches
from bridge.terrakube.answers import understood
from bridge.terrakube.places import Places
from bridge.terrakube.refusals import Refusals

INCLUDABLE: Final = ("workspace", "template")
"""What may come with a job; its steps always do."""


class JobReader(Places):
    """Reads jobs.

    Args:
        http: See Calls.
        refusals: See Calls.
        organizations: See Places.
        ui_url: Base of the user interface; empty: links go through the API's redirect.
        creator: What ``createdBy`` of our own jobs says, if known before the first one.
    """

    def __init__(
        self,
        http: HttpClient,
        refusals: Refusals,
        *,
        organizations: Sequence[str],
        ui_url: str,
        creator: str,
    ) -> None:
        super().__init__(http, refusals, organizations=organizations)
        self._ui_url = ui_url.rstrip("/")
        self._creators = {creator} if creator else set[str]()

    async def job(self, organization_id: str, job_id: str) -> Job:
        """See JobServer.job; with every attribute the server has."""
        return answers.job(await self._read_job(organization_id, job_id), organization_id)

    async def get_job(
        self, organization_id: str, job_id: str, *, include: Collection[str] = ()
    ) -> JobDetails:
        """Read one job with its steps and, where *include* says so, its workspace and template.

        Each is a request of its own. ``include=workspace`` of the job brings either all jobs of
        the workspace as linkage, or, with sparse fields, only those attributes of the job that
        this version knows. A template is no relationship: ``include=template`` is answered 400
        (contract section 4.1). What does not exist (any more) is None.

        Raises:
            UserError: *include* names something else than INCLUDABLE.
            NotFoundError: There is no such job in the organization.
        """
        unknown = sorted(set(include) - set(INCLUDABLE))
        if unknown:
            msg = f"{', '.join(unknown)} cannot come with a job, only {' and '.join(INCLUDABLE)}"
            raise UserError(msg)
        job = await self.job(organization_id, job_id)
        workspace, template = await asyncio.gather(
            self._workspace_of(job, wanted="workspace" in include),
            self._template_of(job, wanted="template" in include),
        )
        return JobDetails(job=job, workspace=workspace, template=template)

    async def search_jobs(
        self,
        organization_id: str,
        search: JobSearch = JobSearch(),  # noqa: B008 - frozen
        *,
        limit: int | None = None,
    ) -> Sequence[Job]:
        """Find jobs, newest first, with their steps and every attribute the server has.

        Jobs cannot be paged (400), and a list ends after 500 without a sign; so each further
        request asks for those older than the last one (contract section 4.4). A job comes once,
        also when others are created meanwhile.

        Args:
            organization_id: Its jobs; those of every workspace unless *search* names some.
            search: All that is given must fit.
            limit: At most so many, the newest; None for all.

        Raises:
            UserError: Something in *search* cannot be searched for.
        """
        if limit is not None and limit < 1:
            return []
        query = {"include": "step", "sort": "-id"}
        where = searches.matching(search)
        found = await self._jobs(organization_id, query, where=where, limit=limit)
        return found[::-1][:limit]

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

    async def jobs_with_key(self, organization_id: str, key: str) -> Sequence[Job]:
        """See JobServer.jobs_with_key."""
        query = {**queries.IDENTIFIED_FIELDS, "sort": "id"}
        found = await self._jobs(organization_id, query, where=queries.with_key(key))
        return [job for job in found if queries.has_key(job.comments, key) and self._is_ours(job)]

    async def open_jobs(self, organization_id: str) -> Sequence[Job]:
        """See JobServer.open_jobs."""
        query = {**queries.IDENTIFIED_FIELDS, "sort": "id"}
        found = await self._jobs(organization_id, query, where=queries.still_open())
        return [job for job in found if job.status not in TERMINAL]

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

    async def _read_job(self, organization_id: str, job_id: str) -> Response:
        path = queries.organization_path(organization_id, "job", job_id)
        return await self._get(path, {"include": "step"})

    async def _workspace_of(self, job: Job, *, wanted: bool) -> Workspace | None:
        return (
            await self._workspace_by_id(job.workspace_id) if wanted and job.workspace_id else None
        )

    async def _template_of(self, job: Job, *, wanted: bool) -> Template | None:
        if not wanted:
            return None
        return await self._template_by_id(job.organization_id, job.template_reference)

    def _is_ours(self, job: Job) -> bool:
        """Tell whether a job may be the bridge's own.

        Personal and team tokens name their owner, so this is known from the start. With another
        kind of token (none of Terrakube's own making) it is learned from the first job that is
        created; until then, and where the server names no creator, what the job is to do decides
        alone (see decisions.adopting).
        """
        known = bool(self._creators) and bool(job.created_by)
        return not known or job.created_by in self._creators
