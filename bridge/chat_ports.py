"""What the bridge needs of a chat, and of what is stored about one, as protocols.

As in ports: implementations are safe for concurrent use, and nothing of a library comes out.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bridge.domain.chat import (
    ChannelSettings,
    ChatAccount,
    ChatMessage,
    ChatUser,
    Identity,
    LinkOffer,
    Subscription,
    View,
)
from bridge.domain.reports import ChatReport
from bridge.domain.runs import Run
from bridge.domain.vcs import PullRequestRef


class ChatPeople(Protocol):
    """Who is in the chat, asked just now or a minute ago at most."""

    team: str

    async def account(self) -> ChatAccount:
        """Say who the bridge is there; asked once."""
        ...

    async def user(self, user_id: str) -> ChatUser:
        """Read a user. NotFoundError for nobody; whoever cannot be asked about raises."""
        ...

    async def in_group(self, user_id: str, group_id: str) -> bool:
        """Tell whether somebody is in a user group now. A refused question raises: it is a no."""
        ...

    async def is_member(self, channel: str) -> bool:
        """Tell whether the bridge is in a channel; ChatRefusalError for one it may not see."""
        ...

    async def is_shared(self, channel: str) -> bool:
        """Tell whether people of other organizations are in a channel, or invited; as is_member."""
        ...


class Chat(ChatPeople, Protocol):
    """A chat that is written to.

    Every write may raise TemporaryRemoteError (not done: 429, no connection),
    MaybeDoneError (it may have been done: a timeout, 5xx) or ChatRefusalError.
    """

    async def post(
        self, channel: str, message: ChatMessage, *, thread: str = "", broadcast: bool = False
    ) -> str:
        """Write a message and return its ``ts``. Never repeated inside."""
        ...

    async def update(self, channel: str, ts: str, message: ChatMessage) -> None:
        """Replace a message of the bridge's own."""
        ...

    async def whisper(
        self, channel: str, user: str, message: ChatMessage, *, thread: str = ""
    ) -> None:
        """Write what one person alone sees."""
        ...

    async def respond(self, response_url: str, message: ChatMessage) -> bool:
        """Answer an interaction, to one person alone, leaving the message alone it was done in.

        Returns:
            Whether Slack took it; False when the address has expired or was used up.
        """
        ...

    async def upload(
        self, channel: str, *, name: str, title: str, text: str, thread: str = ""
    ) -> None:
        """Put a text there as a file, in three steps; joins a public channel first."""
        ...

    async def open_view(self, trigger_id: str, view: View) -> None:
        """Open a modal, once for each trigger and within three seconds of it."""
        ...


class ChatStore(Protocol):
    """What handlers and services read of the chat's tables; they write through Work only."""

    async def chat_report(self, key: str, about: str = "") -> ChatReport | None:
        """Gather what a live message says; None when nothing is stored.

        With *about*, a run's id or a trigger, only its runs are in it, however old they are: what
        is said below the message of a pull request must not be lost when that has moved on.
        """
        ...

    async def chat_parent(self, key: str) -> str | None:
        """Return the ``ts`` of a report's live message; None while there is none."""
        ...

    async def awaits_parent(self, key: str) -> datetime | None:
        """Say when a report's live message will be written that is not there yet; None for never.

        It may have been a moment ago. Aware, UTC.
        """
        ...

    async def subscriptions(self, team: str, channel: str = "") -> Sequence[Subscription]:
        """List what a channel wants to hear, sorted by pattern; without one, what all want."""
        ...

    async def channel(self, team: str, channel: str) -> ChannelSettings:
        """Read what holds in a channel; as usual for one nothing is stored of."""
        ...

    async def identities(self, team: str, user: str) -> Sequence[Identity]:
        """List the forge accounts somebody is linked to, sorted by forge."""
        ...

    async def identities_of_login(self, forge: str, login: str) -> Sequence[Identity]:
        """List the people of chats a forge account is linked to; logins in any case."""
        ...

    async def link_offer(self, code_hash: str) -> LinkOffer | None:
        """Find an offer to be linked, expired or used ones included."""
        ...

    async def run_of_job(self, job_id: str) -> Run | None:
        """Find the run whose job this is, the newest of several."""
        ...

    async def runs_of_workspace(self, workspace_id: str, limit: int = 5) -> Sequence[Run]:
        """List the newest runs of a workspace, and whichever have not ended, the newest first."""
        ...

    async def pull_request_of_message(
        self, team: str, channel: str, ts: str
    ) -> PullRequestRef | None:
        """Find the pull request a live message (or a message in its thread) is about."""
        ...

    async def runs_of_message(self, team: str, channel: str, ts: str) -> Sequence[Run]:
        """List the runs a live message (or the thread below it) is about, oldest first."""
        ...

    async def runs_under_way(self, team: str, channel: str) -> Sequence[Run]:
        """List the runs that have not ended and that a channel shows or hears of, oldest first."""
        ...

    async def planned_pull_requests(self, workspace_id: str) -> Sequence[PullRequestRef]:
        """List the open pull requests whose present head has a plan with changes of a workspace."""
        ...
