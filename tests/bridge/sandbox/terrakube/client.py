"""A client as simple as can be: JSON in, status and JSON out."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from bridge.sandbox.terrakube import StandIn
from bridge.sandbox.terrakube.model import Job, Template, Value, Workspace

JSON_API = "application/vnd.api+json"


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to one stand-in with one token."""

    session: aiohttp.ClientSession
    stand_in: StandIn
    token: str

    async def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Value]:
        """Send a request; the status and the decoded body."""
        given = {"Authorization": f"Bearer {self.token}", "Accept": JSON_API}
        if body is not None:
            given["Content-Type"] = JSON_API
        async with self.session.request(
            method,
            URL(self.stand_in.url + path),
            data=None if body is None else json.dumps(body),
            headers=given | headers,
            skip_auto_headers=("Content-Type",),
        ) as response:
            raw = await response.read()
        try:
            return response.status, json.loads(raw)
        except ValueError:
            return response.status, raw.decode()

    async def get(self, path: str) -> Value:
        """The body of a GET that must succeed."""
        status, body = await self.call("GET", path)
        assert status < 300, body
        return body

    async def create(
        self, workspace: Workspace, template: Template | None = None, **attributes: object
    ) -> Job:
        """Make a job the documented way."""
        status, body = await self.call(
            "POST", f"/api/v1/workspace/{workspace.id}/job", job(workspace, template, **attributes)
        )
        assert status == 201, body
        return self.stand_in.job(int(body["data"]["id"]))

    async def patch(self, job: Job, **attributes: object) -> int:
        """PATCH a job; the status of the answer."""
        data = {"type": "job", "id": str(job.id), "attributes": attributes}
        path = f"/api/v1/organization/{job.organization.id}/job/{job.id}"
        status, _ = await self.call("PATCH", path, {"data": data})
        return status


def job(
    workspace: Workspace, template: Template | None = None, **attributes: object
) -> Mapping[str, Any]:
    """The document that makes a job."""
    if template is not None:
        attributes["templateReference"] = template.id
    links = {"organization": workspace.organization, "workspace": workspace}
    relationships = {
        name: {"data": {"type": name, "id": entity.id}} for name, entity in links.items()
    }
    data = {"type": "job", "attributes": attributes, "relationships": relationships}
    return {"data": data}


@asynccontextmanager
async def speaking(stand_in: StandIn, token: str = "") -> AsyncIterator[Client]:
    """A client with the stand-in's own token, or another."""
    async with aiohttp.ClientSession() as session:
        yield Client(session, stand_in, token or stand_in.token)
