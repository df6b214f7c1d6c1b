"""A Terrakube that answers with recordings, and refuses what the recorded servers refuse.

Every request is checked against the rules the recordings show (contract sections 1, 3.1 and 4):
headers, parameters, names of fields and relationships, filters. What breaks one, or was not
announced, is a surprise, and a surprise fails the test.
"""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.recorded import Recording, recording

TOKEN = "header.claims.signature"
JSON_API = "application/vnd.api+json"
# Written by the server in front, not by the application.
_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
_CONDITION = re.compile(
    r"(?P<name>[\w.]+)"
    r"(?:==(?:'(?:[^'\\]|\\.)*'|[\w:*\-]+)"
    r"|=in=\((?:'(?:[^'\\]|\\.)*'|\w+)(?:,(?:'(?:[^'\\]|\\.)*'|\w+))*\)"
    r"|=(?:gt|ge|lt|le)=(?:'(?:[^'\\]|\\.)*'|[\w:\-]+))"
)
# Attributes a job takes when it is created; 2.32 does not know the two lists.
_CREATABLE = frozenset(
    {"templateReference", "tcl", "via", "comments", "commitId", "overrideBranch", "refresh"}
    | {"refreshOnly", "targetAddrs", "replaceAddrs"}
)
_CHANGEABLE = (_CREATABLE - {"tcl", "via"}) | {"status"}
_SETTABLE = frozenset({"approved", "rejected", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request as it came; *query* is decoded."""

    line: str
    query: Mapping[str, str] = field(default_factory=dict)
    accept: str = JSON_API
    body: object = None


@dataclass(slots=True)
class Replay:
    """What to answer, by ``GET /path``; the last answer of a line stays."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    _answers: dict[str, list[Recording]] = field(default_factory=dict)
    _anything: Recording | None = None

    def on(self, line: str, *answers: Recording | str) -> None:
        self._answers[line] = [recording(one) if isinstance(one, str) else one for one in answers]

    def on_anything(self, name: str) -> None:
        """Answer every request with one recording."""
        self._anything = recording(name)

    async def answer(self, request: web.Request) -> web.Response:
        asked = await _asked(request)
        self.asked.append(asked)
        self.surprises += [f"{asked.line}: {fault}" for fault in faults_of(request, asked)]
        waiting = self._answers.get(asked.line, [])
        found = waiting[0] if waiting else self._anything
        if found is None:
            self.surprises.append(f"{asked.line}: nobody expected it")
            return web.Response(status=418)
        if len(waiting) > 1:
            waiting.pop(0)
        return _response(found)


@asynccontextmanager
async def serving() -> AsyncIterator[Replay]:
    """Serve recordings on a free port of the loopback interface."""
    replay = Replay()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", replay.answer)
    server = TestServer(app)
    await server.start_server()
    try:
        replay.url = str(server.make_url("")).rstrip("/")
        yield replay
    finally:
        await server.close()
    assert not replay.surprises


async def _asked(request: web.Request) -> Asked:
    raw = await request.read()
    path = request.raw_path.partition("?")[0]
    return Asked(
        line=f"{request.method} {path}",
        query=dict(request.query),
        accept=request.headers.get("Accept", ""),
        body=json.loads(raw) if raw else None,
    )


def _response(found: Recording) -> web.Response:
    headers = {
        name: value for name, value in found.headers.items() if name.lower() not in _HOP_BY_HOP
    }
    if found.body is None or isinstance(found.body, str):
        body = (found.body or "").encode()
    else:
        body = json.dumps(found.body).encode()
    return web.Response(status=found.status, body=body, headers=headers)


def faults_of(request: web.Request, asked: Asked) -> list[str]:
    """Name what the recorded servers would refuse, or silently take for something else."""
    faults = []
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        faults.append("the token is missing")
    if len(request.query_string) > 12_000:
        faults.append("the query string is too long")
    if len(request.query) != len(asked.query):
        faults.append("a parameter is there twice")
    faults += _header_faults(request)
    faults += [
        fault for name, value in asked.query.items() for fault in _parameter_faults(name, value)
    ]
    if request.method == "POST":
        faults += _body_faults(asked.body)
    if request.method == "PATCH":
        faults += _change_faults(asked)
    if request.method == "DELETE" and ("Content-Type" in request.headers or asked.body):
        faults.append("a DELETE with a type or a body is answered 400")
    return faults


def _header_faults(request: web.Request) -> list[str]:
    accept = request.headers.get("Accept", "")
    allowed = {
        "api": {JSON_API},
        "context": {"application/json"},
        "access-token": {"application/json", JSON_API},
        "tfoutput": {"*/*", "application/octet-stream"},
        "doc": {"*/*"},
    }[request.path.split("/")[1]]
    faults = [] if accept in allowed else [f"Accept: {accept} is answered 406"]
    if request.method in {"POST", "PATCH"} and request.headers.get("Content-Type") != JSON_API:
        faults.append("a body without the JSON:API type is answered 415")
    return faults


def _parameter_faults(name: str, value: str) -> list[str]:
    known = re.fullmatch(r"(filter|fields)\[(\w+)\]|(include|sort)", name)
    if known is None:
        return [f"{name} is refused, or silently ignored"]
    kind = known[1] or known[3]
    if kind == "filter":
        return _filter_faults(known[2], value)
    if kind == "fields":
        return [
            f"{known[2]} has no {one}" for one in value.split(",") if one not in fields(known[2])
        ]
    if kind == "include":
        return [] if value in {"step", "organization"} else [f"include={value} was not recorded"]
    return [] if value.lstrip("-") in {"id", "name"} else [f"sort={value} was not recorded"]


def _filter_faults(kind: str, text: str) -> list[str]:
    known = fields(kind) | {"id"}
    names = {found["name"].partition(".")[0] for found in _CONDITION.finditer(text)}
    shape, before = _CONDITION.sub("c", text), ""
    while shape != before:
        before, shape = shape, re.sub(r"c[;,]c|\(c\)", "c", shape)
    faults = [f"{kind} has no {name}" for name in sorted(names - known)]
    return faults if shape == "c" else [*faults, f"the filter is not understood: {text}"]


def _body_faults(body: object) -> list[str]:
    assert isinstance(body, dict)
    data = body["data"]
    faults = [f"{name} is refused" for name in data["attributes"] if name not in _CREATABLE]
    if {"organization", "workspace"} - set(data["relationships"]):
        faults.append("without both relationships it is answered 500, 409 or 423")
    return faults


def _change_faults(asked: Asked) -> list[str]:
    assert isinstance(asked.body, dict)
    data = asked.body["data"]
    faults = [f"{name} is refused" for name in data["attributes"] if name not in _CHANGEABLE]
    if data["id"] != asked.line.rpartition("/")[2]:
        faults.append("another id in the body is answered 400")
    if data["attributes"].get("status", "approved") not in _SETTABLE:
        faults.append("the status is not one that people set")
    return faults


@cache
def fields(kind: str) -> frozenset[str]:
    """Attributes and relationships a type has on both versions."""
    full = {
        "job": "stable_2_32_2/create/org_endpoint_template_reference",
        "workspace": "admin/get_workspace_full",
        "template": "admin/list_templates_full",
        "step": "search/steps_nested",
        "organization": "admin/get_organization_sparse",
    }[kind]
    body = recording(full).body
    assert isinstance(body, dict)
    row = body["data"][0] if isinstance(body["data"], list) else body["data"]
    return frozenset(row["attributes"]) | frozenset(row.get("relationships", {}))
