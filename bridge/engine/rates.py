"""How much may be written to the outside, and what a post takes of it.

GitHub bears about 80 content-creating calls a minute for one credential; people bear far fewer
edits of one comment. Statuses are small and many, and have a budget of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.domain.posts import Post, PostKind
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """Budgets of one forge credential, and of one pull request.

    Attributes:
        report: Comments of one pull request's report: with a part that was not expected, at most
            12 in any minute.
        content: Comments and reactions on one forge.
        statuses: Commit statuses on one forge.
    """

    report: Budget = Budget(burst=4, per_minute=6)
    content: Budget = Budget(burst=20, per_minute=50)
    statuses: Budget = Budget(burst=60, per_minute=120)

    def costs(self, post: Post) -> Sequence[Cost]:
        """Say what sending *post* may take: a write for each comment it consists of."""
        writes = max(len(post.parts), 1)
        content, statuses = self.of_credential(post.target.repository.forge, writes)
        if post.kind is PostKind.STATUS:
            return [statuses]
        if post.kind is PostKind.REPORT:
            return [content, self.report.cost(f"report:{post.report}", writes)]
        return [content]

    def of_credential(self, forge: str, writes: int = 1) -> tuple[Cost, Cost]:
        """Name what all posts of one forge share: content, then statuses."""
        return (
            self.content.cost(f"content:{forge}", writes),
            self.statuses.cost(f"statuses:{forge}", writes),
        )
