"""What people do in Slack while the bridge dies: they type, press, fill in, and try again."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from bridge.sandbox.forge.model import PullRequest
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.model import Channel, Message, User, View
from bridge.sandbox.slack.surfaces import active_elements
from tests.chaos.sites import REVIEWER, SLUG, WRITER
from tests.chaos.slacking_town import PROPOSED, SAID, Town
from tests.chaos.towns import ORGANIZATION

APPROVE: Final = "run.approve"
REJECT: Final = "run.reject"
CANCEL: Final = "run.cancel"
TYPE_NAME: Final = "run.type_name"
ANSWERING: Final = (APPROVE, TYPE_NAME, REJECT, CANCEL)
"""Buttons that are there only while there is something to answer."""

_SHOWING: Final = ("run.plan", "run.logs")

_PATIENCE: Final = 1.5
"""Seconds somebody looks for a form."""

_LOOK: Final = 0.05
_STUBBORN: Final = 5
"""How often somebody presses a button that does nothing."""

_AGAIN: Final = 0.7
"""Part of the commands that are said again when Slack says that something went wrong."""

_COMMANDS: Final[Mapping[str, int]] = {
    "plan {}": 8,
    "apply {}": 10,
    "destroy {}": 2,
    "status": 1,
    "status {}": 1,
    "why {}": 1,
    "cancel {}": 1,
    "approve {}": 2,
    "reject {}": 1,
    "workspaces": 1,
    "whoami": 1,
    "help": 1,
    "plam {}": 1,
    "plan acme/nowhere": 1,
}
"""What is said, and how often in relation to the rest."""

_WORKSPACE: Final = re.compile(rf"{ORGANIZATION}/([a-z0-9-]+)")


@dataclass(kw_only=True)
class People:
    """The people of a town, who do something now and then.

    Attributes:
        pause: Most seconds between two things one of them does.
    """

    town: Town
    chance: random.Random
    pause: float
    _concluded: "Counter[tuple[str, str]]" = field(default_factory=Counter)

    async def live(self, over: asyncio.Event) -> None:
        """Let all of them live until it is over."""
        async with asyncio.TaskGroup() as tasks:
            for _ in self.town.crowd.trusted:
                tasks.create_task(self._live(over, self._act, self.pause))
            tasks.create_task(self._live(over, self._meddle, 3 * self.pause))
            tasks.create_task(self._live(over, _Author(self.town, self.chance).act, 4 * self.pause))

    async def move_in(self) -> None:
        """Have complete plans put into one of the channels."""
        (user, *_), channel = self.town.crowd.trusted, self.town.team
        await self.town.slack.command(user, channel, "settings files=on")

    async def conclude(self) -> None:
        """Approve whatever waits, by two people, as it takes two in places."""
        waiting: dict[str, tuple[Message, str]] = {}
        for message, action in self._buttons(APPROVE, TYPE_NAME):
            run_id = pressable(message)[action]["value"].partition(".")[0]
            # A message that the bridge does not know of keeps its buttons for ever.
            if self._concluded[run_id, message.ts] < _STUBBORN:
                waiting[run_id] = message, action
        for run_id, (message, _) in waiting.items():
            self._concluded[run_id, message.ts] += 1
        await asyncio.gather(
            *(self._press_all(user, waiting.values()) for user in self.town.crowd.trusted[:2])
        )

    async def _press_all(self, user: User, buttons: Iterable[tuple[Message, str]]) -> None:
        for message, action in buttons:
            await self._press(user, message, action)

    async def _live(
        self, over: asyncio.Event, act: Callable[[], Awaitable[None]], pause: float
    ) -> None:
        while not over.is_set():
            await act()
            await asyncio.sleep(self.chance.uniform(pause / 8, pause))

    async def _act(self) -> None:
        user = self.chance.choice(self.town.crowd.trusted)
        dice = self.chance.random()
        if dice < 0.5 and await self._answer(user):
            return
        if dice < 0.6 and await self._agree(user):
            return
        if dice < 0.9:
            await self._say(user)
        elif dice < 0.96:
            await self._mention(user)
        else:
            await self._fill_in(user)

    async def _meddle(self) -> None:
        """Let those do something who may not, or little."""
        crowd = self.town.crowd
        user = self.chance.choice((crowd.planner, crowd.stranger, crowd.guest))
        if self.chance.random() < 0.5:
            await self._answer(user)
        else:
            await self._say(user)

    async def _say(self, user: User) -> None:
        channel, text = self._channel(), self._words()
        told = await self.town.slack.command(user, channel, text)
        if not told.acked and self.chance.random() < _AGAIN:
            await asyncio.sleep(self.chance.uniform(0.2, 1.5))
            await self.town.slack.command(user, channel, text)

    async def _mention(self, user: User) -> None:
        channel = self._channel()
        threads = [one.ts for one in self.town.slack.messages(channel) if not one.thread]
        thread = self.chance.choice(threads) if threads and self.chance.random() < 0.5 else ""
        await self.town.slack.mention(user, channel, self._words(), thread=thread)

    async def _fill_in(self, user: User) -> None:
        """Start a run by the form."""
        await self.town.slack.command(user, self._channel(), "")
        view = await self._form(user, "run_start")
        if view is None:
            return
        with suppress(LookupError):
            offered = await self.town.slack.suggest(user, view, "start.workspace", "net-")
            if not offered:
                await self.town.slack.dismiss(user, view)
                return
            values = {
                "start.workspace": self.chance.choice(offered)["value"],
                "start.verb": self.chance.choice(("plan", "apply")),
            }
            await self._send(user, view, values)

    async def _answer(self, user: User) -> bool:
        """Press a button, if there is one: alone, twice, or together with somebody."""
        wanted = self.chance.choices(
            ((APPROVE, TYPE_NAME), (REJECT,), (CANCEL,), _SHOWING), (16, 2, 1, 1)
        )[0]
        seen = [*self._buttons(*wanted)]
        if not seen:
            return False
        message, action = self.chance.choice(seen)
        users, dice = [user], self.chance.random()
        if dice < 0.3:
            users.append(self.chance.choice(self.town.crowd.trusted))
        elif dice < 0.45:
            users.append(user)
        await asyncio.gather(*(self._press(one, message, action) for one in users))
        return True

    async def _agree(self, user: User) -> bool:
        """Press a button below an answer that only they see, if the last one has any."""
        channel = self._channel()
        for whisper in self.town.slack.whispers(user, channel)[-1:]:
            for action in sorted(pressable(whisper))[:1]:
                return await self._press(user, whisper, action)
        return False

    async def _press(self, user: User, message: Message, action: str) -> bool:
        try:
            told = await self.town.slack.press(user, message, action)
        except LookupError:  # it went away meanwhile
            return False
        if action == TYPE_NAME and told.acked and (view := await self._form(user, "run_confirm")):
            name = _WORKSPACE.search(json.dumps(view.given))
            with suppress(LookupError):
                await self._send(user, view, {"confirm.name": name[0] if name else "?"})
        return True

    async def _send(self, user: User, view: View, values: Mapping[str, object]) -> None:
        told = await self.town.slack.submit(user, view, values)
        if not told.acked and self.chance.random() < _AGAIN:
            await asyncio.sleep(self.chance.uniform(0.2, 1.5))
            told = await self.town.slack.submit(user, view)
        if view.is_open:
            await self.town.slack.dismiss(user, view)

    async def _form(self, user: User, name: str) -> View | None:
        """Wait for a form, as long as Slack lets it be opened."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _PATIENCE
        while loop.time() < deadline:
            view = self.town.slack.open_view(user)
            if view is not None and view.given["callback_id"] == name:
                return view
            await asyncio.sleep(_LOOK)
        return None

    def _buttons(self, *actions: str) -> Iterator[tuple[Message, str]]:
        for channel in self.town.channels:
            for message in self.town.slack.messages(channel):
                found = pressable(message)
                yield from ((message, one) for one in actions if one in found)

    def _channel(self) -> Channel:
        return self.chance.choice(self.town.channels)

    def _words(self) -> str:
        (words,) = self.chance.choices([*_COMMANDS], [*_COMMANDS.values()])
        return words.format(f"{ORGANIZATION}/{self.chance.choice(SAID)}")


@dataclass
class _Author:
    """Somebody who opens pull requests, and has them applied."""

    town: Town
    chance: random.Random
    opened: Sequence[PullRequest] = ()

    async def act(self) -> None:
        """Open one, push to one, or ask for something there."""
        if len(self.opened) < len(PROPOSED):
            name = PROPOSED[len(self.opened)]
            await self._push(name)
            made = await self.town.forge.open_pull_request(SLUG, f"change-{name}")
            self.opened = (*self.opened, made)
            return
        number = self.chance.randrange(len(self.opened))
        match self.chance.randrange(4):
            case 0:
                await self._push(PROPOSED[number])
            case 1:
                await self._comment(number, "terrakube plan")
            case _:
                at = self.opened[number].number
                await self.town.forge.approve(SLUG, at, by=REVIEWER)
                await self._comment(number, "terrakube apply")

    async def _push(self, name: str) -> None:
        files = {f"{name}/change.tf": f"# {self.chance.random()}\n"}
        await self.town.forge.commit(SLUG, f"change-{name}", files, author=WRITER)

    async def _comment(self, number: int, text: str) -> None:
        at = self.opened[number].number
        await self.town.forge.comment(SLUG, at, text, author=WRITER)


def pressable(message: Message) -> Mapping[str, Json]:
    """List what can be pressed in a message, by name."""
    elements = (one for block in message.blocks for one in active_elements(block))
    return {one["action_id"]: one for one in elements if one["type"] == "button"}
