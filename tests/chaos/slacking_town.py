"""Where people use Slack while the bridge dies: a Slack, a Terrakube, a forge, and doors."""

import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, TypeAlias

from bridge.forges.gitea.hooks import WANTED_EVENTS
from bridge.sandbox import forge, slack, terrakube
from bridge.sandbox.forge import Access, Flavour
from bridge.sandbox.forge.limits import LIMITS
from bridge.sandbox.slack.model import Channel, User
from bridge.sandbox.terrakube import Plan as TerraformPlan
from bridge.sandbox.terrakube import make_plan
from bridge.sandbox.terrakube.executors.instant import InstantExecutor
from bridge.sandbox.terrakube.model import Workspace
from tests.chaos.doors import Doors, opened, opened_door
from tests.chaos.sites import FORGE, REVIEWER, SLUG, WRITER
from tests.chaos.towns import BRIDGE, ORGANIZATION, SECRET

Mode: TypeAlias = Literal["http", "socket"]

UNREADABLE: Final = "pr-unreadable"
"""Its plans cannot be compared: a person approves what is applied."""

PROPOSED: Final = ("pr-0", "pr-1", UNREADABLE)
"""Workspaces that pull requests change."""

DANGEROUS: Final = "net-dangerous"
"""So much is deleted there that its name has to be typed in."""

GUARDED: Final = "net-guarded"
"""Two people have to approve there."""

_PLANS: Final[Mapping[str, TerraformPlan]] = {
    UNREADABLE: TerraformPlan(rows=make_plan(create=2).rows),
    DANGEROUS: make_plan(delete=12),
    "net-broken": TerraformPlan(rows=[], error="There is no such provider"),
    "net-still": make_plan(create=0),
}
SAID: Final = (
    *("net-0", "net-1", "net-2", "net-3", "net-failing", "elsewhere"),
    *(GUARDED, *(name for name in _PLANS if name != UNREADABLE)),
)
"""Workspaces that people name in commands."""

RETRIES: Final = (0.3, 1.0, 2.0, 4.0)
"""Slack tells an event again after a minute and after five; nobody here has the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The people.

    Attributes:
        trusted: May do everything.
        planner: May plan.
        stranger: Is in the channels, and no rule names them; nor the *guest*.
    """

    trusted: Sequence[User]
    planner: User
    stranger: User
    guest: User

    @property
    def everybody(self) -> Sequence[User]:
        """All of them."""
        return (*self.trusted, self.planner, self.stranger, self.guest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """When the bridge died, in seconds since 1970; *late* if a request of its arrived after."""

    at: float
    late: bool = False


@dataclass(kw_only=True)
class Town:
    """Everything the bridge talks to; it lives on when the bridge dies.

    Attributes:
        ops: The channel that hears of everything; *team* hears what is asked for in it.
        url: Of the bridge's door for Slack.
        deaths: Those so far.
    """

    mode: Mode
    seed: int
    slack: slack.StandIn
    server: terrakube.StandIn
    forge: forge.StandIn
    doors: Doors
    crowd: Crowd
    ops: Channel
    team: Channel
    port: int
    urls: Mapping[str, str]
    deaths: list[Death] = field(default_factory=list)

    @property
    def channels(self) -> Sequence[Channel]:
        """Where people talk."""
        return (self.ops, self.team)

    @property
    def settings(self) -> Mapping[str, str]:
        """What the environment of the bridge says, but for its database."""
        section, crowd = f"BRIDGE_FORGES__{FORGE.upper()}", self.crowd
        (group,) = self.slack.world.usergroups
        trusted = {"who": [f"slack:group:{group}"], "may": ["*"]}
        access = [
            {**trusted, "workspaces": [f"{ORGANIZATION}/{GUARDED}"], "quorum": 2},
            trusted,
            {"who": [f"slack:user:{crowd.planner.id}"], "may": ["plan"]},
            {"who": ["*"], "may": ["plan", "apply", "cancel"]},
        ]
        return {
            "BRIDGE_ACCESS": json.dumps(access),
            "BRIDGE_COMMANDS__DESTROY__TEMPLATE": "built-in",
            "BRIDGE_TERRAKUBE__URL": self.urls["terrakube"],
            "BRIDGE_TERRAKUBE__TOKEN": self.server.token,
            "BRIDGE_TERRAKUBE__ORGANIZATIONS": ORGANIZATION,
            "BRIDGE_PUBLIC_URL": "https://bridge.example.com",
            "BRIDGE_LISTEN__HOST": "127.0.0.1",
            "BRIDGE_LISTEN__PORT": str(self.port),
            "BRIDGE_METRICS__PORT": "0",
            "BRIDGE_SLACK__MODE": self.mode,
            "BRIDGE_SLACK__API_URL": f"{self.urls['slack']}/api/",
            "BRIDGE_SLACK__BOT_TOKEN": self.slack.bot_token,
            "BRIDGE_SLACK__APP_TOKEN": self.slack.app_token,
            "BRIDGE_SLACK__SIGNING_SECRET": self.slack.signing_secret,
            "BRIDGE_SLACK__DEFAULT_CHANNEL": self.ops.id,
            f"{section}__DRIVER": Flavour.FORGEJO.value,
            f"{section}__URL": self.forge.web_url,
            f"{section}__TOKEN": self.forge.token(BRIDGE),
            f"{section}__WEBHOOK_SECRET": SECRET,
        }

    def workspace(self, name: str) -> Workspace:
        """Find a workspace by its name."""
        (organization,) = self.server.world.organizations.values()
        return next(one for one in organization.workspaces.values() if one.name == name)


@asynccontextmanager
async def founded(folder: Path, *, port: int, seed: int, mode: Mode) -> AsyncIterator[Town]:
    """Start everything but the bridge, which listens at *port*."""
    chance = random.Random(f"{seed} doors")  # noqa: S311 - to be repeated
    # How the bridge keeps to the limits is tested elsewhere, and takes an hour.
    limits = slack.Limits(
        tier1=None,
        tier2=None,
        tier3=None,
        tier4=None,
        special=None,
        per_channel=None,
        retries=RETRIES,
    )
    code_limits = replace(LIMITS[Flavour.FORGEJO], writes_per_minute=None, writes_per_hour=None)
    async with AsyncExitStack() as stack:
        executor = InstantExecutor(seconds=0.1)
        server = await stack.enter_async_context(
            terrakube.start(folder / "terrakube", executor=executor)
        )
        code = await stack.enter_async_context(
            forge.start(folder / "forge", flavour=Flavour.FORGEJO, limits=code_limits)
        )
        chat = await stack.enter_async_context(slack.start(limits=limits))
        doors = await stack.enter_async_context(opened(chance))
        urls = {
            name: await stack.enter_async_context(opened_door(doors, name, target))
            for name, target in (
                ("terrakube", server.url),
                ("slack", chat.world.url),
                ("events", f"http://127.0.0.1:{port}"),
            )
        }
        if mode == "http":
            chat.deliver_to(f"{urls['events']}/slack/events")
            chat.world.url = urls["slack"]  # answers to commands pass the door, too
        crowd = _settle(chat)
        town = Town(
            mode=mode,
            seed=seed,
            slack=chat,
            server=server,
            forge=code,
            doors=doors,
            crowd=crowd,
            ops=chat.add_channel("ops", *crowd.everybody),
            team=chat.add_channel("team", *crowd.everybody),
            port=port,
            urls=urls,
        )
        await _furnish(town, executor)
        yield town


def _settle(chat: slack.StandIn) -> Crowd:
    trusted = [chat.add_user(name) for name in ("ada", "grace", "linus")]
    chat.add_usergroup("platform", *trusted)
    return Crowd(
        trusted=trusted,
        planner=chat.add_user("dave"),
        stranger=chat.add_user("mallory"),
        guest=chat.add_user("gus", is_restricted=True),
    )


async def _furnish(town: Town, executor: InstantExecutor) -> None:
    access = {WRITER: Access.WRITE, REVIEWER: Access.WRITE, BRIDGE: Access.ADMIN}
    names = (*PROPOSED, *SAID)
    await town.forge.create_repository(
        SLUG, files={f"{name}/main.tf": "# nothing yet\n" for name in names}, access=access
    )
    url = f"http://127.0.0.1:{town.port}/webhooks/{FORGE}"
    town.forge.add_hook(SLUG, url, secret=SECRET, events=WANTED_EVENTS)
    organization = town.server.add_organization(ORGANIZATION)
    for name in names:
        source = town.forge.clone_url(SLUG)
        made = town.server.add_workspace(
            organization,
            name,
            "https://elsewhere.example.com/acme/infra.git" if name == "elsewhere" else source,
            folder=f"/{name}",
            default_template="Plan and apply",
        )
        if name in _PLANS:
            executor.plan_for(made, _PLANS[name])
        made.structured = name != UNREADABLE
        if name == "net-failing":
            executor.apply_errors[made.id] = "the quota is used up"
