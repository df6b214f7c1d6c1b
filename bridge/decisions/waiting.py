"""What is said about a delivery that cannot be handled yet, or not at all.

Which workspaces it is about only Terrakube knows, and it does not answer. So a fixed text stands
where later the runs speak, until the delivery is handled after all.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bridge.domain.access import SLACK
from bridge.domain.errors import (
    NotAllowedError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
    UserError,
)
from bridge.domain.vcs import StatusState

LASTING: Final = 600.0
"""Seconds without Terrakube after which waiting is an error (design section 10.6)."""

TERRAKUBE: Final = "terrakube"
"""The service whose errors are waited for."""

_ATTEMPTS: Final = 2
"""After so many people are told: one may fail without anything being wrong."""

_WAITING: Final = "Waiting for Terrakube"
_SINCE: Final = "Since "
_GIVEN_UP: Final = "Not handled: "
_SERVICES: Final = {TERRAKUBE: "Terrakube", SLACK: "Slack"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a delivery is not handled.

    Attributes:
        error: What came of the last attempt.
        attempt: How often it was tried.
        since: When it was received; aware, UTC.
        waited: Seconds since then.
        final: Whether it is tried no more.
    """

    error: Exception
    attempt: int
    since: datetime
    waited: float
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What people are told.

    Attributes:
        state: Pending while it may pass soon, else error.
        text: Plain text of a sentence or two.
        final: Whether nothing will come of it by itself.
    """

    state: StatusState
    text: str
    final: bool = False


def decide_notice(trouble: Trouble) -> Notice | None:
    """Choose what people are told about a delivery in trouble; None for nothing."""
    error = trouble.error
    if trouble.final:
        return Notice(state=StatusState.ERROR, text=f"{_GIVEN_UP}{cause_of(error)}.", final=True)
    # A refusal does not pass by itself.
    lasting = trouble.waited >= LASTING or isinstance(error, PermanentRemoteError)
    if not _is_terrakubes(error) or (trouble.attempt < _ATTEMPTS and not lasting):
        return None
    if not lasting:
        text = f"{_WAITING}: it {_behaviour(error)}."
        return Notice(state=StatusState.PENDING, text=text)
    # The same at each attempt: a text that changes is written again.
    text = f"{_SINCE}{trouble.since:%Y-%m-%d %H:%M} UTC {cause_of(error)}. The bridge keeps trying."
    return Notice(state=StatusState.ERROR, text=text)


def asker_text(trouble: Trouble) -> str:
    """Say to somebody in a chat why nothing comes of what they did; empty for nothing.

    They look at it, so they are told at once what is waited for; that, once.
    """
    error = trouble.error
    if trouble.final:
        return f"{_GIVEN_UP}{cause_of(error)}. Please try again."
    if not isinstance(error, TemporaryRemoteError):
        return ""
    cause = cause_of(error)
    return (
        f"{cause[0].upper()}{cause[1:]}. What you asked for is done as soon as it does; if that "
        "takes too long, you are told."
    )


def is_notice(text: str) -> bool:
    """Tell whether *text* is a notice, so that something else has to take its place."""
    return text.startswith((_WAITING, _SINCE, _GIVEN_UP))


def _is_terrakubes(error: Exception) -> bool:
    return isinstance(error, RemoteError) and error.service == TERRAKUBE


def cause_of(error: Exception) -> str:
    """Name the cause without what only an operator may see: addresses, names of hosts."""
    match error:
        case UserError():
            return str(error).rstrip(".")
        case RemoteError():
            return f"{_SERVICES.get(error.service, 'the forge')} {_behaviour(error)}"
        case _:
            return "the bridge failed on it, and its log says why"


def _behaviour(error: Exception) -> str:
    match error:
        case TemporaryRemoteError():
            return "does not answer"
        case NotAllowedError():
            return "does not accept the bridge's token"
        case _:
            return "refuses what the bridge asks for"
