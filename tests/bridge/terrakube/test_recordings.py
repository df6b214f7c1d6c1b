"""Each recorded answer that has jobs in it is read as an independent reading of it says.

And a table of all recordings: which test uses each, or why the client has no call for it.
"""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from bridge.domain.terrakube import Job
from bridge.terrakube import TerrakubeServer
from tests import recorded
from tests.bridge.terrakube import coverage
from tests.bridge.terrakube.nouns import A_JOB, ACME, CREATE, JOBS, Q3, read_line
from tests.bridge.terrakube.replay import Replay
from tests.recorded import Recording, recording

ALL = [*recorded.names("*.json"), *recorded.names("*.txt")]

NAMES = {
    "status": "status",
    "templateReference": "template_reference",
    "comments": "comments",
    "commitId": "commit_id",
    "overrideBranch": "override_branch",
    "planChanges": "plan_changes",
    "approvalTeam": "approval_team",
    "output": "output",
    "tcl": "tcl",
    "via": "via",
    "refresh": "refresh",
    "refreshOnly": "refresh_only",
    "createdBy": "created_by",
}
STEP_NAMES = (("name", ""), ("status", ""), ("stepNumber", 0))


def names(*patterns: str) -> list[str]:
    """List the recordings a client reads, by patterns; refusals are elsewhere."""
    return [
        name
        for name in recorded.names()
        if name not in coverage.REFUSED and any(fnmatchcase(name, one) for one in patterns)
    ]


def rows_of(found: Recording) -> list[dict[str, Any]]:
    body: Any = found.body
    if "atomic:results" in body:
        return [row["data"] for row in body["atomic:results"]]
    data = body["data"]
    return data if isinstance(data, list) else [data]


def assert_reads_as(job: Job, row: Mapping[str, Any], body: Any) -> None:  # noqa: ANN401 - as recorded
    """Compare what was read with the answer, attribute by attribute."""
    assert job.id == row["id"]
    attributes = row.get("attributes", {})
    for name, value in attributes.items():
        if name in NAMES:
            assert getattr(job, NAMES[name]) == ("" if value is None else value) or (
                value is None and getattr(job, NAMES[name]) is None
            )
        elif name in {"targetAddrs", "replaceAddrs"}:
            read = job.target_addrs if name == "targetAddrs" else job.replace_addrs
            assert list(read) == (value or [])
        elif name in {"createdDate", "updatedDate"}:
            read_date = job.created_at if name == "createdDate" else job.updated_at
            assert read_date
            assert read_date.strftime("%Y-%m-%dT%H:%MZ") == value
        elif name != "terraformPlan":
            assert job.extra
            assert job.extra[name] == value
    linked = [one["id"] for one in row.get("relationships", {}).get("step", {}).get("data", [])]
    sent = {one["id"]: one.get("attributes", {}) for one in body.get("included", [])}
    steps = {step.id: [step.name, step.status, step.number] for step in job.steps}
    assert steps == {
        one: [sent[one].get(*known) for known in STEP_NAMES] for one in linked if one in sent
    }
    assert [step.number for step in job.steps] == sorted(step.number for step in job.steps)


@pytest.mark.parametrize("name", names(*coverage.READ))
async def test_a_recorded_job_is_read(name: str, replay: Replay, server: TerrakubeServer) -> None:
    found = recording(name)
    (row,) = rows_of(found)
    replay.on(read_line("1"), found)
    assert_reads_as(await server.job(ACME.id, "1"), row, found.body)


@pytest.mark.parametrize("name", names(*coverage.CREATED))
async def test_a_recorded_creation_is_read(
    name: str, replay: Replay, server: TerrakubeServer
) -> None:
    found = recording(name)
    (row,) = rows_of(found)
    # One was made in a batch, which the client does not send.
    replay.on(CREATE, replace(found, body={"data": row}))
    job = await server.create_job(A_JOB)
    assert_reads_as(job, row, found.body)
    assert job.steps == ()


@pytest.mark.parametrize("name", names(*coverage.LISTED))
async def test_a_recorded_list_is_read(name: str, replay: Replay, server: TerrakubeServer) -> None:
    found = recording(name)
    replay.on(JOBS, found)
    jobs = await server.jobs(ACME.id, ["1"])
    rows = sorted(rows_of(found), key=_number)
    assert [job.id for job in jobs] == [row["id"] for row in rows]
    assert await server.search_jobs(ACME.id) == jobs[::-1], "the newest first"
    for job, row in zip(jobs, rows, strict=True):
        assert_reads_as(job, row, found.body)


def _number(row: Mapping[str, Any]) -> int:
    return int(row["id"])


async def test_sparse_answers_about_workspaces_and_templates_are_read(
    replay: Replay, server: TerrakubeServer
) -> None:
    line = f"GET /api/v1/organization/{ACME.id}/workspace"
    replay.on(line, "search/workspace_by_source", "errors/list_workspaces_stranger")
    found = await server.workspaces(ACME)
    rows = rows_of(recording("search/workspace_by_source"))
    assert [
        (one.ref.name, one.source, one.branch, one.folder, one.execution_mode) for one in found
    ] == [
        (*(row["attributes"][name] for name in ("name", "source", "branch", "folder")), "remote")
        for row in rows
    ]
    assert await server.workspaces(ACME) == []
    replay.on(f"{line}/{Q3.id}", "admin/workspace_webhook")
    assert (await server.workspace(Q3)).native_webhook is False
    replay.on(f"GET /api/v1/organization/{ACME.id}/template", "search/template_by_name")
    assert [one.name for one in await server.templates(ACME.id)] == ["Plan and apply"]


def test_every_recording_is_used_or_has_a_reason_why_not() -> None:
    assert [name for name in ALL if not coverage.used_by(name)] == []


def test_every_pattern_of_the_table_fits_something() -> None:
    patterns = [*coverage.READ, *coverage.CREATED, *coverage.LISTED]
    patterns += [*coverage.USED, *coverage.NO_CALL]
    assert [one for one in patterns if not any(fnmatchcase(name, one) for name in ALL)] == []
