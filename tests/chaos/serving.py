"""``serve`` with less patience, for kills at chosen steps: ``python -m tests.chaos.serving ...``.

After a POST without an answer the bridge waits a minute and a half for a job that a slow server
may still commit; a replica is thought dead after half a minute; a job is cancelled when it is
seconds old; what a forge shows is edited now and then only, and what Slack shows not much oftener.
The stand-in is late by a second at most, no job is hurt by a change while it is young, and nobody
is flooded.
"""

import sys
from typing import Final

from bridge.cli import run
from bridge.engine import concluding, rates
from bridge.engine.rates import Budget, Budgets
from bridge.engine.runs import Runs
from bridge.engine.workers import Job
from bridge.store.database import Database
from bridge.store.queries.posts import SPACING
from bridge.terrakube import changing

PROGRAM: Final = ("-m", "tests.chaos.serving")

DEATHS: Final = 100
"""What dies with its worker eight times is thought to kill it; here somebody else does."""

GRACE: Final = 2.0
LEASE: Final = 6.0
YOUNG: Final = 0.5
PAUSE: Final = 500
PLENTY: Final = Budget(burst=1_000, per_minute=6_000)


def hurry() -> None:
    """Take patience away from everything that is imported."""
    for function, name, value in (
        (Job.__init__, "max_failures", DEATHS),
        (Runs.__init__, "grace", GRACE),
        *((Budgets.__init__, name, PLENTY) for name in ("report", "content", "hourly")),
        (Database.open.__func__, "lease", LEASE),  # type: ignore[attr-defined]  # of a class method
    ):
        defaults = function.__kwdefaults__
        assert defaults is not None
        defaults[name] = value
    setattr(changing, "SETTLED", YOUNG)  # noqa: B010 - a constant to everybody else
    setattr(concluding, "CANCEL_AGE", int(YOUNG * 1000))  # noqa: B010 - likewise
    setattr(rates, "CHAT", dict.fromkeys(rates.CHAT, PLENTY))  # noqa: B010 - likewise
    setattr(rates, "CHAT_CHANNEL", PLENTY)  # noqa: B010 - likewise
    SPACING.update(dict.fromkeys(SPACING, PAUSE))


if __name__ == "__main__":
    hurry()
    sys.exit(run(sys.argv[1:]))
