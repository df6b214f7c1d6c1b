"""The job server in memory behaves as the recorded ones do, where others rely on it."""

from dataclasses import replace

import pytest

from bridge.domain.errors import (
    JobStateError,
    NotAllowedError,
    NotFoundError,
    PermanentRemoteError,
    TemporaryRemoteError,
)
from bridge.domain.terrakube import Job, JobRequest, Permissions
from bridge.ports import JobServer
from tests.fakes.jobserver import ACME, APPLY_FLOW, FakeJobServer, unavailable


def a_request(server: FakeJobServer, **changes: object) -> JobRequest:
    space = server.add_workspace(f"net{len(server.spaces)}")
    template = server.add_template("Plan and apply", flow=APPLY_FLOW)
    request = JobRequest(workspace=space.ref, comments="bridge:A plan", template_id=template.id)
    return replace(request, **changes)  # type: ignore[arg-type]  # named by each test


def shape(job: Job) -> tuple[str, list[str]]:
    return job.status, [step.status for step in job.steps]


async def test_a_job_goes_through_the_states_a_real_one_does() -> None:
    server = FakeJobServer()
    port: JobServer = server
    job = await port.create_job(a_request(server))
    assert shape(job) == ("pending", [])
    assert shape(server.start(job.id)) == ("running", ["running", "pending"])
    assert shape(server.start(job.id, 1)) == ("running", ["completed", "running"])
    assert shape(server.complete(job.id)) == ("completed", ["completed", "completed"])
    assert shape(job) == ("pending", []), "an answer is a snapshot"


async def test_without_changes_the_apply_is_not_executed() -> None:
    server = FakeJobServer()
    job = await server.create_job(a_request(server))
    done = server.complete(job.id, changes=False)
    assert (shape(done), done.plan_changes) == (
        ("completed", ["completed", "notExecuted"]),
        False,
    )


async def test_an_inline_job_waits_for_its_team_and_goes_on() -> None:
    server = FakeJobServer()
    job = await server.create_job(a_request(server, template_id=None, tcl="flow: x"))
    waiting = server.wait_for_approval(job.id)
    assert shape(waiting) == ("waitingApproval", ["completed", "pending", "pending"])
    assert waiting.approval_team == "terrakube-bridge"
    assert server.approve(job.id).approval_team == ""
    again = await server.create_job(a_request(server, template_id=None, tcl="flow: x"))
    server.wait_for_approval(again.id)
    assert shape(server.reject(again.id)) == ("rejected", ["completed", "failed", "failed"])


async def test_only_a_waiting_job_is_answered() -> None:
    server = FakeJobServer()
    port: JobServer = server
    jobs = [await server.create_job(a_request(server, template_id=None, tcl="x")) for _ in "ab"]
    for job in jobs:
        with pytest.raises(JobStateError, match="is pending: it does not wait for an approval"):
            await port.approve_job(ACME.id, job.id)
        server.wait_for_approval(job.id)
    first, second = jobs
    approved = await port.approve_job(ACME.id, first.id)
    assert shape(approved) == ("approved", ["completed", "pending", "pending"])
    rejected = await port.reject_job(ACME.id, second.id)
    assert shape(rejected) == ("rejected", ["completed", "failed", "failed"])
    with pytest.raises(JobStateError, match="is rejected"):
        await port.reject_job(ACME.id, second.id)


async def test_only_our_jobs_are_found_by_their_key() -> None:
    server = FakeJobServer()
    request = a_request(server)
    job = await server.create_job(request)
    server.add_job(request.workspace, comments="bridge:A copied")
    server.add_job(request.workspace, comments="bridge:AB", created_by=server.me)
    assert [one.id for one in await server.jobs_with_key(ACME.id, "bridge:A")] == [job.id]


async def test_an_answer_may_be_lost_after_the_job_exists() -> None:
    server = FakeJobServer()
    server.lost_answers["create_job"] = [unavailable("POST job")]
    with pytest.raises(TemporaryRemoteError):
        await server.create_job(a_request(server))
    assert [job.id for job in await server.open_jobs(ACME.id)] == ["1"]


async def test_a_job_that_ended_is_not_cancelled() -> None:
    server = FakeJobServer()
    job = await server.create_job(a_request(server))
    done = server.fail(job.id)
    assert await server.cancel_job(ACME.id, job.id) == done
    other = await server.create_job(a_request(server))
    assert shape(await server.cancel_job(ACME.id, other.id)) == ("cancelled", [])
    server.delete(other.id)
    with pytest.raises(NotFoundError):
        await server.job(ACME.id, other.id)
    assert [one.id for one in await server.jobs(ACME.id, [job.id, other.id])] == [job.id]


async def test_a_locked_workspace_takes_a_job_that_never_runs() -> None:
    server = FakeJobServer()
    request = a_request(server)
    server.lock(server.spaces[request.workspace.id], "maintenance")
    job = await server.create_job(request)
    with pytest.raises(AssertionError, match="is locked"):
        server.start(job.id)
    server.unlock(server.spaces[request.workspace.id])
    assert server.start(job.id).status == "running"


REFUSED: list[tuple[dict[str, object], type[Exception]]] = [
    ({"comments": "x"}, AssertionError),
    ({"comments": "bridge:*"}, AssertionError),
    ({"comments": "bridge:" + "x" * 512}, TemporaryRemoteError),
    ({"tcl": "flow: x"}, AssertionError),
    ({"template_id": None}, AssertionError),
    ({"commit_id": "abc"}, AssertionError),
    ({"override_branch": "refs/tags/v1"}, AssertionError),
    ({"target_addrs": ("a.b",)}, PermanentRemoteError),
]


@pytest.mark.parametrize(("changes", "error"), REFUSED, ids=lambda one: str(one)[:30])
async def test_what_a_server_refuses_or_would_let_hang_is_refused(
    changes: dict[str, object], error: type[Exception]
) -> None:
    server = FakeJobServer(has_targets=False)
    with pytest.raises(error):
        await server.create_job(a_request(server, **changes))
    assert server.known == {}


async def test_a_token_without_the_right_is_refused() -> None:
    nothing = Permissions(
        plan_job=False,
        approve_job=False,
        manage_job=False,
        manage_workspace=False,
        manage_template=False,
    )
    server = FakeJobServer(allowed=nothing)
    assert await server.permissions(ACME.id) == nothing
    with pytest.raises(NotAllowedError):
        await server.create_job(a_request(server))
