"""Asked once more when the bytes are about to leave: a replica that was frozen sends nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bridge.domain.errors import LeaseLostError
from bridge.domain.guarding import guarded
from bridge.http import HttpClient, Response
from bridge.web.server import listening


@dataclass
class Listener:
    """A server that notes what it was asked.

    Attributes:
        sent: Methods and bodies, in order.
    """

    url: str = ""
    sent: list[tuple[str, bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.sent.append((request.method, await request.read()))
        return web.json_response({})


@pytest.fixture
async def server() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_route("*", "/", listener.answer)
    async with listening(app, host="127.0.0.1", port=0) as port:
        listener.url = f"http://127.0.0.1:{port}"
        yield listener


class Deadline:
    """A lease that ends after it was looked at so many times."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            msg = "the lease has ended"
            raise LeaseLostError(msg)


async def ask(server: Listener, method: str) -> Response:
    async with HttpClient(service="test", base_url=server.url) as client:
        return await client.request(method, "/", json={"a": 1})


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("looks", [0, 1])
async def test_a_write_is_not_sent_when_the_lease_has_ended_meanwhile(
    server: Listener, method: str, looks: int
) -> None:
    """Neither before its head nor between head and body."""
    with guarded(Deadline(looks).check), pytest.raises(LeaseLostError):
        await ask(server, method)
    await asyncio.sleep(0.01)
    assert server.sent == []


async def test_a_write_under_a_lease_that_lasts_is_sent_and_so_is_a_read_without_one(
    server: Listener,
) -> None:
    with guarded(Deadline(2).check):
        assert (await ask(server, "POST")).status == 200
    with guarded(Deadline(0).check):
        assert (await ask(server, "GET")).status == 200
    assert (await ask(server, "POST")).status == 200
    assert [method for method, _ in server.sent] == ["POST", "GET", "POST"]


async def test_the_client_works_on_after_a_write_was_held_back(server: Listener) -> None:
    async with HttpClient(service="test", base_url=server.url) as client:
        assert (await client.request("GET", "/")).status == 200
        with guarded(Deadline(0).check), pytest.raises(LeaseLostError):
            await client.request("POST", "/", json={})
        assert (await client.request("POST", "/", json={})).status == 200
