"""Wake-ups: a query that makes rows due says so, and workers look at once instead of later.

Hints are sent after the commit and may be lost; every worker looks by itself once a second, too.
"""

from collections.abc import Iterable
from typing import Final, cast

from sqlalchemy import Connection

SUBJECT: Final = "subject"
RUN: Final = "run"
ORGANIZATION: Final = "organization"
POST: Final = "post"

_KEY: Final = "bridge.hints"


def hint(connection: Connection, topic: str) -> None:
    """Say that rows of *topic* (a table's name) became due in this transaction."""
    _of(connection).add(topic)


def take_hints(connection: Connection) -> frozenset[str]:
    """Return the topics hinted at since the last call, and forget them."""
    topics = _of(connection)
    taken = frozenset(topics)
    topics.clear()
    return taken


def encode_hints(topics: Iterable[str], sender: str) -> str:
    """Write topics as the payload of a notification; *sender* holds no space."""
    return " ".join([sender, *sorted(topics)])


def decode_hints(payload: str) -> tuple[str, frozenset[str]]:
    """Read a notification's payload: its sender, and the topics."""
    sender, *topics = payload.split()
    return sender, frozenset(topics)


def _of(connection: Connection) -> set[str]:
    return cast("set[str]", connection.info.setdefault(_KEY, set()))
