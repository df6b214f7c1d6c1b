"""How much may be written to the outside, and what a post takes of it.

GitHub bears about 80 content-creating calls a minute and 500 an hour for one credential; people
bear far fewer edits of one comment. Statuses are small and many, and have a budget of their own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.domain.posts import CHAT_KINDS, Post, PostKind
from bridge.store.queries.rates import Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A token bucket: *burst* writes at once, then *per_minute*."""

    burst: int
    per_minute: float

    def cost(self, key: str, tokens: int) -> Cost:
        """Ask for *tokens* of the bucket, or for all it holds when that is less."""
        return Cost(
            key=key,
            tokens=min(tokens, self.burst),
            burst=self.burst,
            per_minute=self.per_minute,
        )


CHAT: Final[Mapping[str, Budget]] = {
    # Slack lets a whole workspace have 50 edits a minute; 40 in any minute are ours.
    "update": Budget(burst=5, per_minute=35),
    "post": Budget(burst=30, per_minute=200),
    "whisper": Budget(burst=20, per_minute=80),
    "upload": Budget(burst=5, per_minute=20),
    "view": Budget(burst=20, per_minute=80),
}
"""Calls of a chat by their purpose (slack.md section 9); each has its own limit there."""

CHAT_CHANNEL: Final = Budget(burst=2, per_minute=45)
"""New messages in one channel: Slack bears about one a second, so four in any four of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Budgets of one forge credential, and of one pull request.

    Attributes:
        report: Comments of one pull request's report: with a part that was not expected, at most
            12 in any minute.
        content: Comments and reactions on one forge.
        hourly: The same over a longer time, on a forge that counts hours: what it holds and what
            comes back make 500 in the busiest hour.
        statuses: Commit statuses on one forge.
        counting_hours: Names of the forges *hourly* holds for.
    """

    report: Budget = Budget(burst=4, per_minute=6)
    content: Budget = Budget(burst=20, per_minute=50)
    hourly: Budget = Budget(burst=100, per_minute=400 / 60)
    statuses: Budget = Budget(burst=60, per_minute=120)
    counting_hours: frozenset[str] = frozenset()

    def costs(self, post: Post) -> Sequence[Cost]:
        """Say what sending *post* may take: a write for each comment it consists of."""
        if post.kind in CHAT_KINDS:
            return []  # each call pays right before it is made: most looks lead to none
        forge, writes = post.target.service, max(len(post.parts), 1)
        content, statuses = self.of_credential(forge, writes)
        if post.kind is PostKind.STATUS:
            return [statuses]
        costs = [content]
        if forge in self.counting_hours:
            costs.append(self.hourly.cost(f"content by the hour:{forge}", writes))
        if post.kind is PostKind.REPORT:
            costs.append(self.report.cost(f"report:{post.report}", writes))
        return costs

    def of_chat(self, team: str, purpose: str, place: str = "") -> Sequence[Cost]:
        """Name what one call of a chat takes: of its method's budget, and of a channel's."""
        costs = [CHAT[purpose].cost(f"chat:{team}:{purpose}", 1)]
        if place and purpose == "post":
            costs.append(CHAT_CHANNEL.cost(f"chat:{team}:{place}", 1))
        return costs

    def of_credential(self, forge: str, writes: int = 1) -> tuple[Cost, Cost]:
        """Name what all posts of one forge share: content, then statuses."""
        return (
            self.content.cost(f"content:{forge}", writes),
            self.statuses.cost(f"statuses:{forge}", writes),
        )
