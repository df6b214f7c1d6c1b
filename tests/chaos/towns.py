"""What goes on while the bridge dies: people push, open pull requests and comment on two forges."""

import asyncio
import random
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final

from bridge.forges.gitea.hooks import WANTED_EVENTS as FORGEJO_EVENTS
from bridge.forges.github.deliveries import WANTED_EVENTS as GITHUB_EVENTS
from bridge.sandbox import forge, terrakube
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.terrakube.executors.instant import InstantExecutor

ORGANIZATION: Final = "acme"
BRIDGE: Final = "bridge"
PERSON: Final = "alice"
SECRET: Final = "the secret of the hooks"
FOLDERS: Final = 4
"""Workspaces of each forge."""

_FLAVOURS: Final = {"github": Flavour.GITHUB, "code": Flavour.FORGEJO}
_EVENTS: Final = {"github": GITHUB_EVENTS, "code": FORGEJO_EVENTS}


@dataclass(kw_only=True)
class Town:
    """One forge with one repository, and what its people did.

    Attributes:
        name: Of the forge, as in the settings.
        most: Pull requests there may be.
        pause: Most seconds between two things people do.
        folders: By pull request, the folders it changes.
        commands: By pull request, how many plans were asked for in comments.
        pushed: Commits pushed to the default branch, each with the folder it changes.
    """

    name: str
    stand_in: forge.StandIn
    slug: str
    chance: random.Random
    most: int
    pause: float
    folders: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    commands: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    pushed: dict[str, str] = field(default_factory=dict)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def live(self, over: asyncio.Event) -> None:
        """Do something now and then until it is over."""
        while not over.is_set():
            await self._act()
            await asyncio.sleep(self.chance.uniform(self.pause / 8, self.pause))

    async def _act(self) -> None:
        number = self.chance.choice(list(self.folders)) if self.folders else 0
        dice = self.chance.random()
        if not number or (dice < 0.25 and len(self.folders) < self.most):
            await self._open()
        elif dice < 0.55:
            await self._push(f"change-{number}", number)
        elif dice < 0.75:
            self.commands[number] += 1
            await self.stand_in.comment(self.slug, number, "terrakube plan", author=PERSON)
        else:
            await self._push("main", None)

    async def _open(self) -> None:
        number = len(self.folders) + 1
        folder = await self._push(f"change-{number}", None)
        opened = await self.stand_in.open_pull_request(self.slug, f"change-{number}")
        assert opened.number == number
        self.folders[number].add(folder)

    async def _push(self, branch: str, number: int | None) -> str:
        at, folder = next(self._numbers), f"ws-{self.chance.randrange(FOLDERS)}"
        if number is not None:
            self.folders[number].add(folder)
        files = {f"{folder}/change-{at}.tf": f"# {at}\n"}
        sha = await self.stand_in.commit(self.slug, branch, files, author=PERSON)
        if branch == "main":
            self.pushed[sha] = folder
        return folder


@dataclass(kw_only=True)
class World:
    """Everything the bridge talks to; it lives on when the bridge dies."""

    server: terrakube.StandIn
    towns: Mapping[str, Town]
    port: int

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Let people act while the block runs."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for town in self.towns.values():
                tasks.create_task(town.live(over))
            try:
                yield
            finally:
                over.set()
        for town in self.towns.values():
            await town.stand_in.settled()

    def settings(self, database: str) -> Mapping[str, str]:
        """Return the environment of a bridge that serves all of it."""
        given = {
            "BRIDGE_TERRAKUBE__URL": self.server.url,
            "BRIDGE_TERRAKUBE__TOKEN": self.server.token,
            "BRIDGE_TERRAKUBE__ORGANIZATIONS": ORGANIZATION,
            "BRIDGE_DATABASE__URL": database,
            "BRIDGE_LISTEN__HOST": "127.0.0.1",
            "BRIDGE_LISTEN__PORT": str(self.port),
            "BRIDGE_METRICS__PORT": "0",
        }
        for name, town in self.towns.items():
            given |= {
                f"BRIDGE_FORGES__{name.upper()}__DRIVER": _FLAVOURS[name].value,
                f"BRIDGE_FORGES__{name.upper()}__URL": town.stand_in.web_url,
                f"BRIDGE_FORGES__{name.upper()}__TOKEN": town.stand_in.token(BRIDGE),
                f"BRIDGE_FORGES__{name.upper()}__WEBHOOK_SECRET": SECRET,
            }
        return given


@asynccontextmanager
async def build(
    folder: Path, *, port: int, seed: int, pull_requests: int, pause: float
) -> AsyncIterator[World]:
    """Start Terrakube and two forges with a repository each, all hooks pointing to *port*."""
    async with AsyncExitStack() as stack:
        executor = InstantExecutor(seconds=0.3)
        server = await stack.enter_async_context(
            terrakube.start(folder / "terrakube", executor=executor)
        )
        server.add_organization(ORGANIZATION)
        towns: dict[str, Town] = {}
        for name, flavour in _FLAVOURS.items():
            # How the bridge keeps to their limits is tested elsewhere, and takes an hour.
            limits = replace(LIMITS[flavour], writes_per_minute=None, writes_per_hour=None)
            stand_in = await stack.enter_async_context(
                forge.start(folder / name, flavour=flavour, limits=limits)
            )
            chance = random.Random(f"{seed} {name}")  # noqa: S311 - to be repeated
            towns[name] = await _found(
                Town(
                    name=name,
                    stand_in=stand_in,
                    slug=f"{ORGANIZATION}/{name}",
                    chance=chance,
                    most=pull_requests,
                    pause=pause,
                ),
                server,
                port,
            )
        yield World(server=server, towns=towns, port=port)


async def _found(town: Town, server: terrakube.StandIn, port: int) -> Town:
    folders = [f"ws-{at}" for at in range(FOLDERS)]
    await town.stand_in.create_repository(
        town.slug,
        files={f"{folder}/main.tf": "# nothing yet\n" for folder in folders},
        access={PERSON: Access.WRITE, BRIDGE: Access.ADMIN},
    )
    town.stand_in.add_hook(
        town.slug,
        f"http://127.0.0.1:{port}/webhooks/{town.name}",
        secret=SECRET,
        events=_EVENTS[town.name],
    )
    (organization,) = server.world.organizations.values()
    for folder in folders:
        server.add_workspace(
            organization,
            f"{town.name}-{folder}",
            town.stand_in.clone_url(town.slug),
            folder=f"/{folder}",
            default_template="Plan and apply",
        )
    return town


def free_port() -> int:
    """Find a port for a bridge that is to have the same one in all its lives."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
