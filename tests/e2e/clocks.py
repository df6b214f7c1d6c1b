"""Time that passes when nobody has anything to do: waiting is free."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic


@dataclass(slots=True)
class Clock:
    """The real time and what was skipped of it, for the bridge and everybody it talks to.

    Attributes:
        ahead: What was skipped so far.
        followers: Told how much is skipped.
    """

    ahead: timedelta = timedelta()
    followers: list[Callable[[timedelta], None]] = field(default_factory=list)
    _skips: list[tuple[float, timedelta]] = field(default_factory=list)

    def now(self) -> datetime:
        """See ports.Clock."""
        return datetime.now(UTC) + self.ahead

    def skip(self, by: timedelta) -> None:
        self.ahead += by
        self._skips.append((monotonic(), by))
        for follower in self.followers:
            follower(by)

    def seconds(self, moment: float) -> float:
        """Translate a time of the monotonic clock to one that counts what was skipped."""
        skipped = (by for at, by in self._skips if at <= moment)
        return moment + sum(skipped, timedelta()).total_seconds()
