"""What a Slack workspace knows: people, groups, channels, messages, views and files."""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.sandbox.slack.checks import Json


class Kind(StrEnum):
    """What a channel is."""

    PUBLIC = "public_channel"
    PRIVATE = "private_channel"
    DIRECT = "im"
    GROUP = "mpim"


@dataclass(slots=True, kw_only=True, eq=False)
class User:
    """A person or a bot.

    Attributes:
        id: ``U...``.
        team: ``T...``; another than the workspace's for people of a shared channel.
    """

    id: str
    name: str
    team: str
    real_name: str
    email: str = ""
    deleted: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Usergroup:
    """A group of people; *id* is ``S...``, *members* are ids."""

    id: str
    handle: str
    members: list[str] = field(default_factory=list)
    disabled: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A channel or conversation.

    Attributes:
        id: ``C...``, ``D...`` for a conversation of two.
        members: Ids of people.
        messages: By ``ts``.
        ephemerals: What only one person sees, by ``ts``.
    """

    id: str
    name: str
    kind: Kind
    members: list[str] = field(default_factory=list)
    archived: bool = False
    shared: bool = False
    messages: "dict[str, Message]" = field(default_factory=dict)
    ephemerals: "dict[str, Message]" = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Message:
    """A message.

    Attributes:
        author: Id of whose it is.
        thread: ``ts`` of the message it answers; empty for none.
        broadcast: Whether an answer is shown in the channel too.
        audience: Id of the only person who sees it; empty for everybody.
        edits: How often it was changed.
        gone: Whether it was deleted, or dismissed.
        reactions: Pairs of an emoji's name and who.
    """

    channel: Channel
    ts: str
    author: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    files: "list[File]" = field(default_factory=list)
    thread: str = ""
    broadcast: bool = False
    audience: str = ""
    edits: int = 0
    gone: bool = False
    reactions: list[tuple[str, str]] = field(default_factory=list)

    @property
    def all_blocks(self) -> list[Json]:
        """Its blocks, and those of its attachments."""
        attached = [block for one in self.attachments for block in one.get("blocks", ())]
        return [*self.blocks, *attached]


@dataclass(slots=True, kw_only=True, eq=False)
class View:
    """A modal or home of one person.

    Attributes:
        given: What the app gave, with ids where it gave none.
        hash: Changes whenever the view does.
        root: Id of the lowest view of its stack.
        below: Id of the view it lies on; empty for none.
        state: What was entered, by block and action.
        errors: What is said to be wrong with it, by block.
        is_open: Whether the person still sees it.
    """

    id: str
    user: str
    given: Json
    hash: str
    root: str
    below: str = ""
    state: dict[str, Json] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    is_open: bool = True


@dataclass(slots=True, kw_only=True, eq=False)
class File:
    """A file.

    Attributes:
        length: As announced, in bytes.
        content: None until it was sent.
        shared: Whether the third step is done.
    """

    id: str
    name: str
    length: int
    title: str = ""
    content: bytes | None = None
    channel: str = ""
    shared: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Trigger:
    """A ``trigger_id``: lets an app open a view, once, soon."""

    id: str
    user: str
    at: float
    view: str = ""
    used: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Hook:
    """A ``response_url``.

    Attributes:
        message: What was acted on; None for a command's.
    """

    id: str
    user: str
    channel: Channel
    at: float
    message: Message | None = None
    uses: int = 0
