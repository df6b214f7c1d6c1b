"""Terrakube's notifications: a hint that brings the next look forward, and nothing else."""

import asyncio
import hashlib
import hmac
import json
from datetime import timedelta

import httpx

from bridge.sandbox.terrakube.model import Job, Status
from bridge.store.schema import delivery
from tests.e2e.stage import HINT_SECRET, Stage

HINT = {"jobId": 1, "organization": "acme", "workspace": "network", "status": "completed"}


def running(stage: Stage) -> list[Job]:
    return [job for job in stage.jobs() if job.status is Status.RUNNING]


def looks(stage: Stage) -> int:
    return sum(
        seen.method == "GET" and seen.path.endswith("/job") and "filter" in seen.query
        for seen in stage.server.requests
    )


async def a_job_that_is_looked_at_seldom(stage: Stage) -> str:
    """Let a job run for two minutes: the next look is some seconds away."""
    stage.executor.hold()
    pull_request = await stage.propose("network")
    await stage.until(lambda: running(stage))
    await stage.until(lambda: stage.clock.ahead > timedelta(minutes=2))
    await stage.until(lambda: "planning" in stage.comment(pull_request))
    await asyncio.sleep(0.2)
    return pull_request.head_sha


async def told(stage: Stage, body: bytes, signature: str | None) -> int:
    headers = {"X-Terrakube-Signature": signature} if signature is not None else {}
    async with httpx.AsyncClient() as client:
        url = f"{stage.url()}/webhooks/terrakube"
        return (await client.post(url, content=body, headers=headers)).status_code


async def test_a_signed_notification_brings_the_next_look_forward(stage: Stage) -> None:
    url = f"{stage.url()}/webhooks/terrakube"
    await a_job_that_is_looked_at_seldom(stage)
    stage.server.notify(stage.acme, url, secret=HINT_SECRET, statuses=["completed"])
    ahead = stage.clock.ahead
    stage.executor.let_go()
    async with asyncio.timeout(3):
        while not stage.logs("run.concluded"):  # noqa: ASYNC110 - a log
            await asyncio.sleep(0.02)
    assert stage.clock.ahead == ahead, "nobody waited"
    assert [sent.status for sent in stage.server.world.sent] == ["SENT"]


async def test_a_notification_that_is_not_signed_is_401_and_changes_nothing(stage: Stage) -> None:
    head = await a_job_that_is_looked_at_seldom(stage)
    before = looks(stage)
    body = json.dumps(HINT).encode()
    good = hmac.new(HINT_SECRET.encode(), body, hashlib.sha256).hexdigest()
    wrong = hmac.new(b"another", body, hashlib.sha256).hexdigest()
    assert [
        await told(stage, body, None),
        await told(stage, body, ""),
        await told(stage, body, wrong),
        await told(stage, body, good.upper()),
        await told(stage, body + b" ", good),
    ] == [401] * 5
    await asyncio.sleep(0.2)
    assert looks(stage) == before
    assert stage.statuses(head)["terrakube/plan"] == "pending"
    stage.executor.let_go()
    await stage.quiet()


async def test_a_signed_notification_of_another_kind_is_400(stage: Stage) -> None:
    for body in (b"", b"[]", b"{", b'{"organization": 1}'):
        signature = hmac.new(HINT_SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert await told(stage, body, signature) == 400


async def test_a_notification_says_nothing_and_is_not_stored(stage: Stage) -> None:
    """It claims that a job failed which runs: what is true is read from the API."""
    head = await a_job_that_is_looked_at_seldom(stage)
    before, kept = looks(stage), len(await stage.rows(delivery))
    body = json.dumps({**HINT, "status": "failed"}).encode()
    signature = hmac.new(HINT_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert await told(stage, body, signature) == 200
    async with asyncio.timeout(3):
        while looks(stage) == before:  # noqa: ASYNC110 - requests
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.1)
    assert stage.statuses(head)["terrakube/plan"] == "pending"
    assert len(await stage.rows(delivery)) == kept
    stage.executor.let_go()
    await stage.quiet()
    assert stage.statuses(head)["terrakube/plan"] == "success"
