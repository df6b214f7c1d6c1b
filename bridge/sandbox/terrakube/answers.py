"""How the server answers: JSON:API documents, Spring's error bodies, headers, refusals.

Two layers answer with errors of their own, and clients must tell them apart: Elide with
``{"errors": [{"detail": ...}]}``, Spring with ``{"timestamp", "status", "error", "path"}``
(contract 10).
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from aiohttp import web

JSON_API = "application/vnd.api+json"
JSON = "application/json"
ATOMIC = 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"'
HEADERS = {
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "0",
    "Cache-Control": "no-cache, no-store, max-age=0, must-revalidate",
    "Pragma": "no-cache",
    "Expires": "0",
    "X-Frame-Options": "DENY",
}
"""On every answer."""

_ESCAPES = {ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&#34;"}
_ESCAPES[ord("'")] = "&#39;"
_TOMCAT = (
    '<!doctype html><html lang="en"><head><title>HTTP Status 400 – Bad Request</title></head>'  # noqa: RUF001 - Tomcat writes an en dash
    "<body><h1>HTTP Status 400 – Bad Request</h1></body></html>"  # noqa: RUF001 - as above
)


class Refused(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """A request is answered with an error; subclasses say by which layer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ElideRefused(Refused):
    """JSON:API's form; *detail* is escaped for HTML, as the server does."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status)
        self.detail = detail.translate(_ESCAPES)


class SpringRefused(Refused):
    """Spring's form; *headers* are added to the answer."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.headers = headers or {}


class BareRefused(Refused):
    """No body and no content type; *headers* are added to the answer."""

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.headers = headers or {}


class TomcatRefused(Refused):
    """Refused before the application saw it: HTML."""

    def __init__(self) -> None:
        super().__init__(400)


class UnexpectedRequest(Refused):
    """Nobody has observed how the server answers this, so neither can the stand-in."""

    def __init__(self, what: str) -> None:
        super().__init__(501)
        self.what = what


def bad_request(detail: str) -> ElideRefused:
    """400 as Elide says it."""
    return ElideRefused(400, detail)


def invalid_value(value: object) -> ElideRefused:
    """400 for a value of the wrong form, or a parameter that names what is not there."""
    return ElideRefused(400, f"Invalid value: {value}")


def document(body: object, status: int = 200) -> web.Response:
    """A JSON:API document."""
    return _answer(status, body, JSON_API)


def plain_json(request: web.Request, body: object, status: int = 200) -> web.Response:
    """JSON of the endpoints beside the JSON:API: its type follows what was asked for."""
    return _answer(status, body, _negotiated(request))


def bare(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    """No body, no content type."""
    response = web.Response(status=status, headers=headers)
    response.headers.popall("Content-Type", None)
    return response


def refusal(request: web.Request, refused: Refused) -> web.Response:
    """The answer that a refusal stands for."""
    match refused:
        case ElideRefused(status=status, detail=detail):
            return document({"errors": [{"detail": detail}]}, status)
        case SpringRefused(status=status, headers=headers):
            response = _answer(status, _spring(request, status), _negotiated(request))
            response.headers.update(headers)
            return response
        case BareRefused(status=status, headers=headers):
            return bare(status, headers)
        case TomcatRefused():
            return web.Response(status=400, text=_TOMCAT, content_type="text/html")
        case UnexpectedRequest(what=what):
            return document({"errors": [{"detail": f"the stand-in does not know {what}"}]}, 501)
        case _:
            raise refused


def accepts(request: web.Request, *types: str) -> bool:
    """Whether the Accept header allows one of *types*; none at all allows everything."""
    wanted = [part.split(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    return any(part in {"", "*/*", "application/*", *types} for part in wanted)


def _answer(status: int, body: object, content_type: str) -> web.Response:
    # Written by hand: aiohttp would add a charset that the server does not send.
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return web.Response(status=status, body=raw, headers={"Content-Type": content_type})


def _negotiated(request: web.Request) -> str:
    wanted = request.headers.get("Accept", "")
    return JSON_API if JSON_API in wanted else JSON


def _spring(request: web.Request, status: int) -> dict[str, object]:
    moment = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {
        "timestamp": moment,
        "status": status,
        "error": HTTPStatus(status).phrase,
        "path": request.path,
    }
