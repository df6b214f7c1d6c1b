"""How findings are worded alike."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.domain.errors import (
    BridgeError,
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    RemoteError,
)
from bridge.domain.examining import Finding, Level

TERRAKUBE = "terrakube"
BRIDGE = "bridge"

SOON = timedelta(days=14)
"""Before a credential ends, somebody must have noticed."""

_SHOWN = 5


def few(names: Sequence[str], shown: int = _SHOWN) -> str:
    """Name a few of *names*, and count the rest."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def count(number: int, one: str, many: str = "") -> str:
    """``1 workspace``, ``2 workspaces``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def judge_expiry(expires_at: datetime | None, now: datetime) -> tuple[Level, str]:
    """Say until when a credential is good; both times are aware."""
    if expires_at is None:
        return Level.OK, "no end is told"
    day = f"{expires_at:%Y-%m-%d %H:%M} UTC"
    if expires_at <= now:
        return Level.ERROR, f"it ended at {day}"
    left = expires_at - now
    if left <= SOON:
        hours = int(left.total_seconds() // 3600)
        within = count(hours // 24, "day") if left.days else count(hours, "hour")
        return Level.WARNING, f"it ends in {within}, at {day}"
    return Level.OK, f"good until {day}"


def unasked(area: str, what: str, error: BridgeError | OSError | TimeoutError) -> Finding:
    """Say why something could not be looked at."""
    text = str(error) or type(error).__name__
    no_answer = not isinstance(error, PermanentRemoteError)
    return Finding(
        area=area,
        what=what,
        level=Level.ERROR,
        detail=text,
        advice=_advice(error, text),
        unasked=no_answer,
    )


def timed_out(area: str, what: str, seconds: float) -> Finding:
    """Say that something took too long."""
    return Finding(
        area=area,
        what=what,
        level=Level.ERROR,
        detail=f"no answer within {seconds:g} s",
        advice="see whether it hangs, or is only slow: --timeout gives it longer",
        unasked=True,
    )


def folded(findings: Sequence[Finding]) -> list[Finding]:
    """Say once what is wrong alike with several things of an area, or nobody answered to."""
    return [
        finding
        for area in dict.fromkeys(one.area for one in findings)
        for finding in _folded([one for one in findings if one.area == area])
    ]


def _folded(own: Sequence[Finding]) -> Iterable[Finding]:
    silent = [one for one in own[1:] if one.unasked] if own[0].unasked else []
    alike: dict[object, list[Finding]] = {}
    for at, one in enumerate(own):
        if one not in silent:
            same = at if one.level is Level.OK else (one.level, one.detail, one.advice)
            alike.setdefault(same, []).append(one)
    for each in alike.values():
        yield replace(each[0], what=_together(each))
    if silent:
        # The first of an area says why.
        yield replace(silent[0], what=_together(silent), detail="no answer either", advice="")


def _together(findings: Sequence[Finding]) -> str:
    return ", ".join(dict.fromkeys(one.what for one in findings))


def _advice(error: Exception, text: str) -> str:
    match error:
        case RemoteError() if "certificate" in text:
            return "trust its certificate with the setting ca_file, or correct it"
        case NotAllowedError():
            return "give the bridge's account the right, or the bridge another credential"
        case NotFoundError():
            return "correct the name or the address, or let the bridge's account see it"
        case PermanentRemoteError():
            return "correct the address, or what stands in front of it"
        case RemoteError():
            return "see whether it runs, and whether it can be reached from here at that address"
        case _:
            return "see what stands in its way"
