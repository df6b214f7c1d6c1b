"""Saying things in a room: the events of commands and forms, and what is told to whom."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bridge.domain.chat import ChatPlace
from bridge.domain.chat_events import CommandSaid, FormSent
from bridge.domain.posts import PostKind
from bridge.domain.runs import Run
from bridge.domain.vcs import PullRequestRef
from bridge.domain.work import Work
from tests.fakes.chats import TEAM, FakeChatStore
from tests.fakes.jobserver import APPLY_FLOW
from tests.handlers.chat.rooms import HOOK, Room, told

SAID_AT = datetime(2026, 1, 1, tzinfo=UTC)


def said(text: str, *, thread: str = "", mention: bool = False, **more: Any) -> CommandSaid:  # noqa: ANN401 - its fields
    """Make the event of a command that Ada types, or says to the bridge in a message."""
    values: dict[str, Any] = {
        "delivery_id": "d-1",
        "received_at": SAID_AT,
        "actor": "U1",
        "user_team": TEAM,
        "place": ChatPlace(team=TEAM, channel="C1", thread=thread),
        "trigger": "slack:T1:1.2",
        "trigger_id": "" if mention else "1.2",
        "response_url": "" if mention else HOOK,
        "mention": mention,
    }
    return CommandSaid(text=text, **{**values, **more})


def sent(form: str, entered: dict[str, str], metadata: str = "C1||", **more: Any) -> FormSent:  # noqa: ANN401 - its fields
    """Make the event of a form that Ada sends."""
    values: dict[str, Any] = {
        "delivery_id": "d-2",
        "received_at": SAID_AT,
        "actor": "U1",
        "user_team": TEAM,
        "place": ChatPlace(team=TEAM, channel="C1"),
        "trigger": "slack:T1:2.3",
        "trigger_id": "2.3",
    }
    return FormSent(form=form, values=entered, metadata=metadata, **{**values, **more})


@dataclass(slots=True)
class Threads(FakeChatStore):
    """Knows what the threads of channels are about.

    Attributes:
        pulls: By the ``ts`` of the live message.
        shown: Runs, likewise.
        ran: Of workspaces, the newest first, by their id.
        planned: Open pull requests with a plan of a workspace, by its id.
    """

    pulls: dict[str, PullRequestRef] = field(default_factory=dict)
    shown: dict[str, list[Run]] = field(default_factory=dict)
    ran: dict[str, list[Run]] = field(default_factory=dict)
    planned: dict[str, list[PullRequestRef]] = field(default_factory=dict)

    async def pull_request_of_message(
        self, team: str, channel: str, ts: str
    ) -> PullRequestRef | None:
        return self.pulls.get(ts)

    async def runs_of_message(self, team: str, channel: str, ts: str) -> list[Run]:
        return self.shown.get(ts, [])

    async def runs_of_workspace(self, workspace_id: str, limit: int = 5) -> list[Run]:
        return self.ran.get(workspace_id, [])[:limit]

    async def planned_pull_requests(self, workspace_id: str) -> list[PullRequestRef]:
        return self.planned.get(workspace_id, [])

    async def run_of_job(self, job_id: str) -> Run | None:
        found = [one for runs in self.shown.values() for one in runs if one.job_id == job_id]
        return found[0] if found else self.runs.get(job_id)


def whispers(work: Work) -> list[str]:
    """What is told to one person alone."""
    return told(work, PostKind.CHAT_WHISPER)


def replies(work: Work) -> list[str]:
    """What is said for all to see."""
    return told(work, PostKind.CHAT_REPLY)


def a_room(**more: Any) -> Room:  # noqa: ANN401 - its fields
    """A room with a workspace in acme, its code on a forge, and threads that are known."""
    room = Room(chats=Threads(), **more)
    room.server.add_template("Plan")
    room.server.add_template("Plan and apply", flow=APPLY_FLOW)
    room.workspace("network")
    return room
