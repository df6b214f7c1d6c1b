"""What Terrakube's refusals mean, in words that say what to do (contract sections 2 and 10).

A refusal is read where the answer is at hand: its headers say why a token is refused, its body
which identifier or attribute is unknown. Nothing of a row's content, which 2.32 puts into the
text of a database error, gets into ours.
"""

import html
import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from json import loads

from bridge.domain.errors import PermanentRemoteError, RemoteError
from bridge.http import Response, looks_like_html, remote_error

NEW_TOKEN = "make a new one in Terrakube and set BRIDGE_TERRAKUBE__TOKEN"  # noqa: S105 - advice

_MAX_DETAIL = 300
_DESCRIPTION = re.compile(r'error_description="([^"]*)"')
_EXPIRED = re.compile(r"Jwt (expired at \S+)")
_WRITES = frozenset({"POST", "PATCH", "DELETE"})


class Refusals:
    """Reads answers that were not expected; remembers whether the token ever worked."""

    def __init__(self) -> None:
        self._worked = False

    def note_success(self) -> None:
        """Remember that an answer was as it should be, so the token is usable."""
        self._worked = True

    def refine(self, response: Response) -> RemoteError:
        """Make the error that fits *response*."""
        reading = _READINGS.get(response.status)
        if reading is not None:
            return reading(response)
        if response.status == HTTPStatus.INTERNAL_SERVER_ERROR and not self._worked:
            return remote_error(response, detail=_with_advice(response, _UNUSABLE_TOKEN))
        return _as_said(response)


_CHANGED_HEADERS = "does a proxy change the Accept or Content-Type header?"
_UNUSABLE_TOKEN = (
    "no call has succeeded yet, and this is how Terrakube answers a token it cannot read: "
    f"is it whole? If in doubt, {NEW_TOKEN}"
)
_LOST_TOKEN = "the token did not arrive: does a proxy drop the Authorization header?"  # noqa: S105 - advice
_NOTIFIED = (
    "Terrakube keeps a job about which it has sent notifications; "
    "leave it, or ask its administrator to clear the log of deliveries"
)
_WRONG_ADDRESS = "is this the address of Terrakube's API, not of its user interface?"


def _as_said(response: Response, *, temporary: bool | None = None) -> RemoteError:
    return remote_error(response, detail=_detail(response) or None, temporary=temporary)


def _refused_token(response: Response) -> RemoteError:
    found = _DESCRIPTION.search(response.headers.get("www-authenticate", ""))
    expired = _EXPIRED.search(found.group(1)) if found else None
    if found is None:
        detail = _LOST_TOKEN
    elif expired:
        detail = f"the token {expired.group(1)}: {NEW_TOKEN}"
    else:
        detail = f"the token is revoked, or another server made it: {NEW_TOKEN}"
    return remote_error(response, detail=detail)


def _missing_right(response: Response) -> RemoteError:
    detail = _detail(response)
    if response.method in _WRITES and "Denied" not in detail:
        return remote_error(response, detail=_LOST_TOKEN)
    needed = _NEEDED.get(response.method, _NEEDED["GET"])
    return remote_error(response, detail=f"{detail or 'not allowed'}: {needed}")


_NEEDED = {
    "GET": "none of the token's teams may read it; add a team with the role read or plan",
    "POST": "none of the token's teams may start jobs here; give one of them the role plan",
    "PATCH": "none of the token's teams may change jobs here; give one the right to approve jobs",
}


def _not_found(response: Response) -> RemoteError:
    detail = _detail(response)
    if detail.startswith("Unknown attribute"):
        # Not that the thing is missing: the server is older than what was asked of it.
        msg = (
            f"{response.request_line}: answered {response.status}: {detail}: "
            "this needs Terrakube 2.33 or newer"
        )
        return PermanentRemoteError(msg, service=response.service, status=response.status)
    known = detail.startswith("Unknown")
    return remote_error(
        response,
        detail=detail if known else _with_advice(response, _WRONG_ADDRESS),
        # A proxy in front of a Terrakube that restarts says so, too: nothing was deleted.
        temporary=not detail,
    )


def _changed_headers(response: Response) -> RemoteError:
    return remote_error(response, detail=_with_advice(response, _CHANGED_HEADERS))


def _conflict(response: Response) -> RemoteError:
    if response.method == "DELETE":
        return remote_error(response, detail=_NOTIFIED)
    # After a POST the row may be there all the same: look for its key (contract section 12).
    return _as_said(response, temporary=response.method == "POST")


def _limited(response: Response) -> RemoteError:
    # Terrakube itself limits nothing (contract section 1): a proxy does, and not one path only.
    return remote_error(response, detail=_detail(response) or None, account_wide=True)


_READINGS: Mapping[int, Callable[[Response], RemoteError]] = {
    HTTPStatus.UNAUTHORIZED: _refused_token,
    HTTPStatus.FORBIDDEN: _missing_right,
    HTTPStatus.NOT_FOUND: _not_found,
    HTTPStatus.NOT_ACCEPTABLE: _changed_headers,
    HTTPStatus.CONFLICT: _conflict,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: _changed_headers,
    HTTPStatus.LOCKED: _conflict,
    HTTPStatus.TOO_MANY_REQUESTS: _limited,
}


def _with_advice(response: Response, advice: str) -> str:
    detail = _detail(response)
    return f"{detail}: {advice}" if detail else advice


def _detail(response: Response) -> str:
    """Return the error's own text; empty for an empty body, a web page or something else.

    JSON:API details are HTML-escaped; only the first line is taken, as 2.32 sends the row that
    broke a rule of the database in the second.
    """
    if looks_like_html(response):
        return ""
    try:
        body = loads(response.body)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(body, dict):
        return ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    said = first.get("detail") if isinstance(first, dict) else body.get("error")
    lines = html.unescape(str(said or "")).strip().splitlines()
    return lines[0][:_MAX_DETAIL] if lines else ""
