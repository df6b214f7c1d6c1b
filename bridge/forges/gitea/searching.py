"""Reading comments where somebody wrote more than can be read at once.

Gitea and Forgejo neither page the comments of a pull request nor bound their length, so an
outsider may bury the bridge's own under megabytes. They can be asked for by time: a stretch that
is too large is halved until the megabytes stand alone, in a second or two.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from bridge.domain.errors import TooLargeError
from bridge.forges.gitea.answers import CommentAnswer
from bridge.forges.gitea.api import parse_list
from bridge.http import HttpClient

PIECE: Final = 4 * 1024 * 1024
"""Most bytes read of a stretch that can be halved."""

MOST_PIECES: Final = 256

SKEW: Final = timedelta(hours=1)
"""How far the forge's clock may be from the bridge's."""


async def comments_since(http: HttpClient, path: str, since: datetime) -> list[CommentAnswer]:
    """List the comments written since *since*, in pieces.

    Raises:
        TooLargeError: There are too many pieces, or a single second holds too much.
    """
    found: dict[int, CommentAnswer] = {}
    first, last = int((since - SKEW).timestamp()), int((datetime.now(UTC) + SKEW).timestamp())
    stretches = [(first, last)]
    for _ in range(MOST_PIECES):
        if not stretches:
            return list(found.values())
        start, end = stretches.pop()
        try:
            found |= {one.id: one for one in await _between(http, path, start, end)}
        except TooLargeError:
            if start == end:
                raise
            middle = (start + end) // 2
            stretches += [(middle + 1, end), (start, middle)]
    msg = f"GET {path}: others wrote so much that it took more than {MOST_PIECES} pieces"
    raise TooLargeError(msg, service=http.service)


async def _between(http: HttpClient, path: str, start: int, end: int) -> list[CommentAnswer]:
    """List the comments written in the seconds from *start* to *end*, both included."""
    bounds = {"since": _moment(start), "before": _moment(end)}
    most = None if start == end else PIECE
    return parse_list(CommentAnswer, await http.request("GET", path, params=bounds, max_body=most))


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
