"""Asking Gitea and Forgejo: pages, and what their refusals mean.

Source: a running Forgejo 10 and its ``routers/api/v1``.
"""

from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from json import loads
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from bridge.domain.errors import PermanentRemoteError, RemoteError
from bridge.forges.wire import parse
from bridge.http import HttpClient, Response, remote_error, retry_after, segment

PAGE = 50  # the most an instance gives at once unless its administrator allows more

_MAX_PAGES = 2000
_UNEXPLAINED_LIMIT = 60.0

T = TypeVar("T")


def ref_path(name: str) -> str:
    """Encode a branch's or tag's name, whose slashes are part of the path here."""
    return "/".join(segment(part) for part in name.split("/"))


async def pages(
    http: HttpClient, path: str, kind: type[T], params: Mapping[str, object] | None = None
) -> AsyncIterator[list[T]]:
    """Ask for a list, page after page.

    By number: the addresses in the Link header are built from the instance's own idea of its
    address, which need not be the one it is reached at. A page may be shorter than was asked for
    (MAX_RESPONSE_ITEMS), so only the headers or an empty page say that it was the last.
    """
    seen = 0
    for page in range(1, _MAX_PAGES + 1):
        query = {**(params or {}), "limit": PAGE, "page": page}
        response = await http.request("GET", path, params=query)
        answers = parse_list(kind, response)
        seen += len(answers)
        yield answers
        if _is_last(response, len(answers), seen):
            return
    msg = f"GET {path}: more than {_MAX_PAGES} pages"
    raise PermanentRemoteError(msg, service=http.service)


def _is_last(response: Response, count: int, seen: int) -> bool:
    more = response.headers.get("x-hasmore", "").lower()
    total = response.headers.get("x-total-count", "")
    if count == 0 or more == "false":
        return True
    return more != "true" and total.isdecimal() and seen >= int(total)


def parse_list(kind: type[T], response: Response) -> list[T]:
    """Read an answer as a list of *kind*; an empty list may come as ``null``. See parse."""
    return parse(list[kind] | None, response) or []  # type: ignore[arg-type, valid-type]  # a union is no class


class _Problem(BaseModel):
    model_config = ConfigDict(extra="ignore")

    message: str = ""


def refine(response: Response) -> RemoteError | None:
    """Say what the forge says; a 429, which only a proxy sends, holds for the whole credential."""
    detail = detail_of(response)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = retry_after(response)
        return remote_error(
            response,
            detail=detail,
            temporary=True,
            wait=_UNEXPLAINED_LIMIT if wait is None else wait,
            account_wide=True,
        )
    return remote_error(response, detail=detail) if detail else None


def detail_of(response: Response) -> str:
    """Return the error's text; empty for a web page or an empty body, which errors may be."""
    try:
        problem = _Problem.model_validate(loads(response.body))
    except (ValueError, RecursionError):
        return ""
    return " ".join(problem.message.split())[:300]
