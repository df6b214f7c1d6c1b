"""A job with what it refers to, and looking up places by their names."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.domain.errors import NotFoundError, PermanentRemoteError, UserError
from bridge.terrakube import TerrakubeServer
from tests.bridge.terrakube.nouns import ACME, read_line
from tests.bridge.terrakube.replay import Asked, Replay
from tests.recorded import Recording, recording

WORKSPACES = f"GET /api/v1/organization/{ACME.id}/workspace"
TEMPLATES = f"GET /api/v1/organization/{ACME.id}/template"
ORGANIZATIONS = "GET /api/v1/organization"
WORKSPACE_FIELDS = {
    "fields[workspace]": "name,source,branch,folder,locked,lockDescription,defaultTemplate,"
    "executionMode,iacType,terraformVersion,lastJobStatus,webhook"
}
OWNED = {
    "fields[workspace]": WORKSPACE_FIELDS["fields[workspace]"] + ",organization",
    "include": "organization",
    "fields[organization]": "name",
}
TEMPLATE_FIELDS = {"fields[template]": "name,description,version,tcl"}


def a_workspace() -> Recording:
    """Return the full workspace of the recordings with the organization it belongs to."""
    found = recording("admin/get_workspace_full")
    owner: Any = recording("admin/get_organization_sparse").body
    assert isinstance(found.body, dict)
    return replace(found, body={**found.body, "included": [owner["data"]]})


def a_template(name: str) -> Recording:
    """Return one of the recorded templates, as its own path shows it."""
    found = recording("admin/list_templates_full")
    assert isinstance(found.body, dict)
    row = next(row for row in found.body["data"] if row["attributes"]["name"] == name)
    return replace(found, body={"data": row})


def references(name: str) -> tuple[str, str]:
    """Return the ids of workspace and template of a recorded job."""
    data: Any = recording(name).body
    row = data["data"]
    workspace = row["relationships"]["workspace"]["data"]["id"]
    return workspace, row["attributes"]["templateReference"]


JOB = "states/completed_destroy"


async def test_a_job_comes_with_its_workspace_and_its_template(
    replay: Replay, server: TerrakubeServer
) -> None:
    workspace_id, template_id = references(JOB)
    replay.on(read_line("679"), JOB)
    replay.on(f"GET /api/v1/workspace/{workspace_id}", a_workspace())
    replay.on(f"{TEMPLATES}/{template_id}", a_template("Destroy"))
    found = await server.get_job(ACME.id, "679", include=["template", "workspace"])
    assert found.job == await server.job(ACME.id, "679")
    assert found.workspace
    assert str(found.workspace.ref).startswith("acme/")
    assert found.template
    assert [step.type for step in found.template.flow or ()] == ["terraformDestroy"]
    assert sorted(replay.asked[:3], key=lambda asked: asked.line) == [
        Asked(line=read_line("679"), query={"include": "step"}),
        Asked(line=f"{TEMPLATES}/{template_id}", query=TEMPLATE_FIELDS),
        Asked(line=f"GET /api/v1/workspace/{workspace_id}", query=OWNED),
    ]


async def test_a_job_alone_is_one_request(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(read_line("679"), JOB)
    found = await server.get_job(ACME.id, "679")
    assert (found.job.id, found.workspace, found.template) == ("679", None, None)
    assert len(replay.asked) == 1


@pytest.mark.parametrize(
    ("job", "asked"),
    [
        ("states/pending_template_id_not_uuid", 2),
        ("states/pending_bogus_template_id", 3),
        ("states/failed_no_template_no_tcl", 2),
    ],
)
async def test_what_a_job_refers_to_in_vain_is_none(
    job: str, asked: int, replay: Replay, server: TerrakubeServer
) -> None:
    """The server checks no template id; an inline job has none."""
    workspace_id, template_id = references(job)
    replay.on(read_line("1"), job)
    replay.on(f"GET /api/v1/workspace/{workspace_id}", "errors/get_unknown_workspace")
    replay.on(f"{TEMPLATES}/{template_id}", "errors/get_unknown_job")
    found = await server.get_job(ACME.id, "1", include=("workspace", "template"))
    assert (found.workspace, found.template, len(replay.asked)) == (None, None, asked)


async def test_nothing_else_can_come_with_a_job(replay: Replay, server: TerrakubeServer) -> None:
    with pytest.raises(UserError) as caught:
        await server.get_job(ACME.id, "1", include=["step", "workspace"])
    assert str(caught.value) == "step cannot come with a job, only workspace and template"
    assert replay.asked == []


async def test_a_workspace_of_no_organization_is_no_answer(
    replay: Replay, server: TerrakubeServer
) -> None:
    workspace_id, _ = references(JOB)
    replay.on(read_line("679"), JOB)
    replay.on(f"GET /api/v1/workspace/{workspace_id}", "admin/get_workspace_full")
    with pytest.raises(PermanentRemoteError, match="answered something Terrakube does not say"):
        await server.get_job(ACME.id, "679", include=["workspace"])


async def test_places_are_found_by_their_names(replay: Replay, server: TerrakubeServer) -> None:
    replay.on(ORGANIZATIONS, "search/organization_by_name")
    replay.on(WORKSPACES, "search/workspace_by_name")
    replay.on(TEMPLATES, "search/template_by_name")
    assert await server.organization("acme") == ACME
    name = recording("search/workspace_by_name").body["data"][0]["attributes"]["name"]
    workspace = await server.workspace_by_name(ACME, name)
    assert workspace
    assert str(workspace.ref) == f"acme/{name}"
    template = await server.template_by_name(ACME.id, "Plan and apply")
    assert template
    assert template.name == "Plan and apply"
    assert replay.asked == [
        Asked(
            line=ORGANIZATIONS,
            query={
                "fields[organization]": "name",
                "filter[organization]": "name=='acme'",
                "sort": "name",
            },
        ),
        Asked(
            line=WORKSPACES,
            query={**WORKSPACE_FIELDS, "filter[workspace]": f"name=='{name}'", "sort": "name"},
        ),
        Asked(
            line=TEMPLATES,
            query={
                **TEMPLATE_FIELDS,
                "filter[template]": "name=='Plan and apply'",
                "sort": "name",
            },
        ),
    ]


async def test_a_name_that_is_not_there_is_none(replay: Replay, server: TerrakubeServer) -> None:
    """Nor is one that differs in case: a database may take the two for equal."""
    replay.on(ORGANIZATIONS, "search/organization_by_name")
    replay.on(WORKSPACES, "search/workspace_by_name")
    replay.on(TEMPLATES, "search/template_by_name")
    assert await server.workspace_by_name(ACME, "ACME") is None
    assert await server.template_by_name(ACME.id, "plan and apply") is None
    with pytest.raises(NotFoundError) as caught:
        await server.organization("ACME")
    assert str(caught.value) == (
        "organization 'ACME': it does not exist, or no team of the token may see it"
    )


async def test_a_template_is_found_by_its_id(replay: Replay, server: TerrakubeServer) -> None:
    plan = a_template("Plan")
    identifier = plan.body["data"]["id"]
    replay.on(f"{TEMPLATES}/{identifier}", plan)
    found = await server.template_by_name(ACME.id, identifier)
    assert found
    assert (found.id, found.name) == (identifier, "Plan")
