"""``jobs create`` starts a job once, and nothing that would never run."""

import base64
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from bridge.sandbox.terrakube import CreateFault
from tests.bridge.cli.conftest import Desk

TCL = """flow:
- type: terraformPlan
  name: Plan
  step: 100
"""
EITHER = (
    "say what the job runs: either --template NAME (default: the workspace's own) or --tcl FILE"
)
LOCKED = (
    "workspace acme/locked is locked (being moved): a job would only wait, and on Terrakube 2.33 "
    "make all younger ones wait, too; unlock it in Terrakube, then try again"
)


def without_times(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not name.endswith("_at")}


async def test_a_job_of_a_template_is_created_as_asked(desk: Desk) -> None:
    template = desk.terrakube.world.template("acme", "Plan")
    said = await desk(
        *("jobs", "create", "acme/network", "--template", "Plan", "--branch", "v1.2"),
        *("--commit", "a" * 40, "--no-refresh", "--target", "a.b", "--target", "c.d"),
        *("--replace", "e.f", "--comment", "from the pipeline", "--idempotency-key", "build-7"),
    )
    assert (said.code, said.err) == (0, [])
    (job,) = desk.terrakube.jobs()
    assert without_times(said.row()) == {
        "id": str(job.id),
        "status": "pending",
        "organization": "acme",
        "workspace": "acme/network",
        "workspace_id": desk.network.id,
        "template": "Plan",
        "template_id": template.id,
        "branch": "v1.2",
        "commit": "a" * 40,
        "refresh": False,
        "refresh_only": False,
        "targets": ["a.b", "c.d"],
        "replaces": ["e.f"],
        "comments": "cli:build-7 from the pipeline",
        "plan_changes": None,
        "approval_team": None,
        "via": "UI",
        "created_by": "bridge@example.com",
        "url": f"{desk.terrakube.url}/app/acme/network/runs/{job.id}",
        "steps": [],
        "idempotency_key": "build-7",
        "existed": False,
    }
    assert said.row()["created_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["--tcl", "deploy.yaml"], None),
        (["--tcl", "-"], TCL),
        (["--template", "default"], None),
    ],
)
async def test_what_runs_may_be_sent_along_or_be_the_default(
    desk: Desk, arguments: list[str], given: str | None
) -> None:
    (desk.command_line.folder / "deploy.yaml").write_text(TCL)
    desk.command_line.in_pipe(given or "")
    said = await desk("jobs", "create", "network", *arguments, "--output", "ids")
    (job,) = desk.terrakube.jobs()
    assert (said.code, said.out, said.err) == (0, f"{job.id}\n", [])
    if "--tcl" in arguments:
        assert job.template_reference is None
        assert base64.b64decode(job.tcl or "").decode() == TCL
    else:
        assert job.template_reference == desk.network.default_template
    await desk.terrakube.until(job, "completed")


async def test_people_get_a_sentence_and_a_link(desk: Desk) -> None:
    desk.command_line.on_terminal()
    once = ("jobs", "create", "acme/network", "--template", "Plan", "--idempotency-key", "k")
    said = await desk(*once)
    (job,) = desk.terrakube.jobs()
    url = f"{desk.terrakube.url}/app/acme/network/runs/{job.id}"
    where = "in acme/network with template Plan"
    assert said.out == f"Job {job.id} is created: pending, {where}.\n{url}\n"
    await desk.terrakube.until(job, "completed")
    said = await desk(*once)
    assert said.out == f"Job {job.id} was there already: completed, {where}.\n{url}\n"


async def test_one_key_is_one_job(desk: Desk) -> None:
    once = ("jobs", "create", "acme/network", "--template", "Plan", "--idempotency-key", "k 1")
    first, again = await desk(*once), await desk(*once)
    assert [(said.code, said.row()["id"], said.row()["existed"]) for said in (first, again)] == [
        (0, first.row()["id"], False),
        (0, first.row()["id"], True),
    ]
    assert len(desk.terrakube.jobs()) == 1
    desk.terrakube.lock(desk.network)
    assert (await desk(*once)).row()["existed"] is True
    other = await desk(*once[:4], "Destroy", *once[5:])
    assert other.code == 2
    assert other.err[0].startswith("the key 'k 1' was used for another job")


@pytest.mark.parametrize("key", [["--idempotency-key", "k"], []])
async def test_a_connection_that_is_cut_after_the_commit_makes_no_second_job(
    desk: Desk, key: list[str]
) -> None:
    desk.terrakube.faults.on_create(CreateFault.COMMIT_THEN_DROP)
    said = await desk("jobs", "create", "acme/network", "--template", "Plan", *key)
    (job,) = desk.terrakube.jobs()
    assert (said.code, said.row()["id"], said.err) == (0, str(job.id), [])


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ["acme/network"],
            2,
            EITHER,
        ),
        (
            ["acme/network", "--template", "Plan", "--tcl", "good.yaml"],
            2,
            EITHER,
        ),
        (
            ["acme/netwrk", "--template", "Plan"],
            8,
            "organization acme has no workspace 'netwrk': did you mean acme/network?",
        ),
        (
            ["acme/network", "--template", "plan-and-apply"],
            8,
            "organization acme has no template 'plan-and-apply': did you mean Plan and apply?",
        ),
        (
            ["acme/bare", "--template", "default"],
            2,
            "workspace acme/bare has no default template: name one with --template",
        ),
        (
            ["acme/locked", "--template", "Plan"],
            2,
            LOCKED,
        ),
        (
            ["acme/network", "--template", "Plan", "--branch", "refs/tags/v1"],
            2,
            "Terrakube takes branches and tags by their bare name: --branch v1",
        ),
        (
            ["acme/network", "--template", "Plan", "--commit", "main"],
            2,
            "'main' is no commit: give at least 7 of its hexadecimal digits",
        ),
        (
            ["acme/network", "--template", "Plan", "--no-refresh", "--refresh-only"],
            2,
            "--no-refresh and --refresh-only contradict each other: give one of them",
        ),
        (
            ["acme/network", "--template", "Plan", "--comment", "x" * 600],
            2,
            "POST job: not sent: comments is longer than 512 characters",
        ),
        (
            ["a/b/c", "--template", "Plan"],
            2,
            "'a/b/c' is no workspace: write it as organization/workspace",
        ),
        (
            ["acme/network", "--tcl", "none.yaml"],
            2,
            "none.yaml cannot be read: No such file or directory",
        ),
        (
            ["acme/network", "--tcl", "bad.yaml"],
            2,
            "bad.yaml, line 3: unknown property 'named'; did you mean 'name'?",
        ),
        (
            ["acme/network", "--tcl", "open.yaml"],
            2,
            "open.yaml, line 2: expected the node content, but found '<stream end>'",
        ),
        (["acme/network", "--tcl", "latin.yaml"], 2, "latin.yaml is no UTF-8 text"),
    ],
)
async def test_what_could_not_run_is_refused_before_it_is_sent(
    desk: Desk, arguments: list[str], code: int, text: str
) -> None:
    desk.terrakube.add_workspace(desk.acme, "bare", "https://git.example.com/x.git")
    locked = desk.terrakube.add_workspace(desk.acme, "locked", "https://git.example.com/x.git")
    desk.terrakube.lock(locked, "being moved")
    files = {
        "good.yaml": TCL.encode(),
        "bad.yaml": TCL.replace("name", "named").encode(),
        "open.yaml": b"flow: [\n",
        "latin.yaml": "# f\u00fcr mich".encode("latin-1"),
    }
    for name, content in files.items():
        (desk.command_line.folder / name).write_bytes(content)
    said = await desk("jobs", "create", *arguments)
    assert (said.code, said.out, said.err) == (code, "", [text])
    assert desk.terrakube.count("POST", "/job") == 0


async def test_a_created_job_may_be_followed_to_its_end(desk: Desk) -> None:
    said = await desk("jobs", "create", "acme/network", "--template", "Plan", "--follow")
    assert said.code == 0
    assert said.err[0] == "Job 1 is created: pending, in acme/network with template Plan."
    assert said.err[-1] == "job 1 completed"
    assert "Plan: " in said.out


async def test_the_end_of_a_followed_job_is_the_exit_code(desk: Desk) -> None:
    job = desk.terrakube.add_job(
        desk.network,
        status="failed",
        template_reference=desk.network.default_template,
        comments="cli:k",
    )
    desk.terrakube.age(job, timedelta(minutes=10))
    once = ("jobs", "create", "acme/network", "--template", "Plan", "--idempotency-key", "k", "-f")
    said = await desk(*once, "--json")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert (said.code, lines[0]["type"], lines[0]["id"], lines[0]["existed"]) == (
        *(3, "created", "1", True),
    )
    assert (lines[-1]["type"], lines[-1]["status"]) == ("ended", "failed")
    refused = await desk(*once, "--output", "ids")
    assert (refused.code, refused.err) == (
        2,
        ["--follow tells more than an id: leave out --output ids"],
    )
