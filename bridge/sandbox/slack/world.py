"""Everything in one workspace, and the ids and moments it gives out."""

import copy
import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.clock import Now
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.model import (
    Channel,
    File,
    Hook,
    Kind,
    Message,
    Trigger,
    User,
    Usergroup,
    View,
)
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.surfaces import active_elements

DOMAIN = "acme"
_MICROSECONDS = 1_000_000


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    """A workspace with one app in it.

    Attributes:
        team: Id of the workspace.
        app: Id of the app; *bot* is its user, *bot_id* what messages name it by.
        homes: The home of each person who has one, by user id.
        tickets: What lets a connection of Socket Mode in, once.
    """

    now: Now
    limits: Limits
    team: str = "T00000001"
    app: str = "A00000001"
    bot_id: str = "B00000001"
    url: str = ""
    users: dict[str, User] = field(default_factory=dict)
    usergroups: dict[str, Usergroup] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    triggers: dict[str, Trigger] = field(default_factory=dict)
    hooks: dict[str, Hook] = field(default_factory=dict)
    tickets: set[str] = field(default_factory=set)
    bot: User = field(init=False)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _last: int = 0

    def __post_init__(self) -> None:
        self.bot = self.add_user("terrakube", is_bot=True)

    def next_id(self, prefix: str) -> str:
        """Make an id: its prefix and eight characters."""
        return f"{prefix}{next(self._numbers):08X}"

    def next_ts(self) -> str:
        """Make the ``ts`` of a message: the moment, and different from all others."""
        self._last = max(self._last + 1, int(self.now() * _MICROSECONDS))
        return f"{self._last // _MICROSECONDS}.{self._last % _MICROSECONDS:06d}"

    def add_user(
        self,
        name: str,
        *,
        team: str = "",
        is_bot: bool = False,
        is_restricted: bool = False,
        is_ultra_restricted: bool = False,
    ) -> User:
        """Let somebody in."""
        made = User(
            id=self.next_id("U"),
            name=name,
            team=team or self.team,
            real_name=name.title(),
            email=f"{name}@example.com",
            is_bot=is_bot,
            is_restricted=is_restricted,
            is_ultra_restricted=is_ultra_restricted,
        )
        self.users[made.id] = made
        return made

    def add_channel(self, name: str, kind: Kind, members: Iterable[User]) -> Channel:
        """Make a channel."""
        prefix = "D" if kind is Kind.DIRECT else "C"
        ids = [one.id for one in members]
        made = Channel(id=self.next_id(prefix), name=name, kind=kind, members=ids)
        self.channels[made.id] = made
        return made

    def direct(self, *users: User) -> Channel:
        """Find or make the bot's conversation with somebody."""
        ids = sorted([self.bot.id, *(user.id for user in users)])
        for channel in self.channels.values():
            if channel.kind in {Kind.DIRECT, Kind.GROUP} and sorted(channel.members) == ids:
                return channel
        kind = Kind.DIRECT if len(users) == 1 else Kind.GROUP
        name = "directmessage" if kind is Kind.DIRECT else f"mpdm-{len(self.channels)}"
        return self.add_channel(name, kind, [self.bot, *users])

    def user(self, id_: str) -> User:
        """Find somebody.

        Raises:
            Refusal: There is no such user.
        """
        if id_ not in self.users:
            raise Refusal(No.USER_NOT_FOUND)
        return self.users[id_]

    def channel(self, id_: str) -> Channel:
        """Find a channel the app may see.

        Raises:
            Refusal: There is none, or it is private and the app is not in it.
        """
        found = self.channels.get(id_)
        if found is None and not id_.startswith(("C", "D", "G")):
            raise Refusal(No.CHANNEL_NOT_FOUND, why=f"{id_!r} is not an id", surprise=True)
        is_hidden = found and found.kind is not Kind.PUBLIC and not self.is_in(found)
        if found is None or is_hidden:
            raise Refusal(No.CHANNEL_NOT_FOUND)
        return found

    def is_in(self, channel: Channel) -> bool:
        """Whether the app's bot is in a channel."""
        return self.bot.id in channel.members

    def add_message(
        self,
        channel: Channel,
        author: User,
        text: str,
        *,
        blocks: list[Json] | None = None,
        attachments: list[Json] | None = None,
        metadata: Json | None = None,
        files: Iterable[File] = (),
        thread: str = "",
        broadcast: bool = False,
        audience: str = "",
    ) -> Message:
        """Put a message into a channel; for one person only when there is an *audience*."""
        made = Message(
            channel=channel,
            ts=self.next_ts(),
            author=author.id,
            text=text,
            blocks=self.with_ids(blocks or []),
            attachments=self.attached(attachments or []),
            metadata=metadata or {},
            files=list(files),
            thread=thread,
            broadcast=broadcast,
            audience=audience,
        )
        (channel.ephemerals if audience else channel.messages)[made.ts] = made
        return made

    def with_ids(self, blocks: list[Json]) -> list[Json]:
        """Copy blocks, with ids where they have none."""
        made: list[Json] = copy.deepcopy(blocks)
        for block in made:
            block.setdefault("block_id", self.next_id("b"))
            for element in active_elements(block):
                element.setdefault("action_id", self.next_id("a"))
        return made

    def attached(self, attachments: list[Json]) -> list[Json]:
        """Copy attachments, their blocks with ids."""
        return [{**one, "blocks": self.with_ids(one.get("blocks", []))} for one in attachments]

    def add_trigger(self, user: User, view: View | None = None) -> Trigger:
        """Let the app open a view, for something somebody did (in a view)."""
        id_ = f"{self.next_id('')}.{self.team}.{user.id}"
        made = Trigger(id=id_, user=user.id, at=self.now(), view=view.id if view else "")
        self.triggers[made.id] = made
        return made

    def add_hook(self, user: User, channel: Channel, message: Message | None = None) -> Hook:
        """Let the app answer to something somebody did."""
        id_ = self.next_id("H")
        made = Hook(id=id_, user=user.id, channel=channel, at=self.now(), message=message)
        self.hooks[made.id] = made
        return made

    def add_view(self, user: str, given: Json, *, below: View | None = None) -> View:
        """Show somebody a view."""
        id_ = self.next_id("V")
        made = View(
            id=id_,
            user=user,
            given={**given, "blocks": self.with_ids(given["blocks"])},
            hash=self.next_ts(),
            root=below.root if below else id_,
            below=below.id if below else "",
        )
        self.views[made.id] = made
        return made

    def change_view(self, view: View, given: Json) -> None:
        """Show something else in a view; what was entered in blocks that stay is kept."""
        view.given = {**given, "blocks": self.with_ids(given["blocks"])}
        view.hash = self.next_ts()
        kept = {block["block_id"] for block in view.given["blocks"]}
        view.state = {name: one for name, one in view.state.items() if name in kept}

    def lies_below(self, view: View) -> bool:
        """Whether another view hides this one."""
        return any(one.is_open and one.below == view.id for one in self.views.values())

    def close_stack(self, view: View) -> None:
        """Close a view and all others of its stack."""
        for one in self.views.values():
            if one.root == view.root:
                one.is_open = False
