"""Asking Terrakube: what every operation shares."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from bridge.domain.terrakube import Job
from bridge.http import HttpClient, Response
from bridge.terrakube import answers, queries, rsql
from bridge.terrakube.lists import Listed, read_list
from bridge.terrakube.refusals import Refusals

_JSON_API_BODY: Final[Mapping[str, str]] = {
    "Accept": queries.JSON_API,
    "Content-Type": queries.JSON_API,
}


class Calls:
    """Sends requests, and remembers whether the token ever worked.

    Args:
        http: Adapter for the API's base URL; its *refine* is that of *refusals*.
    """

    def __init__(self, http: HttpClient, refusals: Refusals) -> None:
        self._http = http
        self._refusals = refusals

    async def _get(
        self, path: str, params: queries.Query | None = None, *, accept: str = queries.JSON_API
    ) -> Response:
        response = await self._http.request("GET", path, params=params, headers={"Accept": accept})
        self._refusals.note_success()
        return response

    async def _send(self, method: str, path: str, document: Mapping[str, object]) -> Response:
        """POST or PATCH once, whatever happens to the answer."""
        response = await self._http.request(method, path, json=document, headers=_JSON_API_BODY)
        self._refusals.note_success()
        return response

    async def _delete(self, path: str) -> None:
        # Without a body and its type: with the type alone it is answered 400 (contract section 1).
        # A 200 comes from something else, a sign-in page in front: nothing was deleted.
        await self._http.request(
            "DELETE",
            path,
            headers={"Accept": queries.JSON_API},
            expect={HTTPStatus.NO_CONTENT},
        )
        self._refusals.note_success()

    async def _list(
        self,
        path: str,
        kind: str,
        query: queries.Query,
        *,
        where: rsql.Filter | None = None,
        limit: int | None = None,
    ) -> Listed:
        return await read_list(self._get, path, kind, query, where=where, limit=limit)

    async def _jobs(
        self,
        organization_id: str,
        query: queries.Query,
        *,
        where: rsql.Filter | None,
        limit: int | None = None,
    ) -> Sequence[Job]:
        """List jobs, oldest first."""
        path = queries.organization_path(organization_id, "job")
        listed = await self._list(path, "job", query, where=where, limit=limit)
        return answers.jobs(listed.last, listed.found, organization_id)
