"""A world made out of the documents in recorded exchanges."""

from collections.abc import Iterable, Mapping
from typing import Any

from bridge.sandbox.terrakube.model import Job, Organization, Status, Value, Workspace
from bridge.sandbox.terrakube.schema import read_text
from bridge.sandbox.terrakube.world import World
from tests.recorded import recording

SOURCE = "https://git.example.com/infra.git"

ACME = "40f8a86b-2cde-4e37-96bc-b23b03dac40c"
OTHER = "c52146e8-3d81-49a6-a318-24b91466cbc7"
STABLE_ACME = "4023f6bd-ff39-4b67-9803-7783604e8056"


def answer(name: str) -> Value:
    """The body of a recorded answer."""
    return recording(name).body


def values_of(world: World, data: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a recorded resource, by their names in ``model.py``."""
    resource = world.schema[data["type"]]
    given = data.get("attributes", {})
    return {
        resource.attributes[name].slot: None
        if value is None
        else read_text(resource.attributes[name].kind, value)
        for name, value in given.items()
    }


def add_recorded_organization(world: World, id_: str, name: str) -> Organization:
    return world.add_organization(name, id=id_, description="example organization")


def add_recorded_templates(world: World, name: str, organization: Organization) -> None:
    for data in _rows(answer(name)):
        values = values_of(world, data)
        by = values.pop("created_by")
        world.add_template(organization, values.pop("name"), "", id=data["id"], by=by, **values)


def add_recorded_teams(world: World, name: str, organization: Organization) -> None:
    for data in _rows(answer(name)):
        values = values_of(world, data)
        world.add_team(organization, values.pop("name"), id=data["id"], **values)


def add_plain_workspace(
    world: World, organization: Organization, id_: str, name: str, **more: Value
) -> Workspace:
    more.setdefault("folder", "/nochange")
    more.setdefault("description", f"{name} workspace")
    return world.add_workspace(organization, name, id=id_, source=SOURCE, **more)


def add_recorded_job(world: World, name: str, **changes: Value) -> Job:
    """The job of a recorded document, with its steps when the document has them."""
    loaded = answer(name)
    data = loaded["data"]
    values = values_of(world, data) | changes
    links = data["relationships"]
    organization = world.organizations[links["organization"]["data"]["id"]]
    there = links["workspace"]["data"]["id"]
    workspace = world.workspaces.get(there)
    if workspace is None:
        workspace = add_plain_workspace(world, organization, there, there[:8])
        workspace.source = "https://git.example.com/elsewhere.git"
    updated = values["updated_by"], values["updated_date"]
    by = values.pop("created_by")
    job = world.add_job(organization, workspace, id=int(data["id"]), by=by, **values)
    job.updated_by, job.updated_date = updated
    job.prepared = bool(links["step"]["data"])
    steps = {each["id"]: each for each in loaded.get("included", []) if each["type"] == "step"}
    for link in links["step"]["data"]:
        _add_step(world, job, link["id"], steps.get(link["id"]))
    return job


def add_plain_job(world: World, id_: int, workspace: str, **more: Value) -> Job:
    """A job of which nothing but this was recorded."""
    more.setdefault("status", Status.COMPLETED)
    there = world.workspaces[workspace]
    by = more.pop("by", "bridge@example.com")
    return world.add_job(there.organization, there, id=id_, by=by, **more)


def _add_step(world: World, job: Job, id_: str, data: Mapping[str, Any] | None) -> None:
    values: dict[str, Any] = {"step_number": 100, "name": "Plan"}
    values |= {} if data is None else values_of(world, data)
    number, name = values.pop("step_number"), values.pop("name")
    world.add_step(job, number, name, id=id_, **values)


def _rows(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    data = body["data"]
    return data if isinstance(data, list) else [data]
