"""What Slack answers when it does not do what it was asked, as the bridge's own errors.

Slack answers nearly every refusal with 200 and a word of its own. What may have been done all the
same is told apart from what surely was not: the one is never sent again as it was.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeAlias

import aiohttp

from bridge.domain.access import SLACK
from bridge.domain.errors import (
    ChatRefusalError,
    MaybeDoneError,
    NotAllowedError,
    PermanentRemoteError,
    RemoteError,
    TemporaryRemoteError,
)

Answer: TypeAlias = Mapping[str, object]

_UNTOLD_PAUSE: Final = 30.0
"""Seconds a method rests that was limited without a word for how long."""

_LONGEST_PAUSE: Final = 3_600.0
"""Seconds a method rests at most: what asks for more is no Slack, or does not mean it."""

_LONGEST: Final = 300  # characters of what somebody else wrote

_LIMITED: Final = frozenset({"ratelimited", "rate_limited", "accesslimited"})
_BROKEN: Final = frozenset({"internal_error", "fatal_error"})
"""Slack: some of it may have succeeded before the error was raised."""

_PASSING: Final = frozenset({"service_unavailable", "request_timeout", "team_added_to_org"})
"""Nothing was done, and that will pass."""

_LOCKED_OUT: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "token_revoked",
        "token_expired",
        "account_inactive",
        "not_allowed_token_type",
    }
)

_SENTENCES: Final[Mapping[str, str]] = {
    "account_inactive": "the app was removed from the workspace: install it again",
    "cant_update_message": "this message may not be changed",
    "channel_is_archived": "the channel is archived",
    "channel_not_found": "there is no such channel, or it is private and the bridge is not in it",
    "edit_window_closed": "this message is too old to be changed",
    "exchanged_trigger_id": "a form was opened for this already",
    "expired_trigger_id": "it took too long to open a form",
    "invalid_auth": "Slack does not take this token: is it right?",
    "is_archived": "the channel is archived",
    "message_not_found": "the message was deleted",
    "msg_blocks_too_long": "the message is too long",
    "msg_too_long": "the message is too long",
    "no_such_subteam": "there is no such user group, or it was switched off",
    "not_allowed_token_type": "Slack wants another kind of token here",
    "not_in_channel": "the bridge is not in the channel: invite it",
    "restricted_action": "the workspace does not let the bridge write there",
    "token_expired": "the token has expired",
    "token_revoked": "the token was revoked: install the app again",
    "user_not_found": "there is no such user",
    "user_not_in_channel": "whoever is to see it is not in the channel",
}


def refused(method: str, answer: Answer, *, writes: bool) -> RemoteError:
    """Say what an answer means that is JSON, and no yes."""
    code = answer.get("error")
    if not isinstance(code, str) or not code:
        return unreadable(method, None, writes=writes)
    if code in _LIMITED:
        return limited(method, "")
    if code in _LOCKED_OUT:
        return NotAllowedError(
            f"{method}: {_sentence(code, answer)}", service=SLACK, status=HTTPStatus.UNAUTHORIZED
        )
    if code in _BROKEN:
        return broken(method, f"Slack broke ({code})", writes=writes)
    if code in _PASSING:
        return TemporaryRemoteError(f"{method}: Slack is not ready ({code})", service=SLACK)
    needed = str(answer.get("needed") or "") if code == "missing_scope" else ""
    return ChatRefusalError(
        f"{method}: {_sentence(code, answer)}", service=SLACK, code=code, needed=needed
    )


def _sentence(code: str, answer: Answer) -> str:
    if code == "missing_scope":
        return f"the app lacks the scope {answer.get('needed')} ({code}): add it and install again"
    said = _SENTENCES.get(code)
    if said is not None:
        return f"{said} ({code})"
    return " ".join(f"Slack says {code}{_details(answer)}".split())[:_LONGEST]


def _details(answer: Answer) -> str:
    """Quote what Slack says is wrong with what it was sent: places, no texts."""
    more = answer.get("errors")
    return f": {'; '.join(str(one) for one in more[:3])}" if isinstance(more, list) else ""


def limited(method: str, retry_after: str) -> TemporaryRemoteError:
    """Say that a method is to rest, for as many seconds as its answer's header says."""
    asked = float(retry_after) if retry_after.isdecimal() else _UNTOLD_PAUSE
    seconds = min(asked, _LONGEST_PAUSE)
    return TemporaryRemoteError(
        f"{method}: too often: Slack wants a pause of {seconds:g} s",
        service=SLACK,
        status=HTTPStatus.TOO_MANY_REQUESTS,
        retry_after=seconds,
    )


def unreadable(
    method: str, status: int | None, *, writes: bool, is_page: bool = False
) -> RemoteError:
    """Say what an answer means that is not the JSON it should be."""
    if status is not None and status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return broken(method, f"answered {status}", writes=writes, status=status)
    if is_page or (status is not None and status != HTTPStatus.OK):
        # Slack answers refusals with 200 and JSON: this is somebody else, whom nothing got past.
        what = f"answered {status} and no JSON: is the address right, or is a proxy in front?"
        return TemporaryRemoteError(f"{method}: {what}", service=SLACK, status=status)
    what = "answered with something that is no answer of Slack's"
    return broken(method, what, writes=writes, status=status)


def broken(method: str, what: str, *, writes: bool, status: int | None = None) -> RemoteError:
    """Say that something broke: of a write nobody knows whether it was done."""
    if writes:
        msg = f"{method}: {what}; it may have been done all the same"
        return MaybeDoneError(msg, service=SLACK, status=status)
    return TemporaryRemoteError(f"{method}: {what}", service=SLACK, status=status)


def unanswered(method: str, error: Exception, *, writes: bool, seconds: float) -> RemoteError:
    """Say why there is no answer."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            # Also when no connection was free in time.
            what = "no connection in time"
        case aiohttp.ClientConnectorError():
            what = f"no connection: {_cause(error)}"
        case aiohttp.InvalidURL() | ValueError():
            what = "cannot be sent: is there a line break in the token, is the address right?"
            return PermanentRemoteError(f"{method}: {what}", service=SLACK)
        case TimeoutError():
            return broken(method, f"no answer within {seconds:g} s", writes=writes)
        case _:
            return broken(method, f"the connection broke: {_cause(error)}", writes=writes)
    return TemporaryRemoteError(f"{method}: {what}", service=SLACK)


def _cause(error: Exception) -> str:
    return " ".join(str(error).split())[:_LONGEST] or type(error).__name__
