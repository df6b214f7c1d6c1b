"""A script that uses every operation, against a server that is strict and remembers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.domain.errors import JobStateError, NotFoundError, PermanentRemoteError, UserError
from bridge.sandbox.terrakube import StandIn, Version, make_plan, start
from bridge.terrakube import (
    Job,
    JobChange,
    JobRequest,
    JobSearch,
    TerrakubeServer,
    TokenKind,
    connect,
    strip_ansi,
    tcl,
)

GATED = tcl.apply_text("DEVELOPERS")


@pytest.fixture(params=list(Version))
async def terrakube(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[StandIn]:
    async with start(tmp_path, executor="instant", version=request.param) as stand_in:
        acme = stand_in.add_organization("acme")
        space = stand_in.add_workspace(acme, "net", "https://git.example.com/acme/infra.git")
        stand_in.plan_for(space, make_plan())
        yield stand_in
    assert stand_in.unexpected == []


@pytest.fixture
async def server(terrakube: StandIn) -> AsyncIterator[TerrakubeServer]:
    async with connect(url=terrakube.url, token=terrakube.token) as client:

        async def nap(_: float) -> None:
            """Take a young job for an old one: here, no change of one gets lost."""

        client.sleep = nap
        yield client


async def a_job(server: TerrakubeServer, **how: str) -> Job:
    acme = await server.organization("acme")
    workspace = await server.workspace_by_name(acme, "net")
    assert workspace
    return await server.create_job(
        JobRequest(
            workspace=workspace.ref,
            comments="cli:test",
            template_id=how.get("template_id"),
            tcl=how.get("tcl"),
        )
    )


async def waiting(terrakube: StandIn, server: TerrakubeServer) -> Job:
    job = await a_job(server, tcl=GATED)
    await terrakube.until(terrakube.job(int(job.id)), "waitingApproval")
    return job


async def test_an_inline_job_is_approved_and_read_to_its_end(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    job = await waiting(terrakube, server)
    approved = await server.approve_job(job.organization_id, job.id)
    assert approved.status in {"approved", "queue", "running", "pending", "completed"}
    await terrakube.until(terrakube.job(int(job.id)), "completed")
    details = await server.get_job(job.organization_id, job.id, include=["workspace", "template"])
    assert [step.status for step in details.job.steps] == ["completed"] * 3
    assert details.workspace
    assert (str(details.workspace.ref), details.template) == ("acme/net", None)
    log = await server.step_log(job.organization_id, job.id, details.job.steps[0].id)
    assert "\x1b" in log
    assert "\x1b" not in strip_ansi(log)
    assert (await server.context(job.id)).plans
    with pytest.raises(JobStateError, match=f"job {job.id} is completed"):
        await server.approve_job(job.organization_id, job.id)


async def test_a_job_is_rejected_found_and_deleted(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    job = await waiting(terrakube, server)
    rejected = await server.reject_job(job.organization_id, job.id)
    assert rejected.status == "rejected"
    search = JobSearch(statuses=("rejected",), key="cli:test")
    assert [one.id for one in await server.search_jobs(job.organization_id, search)] == [job.id]
    await server.delete_job(job.organization_id, job.id)
    with pytest.raises(NotFoundError, match="Unknown identifier"):
        await server.get_job(job.organization_id, job.id)
    with pytest.raises(NotFoundError, match="Unknown identifier"):
        await server.delete_job(job.organization_id, job.id)


async def test_a_job_is_changed_and_cancelled(terrakube: StandIn, server: TerrakubeServer) -> None:
    acme = await server.organization("acme")
    template = await server.template_by_name(acme.id, "Plan")
    assert template
    assert await server.template_by_name(acme.id, template.id) == template
    terrakube.lock(terrakube.world.workspace("acme", "net"))
    job = await a_job(server, template_id=template.id)
    change = JobChange(comments="cli:test changed", override_branch="hotfix", refresh=False)
    changed = await server.update_job(acme.id, job.id, change)
    assert (changed.comments, changed.override_branch, changed.refresh) == (
        "cli:test changed",
        "hotfix",
        False,
    )
    back = await server.update_job(acme.id, job.id, JobChange(override_branch=""))
    assert back.override_branch is None
    found = await server.get_job(acme.id, job.id, include=["template"])
    assert found.template == template
    assert (await server.cancel_job(acme.id, job.id)).status == "cancelled"


async def test_targets_are_for_servers_that_know_them(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    terrakube.lock(terrakube.world.workspace("acme", "net"))
    job = await a_job(server, tcl=GATED)
    change = JobChange(target_addrs=("terraform_data.a",))
    if (await server.features()).targets:
        changed = await server.update_job(job.organization_id, job.id, change)
        assert changed.target_addrs == ("terraform_data.a",)
    else:
        with pytest.raises(UserError, match="knows no target addresses"):
            await server.update_job(job.organization_id, job.id, change)


async def test_a_job_that_was_notified_about_is_kept(
    terrakube: StandIn, server: TerrakubeServer
) -> None:
    """2.32 notifies nobody."""
    if terrakube.world.version is Version.BETA:
        terrakube.notify(terrakube.world.organization("acme"), "http://127.0.0.1:9/nobody")
    job = await waiting(terrakube, server)
    if terrakube.world.version is Version.STABLE:
        await server.delete_job(job.organization_id, job.id)
        return
    with pytest.raises(PermanentRemoteError, match="keeps a job about which it has sent"):
        await server.delete_job(job.organization_id, job.id)


async def test_the_token_says_whose_it_is(server: TerrakubeServer) -> None:
    facts = server.token_facts()
    assert facts
    assert (facts.kind, facts.groups) == (TokenKind.PERSONAL, ("DEVELOPERS",))
    assert facts.expires_at
