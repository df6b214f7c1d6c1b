"""Numbers for people."""

from datetime import datetime


def duration(start: datetime | None, end: datetime | None) -> str:
    """Write how long something took: ``42 s``, ``3 min 5 s``, ``2 h 10 min``; empty if unknown."""
    if start is None or end is None:
        return ""
    seconds = max(0, round((end - start).total_seconds()))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def counted(number: int, noun: str) -> str:
    """Write a number with its noun: ``1 workspace``, ``2,000 workspaces``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(at: datetime, now: datetime) -> str:
    """Write a time of day, with its date unless that is today's: ``10:12 UTC``."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def age(since: datetime, now: datetime) -> str:
    """Write for how long something has been so, true however late it is read: ``over 2 hours``.

    Empty for less than an hour.
    """
    hours = int((now - since).total_seconds() // 3_600)
    days = hours // 24
    if days:
        return f"over {counted(days, 'day')}"
    return f"over {counted(hours, 'hour')}" if hours else ""
