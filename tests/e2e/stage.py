"""A stage: a forge and a Terrakube that stand in for the real ones, and the bridge between them.

The bridge is the real one, put together by its own wiring from real settings; it listens on a real
port, and its hook is installed by itself. Only time is not real: what would be waited for is
skipped as soon as nobody has anything to do.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Final

import httpx
from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    Table,
    case,
    func,
    null,
    select,
    union_all,
)

from bridge.forges.signatures import hook_secret
from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Flavour
from bridge.sandbox.forge.delivering import Attempt
from bridge.sandbox.forge.merging import merge_pull_request
from bridge.sandbox.forge.model import Comment, PullRequest
from bridge.sandbox.forge.records import Record
from bridge.sandbox.terrakube.model import Job, Organization, Status, Workspace
from bridge.settings import Settings
from bridge.store import hints
from bridge.store.schema import duty, organization, post, run, subject
from bridge.wiring.serving import Running
from tests.e2e.clocks import Clock
from tests.e2e.executors import GatedExecutor
from tests.waiting import SOON

SLUG: Final = "acme/infra"
BRIDGE: Final = "terrakube-bridge"
WRITER: Final = "alice"
REVIEWER: Final = "carol"
READER: Final = "bob"
STRANGER: Final = "mallory"

KEY: Final = "canary-of-the-secret-key-of-this-bridge"
INSTANCE_SECRET: Final = "canary-of-the-instance-hook"
HINT_SECRET: Final = "canary-of-the-hints"

NAMES: Final = {Flavour.GITHUB: "github", Flavour.FORGEJO: "code"}
TIMINGS: Final = terrakube.Timings(first_run=0.001, tick=0.01, between=0.001, settle=0.001)
_LOOK: Final = 0.008
_STILL: Final = 4
"""Looks in a row at a Terrakube in which nothing moves, before time is skipped."""

_VERY_SOON: Final = 100
"""Milliseconds; workers look by themselves once a second besides."""

_DUE: Final = (subject, run, organization, post)


@dataclass(kw_only=True)
class Stage:
    """See the module.

    Attributes:
        bridges: One for each replica.
        log: What all of them logged, as JSON lines.
        tolerated: Names of events at level error that the play is about.
        environment: What the settings were read from.
        canaries: Secrets besides those of the stage: the end checks that none got out.
    """

    flavour: Flavour
    folder: Path
    clock: Clock
    forge: forge.StandIn
    server: terrakube.StandIn
    executor: GatedExecutor
    acme: Organization
    settings: Settings
    environment: Mapping[str, str]
    log: StringIO
    open_bridge: Callable[[], AbstractAsyncContextManager[Running]]
    bridges: list[Running] = field(default_factory=list)
    tolerated: set[str] = field(default_factory=set)
    canaries: set[str] = field(default_factory=set)
    _ends: list[AsyncExitStack] = field(default_factory=list)
    _seen: object = None
    _still: int = 0

    @property
    def name(self) -> str:
        """Of the forge, in the settings."""
        return NAMES[self.flavour]

    @property
    def bridge(self) -> Running:
        """The only one, or the first."""
        return self.bridges[0]

    def url(self, bridge: Running | None = None) -> str:
        """Where the bridge listens."""
        return f"http://127.0.0.1:{(bridge or self.bridge).addresses.port}"

    async def start(self) -> Running:
        """Start a bridge, or one more."""
        ends = AsyncExitStack()
        bridge = await ends.enter_async_context(self.open_bridge())
        bridge.outside.server.sleep = _hardly_sleep  # before a job is changed: 5 s
        self.bridges.append(bridge)
        self._ends.append(ends)
        return bridge

    async def stop(self) -> None:
        """Stop every bridge, as a signal does."""
        self.bridges.clear()
        while self._ends:
            await self._ends.pop().aclose()

    async def restart(self) -> None:
        """Stop the bridge and start it again, at another port."""
        before = self.url()
        await self.stop()
        await self.start()
        for hook in self.forge.world.repository(SLUG).hooks:
            hook.url = hook.url.replace(before, self.url())

    # What people do

    async def push(
        self, *names: str, branch: str = "change", text: str = "changed", author: str = WRITER
    ) -> str:
        """Push a commit that changes a file in each of these workspaces' folders."""
        files = {f"{name}/main.tf": f"# {text}\n" for name in names}
        return await self.forge.commit(SLUG, branch, files, author=author)

    async def propose(self, *names: str, branch: str = "change", **more: Any) -> PullRequest:  # noqa: ANN401 - as the forge takes it
        """Push a branch and open a pull request of it."""
        await self.push(*(names or ("network",)), branch=branch)
        return await self.forge.open_pull_request(SLUG, branch, **more)

    async def say(self, pull_request: PullRequest, text: str, *, author: str = WRITER) -> Comment:
        """Comment."""
        return await self.forge.comment(SLUG, pull_request.number, text, author=author)

    async def approve(self, pull_request: PullRequest, *, by: str = REVIEWER) -> None:
        """Approve the head as it is now."""
        await self.forge.approve(SLUG, pull_request.number, by=by)

    async def merge(self, pull_request: PullRequest) -> str:
        """Merge, and return the commit the base is at."""
        actor = self.forge.account(WRITER)
        return await merge_pull_request(self.forge.world, pull_request, actor=actor)

    async def replay(
        self,
        attempt: Attempt,
        *,
        headers: Mapping[str, str | None] | None = None,
        body: bytes | None = None,
        url: str | None = None,
    ) -> int:
        """Send a delivery once more, perhaps changed (None drops a header); return the status."""
        sent = {**attempt.headers, **(headers or {})}
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                url or attempt.hook.url,
                content=attempt.body if body is None else body,
                headers={name: value for name, value in sent.items() if value is not None},
            )
        return answer.status_code

    def deliveries(self, event: str, action: str | None = None) -> list[Attempt]:
        """List what the forge delivered of a kind, in its own words."""
        return [
            one
            for one in self.forge.office.attempts
            if one.event == event and action in (None, one.action)
        ]

    @asynccontextmanager
    async def unreachable(self) -> AsyncIterator[None]:
        """Let deliveries fail for a while."""
        hooks = self.forge.world.repository(SLUG).hooks
        urls = [hook.url for hook in hooks]
        for hook in hooks:
            hook.url = "http://127.0.0.1:9/nobody"
        yield
        await self.forge.settled()
        for hook, url in zip(hooks, urls, strict=True):
            hook.url = url

    # What there is

    def workspace(self, name: str) -> Workspace:
        return next(one for one in self.acme.workspaces.values() if one.name == name)

    def jobs(self, name: str | None = None) -> list[Job]:
        return self.server.jobs(self.workspace(name) if name else None)

    def started(self) -> list[tuple[str, str, str]]:
        """List the jobs in order: workspace, name of the template, commit."""
        return [
            (job.workspace.name, self._template(job), job.commit_id or "") for job in self.jobs()
        ]

    def _template(self, job: Job) -> str:
        found = self.server.world.templates.get(job.template_reference or "")
        return found.name if found else "inline"

    def all_comments(self, pull_request: PullRequest) -> list[tuple[str, str]]:
        """List author and text of everything that was said."""
        found = self.forge.comments(SLUG, pull_request.number)
        return [(one.account.login if one.account else "", one.body) for one in found]

    def comments(self, pull_request: PullRequest) -> list[str]:
        """List the texts of the bridge's own comments."""
        return [body for author, body in self.all_comments(pull_request) if author == BRIDGE]

    def comment(self, pull_request: PullRequest) -> str:
        """Return the one comment there must be."""
        (body,) = self.comments(pull_request)
        return body

    def statuses(self, sha: str) -> dict[str, str]:
        return self.forge.statuses(SLUG, sha)

    def logs(self, event: str | None = None) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    async def rows(self, table: Table) -> list[dict[str, Any]]:
        def query(connection: Connection) -> list[dict[str, Any]]:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

        return await self.bridge.database.read(query)

    def in_its_time(self, records: Sequence[Record]) -> list[Record]:
        """Give records the times they have when what was skipped counts."""
        return [replace(one, at=self.clock.seconds(one.at)) for one in records]

    # How time passes

    async def quiet(self, *, within: timedelta = timedelta(minutes=10)) -> None:
        """Let everything happen that is going to happen in this time, and skip the waits."""
        last, idle = self.clock.ahead + within, 0
        async with asyncio.timeout(2 * SOON):
            while idle < 2:
                await self.forge.settled()
                held, due = await self.bridge.database.read(_waiting)
                now = self.bridge.database.now()
                if held or self._is_moving() or (due is not None and due <= now):
                    idle = 0
                    await asyncio.sleep(_LOOK)
                elif due is None or self.clock.ahead + timedelta(milliseconds=due - now) > last:
                    idle += 1
                    await asyncio.sleep(_LOOK)
                else:
                    idle = 0
                    await self.skip(timedelta(milliseconds=due - now + 1))

    async def until(self, condition: Callable[[], object]) -> None:
        """Let things happen, and time be skipped, until something is so."""
        async with asyncio.timeout(2 * SOON):
            while not condition():
                held, due = await self.bridge.database.read(_waiting)
                now = self.bridge.database.now()
                if not held and not self._is_moving() and due is not None and due > now:
                    await self.skip(timedelta(milliseconds=due - now + 1))
                await asyncio.sleep(_LOOK)

    async def ten_minutes_later(self) -> None:
        """Let the next round of the periodic work come, and what follows from it."""
        await self.skip(timedelta(minutes=11))
        await self.until_duties_are_done()
        await self.quiet()

    async def until_duties_are_done(self) -> None:
        """Wait for the periodic work whose time has come."""

        def query(connection: Connection, now: int) -> bool:
            late = duty.c.lease_until.is_not(None) | (duty.c.due_at <= now)
            return connection.scalar(select(duty.c.id).where(late).limit(1)) is not None

        async with asyncio.timeout(SOON):
            while await self.bridge.database.read(query, self.bridge.database.now()):  # noqa: ASYNC110 - rows
                await asyncio.sleep(_LOOK)

    async def skip(self, by: timedelta) -> None:
        """Let time pass for everybody."""
        self.clock.skip(by)
        for bridge in self.bridges:
            await bridge.database.write(_wake, bridge.database.now())

    def _is_moving(self) -> bool:
        """Tell whether Terrakube has work to do that needs real time."""
        jobs = [job for job in self.server.jobs() if job.is_open]
        seen = [(job.id, job.status, len(job.steps)) for job in jobs]
        self._still = self._still + 1 if seen == self._seen else 0
        self._seen = seen
        running = any(job.status in {Status.QUEUE, Status.RUNNING} for job in jobs)
        pending = any(job.status is Status.PENDING for job in jobs)
        still = self._still >= _STILL
        return (running and self.executor.is_open) or ((running or pending) and not still)

    # What must never happen

    def assert_clean(self) -> None:
        """Check what holds at the end of every play."""
        self.forge.assert_no_surprises()
        assert self.server.unexpected == []
        errors = [line for line in self.logs() if line["level"] in {"error", "critical"}]
        assert [line for line in errors if line["event"] not in self.tolerated] == []
        written = [self.log.getvalue(), *self._written()]
        out = [one for one in self._secrets() if any(one in text for text in written)]
        assert out == []

    def _written(self) -> Sequence[str]:
        """List every text the bridge sent to the forge, and what it asked of Terrakube."""
        sent = [seen.sent.decode() for seen in self.forge.requests if "/hooks" not in seen.path]
        return [*sent, *(f"{job.comments}" for job in self.jobs())]

    def _secrets(self) -> set[str]:
        hooks = {
            hook_secret(KEY.encode(), self.name, str(one.id))
            for one in self.forge.world.repositories.values()
        }
        tokens = {self.server.token, *self.forge.world.tokens}
        return {KEY, INSTANCE_SECRET, HINT_SECRET} | hooks | tokens | self.canaries


async def git(folder: Path, *arguments: str) -> str:
    """Run git as a person does."""
    person = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    process = await asyncio.create_subprocess_exec(
        *("git", *person, *arguments),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode().strip()


async def _hardly_sleep(seconds: float) -> None:
    await asyncio.sleep(seconds / 1000)


def _waiting(connection: Connection) -> tuple[bool, int | None]:
    """Tell whether anything is being worked on, and when the next thing is due."""
    found = connection.execute(_WAITING).all()
    due = [row.due for row in found if row.due is not None]
    return any(row.held for row in found), min(due, default=None)


def _waits(table: Table) -> Select[int, int]:
    due = case((table.c.lease_until.is_(None), table.c.due_at))
    query = select(func.count(table.c.lease_until).label("held"), func.min(due).label("due"))
    return query.where(post.c.dead == 0) if table is post else query


_AT_WORK: Final = select(func.count(duty.c.lease_until), null())
"""Nobody waits for periodic work, but time must not run away from whoever does it."""

_WAITING: Final[CompoundSelect[Any, Any]] = union_all(*(_waits(one) for one in _DUE), _AT_WORK)


def _wake(connection: Connection, now: int) -> None:
    """Wake who has something to do now or very soon; the others find nothing, and cost most."""
    for table in (*_DUE, duty):
        begins = func.coalesce(table.c.lease_until, table.c.due_at)
        found = select(table.c.id).where(begins <= now + _VERY_SOON).limit(1)
        if connection.scalar(found) is not None:
            hints.hint(connection, table.name)
