"""The endpoints beside the JSON:API: logs, context, tokens, permissions, health, description."""

import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict

from aiohttp import web

from bridge.sandbox.terrakube.answers import (
    JSON,
    JSON_API,
    BareRefused,
    SpringRefused,
    accepts,
    bare,
    plain_json,
)
from bridge.sandbox.terrakube.api import CALLER
from bridge.sandbox.terrakube.model import Job, Status, Step
from bridge.sandbox.terrakube.people import Caller, Tokens, flags_of
from bridge.sandbox.terrakube.schema import Kind, Resource
from bridge.sandbox.terrakube.world import World

OCTETS = "application/octet-stream"
_PERMISSIONS = "/access-token/v1/teams/permissions/organization/{organization}"
_HEALTH = "application/vnd.spring-boot.actuator.v3+json"
_TYPES = {Kind.BOOLEAN: "boolean", Kind.INTEGER: "integer", Kind.LIST: "array"}


class Others:
    """See the module."""

    def __init__(self, world: World, tokens: Tokens, ui_url: str) -> None:
        self._world = world
        self._tokens = tokens
        self._ui_url = ui_url
        self._personal: dict[str, tuple[Caller, str, dict[str, object]]] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """Every route, for the application."""
        plain: tuple[tuple[str, Callable[[web.Request], Awaitable[web.StreamResponse]]], ...] = (
            ("/tfoutput/v1/organization/{organization}/job/{job}/step/{step}", self.log),
            ("/context/v1/{job}", self.context),
            (_PERMISSIONS, self.permissions),
            (f"{_PERMISSIONS}/workspace/{{workspace}}", self.permissions),
            ("/actuator/health", self.health),
            ("/actuator/health/{group:liveness|readiness}", self.health),
            ("/app/{organization}/{workspace}/runs/{job}", self.to_ui),
            ("/doc", self.description),
            ("/pat/v1", self.list_personal),
        )
        yield from (web.get(path, handler) for path, handler in plain)
        yield web.post("/pat/v1", self.create_personal)
        yield web.delete("/pat/v1/{id}", self.delete_personal)
        yield web.post("/access-token/v1/teams", self.create_team)

    async def log(self, request: web.Request) -> web.Response:
        """A step's log: empty for whatever is not there, never 404 (contract 7)."""
        if not accepts(request, OCTETS):
            refused = SpringRefused if JSON_API in request.headers["Accept"] else BareRefused
            raise refused(406, {"Accept": OCTETS})
        step = self._step(request)
        text = "" if step is None else _shown(step)
        return web.Response(body=text.encode(), headers={"Content-Type": OCTETS})

    async def context(self, request: web.Request) -> web.Response:
        """The structured plan, to whoever has a token."""
        if not accepts(request, JSON):
            raise SpringRefused(406, {"Accept": JSON})
        number = request.match_info["job"]
        if not number.isdecimal():
            raise SpringRefused(400)
        job = self._world.jobs.get(int(number))
        return plain_json(request, {} if job is None else job.context)

    async def permissions(self, request: web.Request) -> web.Response:
        """What the token may do; a stranger may do nothing, which is no error."""
        organization = self._world.organizations.get(request.match_info["organization"])
        if organization is None:
            raise SpringRefused(500)
        flags = asdict(flags_of(request[CALLER], organization))
        return plain_json(request, {_camel(name): may for name, may in flags.items()}, 202)

    async def health(self, request: web.Request) -> web.Response:
        """Up; needs no token."""
        groups = {} if "group" in request.match_info else {"groups": ["liveness", "readiness"]}
        answer = plain_json(request, {"status": "UP"} | groups)
        answer.headers["Content-Type"] = _HEALTH
        return answer

    async def to_ui(self, request: web.Request) -> web.Response:
        """A link for people; needs no token."""
        names = request.match_info
        try:
            workspace = self._world.workspace(names["organization"], names["workspace"])
        except KeyError as error:
            raise SpringRefused(404) from error
        place = f"organizations/{workspace.organization.id}/workspaces/{workspace.id}"
        return bare(302, {"Location": f"{self._ui_url}/{place}/runs/{names['job']}"})

    async def description(self, request: web.Request) -> web.Response:
        """OpenAPI, as much as tells the versions apart."""
        schemas = {name: _described(each) for name, each in self._world.schema.items()}
        info = {"title": "Terrakube API", "version": "v1"}
        body = {"openapi": "3.0.1", "info": info, "paths": {}, "components": {"schemas": schemas}}
        return plain_json(request, body)

    async def create_personal(self, request: web.Request) -> web.Response:
        """A personal access token of the caller."""
        asked, caller, now = await request.json(), request[CALLER], self._world.clock()
        id_ = str(uuid.uuid4())
        token = self._tokens.mint(caller.email, caller.groups, jti=id_)
        moment = now.isoformat(timespec="milliseconds")
        row = {
            "createdDate": moment,
            "createdBy": caller.email,
            "updatedDate": moment,
            "updatedBy": caller.email,
            "id": id_,
            "days": asked.get("days"),
            "deleted": False,
            "description": asked.get("description"),
        }
        self._personal[id_] = (caller, token, row)
        return plain_json(request, {"token": token}, 201)

    async def list_personal(self, request: web.Request) -> web.Response:
        """The caller's tokens, without the tokens."""
        rows = [row for owner, _, row in self._personal.values() if owner == request[CALLER]]
        return plain_json(request, rows, 202)

    async def delete_personal(self, request: web.Request) -> web.Response:
        """Revoke one: it is refused from then on as if it were signed wrongly."""
        found = self._personal.pop(request.match_info["id"], None)
        if found is not None:
            self._tokens.revoke(found[1])
        return bare(202)

    async def create_team(self, request: web.Request) -> web.Response:
        """A token of one group; an empty one for who is not in it."""
        asked, caller = await request.json(), request[CALLER]
        group = asked.get("group")
        token = self._tokens.mint(caller.email, [group]) if group in caller.groups else ""
        return plain_json(request, {"token": token}, 201)

    def _step(self, request: web.Request) -> Step | None:
        names = request.match_info
        step = self._world.steps.get(names["step"])
        if step is None or str(step.job.id) != names["job"]:
            return None
        return step if step.job.organization.id == names["organization"] else None


def _shown(step: Step) -> str:
    """A pending step gives the text of the step that runs (contract 7)."""
    running = _running(step.job)
    if step.status is Status.PENDING and running is not None:
        return running.text
    return step.text


def _running(job: Job) -> Step | None:
    return next((step for step in job.steps.values() if step.status is Status.RUNNING), None)


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _described(resource: Resource) -> dict[str, object]:
    attributes = {
        name: {"type": _TYPES.get(attribute.kind, "string")}
        for name, attribute in resource.attributes.items()
    }
    relations = {name: {"type": "object"} for name in resource.relations}
    return {
        "type": "object",
        "properties": {
            "type": {"type": "string"},
            "id": {"type": "string"},
            "attributes": {"type": "object", "properties": attributes},
            "relationships": {"type": "object", "properties": relations},
        },
    }
