"""One call of the Web API, and what its method is like."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from bridge.sandbox.slack.arguments import Arguments
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.limits import Counters, Limits
from bridge.sandbox.slack.model import Channel, Kind
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.world import World

Tier: TypeAlias = Literal["tier1", "tier2", "tier3", "tier4", "special"]

READS: dict[Kind, str] = {
    Kind.PUBLIC: "channels:read",
    Kind.PRIVATE: "groups:read",
    Kind.DIRECT: "im:read",
    Kind.GROUP: "mpim:read",
}
"""The scope that shows channels of a kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that was let in.

    Attributes:
        scopes: What the app was granted.
    """

    world: World
    arguments: Arguments
    scopes: frozenset[str]
    counters: Counters

    @property
    def limits(self) -> Limits:
        """What Slack allows."""
        return self.world.limits

    def need(self, scope: str) -> None:
        """Refuse without a scope.

        Raises:
            Refusal: It was not granted.
        """
        if scope not in self.scopes:
            more: Json = {"needed": scope, "provided": ",".join(sorted(self.scopes))}
            raise Refusal(No.MISSING_SCOPE, more=more)

    def channel(self, name: str = "channel") -> Channel:
        """Find the channel that an argument names, if the app may read such channels."""
        channel = self.world.channel(self.arguments.text(name))
        self.need(READS[channel.kind])
        return channel


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of the Web API.

    Attributes:
        scope: Needed for every call; empty for none.
        app: Whether it wants the app's token, and not the bot's.
    """

    handler: Callable[[Call], Json]
    tier: Tier
    needed: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    scope: str = ""
    app: bool = False


def one_page(call: Call, rows: list[Json], name: str) -> Json:
    """Answer with one page of a list, and where the next begins."""
    limit = call.arguments.number("limit", 1000) or 1000
    cursor = call.arguments.text("cursor")
    prefix = "from:"
    if cursor and not (cursor.startswith(prefix) and cursor.removeprefix(prefix).isdecimal()):
        raise Refusal(No.INVALID_CURSOR, surprise=True)
    first = int(cursor.removeprefix(prefix) or 0)
    following = f"{prefix}{first + limit}" if first + limit < len(rows) else ""
    return {name: rows[first : first + limit], "response_metadata": {"next_cursor": following}}
