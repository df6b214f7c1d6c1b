"""Socket Mode, with Slack's own client at the other end."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from bridge.sandbox.slack import Limits
from tests.bridge.sandbox.slack.apps import Place, settled
from tests.waiting import until


class Listener:
    """Acknowledges everything, with *payload*; counts what came."""

    def __init__(self, place: Place) -> None:
        self.came: list[SocketModeRequest] = []
        self.payload: dict[str, object] | None = None
        self.silent = False
        self.client = SocketModeClient(place.slack.app_token, web_client=place.client)
        self.client.socket_mode_request_listeners.append(self.hear)

    async def connect(self) -> None:
        await self.client.connect()  # type: ignore[no-untyped-call]  # slack_sdk has no types here

    async def close(self) -> None:
        await self.client.close()  # type: ignore[no-untyped-call]  # slack_sdk has no types here

    async def hear(self, client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        self.came.append(request)
        if not self.silent:
            response = SocketModeResponse(request.envelope_id, self.payload)
            await client.send_socket_mode_response(response)


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with settled(http=False, limits=Limits(ack=30.0, connections=2)) as one:
        yield one


@pytest.fixture
async def listener(place: Place) -> AsyncIterator[Listener]:
    one = Listener(place)
    await one.connect()
    await until(lambda: place.slack.sockets.open)
    yield one
    await one.close()


async def test_a_command_comes_as_an_envelope_and_is_answered(
    place: Place, listener: Listener
) -> None:
    listener.payload = {"text": "Looking…"}
    told = await place.slack.command(place.alice, place.ops, "status")
    (request,) = listener.came
    assert (told.acked, told.answer) == (True, {"text": "Looking…"})
    assert (request.type, request.payload["text"]) == ("slash_commands", "status")
    assert request.accepts_response_payload
    assert [one.text for one in place.slack.whispers(place.alice, place.ops)] == ["Looking…"]


async def test_an_event_that_is_not_acknowledged_comes_again() -> None:
    limits = Limits(ack=0.1, retries=(0.0, 0.0))
    async with settled(http=False, limits=limits) as place:
        listener = Listener(place)
        listener.silent = True
        await listener.connect()
        await until(lambda: place.slack.sockets.open)
        await place.slack.event({"type": "tokens_revoked"})
        await place.slack.settled()
        await until(lambda: len(listener.came) == 3)
        await listener.close()
        assert [one.retry_attempt for one in listener.came] == [0, 1, 2]
        assert len({one.payload["event_id"] for one in listener.came}) == 1
        assert not place.slack.complaints


async def test_the_app_connects_again_when_it_is_asked_to_or_cut_off(
    place: Place, listener: Listener
) -> None:
    await place.slack.sockets.disconnect()
    assert place.slack.sockets.open == []
    await until(lambda: place.slack.sockets.open)
    assert place.slack.sockets.opened == 2
    assert (await place.slack.command(place.alice, place.ops, "help")).acked
    place.slack.sockets.drop()
    assert not (await place.slack.command(place.alice, place.ops, "help")).acked
    assert place.slack.complaints == ["/terrakube failed with the error 'operation_timeout'"]
    await until(lambda: place.slack.sockets.open)


async def test_several_connections_share_what_comes(place: Place, listener: Listener) -> None:
    other = Listener(place)
    await other.connect()
    await until(lambda: len(place.slack.sockets.open) == 2)
    for _ in range(4):
        await place.slack.command(place.alice, place.ops, "help")
    await other.close()
    assert (len(listener.came), len(other.came)) == (2, 2)


async def test_there_may_not_be_any_number_of_connections(place: Place) -> None:
    sockets, frames = [], []
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            opened = await place.client.apps_connections_open(app_token=place.slack.app_token)
            sockets.append(await session.ws_connect(opened["url"]))
            frames.append(await sockets[-1].receive_json())
    assert [one["type"] for one in frames] == ["hello", "hello", "disconnect"]
    assert frames[2]["reason"] == "too_many_websockets"


async def test_a_ticket_lets_in_one_connection(place: Place) -> None:
    opened = await place.client.apps_connections_open(app_token=place.slack.app_token)
    async with aiohttp.ClientSession() as session:
        async with session.ws_connect(opened["url"]) as socket:
            hello = await socket.receive_json()
            assert (hello["type"], hello["num_connections"]) == ("hello", 1)
            await socket.send_str("what?")
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(opened["url"])
            await asyncio.sleep(0)
            await until(lambda: len(place.slack.surprises) == 2)
    assert await place.error("apps.connections.open") == "not_allowed_token_type"
