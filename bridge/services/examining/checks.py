"""Running checks at once, each within its time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bridge.decisions.examining.wording import folded, timed_out, unasked
from bridge.domain.errors import BridgeError
from bridge.domain.examining import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to look at.

    Attributes:
        look: Gathers and judges; what it raises is told in its place.
        patience: Seconds it may take.
    """

    area: str
    what: str
    look: Callable[[], Awaitable[Sequence[Finding]]]
    patience: float


async def run_checks(checks: Sequence[Check]) -> list[Finding]:
    """Run all checks at once; the findings come in the order of the checks."""
    found = await asyncio.gather(*(_run(check) for check in checks))
    return folded([finding for findings in found for finding in findings])


async def _run(check: Check) -> Sequence[Finding]:
    try:
        async with asyncio.timeout(check.patience):
            return await check.look()
    except TimeoutError:
        return [timed_out(check.area, check.what, check.patience)]
    except (BridgeError, OSError) as error:
        return [unasked(check.area, check.what, error)]
