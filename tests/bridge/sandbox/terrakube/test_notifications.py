"""Native notifications of the beta."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web

from bridge.sandbox.terrakube import StandIn, Timings, start
from bridge.sandbox.terrakube.model import Job
from tests.bridge.sandbox.terrakube.client import speaking
from tests.recorded import recording
from tests.waiting import until

SECRET = "shared-secret-1"
QUICK = Timings(first_run=0.005, tick=0.02, between=0.02, retries=(0.01, 0.02))


@dataclass(slots=True)
class Receiver:
    """A listener that answers *status* and keeps what it was sent."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        return web.Response(status=self.status)

    async def until(self, count: int) -> None:
        await until(lambda: len(self.got) >= count)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    application = web.Application()
    application.router.add_post("/hook", made.take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    await runner.cleanup()


async def run_a_plan(stand_in: StandIn) -> Job:
    acme = stand_in.world.organization("acme")
    workspace = stand_in.add_workspace(acme, "app", "https://git.example.com/infra.git")
    async with speaking(stand_in) as client:
        job = await client.create(workspace, stand_in.world.template("acme", "Plan"))
    return await stand_in.until(job, "completed")


async def test_every_change_is_posted_and_signed(receiver: Receiver, tmp_path: Path) -> None:
    async with start(tmp_path, executor="instant", timings=QUICK) as stand_in:
        stand_in.notify(stand_in.add_organization("acme"), receiver.url, secret=SECRET)
        job = await run_a_plan(stand_in)
        await receiver.until(4)
    bodies = [json.loads(body) for _, body in receiver.got]
    assert sorted(body["status"] for body in bodies) == ["completed", "pending", "queue", "running"]
    example = recording("webhook/delivery_completed").sent
    assert [body.keys() for body in bodies] == [example.keys()] * 4
    assert {body["jobId"] for body in bodies} == {job.number}
    for headers, body in receiver.got:
        digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert headers["X-Terrakube-Signature"] == digest
        assert headers["Content-Type"] == "application/json"


async def test_without_a_secret_there_is_no_signature(receiver: Receiver, tmp_path: Path) -> None:
    async with start(tmp_path, executor="instant", timings=QUICK) as stand_in:
        acme = stand_in.add_organization("acme")
        stand_in.notify(acme, receiver.url, statuses=["completed"])
        await run_a_plan(stand_in)
        await receiver.until(1)
    (headers, body), *others = receiver.got
    assert (others, json.loads(body)["status"]) == ([], "completed")
    assert "X-Terrakube-Signature" not in headers


async def test_a_refused_delivery_is_tried_again_and_then_given_up(
    receiver: Receiver, tmp_path: Path
) -> None:
    receiver.status = 500
    async with start(tmp_path, executor="instant", timings=QUICK) as stand_in:
        acme = stand_in.add_organization("acme")
        stand_in.notify(acme, receiver.url, statuses=["completed"])
        job = await run_a_plan(stand_in)
        await receiver.until(3)
        await asyncio.sleep(0.05)
        (sent,) = stand_in.world.sent
        assert (sent.status, sent.attempts, sent.last_error) == (
            "FAILED",
            3,
            "Webhook endpoint returned status 500",
        )
        async with speaking(stand_in) as client:
            path = f"/api/v1/organization/{acme.id}/job/{job.id}"
            assert (await client.call("DELETE", path))[0] == 409


async def test_stable_has_no_notifications(receiver: Receiver, tmp_path: Path) -> None:
    async with start(tmp_path, version="stable", executor="instant", timings=QUICK) as stand_in:
        stand_in.notify(stand_in.add_organization("acme"), receiver.url)
        await run_a_plan(stand_in)
        await asyncio.sleep(0.05)
    assert receiver.got == []
