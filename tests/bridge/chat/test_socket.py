"""The connection to Slack is held, found again, and ended without losing what came through it."""

import asyncio
from dataclasses import dataclass, field

from structlog.testing import capture_logs

from bridge.chat.calls import open_caller
from bridge.domain.deliveries import Delivery
from bridge.engine.inbox import Inbox
from bridge.store.database import Database
from bridge.web.health import Readiness
from bridge.wiring.slack import Connected
from tests.bridge.chat.doors import Place, a_place, a_socket, socket_door
from tests.bridge.web.doors import Ready
from tests.waiting import until

OPEN = "apps.connections.open"


@dataclass
class SlowInbox:
    """Keeps what comes once it may."""

    inbox: Inbox
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def accept(self, delivery: Delivery, seconds: float, /) -> object:
        self.reached.set()
        await self.go_on.wait()
        return await self.inbox.accept(delivery, seconds)


async def is_heard(place: Place) -> bool:
    return (await place.slack.command(place.ada, place.ops, "status")).acked


async def test_a_connection_slack_wants_to_end_is_opened_anew(sqlite: Database) -> None:
    async with a_place(sqlite, mode="socket") as place:
        assert await is_heard(place)
        await place.slack.sockets.disconnect()
        await until(lambda: place.slack.sockets.open)
        assert await is_heard(place)
        assert (place.slack.sockets.opened, len(await place.kept())) == (2, 2)
        place.slack.assert_no_surprises()


async def test_a_connection_that_breaks_is_missed_until_it_is_back(sqlite: Database) -> None:
    async with a_place(sqlite, mode="socket") as place:
        assert place.socket is not None
        readiness = Connected(rest=Ready(), socket=place.socket)
        assert await readiness.problems() == []
        place.slack.faults.fail(OPEN, times=2)
        with capture_logs() as logs:
            place.slack.sockets.drop()
            await until(lambda: is_so(readiness, ["Slack is not connected"]))
            await until(lambda: is_so(readiness, []))
            assert await is_heard(place)
            await until(lambda: "slack.connected" in [one["event"] for one in logs])
    assert "slack.disconnected" in [one["event"] for one in logs]


async def is_so(readiness: Readiness, problems: list[str]) -> bool:
    return await readiness.problems() == problems


async def test_an_address_that_is_used_up_is_asked_for_again(sqlite: Database) -> None:
    async with a_place(sqlite, mode="http") as place:
        place.slack.deliver_to("")
        async with open_caller(place.slack.app_token, api_url=place.slack.url) as caller:
            used = place.slack.url.replace("http", "ws").replace("/api/", "/ws?ticket=used")
            socket = a_socket(place, caller, place.slack.app_token, ping=0.2, url=used)
            running = asyncio.create_task(socket.run())
            await until(socket.is_connected)
            assert await is_heard(place)
            socket.stop()
            await running
            assert await socket.is_connected() is False


async def test_slack_that_is_away_or_refuses_is_asked_again(sqlite: Database) -> None:
    async with a_place(sqlite, mode="http") as place:
        place.slack.deliver_to("")
        place.slack.faults.refuse(OPEN, error="internal_error", times=1)
        async with socket_door(place):
            assert await is_heard(place)
    assert len(place.slack.calls(OPEN)) == 2


async def test_what_is_being_taken_in_is_acknowledged_before_the_end(sqlite: Database) -> None:
    inbox = SlowInbox(Inbox(sqlite))
    async with a_place(sqlite, mode="socket", inbox=inbox) as place:
        assert place.socket is not None
        telling = asyncio.create_task(place.slack.command(place.ada, place.ops, "plan"))
        await inbox.reached.wait()
        place.socket.stop()
        inbox.go_on.set()
        assert (await telling).acked
        assert len(await place.kept()) == 1


async def test_replicas_share_what_comes_and_each_is_kept_once(database: Database) -> None:
    async with a_place(database, mode="socket") as place, socket_door(place):
        assert len(place.slack.sockets.open) == 2
        told = [await place.slack.mention(place.ada, place.ops, f"status {n}") for n in range(6)]
        again = [await place.slack.retell(one) for one in told if one is not None]
        assert [one.acked for one in again] == [True] * 6
        assert len(await place.kept()) == 6
