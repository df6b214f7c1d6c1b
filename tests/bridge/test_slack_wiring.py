"""Slack as the whole bridge starts it: tokens tried, what lacks told, doors opened and shut."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from sqlalchemy import Connection, update
from structlog.testing import capture_logs

from bridge.domain.chat import Subscription
from bridge.domain.chat_controls import FormPlace
from bridge.domain.redaction import Redactor
from bridge.rendering.slack.views import render_start_view
from bridge.sandbox.slack import StandIn, start
from bridge.sandbox.slack.methods import SCOPES
from bridge.settings import InvalidSettingsError, load_settings
from bridge.store.database import Database
from bridge.store.queries.chat import read_channel, read_subscriptions
from bridge.store.schema import delivery, subject
from bridge.wiring.serving import Running, running
from tests.bridge.chat.doors import a_place
from tests.bridge.cli.processes import bridge as process
from tests.bridge.store.rows import rows_of
from tests.bridge.test_settings import ENOUGH
from tests.waiting import until

NOBODY: Final = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


def environment(slack: StandIn, mode: str, url: str, **more: str) -> Mapping[str, str]:
    return {
        **ENOUGH,
        "BRIDGE_TERRAKUBE__URL": NOBODY,
        "BRIDGE_FORGES__CODE__URL": NOBODY,
        "BRIDGE_DATABASE__URL": url,
        "BRIDGE_LISTEN__PORT": "0",
        "BRIDGE_LISTEN__HOST": "127.0.0.1",
        "BRIDGE_METRICS__PORT": "0",
        "BRIDGE_PUBLIC_URL": "https://bridge.example.com",
        "BRIDGE_SLACK__MODE": mode,
        "BRIDGE_SLACK__API_URL": slack.url,
        "BRIDGE_SLACK__BOT_TOKEN": slack.bot_token,
        "BRIDGE_SLACK__APP_TOKEN": slack.app_token,
        "BRIDGE_SLACK__SIGNING_SECRET": slack.signing_secret,
        **more,
    }


@asynccontextmanager
async def a_bridge(
    given: Mapping[str, str], folder: Path, slack: StandIn
) -> AsyncIterator[Running]:
    settings, now = load_settings(given, folder), asyncio.Event()
    now.set()  # nobody is there whom the start would have to wait for
    async with running(settings, redactor=Redactor(settings.secrets()), stop=now) as bridge:
        url = f"http://127.0.0.1:{bridge.addresses.port}/slack/events"
        slack.deliver_to(url if given["BRIDGE_SLACK__MODE"] == "http" else "")
        yield bridge


async def ready(bridge: Running) -> tuple[int, str]:
    address = f"http://127.0.0.1:{bridge.addresses.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        return answer.status, await answer.text()


async def subscribed(database: Database, team: str) -> list[Subscription]:
    return list(await database.read(read_subscriptions, team))


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_what_comes_in_is_handled_and_slack_is_not_asked_before(
    tmp_path: Path, sqlite_url: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("CLIENT_ID", "CLIENT_SECRET", "BOT_TOKEN", "SIGNING_SECRET", "APP_TOKEN"):
        monkeypatch.setenv(f"SLACK_{name}", "another")  # of another program on this machine
    async with start() as slack:
        ada = slack.add_user("ada")
        ops = slack.add_channel("ops", ada)
        given = environment(slack, mode, sqlite_url, BRIDGE_SLACK__DEFAULT_CHANNEL=ops.id)
        async with a_bridge(given, tmp_path, slack) as bridge:
            await until(lambda: _is_ready(bridge))
            asked = {"auth.test": 1, "conversations.info": 1}
            asked |= {"apps.connections.open": 1} if mode == "socket" else {}
            assert {one.method: len(slack.calls(one.method)) for one in slack.requests} == asked
            want = Subscription(team=slack.world.team, channel=ops.id, pattern="*/*")
            assert await subscribed(bridge.database, slack.world.team) == [want]
            assert (await slack.archive(ops, ada)) is not None
            await until(lambda: _parked(bridge.database, slack.world.team, ops.id))
            told = await slack.command(ada, ops, "whoami")
            assert (told.acked, told.seconds < 3) == (True, True)
            await until(lambda: _is_done(bridge.database, 2))
            assert len(slack.calls("auth.test")) == 1
            counted = bridge.metrics.exposition().decode()
            assert 'bridge_slack_deliveries_total{outcome="kept"} 2.0' in counted
        slack.assert_no_surprises()
        without = {name: one for name, one in given.items() if "DEFAULT" not in name}
        async with a_bridge(without, tmp_path, slack) as bridge:
            assert await subscribed(bridge.database, slack.world.team) == []
    assert list(home.rglob("*")) == []


async def _is_ready(bridge: Running) -> bool:
    return await ready(bridge) == (200, "ready\n")


async def _parked(database: Database, team: str, channel: str) -> str:
    return (await database.read(read_channel, team, channel)).parked


async def _is_done(database: Database, count: int) -> bool:
    outcomes = [row["outcome"] for row in await rows_of(database, delivery)]
    assert "dead" not in outcomes
    return len(outcomes) == count and "none" not in outcomes


@pytest.mark.parametrize("token", ["bot_token", "app_token"])
async def test_a_wrong_token_ends_the_start(tmp_path: Path, sqlite_url: str, token: str) -> None:
    variable = f"BRIDGE_SLACK__{token.upper()}"
    async with start() as slack:
        given = environment(slack, "socket", sqlite_url, **{variable: "xoxb-wrong-token"})
        async with asyncio.timeout(10):
            with pytest.raises(InvalidSettingsError) as caught:
                async with a_bridge(given, tmp_path, slack):
                    pass
    (mistake,) = caught.value.mistakes
    assert mistake.key == variable
    assert "invalid_auth" in mistake.text
    assert "xoxb-wrong-token" not in str(caught.value)


async def test_a_default_channel_that_others_read_is_told(tmp_path: Path, sqlite_url: str) -> None:
    async with start() as slack:
        stranger = slack.add_user("sam", team="T0OTHER")
        ops = slack.add_channel("ops", stranger)
        given = environment(slack, "http", sqlite_url, BRIDGE_SLACK__DEFAULT_CHANNEL=ops.id)
        with capture_logs() as logs:
            async with a_bridge(given, tmp_path, slack):
                pass
    (told,) = [one["reason"] for one in logs if one["event"] == "slack.lacking"]
    assert told.startswith(f"people of other organizations are in channel {ops.id}")


async def test_what_the_app_lacks_is_told_with_what_is_off(tmp_path: Path, sqlite_url: str) -> None:
    async with start(scopes=SCOPES - {"files:write"}) as slack:
        ops = slack.add_channel("ops", with_bot=False)
        given = environment(slack, "http", sqlite_url, BRIDGE_SLACK__DEFAULT_CHANNEL=ops.id)
        with capture_logs() as logs:
            async with a_bridge(given, tmp_path, slack):
                pass
    assert [one["reason"] for one in logs if one["event"] == "slack.lacking"] == [
        (
            "the app lacks the scope files:write, for complete plans as files, in channels that "
            "want them: add it and install the app again"
        ),
        f"the bridge is not in channel {ops.id}: /invite <@{slack.bot.id}> there",
    ]


async def test_while_slack_is_away_the_bridge_starts_and_deliveries_wait(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with start() as slack:
        ada = slack.add_user("ada")
        ops = slack.add_channel("ops", ada)
        slack.faults.fail("auth.test", times=1000)
        given = environment(slack, "http", sqlite_url, BRIDGE_SLACK__DEFAULT_CHANNEL=ops.id)
        with capture_logs() as logs:
            async with a_bridge(given, tmp_path, slack) as bridge:
                assert (await slack.command(ada, ops, "whoami")).acked
                await until(lambda: "delivery.postponed" in [one["event"] for one in logs])
                assert [row["outcome"] for row in await rows_of(bridge.database, delivery)] == [
                    "none"
                ]
        assert "slack.unreachable" in [one["event"] for one in logs]
        slack.faults.orders.clear()
        async with a_bridge(given, tmp_path, slack) as bridge:
            await _hurried(bridge.database)
            await until(lambda: _is_done(bridge.database, 1))
            team = slack.world.team
            assert [one.channel for one in await subscribed(bridge.database, team)] == [ops.id]
        slack.faults.fail("auth.test", times=1000)
        async with a_bridge(given, tmp_path, slack) as bridge:
            assert bridge.outside.slack is not None
            assert bridge.outside.slack.client.team == team  # as it was told before
            assert (await slack.command(ada, ops, "whoami")).acked
            await until(lambda: _is_done(bridge.database, 2))


async def _hurried(database: Database) -> None:
    """Wait for nothing that was put off."""
    await database.write(_all_due)


def _all_due(connection: Connection) -> None:
    connection.execute(update(subject).values(due_at=0))


async def test_a_bridge_that_slack_cannot_reach_is_not_ready(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with start() as slack:
        slack.faults.fail("apps.connections.open", times=1000)
        given = environment(slack, "socket", sqlite_url)
        async with a_bridge(given, tmp_path, slack) as bridge:
            assert await ready(bridge) == (503, "Slack is not connected\n")


async def test_what_was_acknowledged_before_a_stop_is_done_once_after_it(
    tmp_path: Path, sqlite_url: str
) -> None:
    async with await Database.open(sqlite_url) as database, a_place(database) as place:
        assert (await place.slack.command(place.ada, place.ops, "whoami")).acked
    async with start() as slack:
        given = environment(slack, "http", sqlite_url)
        for _ in range(2):
            async with a_bridge(given, tmp_path, slack) as bridge:
                await until(partial(_is_done, bridge.database, 1))
                (row,) = await rows_of(bridge.database, delivery)
                assert row["attempts"] == 1


async def test_without_a_token_the_door_stays_shut(tmp_path: Path, sqlite_url: str) -> None:
    async with start() as slack:
        given = dict(environment(slack, "http", sqlite_url))
        del given["BRIDGE_SLACK__BOT_TOKEN"]
        ada = slack.add_user("ada")
        ops = slack.add_channel("ops", ada)
        async with a_bridge(given, tmp_path, slack):
            told = await slack.command(ada, ops, "help")
    assert told.status == 404
    assert slack.requests == []


@pytest.mark.postgres
async def test_what_is_sent_again_to_a_replica_or_after_a_restart_is_done_once(
    tmp_path: Path, postgres_url: str
) -> None:
    async with start() as slack:
        ada = slack.add_user("ada")
        ops = slack.add_channel("ops", ada)
        given = environment(slack, "http", postgres_url)
        async with a_bridge(given, tmp_path, slack) as bridge:
            told = await slack.command(ada, ops, "whoami")
            async with a_bridge(given, tmp_path, slack):
                again = [await slack.replay(told)]
                await until(lambda: slack.whispers(ada, ops))
        async with a_bridge(given, tmp_path, slack) as bridge:
            again.append(await slack.replay(told))
            (row,) = await rows_of(bridge.database, delivery)
            assert (row["outcome"], row["attempts"]) == ("done", 1)
            assert len(slack.whispers(ada, ops)) == 1
        assert [told.status, *(one.status for one in again)] == [200, 200, 200]
        slack.assert_no_surprises()


async def test_what_was_acknowledged_before_sigterm_is_done_once_after_it(tmp_path: Path) -> None:
    async with start() as slack:
        ada = slack.add_user("ada")
        ops = slack.add_channel("ops", ada)
        given = environment(slack, "http", f"sqlite:///{tmp_path}/data/bridge.db")
        slack.faults.fail("auth.test", times=1000)  # so that nothing can be done yet
        async with process(tmp_path, given) as bridge:
            slack.deliver_to(f"{bridge.url}/slack/events")
            told = await slack.command(ada, ops, "whoami")
            ended = await bridge.stop()
        assert (told.acked, ended.code, ended.err) == (True, 0, [])
        slack.faults.orders.clear()
        async with a_bridge(given, tmp_path, slack) as again:
            await _hurried(again.database)
            await until(lambda: _is_done(again.database, 1))
            await until(lambda: slack.whispers(ada, ops))
            assert len(slack.whispers(ada, ops)) == 1


async def test_a_terrakube_that_hangs_keeps_nobody_waiting(tmp_path: Path, sqlite_url: str) -> None:
    async with start() as slack, hanging() as terrakube:
        ada, bob = slack.add_user("ada"), slack.add_user("bob")
        ops = slack.add_channel("ops", ada, bob)
        given = environment(slack, "http", sqlite_url, BRIDGE_TERRAKUBE__URL=terrakube.url)
        async with a_bridge(given, tmp_path, slack) as bridge:
            told = await slack.command(ada, ops, "workspaces acme/*")
            other = await slack.command(bob, ops, "whoami")
            assert [(one.acked, one.seconds < 1) for one in (told, other)] == [(True, True)] * 2
            await until(lambda: _is_done_for(bridge.database, bob.id))
            assert [one.text for one in slack.whispers(ada, ops)] == []
            view = render_start_view(FormPlace(channel=ops.id))
            form = slack.world.add_view(ada.id, dict(view))
            assert await slack.suggest(ada, form, "start.workspace", "") == []
            assert slack.office.deliveries[-1].seconds < 1
            terrakube.let_go.set()


@dataclass
class Hanging:
    """Somebody who answers nothing before they are let go, and then that they are busy."""

    url: str = ""
    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.Response:
        await self.let_go.wait()
        return web.Response(status=503)


@asynccontextmanager
async def hanging() -> AsyncIterator[Hanging]:
    made, app = Hanging(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url(""))
        yield made


async def _is_done_for(database: Database, user: str) -> bool:
    rows = await rows_of(database, delivery)
    return [row["outcome"] for row in rows if f":{user}:" in row["subject"]] == ["done"]
