"""Finding in the chat what is asked about: a job by its number, and how a workspace stands now."""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bridge.decisions.asking import Refuse
from bridge.decisions.wording import code
from bridge.domain.errors import NotFoundError, RemoteError
from bridge.domain.holds import QueuePlace
from bridge.domain.reports import RunReport
from bridge.domain.runs import Run, RunPhase
from bridge.domain.terrakube import Job, Workspace, WorkspaceRef
from bridge.domain.vcs import PullRequestRef
from bridge.routing import Services

log = structlog.get_logger(__name__)

SILENT = "Terrakube does not answer just now. Please ask again in a while."


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundJob:
    """A job, as the bridge knows it and as Terrakube shows it; one of the two is there.

    Attributes:
        run: Whose job it is; None when somebody else started it and nobody follows it.
        job: As Terrakube shows it now; None when it did not say, or when it is gone there.
        workspace: None when that is not known.
        is_silent: Whether Terrakube did not say.
    """

    id: str
    run: Run | None = None
    job: Job | None = None
    workspace: WorkspaceRef | None = None
    is_silent: bool = False


async def find_job(job_id: str, services: Services) -> FoundJob | Refuse:
    """Find a job by its number: among the runs first, then in every organization."""
    run = await services.chats.run_of_job(job_id) if services.chats else None
    try:
        job = await _in_terrakube(job_id, run, services)
        ref = run.request.workspace if run else await _workspace_of(job, services)
    except RemoteError as error:
        log.warning("job.unknown", job_id=job_id, reason=str(error))
        if run is None:
            return Refuse(text=SILENT)
        return FoundJob(id=job_id, run=run, workspace=run.request.workspace, is_silent=True)
    if run is None and job is None:
        return Refuse(
            text=f"There is no job {code(job_id)} in the organizations the bridge looks after."
        )
    return FoundJob(id=job_id, run=run, job=job, workspace=ref)


async def runs_of(ref: WorkspaceRef, services: Services, most: int = 5) -> Sequence[Run]:
    """List the newest runs of a workspace, and whichever have not ended, the newest first."""
    return await services.chats.runs_of_workspace(ref.id, most) if services.chats else ()


async def open_jobs(organization_ids: Sequence[str], services: Services) -> Sequence[Job] | None:
    """List the open jobs of organizations, oldest first; None when Terrakube does not say."""
    if services.server is None:
        return None
    found: list[Job] = []
    try:
        for one in dict.fromkeys(organization_ids):
            found += await services.server.open_jobs(one)
    except RemoteError as error:
        log.warning("job.unknown", reason=str(error))
        return None
    return found


async def workspace_now(ref: WorkspaceRef, services: Services) -> Workspace | None:
    """Read a workspace, its lock in particular; None when Terrakube does not say."""
    if services.server is None:
        return None
    try:
        return await services.server.workspace(ref)
    except RemoteError as error:
        log.warning("catalog.unread", reason=str(error))
        return None


async def report_of(run: Run, services: Services) -> RunReport:
    """Put beside a run where it is shown, and what it waits for."""
    return RunReport(
        run=run,
        job_url=job_url(run.request.workspace, run.job_id, services),
        queue=await _place_of(run, services),
    )


def job_url(workspace: WorkspaceRef | None, job_id: str, services: Services) -> str:
    """Build Terrakube's page of a job; empty where that is not known."""
    if services.server is None or workspace is None or not job_id:
        return ""
    return services.server.job_url(workspace, job_id)


async def _in_terrakube(job_id: str, run: Run | None, services: Services) -> Job | None:
    if services.server is None:
        return None
    ids = [run.request.workspace.organization_id] if run else []
    if not ids:
        ids = [one.id for one in await services.catalog.organizations()]
    for one in ids:
        try:
            return await services.server.job(one, job_id)
        except NotFoundError:
            continue
    return None


async def _workspace_of(job: Job | None, services: Services) -> WorkspaceRef | None:
    if job is None:
        return None
    known = await services.catalog.workspaces()
    return next((one.ref for one in known if one.ref.id == job.workspace_id), None)


def _pull_request_of(run: Run) -> PullRequestRef | None:
    number = run.request.pull_request
    return PullRequestRef(repository=run.request.repository, number=number) if number else None


async def _place_of(run: Run, services: Services) -> QueuePlace | None:
    """Say where a run stands that waits for its workspace; None for one that does not."""
    if run.phase is not RunPhase.PLANNED:
        return None
    hold = await services.store.hold_of(run.request.workspace.id)
    ids = [one.id for one in await services.store.queue(run.request.workspace.id)]
    if hold is None or run.id not in ids or hold.pull_request == _pull_request_of(run):
        return None
    return QueuePlace(hold=hold, position=ids.index(run.id) + 1)
