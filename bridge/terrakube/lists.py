"""Reading a list to its end, although the server refuses pages and cuts it without a sign."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from bridge.domain.errors import PermanentRemoteError
from bridge.http import Response
from bridge.terrakube import answers, payloads, rsql
from bridge.terrakube.queries import Query

FULL: Final = 100
"""Rows from which on a list may have been cut: at 500 so far, and a newer server may declare a
smaller page (contract section 4.4). Below it, one request is enough."""

Get = Callable[[str, Query], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A list read to its end.

    Attributes:
        last: The answer that ended it, for error texts.
    """

    found: payloads.Document
    last: Response


async def read_list(
    get: Get,
    path: str,
    kind: str,
    query: Query,
    *,
    where: rsql.Filter | None = None,
    limit: int | None = None,
) -> Listed:
    """Read every resource of *kind* below *path*; *query* sorts by ``id``, ``-id`` or ``name``.

    With *limit* it ends as soon as there are so many; a few more may come.

    Each further request begins where the last one ended. Names begin *at* the last one, not
    after it: a collation may take two of them for equal.

    Raises:
        PermanentRemoteError: The server answers the same rows again.
    """
    rows: dict[str, payloads.Resource] = {}
    included: list[payloads.Resource] = []
    condition = where
    while True:
        response = await get(path, {f"filter[{kind}]": str(condition or "") or None, **query})
        with answers.understood(response):
            page = answers.document(response)
        fresh = {row.id: row for row in page.rows if row.id not in rows}
        rows |= fresh
        included += page.included
        if len(page.rows) < FULL or (limit is not None and len(rows) >= limit):
            found = payloads.Document(data=list(rows.values()), included=included)
            return Listed(found=found, last=response)
        if not fresh:
            msg = f"{response.request_line}: the list cannot be read to its end"
            raise PermanentRemoteError(msg, service=response.service)
        with answers.understood(response):
            beyond = _beyond(page.rows[-1], query["sort"])
        condition = where & beyond if where else beyond


def _beyond(last: payloads.Resource, order: str | None) -> rsql.Filter:
    if order == "id":
        return rsql.greater("id", int(last.id))
    if order == "-id":
        return rsql.less("id", int(last.id))
    return rsql.at_least("name", str(last.attributes.get("name", "")))
