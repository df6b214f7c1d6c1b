"""The stand-in as tests and the demo hold it: seeding, looking, and making things go wrong."""

import asyncio
import logging
import secrets
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from aiohttp import web

from bridge.sandbox.terrakube.api import JsonApi
from bridge.sandbox.terrakube.app import LONGEST, Gate, Seen, build
from bridge.sandbox.terrakube.executors import Executor
from bridge.sandbox.terrakube.executors.instant import InstantExecutor
from bridge.sandbox.terrakube.faults import Faults
from bridge.sandbox.terrakube.model import (
    Job,
    Notifier,
    Organization,
    Status,
    Template,
    Value,
    Version,
    Workspace,
)
from bridge.sandbox.terrakube.notifications import Notifications
from bridge.sandbox.terrakube.others import Others
from bridge.sandbox.terrakube.people import Tokens
from bridge.sandbox.terrakube.plans import Plan
from bridge.sandbox.terrakube.scheduler import Scheduler
from bridge.sandbox.terrakube.timings import Timings
from bridge.sandbox.terrakube.world import DEFAULT_TEAMS, World

log = logging.getLogger(__name__)

EMAIL = "bridge@example.com"
UI_URL = "https://terrakube.example.com"
NOTIFIED = tuple(set(Status) - {Status.NO_CHANGES, Status.NOT_EXECUTED, Status.UNKNOWN})


class StandIn:
    """A running server.

    Attributes:
        url: Base of the API.
        token: Of a member of DEVELOPERS (role write), ``bridge@example.com``.
        executor: What runs the steps; its ``name`` says how real it is.
        world: Everything on the server.
        faults: What shall go wrong.
        requests: Every request answered so far, oldest first.
        unexpected: Requests the stand-in cannot answer, since nobody has observed how.
    """

    def __init__(
        self, *, version: Version, executor: Executor, timings: Timings, clock: "Clock"
    ) -> None:
        self.clock = clock
        self.executor = executor
        self.world = World(version=version, clock=clock)
        self.tokens = Tokens(secrets.token_bytes(32))
        self.faults = Faults()
        self.requests: list[Seen] = []
        self.url = ""
        self.token = self.tokens.mint(EMAIL, ["DEVELOPERS"])
        self.timings = timings
        self._gate = Gate(self.tokens, self.faults, self.requests.append)
        self._notifications = Notifications(self.world, timings.retries, UI_URL)
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._port = 0
        self.scheduler = Scheduler(self.world, executor, timings)
        self.world.changed = self._changed

    @property
    def unexpected(self) -> list[str]:
        """See the class."""
        return self._gate.unexpected

    @property
    def creates(self) -> Counter[str]:
        """How many jobs were made, by the value of their ``comments``."""
        return self.world.creates

    def add_organization(
        self, name: str, *, teams: Mapping[str, str] = DEFAULT_TEAMS
    ) -> Organization:
        """An organization with the default templates; *teams* are roles by name."""
        made = self.world.add_organization(name, teams=teams)
        self.world.add_default_templates(made)
        return made

    def add_workspace(
        self,
        organization: Organization,
        name: str,
        source: str,
        branch: str = "main",
        folder: str = "/",
        **more: Value,
    ) -> Workspace:
        """A workspace.

        Args:
            organization: Where.
            name: Its name.
            source: URL of the repository.
            branch: Branch or branches it follows.
            folder: Folder or folders of the configuration.
            more: Attributes of ``model.Workspace``; ``default_template`` takes a template's name
                too, ``webhook=True`` gives it a native webhook.
        """
        native = more.pop("webhook", False)
        default = more.pop("default_template", None)
        named = {each.name: str(each.id) for each in organization.templates.values()}
        made = self.world.add_workspace(
            organization,
            name,
            source=source,
            branch=branch,
            folder=folder,
            default_template=named.get(default, default),
            **more,
        )
        if native:
            self.world.add_webhook(made)
        return made

    def add_template(self, organization: Organization, name: str, flow: str) -> Template:
        """A template whose flow is this YAML."""
        return self.world.add_template(organization, name, flow)

    def add_job(self, workspace: Workspace, **more: Value) -> Job:
        """A job that is simply there; *more* are attributes of ``model.Job``, its status too."""
        job = self.world.add_job(workspace.organization, workspace, by=EMAIL, **more)
        self.scheduler.created(job)
        return job

    def set_status(self, job: Job, status: str) -> None:
        """Change a job as if the server had done it."""
        self.world.set_status(job, Status(status))

    def delete(self, job: Job) -> None:
        """Remove a job, as somebody else might do at any time."""
        self.world.delete_job(job)

    def lock(self, workspace: Workspace, description: str | None = None) -> None:
        """Lock a workspace."""
        workspace.locked, workspace.lock_description = True, description

    def unlock(self, workspace: Workspace) -> None:
        """Unlock a workspace."""
        workspace.locked, workspace.lock_description = False, None

    def plan_for(self, workspace: Workspace, plan: Plan) -> None:
        """What plans of a workspace find; with the instant executor only."""
        if not isinstance(self.executor, InstantExecutor):
            msg = f"the {self.executor.name} executor does not take made-up plans"
            raise TypeError(msg)
        self.executor.plan_for(workspace, plan)

    def notify(
        self,
        organization: Organization,
        url: str,
        *,
        secret: str | None = None,
        statuses: Iterable[str] = NOTIFIED,
        name: str = "bridge",
    ) -> Notifier:
        """Post changes of the organization's jobs to *url* (beta only)."""
        notifier = self.world.add_notifier(
            organization,
            name=name,
            channel_type="WEBHOOK",
            destination_url=url,
            signing_secret=secret,
        )
        for status in statuses:
            self.world.add_trigger(notifier, Status(status))
        return notifier

    def mint(self, email: str, *groups: str, **claims: object) -> str:
        """A token of somebody else; see ``Tokens.mint``."""
        return self.tokens.mint(email, groups, **claims)

    def jobs(self, workspace: Workspace | None = None) -> list[Job]:
        """All jobs, or those of a workspace, by id."""
        rows = (self.world if workspace is None else workspace).jobs.values()
        return sorted(rows, key=lambda job: job.number)

    def job(self, number: int) -> Job:
        """A job by id; KeyError without it."""
        return self.world.jobs[number]

    def age(self, job: Job, by: timedelta) -> None:
        """Move a job's creation back."""
        job.created_date -= by

    def count(self, method: str, part: str) -> int:
        """How many requests of *method* had *part* in their path."""
        return sum(seen.method == method and part in seen.path for seen in self.requests)

    async def until(self, job: Job, *statuses: str, seconds: float = 10.0) -> Job:
        """Wait until a job has one of *statuses*.

        Raises:
            TimeoutError: It does not; the text says what it has.
        """
        try:
            async with asyncio.timeout(seconds):
                while job.status not in statuses:  # noqa: ASYNC110 - a poll, like the clients'
                    await asyncio.sleep(0.005)
        except TimeoutError as error:
            msg = f"job {job.id} is {job.status}, not one of {statuses}"
            raise TimeoutError(msg) from error
        return job

    def lose_executor(self) -> None:
        """Kill the executor in the middle of whatever it runs."""
        self.scheduler.runner.lose()

    async def down(self) -> None:
        """Refuse connections and drop those that are open."""
        if self._site is not None:
            await self._site.stop()
            self._site = None
        if self._runner is not None and self._runner.server is not None:
            for connection in self._runner.server.connections:
                connection.force_close()

    async def up(self) -> None:
        """Listen (again), on the same port."""
        if self._runner is None or self._site is not None:
            return
        self._site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await self._site.start()
        self._port = self._runner.addresses[0][1]

    async def open(self, port: int) -> None:
        """Start to listen."""
        self._port = port
        api = JsonApi(self.world, self.scheduler)
        application = build(self._gate, api, Others(self.world, self.tokens, UI_URL))
        # Tomcat's limit is checked by the gate; the parser's must not come first.
        self._runner = web.AppRunner(
            application,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=0.1,
            keepalive_timeout=60,
            max_line_size=8 * LONGEST,
            max_field_size=8 * LONGEST,
        )
        await self._runner.setup()
        await self.up()
        self.url = f"http://127.0.0.1:{self._port}"
        self.scheduler.runner.log_url = f"{self.url}/tfoutput/v1"

    async def close(self) -> None:
        """Stop listening, running and notifying."""
        await self.faults.close()
        await self.scheduler.runner.close()
        await self._notifications.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def _changed(self, job: Job) -> None:
        if self.world.is_beta:
            self._notifications.job_changed(job)


class Clock:
    """The real time, and whatever a test adds to it."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self.ahead += by
