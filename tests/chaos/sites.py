"""A site where things are applied: a bridge that is killed, behind doors a forge and a Terrakube.

Whenever the bridge is dead it is started again, with the same database.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from bridge.forges.gitea.hooks import WANTED_EVENTS as FORGEJO_EVENTS
from bridge.forges.github.deliveries import WANTED_EVENTS as GITHUB_EVENTS
from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.terrakube.executors import Outcome, Task
from bridge.sandbox.terrakube.executors.instant import InstantExecutor
from bridge.sandbox.terrakube.flows import APPLY
from bridge.sandbox.terrakube.model import Job, Organization, Workspace
from tests.chaos.doors import Doors, Wanted, opened, opened_door
from tests.chaos.serving import PROGRAM
from tests.chaos.towns import BRIDGE, ORGANIZATION, SECRET, free_port
from tests.chaos.victims import PATIENCE, Bridge, NotStartedError

WRITER: Final = "alice"
REVIEWER: Final = "carol"
SLUG: Final = f"{ORGANIZATION}/infra"
FORGE: Final = "code"
HINT_SECRET: Final = "the secret of the notifications"

_EVENTS: Final = {Flavour.GITHUB: GITHUB_EVENTS, Flavour.FORGEJO: FORGEJO_EVENTS}


class Workshop(InstantExecutor):
    """Runs steps at once; applies wait while the gate is closed, and are counted.

    Attributes:
        gate: Open while set.
        begun: How often the apply of a job was begun, by the job's id.
    """

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: Counter[str] = Counter()

    async def run(self, task: Task) -> Outcome:
        """See Executor.run."""
        if task.flow.type == APPLY:
            self.begun[str(task.job.id)] += 1
            await self.gate.wait()
        return await super().run(task)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a site is like.

    Attributes:
        name: For people.
        rounds: Most pull requests; each has a workspace of its own.
        merges: Whether the bridge merges what is applied.
        hinted: Whether Terrakube tells of changes; without that the bridge finds them by itself.
    """

    name: str
    flavour: Flavour
    url: str
    seed: int
    rounds: int
    merges: bool = False
    hinted: bool = True


@dataclass(kw_only=True)
class Site:
    """See the module.

    Attributes:
        kills: How often the bridge was killed.
        failures: What it said when it did not start again.
    """

    plan: Plan
    forge: forge.StandIn
    server: terrakube.StandIn
    workshop: Workshop
    organization: Organization
    doors: Doors
    bridge: Bridge
    kills: int = 0
    failures: list[str] = field(default_factory=list)
    _dead: asyncio.Event = field(default_factory=asyncio.Event)
    _used: int = 0

    async def kill(self) -> None:
        """Kill the bridge; it comes back by itself."""
        self.kills += 1
        await self.bridge.kill()
        self._dead.set()

    async def revive(self) -> None:
        """Start the bridge whenever it is dead, for ever."""
        while True:
            await self._dead.wait()
            self._dead.clear()
            # One that was killed while it was being launched is alive.
            await self.bridge.end(signal.SIGKILL)
            deaths = self.bridge.deaths
            try:
                await self.bridge.start()
            except (NotStartedError, TimeoutError) as error:
                if deaths == self.bridge.deaths:  # nobody killed it
                    self.failures.append(str(error) or "it was not ready in time")
                    self._dead.set()

    def next_workspace(self) -> Workspace:
        """Return one that nobody has changed yet."""
        self._used += 1
        return list(self.organization.workspaces.values())[self._used - 1]

    async def propose(self, workspace: Workspace) -> PullRequest:
        """Open a pull request that changes a workspace."""
        branch, files = f"change-{workspace.name}", {f"{workspace.name}/main.tf": "# changed\n"}
        await self._is_back()
        await self.forge.commit(SLUG, branch, files, author=WRITER)
        return await self.forge.open_pull_request(SLUG, branch)

    async def say(self, pull_request: PullRequest, text: str, *, author: str = WRITER) -> None:
        """Comment."""
        await self._is_back()
        await self.forge.comment(SLUG, pull_request.number, text, author=author)

    async def _is_back(self) -> None:
        """Wait for the bridge: what is told while it is dead nobody accepted."""
        async with asyncio.timeout(2 * PATIENCE):
            await self.bridge.alive.wait()

    def comments(self, pull_request: PullRequest) -> list[str]:
        """List what the bridge says in a pull request."""
        found = self.forge.comments(SLUG, pull_request.number)
        return [one.body for one in found if one.account and one.account.login == BRIDGE]

    def applies(self, workspace: Workspace) -> list[Job]:
        """List the jobs that were made to apply a pull request."""
        return [job for job in self.server.jobs(workspace) if job.template_reference is None]

    def answers(self, job: Job, wanted: Wanted) -> int:
        """Count how often a job was answered to in a way."""
        return self.doors.count(replace(wanted, line=rf"PATCH .*/job/{job.id}"))


@asynccontextmanager
async def founded(folder: Path, plan: Plan) -> AsyncIterator[Site]:
    """Start everything, the bridge too; *folder* is there."""
    chance = random.Random(f"{plan.seed} {plan.name}")  # noqa: S311 - to be repeated
    async with AsyncExitStack() as stack:
        workshop = Workshop()
        server = await stack.enter_async_context(
            terrakube.start(folder / "terrakube", executor=workshop)
        )
        # How the bridge keeps to the limits is tested elsewhere, and takes an hour.
        limits = replace(LIMITS[plan.flavour], writes_per_minute=None, writes_per_hour=None)
        code = await stack.enter_async_context(
            forge.start(folder / "forge", flavour=plan.flavour, limits=limits)
        )
        doors = await stack.enter_async_context(opened(chance))
        port = free_port()
        urls = {
            name: await stack.enter_async_context(opened_door(doors, name, target))
            for name, target in (
                ("terrakube", server.url),
                ("forge", code.web_url),
                ("hooks", f"http://127.0.0.1:{port}"),
            )
        }
        site = Site(
            plan=plan,
            forge=code,
            server=server,
            workshop=workshop,
            organization=server.add_organization(ORGANIZATION),
            doors=doors,
            bridge=Bridge(
                arguments=(*PROGRAM, "serve", "--ready-file", str(folder / "ready.json")),
                log=folder / "bridge.log",
                environment=_settings(plan, server, code, urls, port),
                folder=folder,
                ready_file=folder / "ready.json",
            ),
        )
        await _furnish(site, urls["hooks"])
        await stack.enter_async_context(_running(site))
        yield site


async def _furnish(site: Site, hooks_url: str) -> None:
    access = {WRITER: Access.WRITE, REVIEWER: Access.WRITE, BRIDGE: Access.ADMIN}
    await site.forge.create_repository(SLUG, files={"README.md": "# infra\n"}, access=access)
    for number in range(1, site.plan.rounds + 1):
        site.server.add_workspace(
            site.organization,
            f"ws-{number}",
            site.forge.clone_url(SLUG),
            folder=f"/ws-{number}",
            default_template="Plan and apply",
        )
    site.forge.add_hook(
        SLUG,
        f"{hooks_url}/webhooks/{FORGE}",
        secret=SECRET,
        events=_EVENTS[site.plan.flavour],
    )
    if site.plan.hinted:
        url = f"{hooks_url}/webhooks/terrakube"
        site.server.notify(site.organization, url, secret=HINT_SECRET)


@asynccontextmanager
async def _running(site: Site) -> AsyncIterator[None]:
    await site.bridge.start()
    # A push that is lost is noticed where it is known how far the branch was.
    await site.forge.commit(SLUG, "main", {"README.md": "# the infrastructure\n"}, author=WRITER)
    await site.forge.settled()
    reviving = asyncio.create_task(site.revive())
    try:
        yield
    finally:
        reviving.cancel()
        await site.bridge.kill()
        with suppress(asyncio.CancelledError):
            await reviving


def _settings(
    plan: Plan, server: terrakube.StandIn, code: forge.StandIn, urls: Mapping[str, str], port: int
) -> Mapping[str, str]:
    section = f"BRIDGE_FORGES__{FORGE.upper()}"
    return {
        "BRIDGE_TERRAKUBE__URL": urls["terrakube"],
        "BRIDGE_TERRAKUBE__TOKEN": server.token,
        "BRIDGE_TERRAKUBE__ORGANIZATIONS": ORGANIZATION,
        "BRIDGE_TERRAKUBE__WEBHOOK_SECRET": HINT_SECRET,
        "BRIDGE_COMMANDS__APPLY__AUTO_MERGE": str(plan.merges).lower(),
        "BRIDGE_DATABASE__URL": plan.url,
        "BRIDGE_LISTEN__HOST": "127.0.0.1",
        "BRIDGE_LISTEN__PORT": str(port),
        "BRIDGE_METRICS__PORT": "0",
        f"{section}__DRIVER": plan.flavour.value,
        f"{section}__URL": code.web_url,
        f"{section}__API_URL": code.url.replace(code.web_url, urls["forge"]),
        f"{section}__TOKEN": code.token(BRIDGE),
        f"{section}__WEBHOOK_SECRET": SECRET,
    }
