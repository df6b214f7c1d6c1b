"""What goes wrong on demand, and what the stand-in remembers of it."""

import asyncio
import time

import aiohttp
import pytest

from bridge.sandbox.terrakube import CreateFault
from bridge.sandbox.terrakube.app import Seen
from bridge.sandbox.terrakube.model import Workspace
from tests.bridge.sandbox.terrakube.client import Client, job


async def post(client: Client, workspace: Workspace, key: str = "bridge:1") -> int:
    """The status of the answer to a create; 0 when the connection was dropped."""
    path = f"/api/v1/workspace/{workspace.id}/job"
    try:
        async with asyncio.timeout(0.3):
            status, _ = await client.call("POST", path, job(workspace, comments=key))
    except (aiohttp.ClientError, TimeoutError):
        return 0
    return status


@pytest.mark.parametrize(
    ("fault", "status", "made"),
    [
        (CreateFault.COMMIT_THEN_500, 500, 1),
        (CreateFault.COMMIT_THEN_DROP, 0, 1),
        (CreateFault.COMMIT_THEN_HANG, 0, 1),
        (CreateFault.FAIL_500, 500, 0),
        (CreateFault.DROP, 0, 0),
    ],
)
async def test_a_create_goes_wrong_once(
    fault: CreateFault, status: int, made: int, client: Client, workspace: Workspace
) -> None:
    client.stand_in.faults.on_create(fault)
    assert await post(client, workspace) == status
    assert (client.stand_in.creates["bridge:1"], len(client.stand_in.jobs())) == (made, made)
    assert await post(client, workspace) == 201
    assert client.stand_in.creates["bridge:1"] == made + 1


async def test_a_create_may_be_committed_long_after_its_connection_is_gone(
    client: Client, workspace: Workspace
) -> None:
    client.stand_in.faults.on_create(CreateFault.COMMIT_LATE)
    assert await post(client, workspace) == 0
    assert client.stand_in.creates["bridge:1"] == 0
    await asyncio.sleep(0.3)
    assert client.stand_in.creates["bridge:1"] == 1


async def test_requests_can_be_limited_slowed_and_failed(
    client: Client, workspace: Workspace
) -> None:
    faults = client.stand_in.faults
    faults.limit(7)
    faults.answer("/context/", 503)
    answers = [
        (await client.call("GET", path))[0]
        for path in ("/doc", "/context/v1/1", "/doc", "/api/v1/workspace")
    ]
    assert answers == [429, 503, 200, 200]
    faults.seconds_slow = 0.1
    started = time.monotonic()
    await client.call("GET", "/doc")
    assert time.monotonic() - started >= 0.1


async def test_the_whole_server_goes_down_and_comes_back(
    client: Client, workspace: Workspace
) -> None:
    url = client.stand_in.url
    await client.stand_in.down()
    with pytest.raises(aiohttp.ClientError):
        await client.call("GET", "/doc")
    await client.stand_in.up()
    assert (client.stand_in.url, (await client.call("GET", "/doc"))[0]) == (url, 200)


async def test_every_request_is_remembered(client: Client, workspace: Workspace) -> None:
    organization = workspace.organization.id
    path = f"/api/v1/organization/{organization}/job"
    await client.call("GET", f"{path}?filter[job]=id=in=(1,2)&fields[job]=status")
    await client.call("GET", f"{path}/1")
    assert client.stand_in.requests == [
        Seen(
            "GET",
            path,
            "filter[job]=id=in=(1,2)&fields[job]=status",
            200,
            "bridge@example.com",
            0.0,
        ),
        Seen("GET", f"{path}/1", "", 404, "bridge@example.com", 0.0),
    ]
    assert client.stand_in.count("GET", "/job") == 2


async def test_what_nobody_has_observed_is_a_visible_failure(
    client: Client, workspace: Workspace
) -> None:
    status, body = await client.call("GET", "/api/v1/workspace?include=job.step")
    assert (status, body) == (
        501,
        {"errors": [{"detail": "the stand-in does not know include=job.step"}]},
    )
    assert client.stand_in.unexpected == [
        "GET /api/v1/workspace?include=job.step: include=job.step"
    ]
