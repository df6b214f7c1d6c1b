"""The way of a request: who asks, what for, may they, do it, and remember."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from json import dumps, loads

from aiohttp import web

from bridge.sandbox.forge.calls import Call, Caller, not_found
from bridge.sandbox.forge.delivering import PostOffice
from bridge.sandbox.forge.dialects import Dialect
from bridge.sandbox.forge.faults import Faults, RequestFault
from bridge.sandbox.forge.limits import Limits
from bridge.sandbox.forge.model import Access, Repository
from bridge.sandbox.forge.records import Record
from bridge.sandbox.forge.routes import Answer, Json, Refusal, Route
from bridge.sandbox.forge.world import World

HOUR = 3600.0
_PAGING = frozenset({"page", "per_page", "limit", "cursor"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    sent: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(slots=True)
class _Seen:
    """What became known of a request on its way."""

    caller: Caller = field(default_factory=Caller)
    route: Route | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Gate:
    """Serves the API of one stand-in.

    Attributes:
        records: Every request, in the order they were answered.
        surprises: What no careful client would send, in order.
    """

    world: World
    dialect: Dialect
    office: PostOffice
    limits: Limits
    faults: Faults
    records: list[Record] = field(default_factory=list)
    _writes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def surprises(self) -> list[str]:
        """What no careful client would send, in order."""
        return self.world.strange

    async def serve(self, request: web.Request, path: str) -> web.Response:
        """Answer one request; *path* is below the API's address, as it came on the wire."""
        asked = _Asked(
            method=request.method,
            path=path,
            query=dict(request.query),
            headers=request.headers,
            sent=await request.read(),
        )
        at, seen = time.monotonic(), _Seen()
        response = await self._respond(asked, seen)
        self.records.append(
            Record(
                method=asked.method,
                path=asked.path,
                template=seen.route.template if seen.route else "",
                query=asked.query,
                headers={
                    name: value
                    for name, value in asked.headers.items()
                    if name.lower() not in {"authorization", "cookie"}
                },
                account=seen.caller.account.login if seen.caller.account else "",
                sent=asked.sent,
                status=response.status,
                answer=response.body if isinstance(response.body, bytes) else b"",
                content=seen.route.content if seen.route else False,
                at=at,
            )
        )
        return response

    async def _respond(self, asked: _Asked, seen: _Seen) -> web.Response:
        faults = self.faults.of_request(asked.line)
        await asyncio.sleep(sum(fault.delay for fault in faults))
        lies = [fault for fault in faults if fault.status is not None]
        if lies and not lies[0].after:
            return _faulty(lies[0])
        answer = await self._answer(asked, seen)
        return _faulty(lies[0]) if lies else _response(answer)

    async def _answer(self, asked: _Asked, seen: _Seen) -> Answer:
        try:
            return await self._serve(asked, seen)
        except Refusal as refusal:
            if refusal.surprise:
                self.surprises.append(f"{asked.line}: {refusal.message}")
            return self.dialect.refused(self.world, refusal)

    async def _serve(self, asked: _Asked, seen: _Seen) -> Answer:
        self.dialect.check_headers(asked.headers)
        seen.caller = self.dialect.authenticate(self.world, asked.headers)
        found = self.dialect.api.find(asked.method, asked.path)
        if found is None:
            msg = f"there is no {asked.line}"
            raise Refusal(HTTPStatus.NOT_FOUND, msg, surprise=True)
        seen.route, parameters = found
        self.dialect.check_right(self.world, seen.route, seen.caller)
        named, moved = self._named(parameters)
        if moved is not None:
            rest = asked.path.split("/", 4)[4:]
            return self.dialect.moved(self.world, asked.method, moved, "".join(rest))
        self._check_query(seen.route, asked.query)
        call = Call(
            world=self.world,
            office=self.office,
            limits=self.limits,
            route=seen.route,
            caller=seen.caller,
            named=named,
            path=asked.path,
            parameters=parameters,
            query=asked.query,
            body=self._body(seen.route, asked),
        )
        if named is not None:
            self._check_access(call)
        self._count(call)
        return await seen.route.handler(call)

    def _named(self, parameters: Mapping[str, str]) -> tuple[Repository | None, Repository | None]:
        """Return the repository in the path, or the one its old name leads to."""
        if "repository_id" in parameters:
            found = self.world.repositories.get(int(parameters["repository_id"]))
            if found is None:
                raise not_found()
            return found, None
        if "repo" not in parameters:
            return None, None
        slug = f"{parameters['owner']}/{parameters['repo']}"
        found, moved = self.world.find(slug), self.world.moved_to(slug)
        if found is None and moved is None:
            raise not_found()
        return found, None if found else moved

    def _check_query(self, route: Route, query: Mapping[str, str]) -> None:
        for name, value in query.items():
            is_page = route.paged and name in _PAGING
            size = value if name == self.dialect.page_size else "0"
            bad = name == "page" and not value.isdecimal()
            if not (is_page or name in route.query) or bad or not size.isdecimal():
                msg = f"there is no parameter {name}={value}"
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
            if int(size) > self.limits.page:
                self.surprises.append(f"{route.template}: pages hold {self.limits.page} at most")

    def _body(self, route: Route, asked: _Asked) -> Json:
        if route.body is None:
            if asked.sent not in (b"", b"{}"):
                msg = f"{asked.line} takes no body"
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
            return {}
        kind = asked.headers.get("Content-Type", "").partition(";")[0]
        if asked.sent and kind != "application/json":
            msg = f"a body of type {kind!r}"
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, msg, surprise=True)
        limit = self.limits.plain_utf8
        if limit is not None and len(asked.sent) >= limit and not asked.sent.isascii():
            msg = f"a body of {len(asked.sent)} bytes that is not ASCII would arrive damaged"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, msg, surprise=True)
        try:
            return route.body.check(loads(asked.sent or b"{}"))
        except ValueError as error:
            msg = "Problems parsing JSON"
            raise Refusal(HTTPStatus.BAD_REQUEST, msg, surprise=True) from error

    def _check_access(self, call: Call) -> None:
        if call.route.app:
            return
        access = call.access(call.caller.account)
        if access is Access.NONE:
            raise not_found()
        token, needed = call.caller.token, call.route.access
        if token is not None and token.permissions is not None:
            # What an App may administer is said by its permissions, which were looked at.
            needed = min(needed, Access.WRITE)
        if access < needed:
            if call.caller.account is None:
                raise Refusal(HTTPStatus.UNAUTHORIZED, "Requires authentication")
            raise self.dialect.denied(call.route)

    def _count(self, call: Call) -> None:
        """Hold an account to what it may write in a minute and an hour."""
        if not call.route.content:
            return
        now = time.monotonic()
        times = self._writes[call.actor.login]
        times[:] = [moment for moment in times if now - moment < HOUR]
        for limit, span in (
            (self.limits.writes_per_minute, 60.0),
            (self.limits.writes_per_hour, HOUR),
        ):
            recent = [moment for moment in times if now - moment < span]
            if limit is not None and len(recent) >= limit:
                raise self.dialect.limited(max(1, round(span - (now - recent[0]))))
        times.append(now)


def _faulty(fault: RequestFault) -> web.Response:
    headers = {"Content-Type": "text/html; charset=utf-8", **fault.headers}
    return web.Response(status=fault.status or 500, body=fault.body.encode(), headers=headers)


def _response(answer: Answer) -> web.Response:
    if answer.body is None:
        return web.Response(status=answer.status, headers=answer.headers)
    if isinstance(answer.body, bytes):
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    return web.Response(
        status=answer.status,
        headers={"Content-Type": "application/json; charset=utf-8", **answer.headers},
        body=dumps(answer.body, ensure_ascii=False).encode(),
    )
