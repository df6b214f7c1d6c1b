"""How long things take on the server."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long things take, in seconds; small, so that tests are quick.

    Attributes:
        first_run: From the create to the first look; steps appear then.
        tick: Between looks that nothing asked for: after an unlock, after a blocker is gone.
        between: How long a job is ``pending`` again after a step.
        settle: From a cancel or reject to the steps' own states.
        lost: From the loss of the executor to the failure of its job (beta).
        flicker: How long a PATCH of a job that is not yet due shows it as failed; 0 never does.
        expiry: Age at which an open job is failed.
        retries: Between attempts to deliver a notification.
    """

    first_run: float = 0.02
    tick: float = 0.1
    between: float = 0.01
    settle: float = 0.02
    lost: float = 0.05
    flicker: float = 0.0
    young: float = 1.0
    expiry: timedelta = timedelta(hours=6)
    retries: Sequence[float] = (0.1, 0.3)

    @classmethod
    def observed(cls) -> "Timings":
        """What was measured on a real server."""
        return cls(
            first_run=0.3,
            tick=15.0,
            between=0.3,
            settle=0.5,
            lost=85.0,
            flicker=0.1,
            retries=(69.0, 360.0),
        )
