"""``why`` in the chat: why something waits, does not run, or came to nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, cast

from bridge.decisions.approving import demand_for
from bridge.decisions.asking import Refuse
from bridge.decisions.starting_here import starts_of
from bridge.domain.commands import WhyCommand, Word
from bridge.domain.reports import RunReport
from bridge.domain.runs import Run, RunState
from bridge.domain.terrakube import Job, JobStatus, Workspace, WorkspaceRef
from bridge.domain.work import Work
from bridge.rendering.answers import (
    Cause,
    Shown,
    under_way_shown,
    why_job,
    why_nothing,
    why_runs,
)
from bridge.routing import Router, Said, Services
from handlers.chat.access import refuse_said
from handlers.chat.finding import (
    FoundJob,
    find_job,
    job_url,
    open_jobs,
    report_of,
    runs_of,
    workspace_now,
)
from handlers.chat.offering import answer, find_or_offer
from handlers.chat.showing import here

router = Router()

_MOST: Final = 10
_LOOKED_AT: Final = 5
_NOT_BEGUN: Final = frozenset({JobStatus.PENDING, JobStatus.QUEUE})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """What may be in the way of runs in Terrakube.

    Attributes:
        jobs: Open ones, oldest first.
        spaces: Workspaces by their ids, as they are now.
    """

    jobs: Sequence[Job] = ()
    spaces: Mapping[str, Workspace] = field(default_factory=dict)


@router.on_said(WhyCommand)
async def why(said: Said, services: Services, work: Work) -> str:
    """Explain what is named; without a name, what goes on here."""
    if refusal := await refuse_said(said.speaker, Word.WHY, services):
        return refusal.text
    command = cast("WhyCommand", said.command)
    if command.job:
        shown = await _of_job(command.job, services)
    elif command.selection.workspaces:
        shown = await _of_workspaces(said, services)
    else:
        shown = await _of_place(said, services)
    return answer(shown, said, services, work)


async def _of_place(said: Said, services: Services) -> Shown:
    reports, total, where = await here(said, services)
    if not total:
        return under_way_shown(reports, total, services.clock.now(), where=where)
    return await _of_reports(reports, total, services)


async def _of_job(job_id: str, services: Services) -> Shown:
    found = await find_job(job_id, services)
    if isinstance(found, Refuse):
        return Shown(text=found.text)
    if found.run is not None:
        return await _of_reports([await report_of(found.run, services)], 1, services)
    return await _of_strange_job(found, services)


async def _of_strange_job(found: FoundJob, services: Services) -> Shown:
    job, ref = cast("Job", found.job), found.workspace  # that is no run's
    ahead: Sequence[tuple[Job, str]] = ()
    workspace = None
    if ref is not None and job.status in _NOT_BEGUN:
        workspace = await workspace_now(ref, services)
        jobs = await open_jobs([ref.organization_id], services) if workspace else ()
        ahead = _before(job.id, ref, jobs or (), services)
    url = job_url(ref, job.id, services)
    return why_job(job, ref, url, workspace=workspace, ahead=ahead)


async def _of_workspaces(said: Said, services: Services) -> Shown:
    found = await find_or_offer(said, services)
    if isinstance(found, Shown):
        return found
    runs = {one.ref.id: await runs_of(one.ref, services, _MOST) for one in found[:_MOST]}
    going = [run for of in runs.values() for run in reversed(of) if not run.concluded]
    if len(found) == 1 and not going:
        return await _of_idle(found[0], runs[found[0].ref.id], services)
    if not going:
        return under_way_shown((), 0, services.clock.now(), where="in these workspaces")
    reports = [await report_of(one, services) for one in going[:_MOST]]
    shown = await _of_reports(reports, len(going), services)
    if len(found) <= _MOST:
        return shown
    few = f"Only the first {_MOST} of {len(found):,} workspaces were looked at; name fewer of them."
    return replace(shown, text=f"{shown.text}\n\n{few}")


async def _of_idle(workspace: Workspace, runs: Sequence[Run], services: Services) -> Shown:
    """Explain a workspace in which the bridge has nothing under way; somebody else may have."""
    jobs = await open_jobs([workspace.ref.organization_id], services)
    strange = [job for job in jobs or () if job.workspace_id == workspace.ref.id]
    if strange:
        found = FoundJob(id=strange[-1].id, job=strange[-1], workspace=workspace.ref)
        return await _of_strange_job(found, services)
    now = await workspace_now(workspace.ref, services) or workspace
    reports = [await report_of(one, services) for one in runs[:1]]
    starts = starts_of(now, services.policy.rules)
    return why_nothing(now, reports, starts, services.clock.now())


async def _of_reports(reports: Sequence[RunReport], total: int, services: Services) -> Shown:
    pending = [one.run for one in reports if _is_pending(one.run)][:_LOOKED_AT]
    here = await _look_around(pending, services)
    causes = [await _cause(one, here, services) for one in reports]
    return why_runs(causes, total, services.clock.now(), name_of=services.chat_command)


async def _look_around(runs: Sequence[Run], services: Services) -> _Around:
    """Ask Terrakube about what may be in the way of a few runs; once it is silent, no more."""
    if not runs:
        return _Around()
    organizations = [one.request.workspace.organization_id for one in runs]
    jobs = await open_jobs(organizations, services)
    spaces: dict[str, Workspace] = {}
    for run in runs if jobs is not None else ():
        ref = run.request.workspace
        found = spaces.get(ref.id) or await workspace_now(ref, services)
        if found is None:
            break
        spaces[ref.id] = found
    return _Around(jobs=jobs or (), spaces=spaces)


async def _cause(report: RunReport, here: _Around, services: Services) -> Cause:
    """Put together what is in the way of a run."""
    run = report.run
    if not run.concluded and run.state is RunState.WAITING:
        quorum = demand_for(run, services.policy.access).quorum
        return Cause(report=report, votes=await services.store.votes(run.id), quorum=quorum)
    if not _is_pending(run):
        return Cause(report=report)
    ref = run.request.workspace
    return Cause(
        report=report,
        workspace=here.spaces.get(ref.id),
        ahead=_before(run.job_id, ref, here.jobs, services),
    )


def _is_pending(run: Run) -> bool:
    return run.state is RunState.QUEUED and bool(run.job_id) and not run.concluded


def _before(
    job_id: str, ref: WorkspaceRef, jobs: Sequence[Job], services: Services
) -> Sequence[tuple[Job, str]]:
    """Choose the jobs of a workspace that came before one of its jobs, with their pages."""
    return [
        (job, job_url(ref, job.id, services))
        for job in jobs
        if job.workspace_id == ref.id and int(job.id) < int(job_id)
    ]
