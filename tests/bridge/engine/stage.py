"""The engine on a real database, with Terrakube in memory and a clock that moves when told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, select, update

from bridge.domain.errors import LeaseLostError, RemoteError
from bridge.domain.posts import PostKind, PostTarget, PostUpsert
from bridge.domain.runs import (
    Collected,
    Output,
    OutputKind,
    Refusal,
    Reviewed,
    Run,
    RunRequest,
    TemplateChoice,
    Verb,
)
from bridge.domain.terrakube import Job, JobRequest, PlanCounts
from bridge.domain.vcs import MergeMethod, PullRequest, PullRequestRef
from bridge.domain.work import Answer, Decide, Supersede, Work
from bridge.engine.leases import LeaseKeeper
from bridge.engine.organizations import Organizations
from bridge.engine.runs import Runs
from bridge.engine.workers import Worker
from bridge.metrics import Metrics
from bridge.services.catalog import Catalog
from bridge.services.collecting import Planned
from bridge.services.reviewing import ReviewService
from bridge.services.runs import RunService
from bridge.store import hints
from bridge.store.codecs import run_from_row
from bridge.store.database import Database
from bridge.store.queries import leases
from bridge.store.queries.holds import Holding
from bridge.store.queries.work import apply_work
from bridge.store.runs import SqlRunStore
from bridge.store.schema import audit, organization, post, run
from tests.bridge.store.rows import (
    HEAD,
    PULL_REQUEST,
    REPOSITORY,
    a_pull_request,
    a_request,
    rows_of,
)
from tests.fakes.clock import FakeClock
from tests.fakes.forge import FakeForge
from tests.fakes.jobserver import FakeJobServer, unavailable
from tests.waiting import until

"""Seconds of real time any test waits at most."""

PLAN = Output(kind=OutputKind.PLAN, text="Plan: 1 to add, 0 to change, 0 to destroy.")
COLLECTED = Collected(
    counts=PlanCounts(add=1, change=0, destroy=0), digest="json1:abc", outputs=(PLAN,)
)
PLANNED = Planned(collected=COLLECTED, sensitive=False)
OTHER = PullRequestRef(repository=REPOSITORY, number=4)
"""Another pull request that changes the same workspaces."""

REPORT = PostUpsert(
    kind=PostKind.REPORT,
    target=PostTarget(repository=REPOSITORY, number=3),
    report=PULL_REQUEST.key,
)


@dataclass(slots=True)
class FakeCollector:
    """Returns the same for every job, or raises what it is told to.

    Attributes:
        planned: What a job that waits is going to do.
        result: What a job that ended left behind.
        on_review: Called while a job that waits is read.
        between: Awaited after that.
    """

    failures: list[Exception] = field(default_factory=list)
    collected: list[str] = field(default_factory=list)
    planned: Planned = field(default_factory=lambda: PLANNED)
    result: Collected = field(default_factory=lambda: COLLECTED)
    on_review: Callable[[], None] = lambda: None
    between: Callable[[], Awaitable[None]] | None = None

    async def review(self, run: Run, job: Job) -> Planned:
        if self.failures:
            raise self.failures.pop(0)
        self.on_review()
        if self.between is not None:
            await self.between()
        return self.planned

    async def collect(self, run: Run, job: Job) -> Collected:
        if self.failures:
            raise self.failures.pop(0)
        self.collected.append(job.id)
        return self.result


@dataclass(slots=True)
class Forge(FakeForge):
    """One that sometimes does not answer.

    Attributes:
        read_failures: Raised by the next looks at pull requests, in order.
        merge_failures: Raised by the next merges, in order.
    """

    read_failures: list[RemoteError] = field(default_factory=list)
    merge_failures: list[RemoteError] = field(default_factory=list)

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        if self.read_failures:
            raise self.read_failures.pop(0)
        return await FakeForge.pull_request(self, ref)

    async def merge(self, pull_request: PullRequest, *, method: MergeMethod, sha: str) -> str:
        if self.merge_failures:
            raise self.merge_failures.pop(0)
        return await FakeForge.merge(self, pull_request, method=method, sha=sha)


class Mortal:
    """A database whose user dies around one of its next fenced writes.

    As after a kill -9 the row stays leased until its lease has run out.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._left = 0
        self._after = False
        self.is_dead = False

    def die_at(self, write: int, *, after: bool) -> None:
        """Die at the *write*-th write from now on, before or *after* its commit."""
        self._left, self._after, self.is_dead = write, after, False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a database has
        return getattr(self._database, name)

    async def write_for(self, hint: str, query: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - passed on
        self._left -= 1
        dies = self._left == 0
        self.is_dead = self.is_dead or dies
        if dies and not self._after:
            raise LeaseLostError
        written = await self._database.write_for(hint, query, *args, **kwargs)
        if dies:
            raise LeaseLostError
        return written


@dataclass(slots=True)
class Gatekeeper:
    """Objects as it is told."""

    objections: list[str] = field(default_factory=list)

    async def objection(self, run: Run) -> str:
        return self.objections.pop(0) if self.objections else ""


@dataclass(slots=True)
class Preparer:
    """Prepares as it is told."""

    prepare_with: Callable[[Run], Awaitable[JobRequest | Refusal]]

    async def prepare(self, run: Run) -> JobRequest | Refusal:
        return await self.prepare_with(run)


@dataclass
class Terrakube(FakeJobServer):
    """One that can also be slow: to answer, and to commit.

    Attributes:
        before_create: Awaited by a POST before anything happens.
        after_jobs: Awaited by a poll once its answer is made.
        after_approve: Called by an approval before the job is read again.
        commits_late: How many of the next POSTs are answered with a timeout and commit later.
        late: Jobs that wait for their commit.
    """

    before_create: Callable[[], Awaitable[None]] | None = None
    after_jobs: Callable[[], Awaitable[None]] | None = None
    after_approve: Callable[[], object] | None = None
    commits_late: int = 0
    late: list[Job] = field(default_factory=list)

    async def create_job(self, request: JobRequest) -> Job:
        if self.before_create is not None:
            await self.before_create()
        job = await FakeJobServer.create_job(self, request)
        if self.commits_late > 0:
            self.commits_late -= 1
            self.late.append(self.known.pop(job.id))
            raise unavailable()
        return job

    async def approve_job(self, organization_id: str, job_id: str) -> Job:
        approved = await FakeJobServer.approve_job(self, organization_id, job_id)
        if self.after_approve is None:
            return approved
        self.after_approve()
        return self.known[job_id]

    async def jobs(self, organization_id: str, ids: Sequence[str]) -> Sequence[Job]:
        found = await FakeJobServer.jobs(self, organization_id, ids)
        if self.after_jobs is not None:
            await self.after_jobs()
        return found

    def commit(self) -> None:
        """Let the late jobs appear."""
        self.known |= {job.id: job for job in self.late}
        self.late.clear()


class Stage:
    """Workers of runs and organizations; a test decides which of them play.

    Attributes:
        boot: Seconds of the clock leases are measured with; it stands still.
    """

    def __init__(
        self,
        database: Database,
        clock: FakeClock,
        server: Terrakube,
        *,
        grace: float = 1.0,
        holding: Holding | None = None,
    ) -> None:
        self.database = database
        self.clock = clock
        self.server = server
        self.boot = 1_000.0
        self.applies = 0
        self.metrics = Metrics()
        self.collector = FakeCollector()
        self.keeper = LeaseKeeper(database, boot_time=lambda: self.boot)
        self.service = RunService(server=server, catalog=Catalog(server=server), command="tk")
        self.preparer = Preparer(self.service.prepare)
        self.store = SqlRunStore(database=database, job_url=server.job_url, clock=clock)
        self.forge = Forge(pulls={3: a_pull_request(), 4: a_pull_request(ref=OTHER)})
        self.gatekeeper = Gatekeeper()
        self.reviews = ReviewService(
            forges={"code": self.forge},
            plans=self.collector,
            store=self.store,
            command="tk",
            gatekeeper=self.gatekeeper,
        )
        self.mortal = Mortal(database)
        self.runs = Runs(
            cast("Database", self.mortal),
            self.keeper,
            server,
            self.preparer,
            self.collector,
            reviews=self.reviews,
            holding=holding,
            command="tk",
            metrics=self.metrics,
        )
        self.organizations = Organizations(
            database, self.keeper, server, self.service, metrics=self.metrics
        )
        self._grace = grace
        self._playing: dict[str, tuple[Worker, asyncio.Task[None]]] = {}

    def play(self, *workers: Worker) -> None:
        """Start workers; they go on until the stage is left."""
        for worker in workers:
            self._playing[worker.name] = (worker, asyncio.create_task(worker.run()))

    async def wake(self) -> None:
        """Let the workers look at once."""
        await self.database.write(_wake)

    async def settle(self) -> None:
        """Wait until nothing is due any more and nobody works."""
        await self.wake()
        await until(self._is_idle)

    async def idle_except_leases(self) -> None:
        """Wait until nobody works, although rows are held yet."""
        await self.wake()
        await until(lambda: self._is_idle(held=False))

    async def after(self, seconds: float) -> None:
        """Let time pass, then let the workers do what has become due."""
        self.clock.advance(seconds)
        await self.settle()

    async def stop(self) -> None:
        """Stop as the supervisor does."""
        for worker, task in self._playing.values():
            worker.stop()
            await task
            await worker.drain(self._grace)
        await self.keeper.release_all()

    async def want(self, *requests: RunRequest) -> list[str]:
        """Write down that runs are wanted, and a comment that shows them."""
        work = Work(runs=list(requests), posts=[REPORT])
        return list(await self.database.write(apply_work, work, self.database.now()))

    async def run(self, run_id: str = "") -> Run:
        """Read a run; without an id, the only one."""
        return run_from_row(await self.row(run_id))

    async def row(self, run_id: str = "") -> RowMapping:
        rows = [row for row in await rows_of(self.database, run) if run_id in ("", row["id"])]
        (row,) = rows
        return row

    async def all_runs(self) -> Sequence[Run]:
        return [run_from_row(row) for row in await rows_of(self.database, run)]

    async def audits(self) -> Sequence[RowMapping]:
        return await rows_of(self.database, audit)

    async def supersede(self, head: str) -> None:
        """Let the pull request have a new head."""
        dropped = Supersede(pull_request=PULL_REQUEST, keep_head=head, reason="a newer commit")
        await self.database.write(apply_work, Work(supersedes=[dropped]), self.database.now())
        await self.settle()

    async def organization(self) -> RowMapping:
        (row,) = await rows_of(self.database, organization)
        return row

    async def revision(self) -> int:
        """How often the comment's content was said to have changed."""
        (row,) = await rows_of(self.database, post)
        revision: int = row["revision"]
        return revision

    async def set_run(self, **values: object) -> None:
        await self.database.write(_set, run, values)

    async def set_organization(self, **values: object) -> None:
        await self.database.write(_set, organization, values)

    def a_plan(self, workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
        """A request the server will take: workspace and template exist, once each."""
        return replace(a_request(), **self._existing(workspace), **changes)

    def an_apply(self, workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
        """A push that may change infrastructure."""
        push: dict[str, Any] = {
            "verb": Verb.PUSH,
            "pull_request": None,
            "branch": "main",
            "applies": True,
        }
        inline = TemplateChoice(reference="built-in", tcl="flow: []\n")
        return replace(self.a_plan(workspace), template=inline, **push, **changes)

    def a_reviewed(self, workspace: str = "network", **changes: Any) -> RunRequest:  # noqa: ANN401 - its fields
        """An apply of what was reviewed; *number* says of which pull request."""
        ref = OTHER if changes.pop("number", 3) == 4 else PULL_REQUEST
        self.applies += 1
        apply: dict[str, Any] = {
            "trigger": f"comment:{self.applies}:1",
            "verb": Verb.APPLY,
            "pull_request": ref.number,
            "applies": True,
            "reports": (ref.key,),
            "reviewed": Reviewed(run_id="01PLAN", digest=COLLECTED.digest),
            "template": TemplateChoice(reference="built-in", tcl="flow: []\n"),
        }
        return replace(self.a_plan(workspace), **{**apply, **changes})

    async def work(self, work: Work) -> None:
        """Let a handler write something down, and the workers do what follows."""
        await self.database.write(apply_work, work, self.database.now())
        await self.settle()

    async def decide(self, answer: Answer, run_id: str, actor: str = "bob") -> None:
        wanted = Decide(run_id=run_id, answer=answer, actor=actor, door="comment")
        await self.work(Work(decides=[wanted]))

    async def until_it_waits(self, job_id: str = "1") -> None:
        """Let a job come to its approval, and the bridge see it."""
        self.server.wait_for_approval(job_id)
        await self.after(12)

    def _existing(self, name: str) -> Mapping[str, Any]:
        spaces = {space.ref.name: space for space in self.server.spaces.values()}
        space = spaces.get(name) or self.server.add_workspace(name)
        templates = list(self.server.stored_templates.values())
        template = templates[0] if templates else self.server.add_template()
        return {
            "workspace": space.ref,
            "template": TemplateChoice(reference="Plan", id=template.id, name="Plan"),
            "commit_id": HEAD,
        }

    async def _is_idle(self, *, held: bool = True) -> bool:
        if any(worker.busy for worker, _ in self._playing.values()):
            return False
        names = tuple(self._playing)
        due = await self.database.read(_due, names, self.database.now(), held=held)
        return not due and not any(worker.busy for worker, _ in self._playing.values())


@asynccontextmanager
async def open_stage(url: str, **changes: Any) -> AsyncIterator[Stage]:  # noqa: ANN401 - of the stage
    """Open a database and put the engine on it."""
    clock = changes.pop("clock", None) or FakeClock()
    server = changes.pop("server", None) or Terrakube(clock=clock)
    async with await Database.open(url, clock=clock) as database:
        stage = Stage(database, clock, server, **changes)
        try:
            yield stage
        finally:
            await stage.stop()


def _due(connection: Connection, names: Sequence[str], now: int, *, held: bool) -> bool:
    tables = [run.metadata.tables[name] for name in names]
    free = [leases.next_due(connection, table, now) for table in tables]
    worked_on = [
        connection.scalar(select(table.c.id).where(table.c.lease_until > now).limit(1))
        for table in tables
    ]
    return any(due is not None and due <= now for due in free) or (held and any(worked_on))


def _wake(connection: Connection) -> None:
    for topic in (hints.RUN, hints.ORGANIZATION, hints.POST, hints.SUBJECT, "duty"):
        hints.hint(connection, topic)


def _set(connection: Connection, table: Table, values: Mapping[str, object]) -> None:
    connection.execute(update(table).values(values))
