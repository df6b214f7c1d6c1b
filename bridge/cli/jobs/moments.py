"""Points in time as people write them: ``2h``, ``2026-11-01``, ``2026-11-01T12:30Z``."""

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final

from bridge.domain.errors import UserError

_AGO: Final = re.compile(r"([0-9]{1,4})\s*([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_moment(text: str, *, now: datetime, ends: bool = False) -> datetime:
    """Read a time: so long ago, a day, or a date and time; UTC unless it says otherwise.

    Args:
        text: As typed.
        now: Aware.
        ends: Whether something ends then: a day then counts until it is over.

    Raises:
        UserError: It is none of them.
    """
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        msg = f"{text!r} is no time: write 30m, 2h, 7d, 2026-11-01 or 2026-11-01T12:30Z"
        raise UserError(msg) from error
    if ends and moment.time() == time() and "T" not in text and ":" not in text:
        moment += timedelta(days=1, minutes=-1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
