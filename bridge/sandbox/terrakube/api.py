"""The JSON:API endpoint, ``/api/v1``."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from bridge.sandbox.terrakube.answers import (
    ATOMIC,
    JSON_API,
    SpringRefused,
    UnexpectedRequest,
    accepts,
    bare,
    document,
)
from bridge.sandbox.terrakube.documents import Documents, page_of
from bridge.sandbox.terrakube.drafts import read_document
from bridge.sandbox.terrakube.model import Entity, Job, Organization, Status
from bridge.sandbox.terrakube.people import Caller
from bridge.sandbox.terrakube.places import Place, is_readable, locate
from bridge.sandbox.terrakube.queries import Query, parse_query, sorted_by
from bridge.sandbox.terrakube.scheduler import Scheduler
from bridge.sandbox.terrakube.world import World
from bridge.sandbox.terrakube.writing import Writer

CUT = 500
"""Longest unpaged list; nothing in the answer says that rows are missing (contract 4.4)."""

CALLER = web.RequestKey("caller", Caller)
_PATCHED = "application/vnd.api+json;ext=jsonpatch, application/vnd.api+json"
_POSTED = f"{ATOMIC}, {JSON_API}"
_ALLOWED = "POST, PATCH, DELETE, GET"


class JsonApi:
    """Answers everything below ``/api/v1``."""

    def __init__(self, world: World, scheduler: Scheduler) -> None:
        self._world = world
        self._scheduler = scheduler
        self._verbs: Mapping[str, Callable[[web.Request], Awaitable[web.Response]]] = {
            "GET": self._get,
            "HEAD": self._get,
            "POST": self._post,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }

    async def answer(self, request: web.Request) -> web.Response:
        """Answer one request."""
        verb = self._verbs.get(request.method)
        if verb is None:
            raise SpringRefused(405, {"Allow": _ALLOWED})
        return await verb(request)

    async def _get(self, request: web.Request) -> web.Response:
        _need_accept(request, JSON_API)
        place, caller = self._place(request)
        query = parse_query(request.query.items(), place.resource, self._world.schema)
        documents = self._documents(query, caller)
        if place.alone and place.relation is not None:
            return document(documents.linkage(place.owners[-1], place.relation))
        if place.entity is not None or (place.relation is not None and not place.relation.many):
            return document(documents.one(place.entity, place.resource))
        return document(self._listed(place, query, documents))

    async def _post(self, request: web.Request) -> web.Response:
        _need_type(request, {"Accept": _POSTED})
        _need_accept(request, _POSTED)
        place, caller = self._place(request)
        if place.entity is not None:
            msg = "a POST to an entity"
            raise UnexpectedRequest(msg)
        query = parse_query(request.query.items(), place.resource, self._world.schema)
        made = Writer(self._world, caller).create(place, read_document(await request.read()))
        # The answer to a POST knows sparse fields and no includes (create/with_include).
        documents = self._documents(Query(fields=query.fields), caller)
        answer = document(documents.one(made, place.resource), 201)
        if isinstance(made, Job):
            self._scheduler.created(made)
        if isinstance(made, Organization):
            self._world.add_default_templates(made)
        return answer

    async def _patch(self, request: web.Request) -> web.Response:
        _need_type(request, {"Accept": _PATCHED, "Accept-Patch": _PATCHED})
        entity, place, caller = self._entity(request)
        data = read_document(await request.read())
        draft = Writer(self._world, caller).update(entity, place.resource, data)
        if isinstance(entity, Job):
            self._flicker(entity)
            status = draft.values.get("status")
            self._scheduler.patched(entity, status if isinstance(status, Status) else None)
        return bare(204)

    async def _delete(self, request: web.Request) -> web.Response:
        if "Content-Type" in request.headers:
            raise SpringRefused(400)  # a body is expected then, and there is none
        entity, _, caller = self._entity(request)
        Writer(self._world, caller).delete(entity)
        return bare(204)

    def _listed(self, place: Place, query: Query, documents: Documents) -> dict[str, object]:
        paged = place.resource.paged
        # Rows of types without read checks are hidden by a filter only (steps_root_stranger).
        checked = not paged or query.test is not None
        rows = [
            row
            for row in self._candidates(place, query)
            if (query.test is None or query.test(row)) and (not checked or documents.readable(row))
        ]
        ordered = sorted_by(rows, query, place.resource)
        if query.page is None or not paged:
            return documents.many(ordered[:CUT], place.resource)
        shown, meta = page_of(ordered, query.page)
        return documents.many(shown, place.resource) | {"meta": meta}

    def _candidates(self, place: Place, query: Query) -> list[Entity]:
        if query.ids is None or not place.resource.counts:
            return list(place.rows.values())
        return [place.rows[int(id_)] for id_ in query.ids if int(id_) in place.rows]

    def _documents(self, query: Query, caller: Caller) -> Documents:
        return Documents(
            schema=self._world.schema,
            query=query,
            readable=lambda entity: is_readable(entity, caller),
            now=self._world.clock(),
        )

    def _place(self, request: web.Request) -> tuple[Place, Caller]:
        caller = request[CALLER]
        return locate(request.match_info["path"], self._world, caller), caller

    def _entity(self, request: web.Request) -> tuple[Entity, Place, Caller]:
        place, caller = self._place(request)
        if place.entity is None:
            msg = f"a {request.method} of a collection"
            raise UnexpectedRequest(msg)
        return place.entity, place, caller

    def _flicker(self, job: Job) -> None:
        """Show a job as failed for a moment after a PATCH in its first seconds (contract 5)."""
        timings, now = self._scheduler.timings, self._world.clock()
        age = (now - job.created_date).total_seconds()
        if timings.flicker and age < timings.young:
            self._world.flicker(job, timings.flicker)


def _need_type(request: web.Request, headers: Mapping[str, str]) -> None:
    if request.headers.get("Content-Type", "").split(";")[0].strip() != JSON_API:
        raise SpringRefused(415, headers)


def _need_accept(request: web.Request, offered: str) -> None:
    if not accepts(request, JSON_API):
        raise SpringRefused(406, {"Accept": offered})
