"""Which handler gets which event or command, and what handlers are handed.

A handler is an async function of an event, the services and an empty Work. It gathers facts,
lets a pure function decide, and writes down what follows; the engine commits it. A command's
handler gets what was asked instead of an event, and returns what is answered.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from bridge.chat_ports import ChatPeople, ChatStore
from bridge.decisions.replies import not_available
from bridge.decisions.waiting import Trouble
from bridge.domain.access import SLACK
from bridge.domain.chat import ChatPlace, ChatUser, Identity
from bridge.domain.commands import WORDS, Command, Word, word_of
from bridge.domain.deliveries import Delivery, StoredDelivery
from bridge.domain.events import CommentEvent, Event, Happening, PullRequestEvent
from bridge.domain.redaction import Redactor
from bridge.domain.rules import On, Policy
from bridge.domain.vcs import Permission, PullRequest
from bridge.domain.work import Work
from bridge.ports import Clock, Forge, Ignored, JobServer, RunStore
from bridge.services.catalog import Catalog
from bridge.services.gating import Gating
from bridge.services.noticing import NOTICED, decode_event

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A command somebody gave about a pull request, whichever door it came through.

    Attributes:
        actor: Login of who asks.
        permission: What they may do in the repository, asked just now; None when the forge did
            not say, which is a no.
        door: ``comment`` or ``slack``.
        trigger: Names this one command (design section 10.2).
        pull_request: As the forge shows it now.
        speaker: Who asks through a chat; None for a comment. Then *actor* is the login they are
            linked to on the pull request's forge, or how the chat's user is recorded.
    """

    command: Command
    actor: str
    permission: Permission | None
    door: str
    trigger: str
    pull_request: PullRequest
    speaker: "Speaker | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Who asks for something in a chat; asked about just now, and neither guest nor stranger.

    Attributes:
        identities: Accounts of forges that are theirs.
    """

    user: ChatUser
    identities: tuple[Identity, ...] = ()

    def login_on(self, forge: str) -> str:
        """Return their login on a forge; empty when they are linked to none there."""
        return next((one.login for one in self.identities if one.forge == forge), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A command somebody gave in a chat, about no pull request.

    Attributes:
        trigger: Names this one command (design section 10.2).
        response_url: Answers whoever asks; empty for none.
        mention: Whether it was said in a message, and is answered for all to see.
        asked_at: When the message was written whose button says it; None for what was typed.
        said_at: When it came in, which may be long before it can be carried out; None for now.
    """

    command: Command
    speaker: Speaker
    place: ChatPlace
    trigger: str
    response_url: str = ""
    mention: bool = False
    asked_at: datetime | None = None
    said_at: datetime | None = None


Saying = Callable[[Said, "Services", Work], Awaitable[str]]
"""Carries out a command of a chat; returns what is answered in Markdown, empty for nothing."""

Answer = Callable[[Asked, "Services", Work], Awaitable[str]]
"""Carries out a command; returns what is said about it in Markdown, empty for nothing."""


async def _nobody(asked: Asked, services: "Services", work: Work) -> str:
    msg = f"nothing answers {type(asked.command).__name__}"
    raise LookupError(msg)


async def _nobody_said(said: Said, services: "Services", work: Work) -> str:
    msg = f"nothing answers {type(said.command).__name__}"
    raise LookupError(msg)


class _MachineClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What handlers may reach.

    Attributes:
        forges: Configured instances by name.
        catalog: Organizations, workspaces and templates of Terrakube, briefly cached.
        store: What the database holds.
        policy: Rules and limits of the configuration.
        built_in: TCL that the template ``built-in`` stands for, by what starts the run.
        destruction: TCL that plans the destruction of everything.
        answer: Carries out a command; see Router.equip.
        words: Commands that something carries out, in the order people are told.
        say: Carries out a command of a chat.
        said_words: Commands that something carries out in a chat.
        server: Terrakube, for what has to be exact at this moment; None where only the store and
            the catalog may be read.
        chat: Who is in the chat; None when there is none.
        chats: What is stored of it; None when there is none.
        code_key: Keys the hashes of codes that link people.
        confirm_deletions: An approval that deletes more than this needs the workspace's name.
        chat_command: How people address the bridge in the chat.
        clock: Says the time, where a moment matters that no event tells.
        redactor: Masks secrets in what jobs wrote, before it is shown.
    """

    forges: Mapping[str, Forge]
    catalog: Catalog
    store: RunStore
    policy: Policy
    built_in: Mapping[On, str] = field(default_factory=dict)
    destruction: str = ""
    answer: Answer = _nobody
    words: Sequence[Word] = ()
    say: Saying = _nobody_said
    said_words: Sequence[Word] = ()
    server: JobServer | None = None
    chat: ChatPeople | None = None
    chats: ChatStore | None = None
    code_key: bytes = b""
    confirm_deletions: int = 10
    chat_command: str = "/terrakube"
    clock: Clock = field(default_factory=_MachineClock)
    redactor: Redactor = field(default_factory=Redactor)

    @property
    def gating(self) -> Gating:
        """What asks whether something may be applied."""
        return Gating(forges=self.forges, store=self.store, policy=self.policy)


Telling = Callable[[Happening, Trouble, Services, Work], Awaitable[None]]
"""Writes down what is said about an event that cannot be handled."""

Concluding = Callable[[Happening, Services, Work], Awaitable[None]]
"""Takes that away once the event is handled."""


async def _tell_nothing(event: Happening, trouble: Trouble, services: Services, work: Work) -> None:
    pass


async def _conclude_nothing(event: Happening, services: Services, work: Work) -> None:
    pass


Parser = Callable[[Delivery], Happening | Ignored]
"""Translates an accepted delivery, without any I/O."""

E = TypeVar("E", bound=Happening)
Handler = Callable[[Any, Services, Work], Awaitable[None]]


class Router:
    """Handlers by the kind of event they react to, and answers by the kind of command."""

    def __init__(self) -> None:
        self._handlers: dict[type[Happening], list[Handler]] = {}
        self._answers: dict[type[Command], Answer] = {}
        self._sayings: dict[type[Command], Saying] = {}

    def on(
        self, *kinds: type[E]
    ) -> Callable[
        [Callable[[E, Services, Work], Awaitable[None]]],
        Callable[[E, Services, Work], Awaitable[None]],
    ]:
        """Register a handler for exactly these kinds of event."""

        def register(
            handler: Callable[[E, Services, Work], Awaitable[None]],
        ) -> Callable[[E, Services, Work], Awaitable[None]]:
            for kind in kinds:
                self._handlers.setdefault(kind, []).append(handler)
            return handler

        return register

    def on_command(self, kind: type[Command]) -> Callable[[Answer], Answer]:
        """Register what carries out exactly this kind of command."""

        def register(answer: Answer) -> Answer:
            if kind in self._answers:
                msg = f"{kind.__name__} is answered twice"
                raise ValueError(msg)
            self._answers[kind] = answer
            return answer

        return register

    def on_said(self, kind: type[Command]) -> Callable[[Saying], Saying]:
        """Register what carries out exactly this kind of command in a chat."""

        def register(saying: Saying) -> Saying:
            if kind in self._sayings:
                msg = f"{kind.__name__} is answered twice in a chat"
                raise ValueError(msg)
            self._sayings[kind] = saying
            return saying

        return register

    def include(self, other: "Router") -> None:
        """Add all handlers of another router."""
        for kind, handlers in other._handlers.items():  # noqa: SLF001 - the same class
            self._handlers.setdefault(kind, []).extend(handlers)
        for command, answer in other._answers.items():  # noqa: SLF001 - the same class
            self.on_command(command)(answer)
        for command, saying in other._sayings.items():  # noqa: SLF001 - the same class
            self.on_said(command)(saying)

    async def dispatch(self, event: Happening, services: Services, work: Work) -> None:
        """Hand the event to every handler of its kind; without one, *work* says it was ignored."""
        handlers = self._handlers.get(type(event), [])
        if not handlers:
            work.ignored = f"nothing reacts to {type(event).__name__}"
        for handler in handlers:
            await handler(event, services, work)

    async def answer(self, asked: Asked, services: Services, work: Work) -> str:
        """Carry out a command, or say that nothing does yet."""
        answer = self._answers.get(type(asked.command))
        if answer is None:
            name = services.policy.command_names[0]
            return not_available(word_of(asked.command), self.words(), name)
        return await answer(asked, services, work)

    async def say(self, said: Said, services: Services, work: Work) -> str:
        """Carry out a command of a chat, or say that nothing does there."""
        saying = self._sayings.get(type(said.command))
        if saying is None:
            word = word_of(said.command)
            return not_available(word, self.said_words(), services.chat_command)
        return await saying(said, services, work)

    def said_words(self) -> tuple[Word, ...]:
        """Return the commands that something carries out in a chat, in the order people are told.

        Those about pull requests are among them: one may be named.
        """
        known = {*self._answers, *self._sayings}
        return tuple(word for kind, word in WORDS.items() if kind in known)

    def words(self) -> tuple[Word, ...]:
        """Return the commands that something carries out, in the order people are told."""
        return tuple(word for kind, word in WORDS.items() if kind in self._answers)

    def equip(self, services: Services) -> Services:
        """Let handlers have commands carried out by this router."""
        return replace(
            services,
            answer=self.answer,
            words=self.words(),
            say=self.say,
            said_words=self.said_words(),
        )

    def table(self) -> list[str]:
        """List the routes, a line each, sorted: what a golden file holds."""
        routes: list[tuple[type, Callable[..., object]]] = [*self._answers.items()]
        routes += self._sayings.items()
        for kind, handlers in self._handlers.items():
            routes += [(kind, handler) for handler in handlers]
        return sorted(
            f"{kind.__name__} -> {handler.__module__}.{handler.__name__}"
            for kind, handler in routes
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    """Turns a stored delivery into the rows that follow from it.

    Attributes:
        redact: Masks secrets in what is written down.
        telling: Says what is to be said while an event cannot be handled.
        concluding: Takes it away when it was.
        parsers: What reads the deliveries of a chat, by their source.
    """

    router: Router
    services: Services
    redact: Callable[[str], str] = str
    telling: Telling = _tell_nothing
    concluding: Concluding = _conclude_nothing
    parsers: Mapping[str, Parser] = field(default_factory=dict)

    async def __call__(self, stored: StoredDelivery) -> Work:
        """Parse the stored bytes again and let the handlers fill a Work.

        Raises:
            NotYetError: What the event announces is not visible yet.
            BridgeError: Something else went wrong; the engine tries again, then sets it aside.
        """
        work = Work(attempt=stored.attempt)
        event = self._event(stored.delivery)
        if isinstance(event, Ignored):
            work.ignored = event.reason
            return work
        with bound_contextvars(**_known(event)):
            services = self.router.equip(self.services)
            await self.router.dispatch(event, services, work)
            await self.concluding(event, services, work)
            if work.ignored:
                log.info("event.ignored", reason=work.ignored)
        work.redact(self.redact)
        return work

    async def tell(self, stored: StoredDelivery, trouble: Trouble) -> Work:
        """Say what is to be said about a delivery that cannot be handled.

        Raises:
            BridgeError: Nothing can be said, either.
        """
        work = Work(attempt=stored.attempt)
        event = self._event(stored.delivery)
        if not isinstance(event, Ignored):
            with bound_contextvars(**_known(event)):
                await self.telling(event, trouble, self.services, work)
        work.redact(self.redact)
        return work

    def _event(self, delivery: Delivery) -> Happening | Ignored:
        if parser := self.parsers.get(delivery.source):
            return parser(delivery)
        noticed = decode_event(delivery) if delivery.source == NOTICED else None
        name = noticed.repository.forge if noticed else delivery.source
        forge = self.services.forges.get(name)
        if forge is None:
            return Ignored(reason=f"the forge {name!r} is no longer configured")
        return noticed or forge.parse_delivery(delivery)


def _known(event: Happening) -> dict[str, str]:
    known = {
        "event_type": type(event).__name__,
        "delivery_id": event.delivery_id,
        "forge": event.repository.forge if isinstance(event, Event) else SLACK,
        "actor": event.actor,
    }
    if isinstance(event, PullRequestEvent | CommentEvent):
        known["pull_request"] = f"{event.repository.slug}#{event.pull_request.number}"
    return known
