"""What differs from one flavour to the other, besides the routes themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from bridge.sandbox.forge.happenings import Happening
from bridge.sandbox.forge.model import Hook, Repository
from bridge.sandbox.forge.routes import Answer, Api, Json, Refusal, Route
from bridge.sandbox.forge.world import World

if TYPE_CHECKING:
    from bridge.sandbox.forge.calls import Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a happening says to hooks.

    Attributes:
        event: The name in the event header.
        subscription: The name in a hook's list of events.
        fine: The name in the header that tells kinds of one event apart (Forgejo's Event-Type).
        ref: Branch that a hook's filter looks at; empty when it does not.
    """

    event: str
    subscription: str
    fine: str
    action: str | None
    payload: Json
    ref: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """A delivery ready to be sent."""

    headers: Mapping[str, str]
    body: bytes


class Dialect(Protocol):
    """How one forge talks.

    Attributes:
        api: Its routes.
        queued: Whether deliveries wait for each other, over the whole instance.
        reuses_ids: Whether a delivery that is sent again keeps its id.
        follows_307: Whether a delivery goes where a 307 leads.
        page_size: Name of the parameter that sets the size of a page.
    """

    @property
    def api(self) -> Api: ...  # noqa: D102 - see Attributes
    @property
    def queued(self) -> bool: ...  # noqa: D102 - ditto
    @property
    def reuses_ids(self) -> bool: ...  # noqa: D102 - ditto
    @property
    def follows_307(self) -> bool: ...  # noqa: D102 - ditto
    @property
    def page_size(self) -> str: ...  # noqa: D102 - ditto

    async def tell(self, world: World, happening: Happening) -> list[Message]:
        """Say what hooks hear of a happening, in order."""
        ...

    def wants(self, hook: Hook, message: Message) -> bool:
        """Tell whether a hook subscribes to a message."""
        ...

    def envelope(self, world: World, hook: Hook, message: Message, guid: str) -> Envelope:
        """Make the delivery of a message to a hook, signed."""
        ...

    def authenticate(self, world: World, headers: Mapping[str, str]) -> "Caller":
        """Tell who asks; Refusal for a credential that is none."""
        ...

    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Refuse a request whose headers the forge would not take."""
        ...

    def check_right(self, world: World, route: Route, caller: "Caller") -> None:
        """Refuse a token that may not do what a route does."""
        ...

    def denied(self, route: Route) -> Refusal:
        """Say that the account may see the repository, and not do that."""
        ...

    def limited(self, retry_after: int) -> Refusal:
        """Say that too much was written."""
        ...

    def moved(self, world: World, method: str, repository: Repository, rest: str) -> Answer:
        """Lead to a renamed repository; *rest* is what follows it in the path."""
        ...

    def refused(self, world: World, refusal: Refusal) -> Answer:
        """Put a refusal into the forge's form."""
        ...
