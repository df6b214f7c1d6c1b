"""A stage with a Slack beside it: people type and press there, and see what the bridge writes.

Slack is a strict stand-in that the bridge is told of by the usual settings; whatever it takes for
careless, or whatever Slack itself told people went wrong, fails the play.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from bridge.domain.chat_controls import Control, Form
from bridge.sandbox import slack as slack_sandbox
from bridge.sandbox.forge import Flavour
from bridge.sandbox.slack.delivering import Delivery
from bridge.sandbox.slack.model import Channel, Message, User, View
from bridge.store.schema import audit
from tests.e2e.opening import opened
from tests.e2e.stage import SLUG, Stage, git
from tests.waiting import SOON, until

Mode: TypeAlias = Literal["http", "socket"]

MODES: Final[tuple[Mode, ...]] = ("http", "socket")

EVERYBODY: Final = "ada", "grace", "linus", "bo"
"""Of the team; the first three are in a group of their own."""

RULES: Final = """
access:
  - {who: ["slack:group:%platform"], may: [plan, apply, approve, reject, cancel, destroy]}
  - {who: ["*"], may: [plan, apply, approve, reject, cancel]}
"""
"""Who stands in the group may everything; on the forge whoever may write may most."""

_LIMITS: Final = slack_sandbox.Limits(ack=SOON)
"""The real ones; that the bridge answers within three seconds is looked at where it is told."""

_SLASH: Final = "/terrakube"
_AT: Final = "@terrakube"


@dataclass(kw_only=True)
class SlackStage:
    """See the module.

    Attributes:
        stage: The rest of the world.
        slack: Where people of the chat are.
        ops: A public channel with everybody in it, and the bridge.
        complaints: How often Slack is to tell people that something went wrong.
        canaries: What must stand in no log besides the tokens.
    """

    stage: Stage
    slack: slack_sandbox.StandIn
    mode: Mode
    people: "Mapping[str, Person]"
    ops: Channel
    complaints: int = 0
    canaries: set[str] = field(default_factory=set)

    def __getitem__(self, name: str) -> "Person":
        """Find somebody."""
        return self.people[name]

    # What there is

    def messages(self, channel: Channel | None = None) -> list[Message]:
        """List what stands in a channel itself, the oldest first; the bridge's own messages."""
        return [one for one in self._own(channel or self.ops) if not one.thread]

    def _own(self, channel: Channel) -> list[Message]:
        return [one for one in self.slack.messages(channel) if one.author == self.slack.bot.id]

    def live(self, channel: Channel | None = None) -> Message:
        """Return the one live message there must be."""
        (message,) = self.messages(channel)
        return message

    def thread(self, message: Message | None = None) -> list[Message]:
        """List what stands below a message, the oldest first."""
        above = message or self.live()
        return [one for one in self.slack.messages(above.channel) if one.thread == above.ts]

    def prompt(self) -> Message:
        """Return the one message with a button that approves something below the live one."""
        (found,) = (one for one in self.thread() if Control.APPROVE in controls(one))
        return found

    def shown(self, message: Message | None = None) -> str:
        """Show a message as people see it."""
        return self.slack.show(message or self.live())

    def below(self, message: Message | None = None) -> str:
        """Show a thread as people see it."""
        return "\n".join(self.slack.show(one) for one in self.thread(message))

    def channel(self, channel: Channel | None = None) -> str:
        """Show a channel with its threads, as everybody sees it."""
        return self.slack.show_channel(channel or self.ops)

    async def head(self) -> str:
        """Return the commit that the main branch is at."""
        return await git(
            Path(self.stage.forge.world.repository(SLUG).git.path), "rev-parse", "main"
        )

    async def audited(self, *actions: str) -> Sequence[tuple[str, str, str]]:
        """List what was audited: action, who, result."""
        rows = await self.stage.rows(audit)
        found = [(row["action"], row["actor"], row["result"]) for row in rows]
        return [one for one in found if not actions or one[0] in actions]

    def decided(self) -> int:
        """Count the calls that let jobs go on, or end them."""
        return self.stage.server.count("PATCH", "/job/")

    # How things go on

    async def quiet(self, *, within: timedelta = timedelta(minutes=1)) -> None:
        """Let everything happen that is going to happen in this time."""
        await self.slack.settled()
        await self.stage.quiet(within=within)

    async def connected(self) -> None:
        """Wait until every replica can be told of what happens; over HTTP the first one is."""
        if self.mode == "http":
            self.slack.deliver_to(self.door())
        else:
            await until(lambda: len(self.slack.sockets.open) == len(self.stage.bridges))

    def door(self, replica: int = 0) -> str:
        """Return where Slack reaches a replica over HTTP; empty in Socket Mode."""
        if self.mode == "socket":
            return ""
        return f"{self.stage.url(self.stage.bridges[replica])}/slack/events"

    async def restart(self) -> None:
        """Stop the bridge and start it again."""
        await self.stage.restart()
        await self.connected()

    # What must never happen

    def assert_clean(self) -> None:
        """Check what holds at the end of every play."""
        self.slack.assert_no_surprises()
        assert self.slack.hasty == []
        assert len(self.slack.complaints) == self.complaints, self.slack.complaints
        own = [one for channel in self.slack.world.channels.values() for one in self._own(channel)]
        assert [one.text for one in own for ping in self.slack.pings(one) if ping[0] != "@"] == []
        said = self.slack.calls("chat.postMessage")
        unfurling = {one.arguments.get("unfurl_links") for one in said}
        unfurling |= {one.arguments.get("unfurl_media") for one in said}
        assert unfurling <= {False}
        sent = str([one.arguments for one in self.slack.requests])
        tokens = {self.slack.signing_secret, self.slack.app_token}
        assert [one for one in tokens if one in sent] == []
        tokens |= {self.slack.bot_token, *self.canaries}
        assert [one for one in tokens if one in self.stage.log.getvalue()] == []


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody in Slack.

    Attributes:
        ops: Where they are when nothing else is said.
    """

    slack: slack_sandbox.StandIn
    user: User
    ops: Channel

    @property
    def actor(self) -> str:
        """What they are recorded as."""
        return f"{self.user.real_name} (slack:{self.user.id})"

    async def says(
        self, text: str, *, at: Channel | None = None, thread: Message | None = None
    ) -> Delivery:
        """Use the slash command, or mention the bridge; it must be acknowledged at once."""
        head, _, rest = text.partition(" ")
        if head == _SLASH:
            told = await self.slack.command(self.user, at or self.ops, rest)
        else:
            assert head == _AT
            ts = thread.ts if thread else ""
            mention = await self.slack.mention(self.user, at or self.ops, rest, thread=ts)
            assert mention is not None
            told = mention
        return _taken(told)

    async def presses(self, where: Message | View, control: str) -> Delivery:
        """Press a button that is there."""
        return _taken(await self.slack.press(self.user, where, control))

    async def press_at(self, where: Message, door: str) -> Delivery:
        """Press what approves, and let Slack tell the replica that has this door."""
        self.slack.deliver_to(door)
        return await self.presses(copy(where), Control.APPROVE)

    async def types_name(self, name: str) -> Delivery:
        """Type a workspace's name into the form before them, and send it."""
        view = self.form()
        assert view.given["callback_id"] == Form.CONFIRM
        return _taken(await self.slack.submit(self.user, view, {Control.NAME: name}))

    def form(self) -> View:
        """Return the form before them."""
        view = self.slack.open_view(self.user)
        assert view is not None
        return view

    def heard(self, channel: Channel | None = None) -> list[str]:
        """List what the bridge told them alone, the oldest first."""
        found = self.slack.whispers(self.user, channel or self.ops)
        return [self.slack.show(one) for one in found]


def controls(message: Message) -> list[str]:
    """List what can be pressed in a message."""
    rows = [block for block in message.all_blocks if block["type"] == "actions"]
    return [str(one["action_id"]).partition(":")[0] for row in rows for one in row["elements"]]


def frozen(message: Message) -> tuple[str, str, int]:
    """Return all there is of a message, to be compared with what it is later."""
    return message.text, str(message.all_blocks), message.edits


def _taken(told: Delivery) -> Delivery:
    assert told.acked, f"the bridge answered {told.status}"
    return told


@asynccontextmanager
async def opened_with_slack(
    folder: Path,
    *,
    mode: Mode,
    database_url: str,
    flavour: Flavour = Flavour.FORGEJO,
    document: str = RULES,
    subscribed: bool = True,
    limits: slack_sandbox.Limits = _LIMITS,
    extra: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - see opened
) -> AsyncIterator[SlackStage]:
    """Set the stage with a Slack, and clear it with a look at what must never happen.

    Args:
        folder: Of its own.
        mode: How the bridge is told.
        database_url: An empty database.
        flavour: Of the forge.
        document: ``bridge.yaml``; ``%name`` stands for the id of a person or group.
        subscribed: Whether #ops hears of everything, by the configuration.
        limits: Of Slack.
        extra: Environment variables, besides those that are needed.
        more: See ``opening.opened``.
    """
    async with AsyncExitStack() as stack:
        clock = slack_sandbox.Clock()
        slack = await stack.enter_async_context(slack_sandbox.start(clock=clock, limits=limits))
        people = {name: slack.add_user(name) for name in EVERYBODY}
        people["gus"] = slack.add_user("gus", is_restricted=True)
        people["sam"] = slack.add_user("sam", team="T00000099")
        groups = {
            "platform": slack.add_usergroup("platform", *(people[n] for n in EVERYBODY[:3])),
            "leads": slack.add_usergroup("leads", people["ada"], people["grace"]),
        }
        ops = slack.add_channel("ops", *people.values())
        # Sam came in just now, and Slack does not say so yet: else nothing would be started there.
        ops.shared = False
        ids = {name: one.id for name, one in people.items()}
        ids |= {name: one.id for name, one in groups.items()}
        environment = {**_environment(slack, mode), **(extra or {})}
        if subscribed:
            environment["BRIDGE_SLACK__DEFAULT_CHANNEL"] = ops.id
        rest = opened(
            folder,
            flavour=flavour,
            database_url=database_url,
            document=_named(document, ids),
            extra=environment,
            **more,
        )
        stage = await stack.enter_async_context(rest)
        stage.clock.followers.append(lambda by: clock.advance(by.total_seconds()))
        made = SlackStage(
            stage=stage,
            slack=slack,
            mode=mode,
            people={name: Person(slack=slack, user=one, ops=ops) for name, one in people.items()},
            ops=ops,
        )
        await made.connected()
        yield made
        made.assert_clean()


def _environment(slack: slack_sandbox.StandIn, mode: Mode) -> dict[str, str]:
    needed = {
        "http": {
            "BRIDGE_PUBLIC_URL": "https://bridge.example.com",
            "BRIDGE_SLACK__SIGNING_SECRET": slack.signing_secret,
        },
        "socket": {"BRIDGE_SLACK__APP_TOKEN": slack.app_token},
    }
    return {
        "BRIDGE_SLACK__MODE": mode,
        "BRIDGE_SLACK__API_URL": slack.url,
        "BRIDGE_SLACK__BOT_TOKEN": slack.bot_token,
        **needed[mode],
    }


def _named(document: str, ids: Mapping[str, str]) -> str:
    for name, id_ in ids.items():
        document = document.replace(f"%{name}", id_)
    return document
