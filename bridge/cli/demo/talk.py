"""The part of the walk that happens in Slack: a command, its live message, an approval there."""

from dataclasses import dataclass

from bridge.cli.demo import story
from bridge.cli.demo.checks import check_thread
from bridge.cli.demo.conversation import Conversation, Message
from bridge.cli.demo.patience import until
from bridge.cli.demo.processes import DemoError
from bridge.cli.demo.screen import Screen

_AFTER = "{} (a signed request, acknowledged after {:.0f} ms)"


@dataclass(slots=True)
class Talk:
    """What is said in Slack, and what was seen of it.

    Attributes:
        page: What people do and see there.
    """

    page: Conversation
    screen: Screen
    _told: str = ""

    async def change_without_pull_request(self) -> None:
        """Let somebody ask for an apply, and somebody else approve its plan by a button."""
        self.screen.say(f"#{story.CHANNEL} in Slack follows the pull request, too; there:")
        took = await self.page.type(story.REVIEWER, story.SAID)
        self.screen.say(_AFTER.format(f"{story.REVIEWER} typed {story.SAID}", took * 1000))
        prompt = await until(self._prompt, "the plan to wait for an approval in Slack")
        self.screen.show_message("the bridge asks, in the thread of that message", prompt.shown)
        took = await self.page.approve(story.PERSON, prompt)
        self.screen.say(_AFTER.format(f"{story.PERSON} pressed Approve", took * 1000))

        async def result() -> Message | None:
            await self._follow()
            return await self.page.result(prompt)

        said = await until(result, "the result in the thread in Slack")
        thread = [
            one for one in await self.page.messages() if prompt.thread in {one.ts, one.thread}
        ]
        check_thread(thread, approver=story.PERSON)
        self.screen.show_message("the result, in the same thread", said.shown)

    async def show_channel(self) -> None:
        """Show all that the channel saw, and check that Slack liked all of it."""
        self.screen.show_message("all that the channel saw", await self.page.shown())
        if problems := await self.page.problems():
            msg = f"Slack did not like everything: {problems}"
            raise DemoError(msg)

    async def _prompt(self) -> Message | None:
        await self._follow()
        return await self.page.prompt()

    async def _follow(self) -> None:
        """Tell what the live message says whenever it says something else.

        Whatever somebody is told alone is a refusal.
        """
        self.screen.tell_news()
        headline = await self.page.headline()
        if headline != self._told:
            self._told = headline
            self.screen.say_quietly(f"  the message of it in #{story.CHANNEL} says: {headline}")
        for person in (story.REVIEWER, story.PERSON):
            if whispers := await self.page.whispers(person):
                msg = f"the bridge told {person} alone: {whispers[0]}"
                raise DemoError(msg)
