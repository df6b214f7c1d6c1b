"""The watch over jobs that somebody started in Terrakube itself, in workspaces a channel hears of.

A job that is found becomes a run, once, and is followed like any other from then on. One that
ends between two looks is told of nowhere: it waited for nobody.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import structlog

from bridge.decisions.paths import matched
from bridge.decisions.templates import destroys
from bridge.domain.errors import PermanentRemoteError, RemoteError, TemporaryRemoteError
from bridge.domain.terrakube import Job, Template, Workspace, WorkspaceRef
from bridge.domain.work import AdoptJob, Work
from bridge.engine.duties import Duty
from bridge.engine.leases import Lease
from bridge.ports import JobServer
from bridge.store.database import Database
from bridge.store.queries import adopting_jobs as queries
from bridge.store.queries.chat import active_subscriptions
from bridge.store.queries.work import apply_work
from bridge.terrakube.tcl import read_flow

log = structlog.get_logger()

SHORTEST_REST: Final = 30.0
"""Seconds an organization is left alone that did not answer, unless it asks for more."""

REFUSED_REST: Final = 300_000
"""Milliseconds one is left alone that does not let the bridge look."""

FRESH_FOR: Final = 300_000
"""Milliseconds a list of workspaces is used."""

STALE_AFTER: Final = 60_000
"""Milliseconds it is used at least, although a job is in a workspace that is not in it."""


class Places(Protocol):
    """What is needed of services.catalog.Catalog."""

    async def workspaces(self) -> Sequence[Workspace]:
        """List the workspaces of all configured organizations."""
        ...

    async def templates(self, organization_id: str) -> Sequence[Template]:
        """List one organization's templates."""
        ...


class JobWatch:
    """Finds the open jobs of others: one request for each organization a channel hears of."""

    def __init__(self, database: Database, server: JobServer, places: Places) -> None:
        self._database = database
        self._server = server
        self._places = places
        self._known: Sequence[WorkspaceRef] = ()
        self._read_at: int | None = None
        self._is_stale = False
        self._refused: dict[str, int] = {}

    def duty(self) -> Duty:
        """Describe it for Duties."""
        return Duty(name=queries.WATCH, interval=queries.INTERVAL / 1000, call=self.watch)

    async def watch(self, lease: Lease) -> None:
        """Do a round; an organization that does not answer does not keep the others from theirs."""
        subscriptions = await self._database.read(active_subscriptions)
        if not subscriptions:
            return
        try:
            heard = await self._heard(frozenset(one.pattern for one in subscriptions))
        except RemoteError as error:
            log.warning("job_watch.failed", error=str(error))
            return
        now = self._database.now()
        resting = await self._database.read(queries.resting, now)
        for organization_id, workspaces in sorted(heard.items()):
            if organization_id in resting or self._refused.get(organization_id, 0) > now:
                continue
            lease.check()
            try:
                await self._look(organization_id, workspaces)
            except RemoteError as error:
                await self._rest(organization_id, workspaces, error)

    async def _heard(self, patterns: frozenset[str]) -> Mapping[str, Mapping[str, WorkspaceRef]]:
        """Return the workspaces channels hear of, by the ids of organizations and their own."""
        now = self._database.now()
        age = FRESH_FOR if self._read_at is None else now - self._read_at
        if age >= (STALE_AFTER if self._is_stale else FRESH_FOR):
            self._known = [one.ref for one in await self._places.workspaces()]
            self._read_at, self._is_stale = now, False
        found: dict[str, dict[str, WorkspaceRef]] = {}
        heard = {
            one for names in matched(map(str, self._known), patterns).values() for one in names
        }
        for ref in self._known:
            if str(ref) in heard:
                found.setdefault(ref.organization_id, {})[ref.id] = ref
        return found

    async def _look(self, organization_id: str, heard: Mapping[str, WorkspaceRef]) -> None:
        jobs = await self._server.open_jobs(organization_id)
        there = {ref.id for ref in self._known}
        self._is_stale = self._is_stale or any(job.workspace_id not in there for job in jobs)
        mine = [job for job in jobs if job.workspace_id in heard]
        known = await self._database.read(queries.known_jobs, [job.id for job in mine])
        new = [job for job in mine if job.id not in known]
        if new:
            await self._adopt(organization_id, new, heard)

    async def _adopt(
        self, organization_id: str, jobs: Sequence[Job], heard: Mapping[str, WorkspaceRef]
    ) -> None:
        templates = await self._templates(organization_id)
        adopts = [
            _adopted(heard[job.workspace_id], job, templates.get(job.template_reference))
            for job in jobs
        ]
        await self._database.write(apply_work, Work(adopts=adopts), self._database.now())
        # What the bridge itself is making at this moment is not among them.
        adopted = await self._database.read(queries.known_jobs, [job.id for job in jobs])
        if adopted:
            name = adopts[0].workspace.organization
            log.info("job.adopted", count=len(adopted), organization=name)

    async def _templates(self, organization_id: str) -> Mapping[str, Template]:
        """Read the templates; without their names the jobs are told of all the same."""
        try:
            templates = await self._places.templates(organization_id)
        except RemoteError as error:
            log.warning("catalog.unread", error=str(error))
            return {}
        return {one.id: one for one in templates}

    async def _rest(
        self, organization_id: str, heard: Mapping[str, WorkspaceRef], error: RemoteError
    ) -> None:
        now, name = self._database.now(), next(iter(heard.values())).organization
        log.warning("job_watch.failed", organization=name, error=str(error))
        if isinstance(error, PermanentRemoteError):
            self._refused[organization_id] = now + REFUSED_REST
        if isinstance(error, TemporaryRemoteError):
            pause = max(error.retry_after or 0.0, SHORTEST_REST)
            until = now + int(pause * 1000)
            await self._database.write(queries.rest, organization_id, name, until)


def _adopted(workspace: WorkspaceRef, job: Job, template: Template | None) -> AdoptJob:
    """Describe a job; what it does says the job itself, and its template before it has begun."""
    flow = read_flow(job.tcl) or (template.flow if template else None)
    return AdoptJob(
        workspace=workspace,
        job=job,
        template=template.name if template else "",
        destroys=destroys(flow),
    )
