"""A world for what is said in the chat: that of the other handlers, with people and channels."""

from dataclasses import dataclass, field, replace
from typing import Any

from bridge.domain.chat import ChatPlace, ChatUser
from bridge.domain.commands import Command
from bridge.domain.posts import PostKind
from bridge.domain.vcs import Permission, PullRequestRef
from bridge.domain.work import Work
from bridge.routing import Asked, Said, Services, Speaker
from tests.fakes.chats import ADA, TEAM, FakeChatPeople, FakeChatStore
from tests.fakes.clock import FakeClock
from tests.fakes.forge import INFRA
from tests.handlers.conftest import World

PULL_REQUEST = PullRequestRef(repository=INFRA, number=1)
HOOK = "https://hooks.slack.example/1"


@dataclass(slots=True)
class Room(World):
    """Everything a handler of the chat can see."""

    people: FakeChatPeople = field(default_factory=FakeChatPeople)
    chats: FakeChatStore = field(default_factory=FakeChatStore)
    clock: FakeClock = field(default_factory=FakeClock)
    code_key: bytes = b"key"

    def services(self) -> Services:
        services = replace(
            World.services(self),
            chat=self.people,
            chats=self.chats,
            clock=self.clock,
            code_key=self.code_key,
        )
        return self.router.equip(services)

    async def happens(self, event: Any) -> Work:  # noqa: ANN401 - an event of the chat
        """Let something happen in the chat."""
        work = Work()
        await self.router.dispatch(event, self.services(), work)
        self.chats.keep(work)
        return work

    async def tell(
        self, command: Command, *, by: ChatUser = ADA, channel: str = "C1", mention: bool = False
    ) -> tuple[str, Work]:
        """Let somebody say something in the chat; what is answered, and what follows."""
        work = Work()
        mine = await self.chats.identities(TEAM, by.id)
        said = Said(
            command=command,
            speaker=Speaker(user=by, identities=tuple(mine)),
            place=ChatPlace(team=TEAM, channel=channel),
            trigger="slack:T1:1.2",
            response_url="" if mention else HOOK,
            mention=mention,
        )
        services = self.services()
        answer = await services.say(said, services, work)
        self.chats.keep(work)
        return answer, work

    async def ask(
        self,
        *commands: Command,
        login: str = "alice",
        permission: Permission | None = Permission.WRITE,
    ) -> tuple[list[str], Work]:
        """Let somebody say something in pull request 1, all in one comment."""
        work, services = Work(), self.services()
        answers = [
            await services.answer(
                Asked(
                    command=command,
                    actor=login,
                    permission=permission,
                    door="comment",
                    trigger=f"comment:code:7:100:{command.line}",
                    pull_request=self.forge.pulls[1],
                ),
                services,
                work,
            )
            for command in commands
        ]
        self.store.keep(work)
        self.chats.keep(work)
        return answers, work


def told(work: Work, kind: PostKind) -> list[str]:
    """What is said in posts of a kind."""
    return [one.content or "" for one in work.posts if one.kind is kind]
