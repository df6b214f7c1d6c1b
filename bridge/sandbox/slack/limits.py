"""What Slack allows: sizes, times and rates. Source: slack.md sections 7-9 of the papers."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls in any so many seconds."""

    calls: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in characters, times in seconds.

    Attributes:
        tier1: ``apps.connections.open``: one a minute, counted over ten since Slack allows bursts.
        special: ``chat.postMessage`` and what else has no tier, in the whole workspace.
        per_channel: ``chat.postMessage`` in one channel: one a second, with short bursts.
        text: Longest ``text``. Slack documents 40,000, and was seen to refuse this.
        block_text: Most characters in all blocks of a message. Slack documents none, and was seen
            to refuse a little more than this.
        trigger: How long a ``trigger_id`` may be used.
        hook: How long a ``response_url`` may be used.
        hook_uses: How often it may be used.
        ack: How long whoever is told may take to acknowledge.
        retries: Gaps before an event is told again when nobody acknowledged it.
        connections: Most connections of Socket Mode.
    """

    tier1: Rate | None = Rate(10, 600.0)
    tier2: Rate | None = Rate(20, 60.0)
    tier3: Rate | None = Rate(50, 60.0)
    tier4: Rate | None = Rate(100, 60.0)
    special: Rate | None = Rate(300, 60.0)
    per_channel: Rate | None = Rate(4, 4.0)
    text: int = 4000
    block_text: int = 11_000
    trigger: float = 3.0
    hook: float = 1800.0
    hook_uses: int = 5
    ack: float = 3.0
    retries: tuple[float, ...] = (0.0, 60.0, 300.0)
    connections: int = 10


@dataclass(slots=True)
class Counters:
    """Counts calls, and says when there are too many.

    Attributes:
        hasty: Keys of calls that came although the caller had been told to wait.
    """

    hasty: list[str] = field(default_factory=list)
    _times: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _paused: dict[str, float] = field(default_factory=dict)

    def take(self, key: str, rate: Rate | None, now: float) -> int | None:
        """Count a call; whole seconds to wait when there were too many."""
        if now < self._paused.get(key, 0.0):
            self.hasty.append(key)
            return math.ceil(self._paused[key] - now)
        if rate is None:
            return None
        times = self._times[key]
        while times and now - times[0] >= rate.seconds:
            times.popleft()
        if len(times) < rate.calls:
            times.append(now)
            return None
        wait = max(1, math.ceil(rate.seconds - (now - times[0])))
        self.pause(key, now + wait)
        return wait

    def pause(self, key: str, until: float) -> None:
        """Let no call of a key pass until then."""
        self._paused[key] = until
