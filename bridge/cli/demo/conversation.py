"""What the demo's people do in Slack and see there: what their hands and eyes would."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from bridge.cli.demo import story
from bridge.cli.demo.processes import Chat, DemoError
from bridge.domain.chat_controls import Control
from bridge.http import HttpClient

_PLANNED = "Plan: "
_APPLIED = "applied"
_IN_TIME = 3.0
"""Seconds after which Slack tells people that the command failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message as people see it.

    Attributes:
        ts: Names it in its channel.
        thread: ``ts`` of the message it answers; empty for none.
        shown: With its author.
        actions: What can be pressed in it.
    """

    ts: str
    thread: str
    shown: str
    actions: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The channel through the eyes of its people."""

    people: HttpClient

    async def type(self, user: str, command: str) -> float:
        """Use the slash command; return the seconds until it was acknowledged."""
        name, _, text = command.partition(" ")
        return await self._do("command", user=user, command=name, text=text)

    async def approve(self, user: str, message: Message) -> float:
        """Press the button that approves."""
        return await self._do("press", user=user, action_id=Control.APPROVE.value, ts=message.ts)

    async def messages(self) -> Sequence[Message]:
        """Read the channel and its threads, the oldest first."""
        return [_message(one) for one in (await self._see())["messages"]]

    async def shown(self) -> str:
        """Read all of it as text."""
        return str((await self._see())["text"])

    async def headline(self) -> str:
        """Read the first line of the message that is kept up to date; empty before there is one."""
        about = f"*{story.ORGANIZATION}/{story.ALONE}*"
        found = [one for one in await self.messages() if not one.thread and about in one.shown]
        return found[-1].shown.splitlines()[1].strip() if found else ""

    async def prompt(self) -> Message | None:
        """Find the answer in a thread that asks for an approval; None before it shows the plan."""
        asking = [one for one in await self.messages() if Control.APPROVE in one.actions]
        found = [one for one in asking if one.thread and _PLANNED in one.shown]
        return found[-1] if found else None

    async def result(self, prompt: Message) -> Message | None:
        """Find what is said below the same message after it; None before there is anything."""
        found = [one for one in await self.messages() if one.thread == prompt.thread]
        told = [one for one in found if one.ts > prompt.ts and _APPLIED in one.shown]
        return told[-1] if told else None

    async def whispers(self, user: str) -> Sequence[str]:
        """Read what one person alone sees."""
        seen = await self._see(to=user)
        return [str(one["shown"]) for one in seen["messages"] if one["only_for"] == user]

    async def problems(self) -> Sequence[str]:
        """List what Slack did not like, of the bridge or on behalf of its people."""
        found = cast("Mapping[str, list[str]]", (await self._get("/surprises", {})))
        return [text for texts in found.values() for text in texts]

    async def _see(self, **who: str) -> Mapping[str, Any]:
        return await self._get("/people/channel", {"channel": story.CHANNEL, **who})

    async def _get(self, path: str, query: Mapping[str, str]) -> Mapping[str, Any]:
        answer = await self.people.request("GET", path, params=query)
        return cast("Mapping[str, Any]", answer.json())

    async def _do(self, what: str, **deed: str) -> float:
        body = {"channel": story.CHANNEL, **deed}
        answer = await self.people.request("POST", f"/people/{what}", json=body)
        told = cast("Mapping[str, Any]", answer.json())
        if not told["acked"] or told["seconds"] > _IN_TIME:
            msg = f"the bridge did not acknowledge {deed} in time: {told}"
            raise DemoError(msg)
        return float(told["seconds"])


@asynccontextmanager
async def open_conversation(chat: Chat) -> AsyncIterator[Conversation]:
    """Let the people in."""
    async with HttpClient(service="Slack", base_url=chat.people_url) as people:
        yield Conversation(people=people)


def _message(seen: Mapping[str, Any]) -> Message:
    return Message(
        ts=seen["ts"], thread=seen["thread"], shown=seen["shown"], actions=seen["actions"]
    )
