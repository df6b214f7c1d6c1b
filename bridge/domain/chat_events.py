"""What comes from the chat, in its meaning: said, pressed, filled in, or happened to a channel."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.domain.chat import ChatPlace
from bridge.domain.events import Happening


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatEvent(Happening):
    """Something happened in the chat; *actor* is the id of the user who did it.

    Attributes:
        place: Where.
        user_team: Workspace of Slack the user belongs to, as the payload says; empty when it does
            not. Whoever decides asks Slack besides.
    """

    place: ChatPlace
    user_team: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction(ChatEvent):
    """Somebody did something that is answered where they did it.

    Attributes:
        trigger: ``slack:<team>:<trigger_id>``: names this one happening for ever.
        trigger_id: Opens a modal, once, within three seconds.
        response_url: Answers, five times in half an hour; empty when there is none.
    """

    trigger: str
    trigger_id: str = ""
    response_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSaid(Interaction):
    """The slash command, or what followed the bridge's name in a message.

    Attributes:
        text: As typed, without the command's own name; Slack's escapes are still in it.
        mention: Whether it was said in a message: then it is answered there, for all to see.
    """

    text: str
    mention: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ButtonPressed(Interaction):
    """A button, or a choice in a message.

    Attributes:
        action: ``action_id``.
        value: What the bridge wrote there; never authority.
        message: ``ts`` of the message it is in; empty for one in a modal.
    """

    action: str
    value: str
    message: str = ""

    @property
    def control(self) -> str:
        """Which control it is; what tells several of a kind apart is left out."""
        return self.action.partition(":")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormSent(Interaction):
    """A modal was filled in and sent.

    Attributes:
        form: ``callback_id``.
        values: What was entered, by ``action_id``; what was left empty is not there.
        metadata: ``private_metadata``: what the bridge wrote there; never authority.
    """

    form: str
    values: Mapping[str, str] = field(default_factory=dict)
    metadata: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelGone(ChatEvent):
    """A channel was archived or deleted, or the bridge was removed from it.

    Attributes:
        why: For people: ``it was archived``.
    """

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelBack(ChatEvent):
    """The bridge was invited to a channel, or one came back from the archive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRemoved(ChatEvent):
    """The app was uninstalled, or its token revoked."""

    why: str
