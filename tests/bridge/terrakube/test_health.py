"""How Terrakube is, asked as anybody may."""

from collections.abc import Mapping
from datetime import timedelta

import httpx
import pytest

from bridge.domain.examining import Health
from bridge.http import HttpClient
from bridge.terrakube.health import ask_health

UP = {"status": "UP", "groups": ["liveness", "readiness"]}


async def ask(
    status: int, body: object, headers: Mapping[str, str] | None = None
) -> tuple[Health, httpx.Request]:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if isinstance(body, str):
            return httpx.Response(status, text=body, headers=headers)
        return httpx.Response(status, json=body, headers=headers)

    async def token() -> str:
        return "Bearer canary"

    async with HttpClient(
        service="terrakube",
        base_url="http://terrakube.example.com",
        authorization=token,
        transport=httpx.MockTransport(answer),
    ) as http:
        health = await ask_health(http)
    (request,) = seen
    return health, request


async def test_it_is_asked_once_and_without_the_token() -> None:
    health, request = await ask(200, UP)
    assert health == Health(status=200, is_up=True)
    assert (request.url.path, "authorization" in request.headers) == ("/actuator/health", False)


@pytest.mark.parametrize(
    ("status", "body", "seen"),
    [
        (503, {"status": "DOWN"}, Health(status=503, is_up=False)),
        (404, {"error": "Not Found"}, Health(status=404, is_up=None)),
        (200, "up", Health(status=200, is_up=None)),
        (
            200,
            "<!DOCTYPE html><title>Terrakube</title>",
            Health(status=200, is_up=None, is_page=True),
        ),
        (401, "", Health(status=401, is_up=None)),
    ],
)
async def test_whatever_is_answered_is_a_fact(status: int, body: object, seen: Health) -> None:
    assert (await ask(status, body))[0] == seen


async def test_its_clock_is_read_from_its_answer() -> None:
    health, _ = await ask(200, UP, {"Date": "Wed, 25 Nov 2015 12:00:00 GMT"})
    assert health.ahead is not None
    assert health.ahead < timedelta(days=-3650)
    assert (await ask(200, UP, {"Date": "soon"}))[0].ahead is None
