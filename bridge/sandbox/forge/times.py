"""Moments as forges write them."""

from datetime import UTC, datetime


def stamp(moment: datetime) -> str:
    """Return ``2026-11-24T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_or_none(moment: datetime | None) -> str | None:
    """Return the same; None for never."""
    return None if moment is None else stamp(moment)
