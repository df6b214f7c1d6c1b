"""Asking forges to send again what they could not hand over.

A forge that keeps a list of failed deliveries is asked for it from time to time. What it sends
again has its old id, so what had arrived after all is recognised; what keeps failing is left
alone after a few times, as the comparison with the store finds what it was about.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from cachetools import TTLCache

from bridge.ports import Clock, FailedDelivery, Forge, RunStore

log = structlog.get_logger(__name__)

WINDOW = timedelta(days=3)
"""How far back forges remember deliveries (GitHub's figure)."""

TIMES = 3
"""How often one delivery is asked for by one process."""

MOST = 100
"""Deliveries asked for in one round: after a long outage the rest comes with the next ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliverService:
    """Asks one forge for the deliveries that failed."""

    forge: Forge
    store: RunStore
    clock: Clock
    asked: TTLCache[str, int]
    """How often each delivery was asked for; see :func:`memory`."""

    async def redeliver(self, check: Callable[[], None]) -> int:
        """Do a round and return how many deliveries were asked for.

        Args:
            check: Raises when the right to go on is lost; called before each request.
        """
        repositories = await self.store.known_repositories(self.forge.name)
        failed = await self.forge.failed_deliveries(self.clock.now() - WINDOW, repositories)
        wanted = [one for one in failed or () if self.asked.get(one.key, 0) < TIMES]
        for delivery in sorted(wanted, key=_age)[:MOST]:
            check()
            self.asked[delivery.key] = self.asked.get(delivery.key, 0) + 1
            await self.forge.redeliver(delivery)
        count = min(len(wanted), MOST)
        if count:
            log.warning("delivery.asked_again", forge=self.forge.name, count=count)
        return count


def memory() -> TTLCache[str, int]:
    """Make what a service remembers of the deliveries it asked for."""
    return TTLCache(maxsize=10_000, ttl=WINDOW.total_seconds())


def _age(delivery: FailedDelivery) -> tuple[float, str]:
    return delivery.delivered_at.timestamp(), delivery.id
