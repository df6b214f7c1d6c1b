"""What ``doctor`` and ``check --online`` see of Slack, from settings to sentences."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.domain.examining import Level
from bridge.sandbox.slack import StandIn, start
from bridge.sandbox.slack.methods import SCOPES
from bridge.settings import load_settings
from bridge.wiring.examining import examine
from tests.bridge.cli.conftest import CommandLine
from tests.bridge.test_settings import ENOUGH

NOBODY = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def door() -> AsyncIterator[str]:
    """Where a bridge's door answers, below a public address."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=200 if request.path == "/slack/events" else 404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


def settings_for(slack: StandIn, mode: str = "socket", **more: str) -> dict[str, str]:
    return {
        **ENOUGH,
        "BRIDGE_TERRAKUBE__URL": NOBODY,
        "BRIDGE_FORGES__CODE__URL": NOBODY,
        "BRIDGE_PUBLIC_URL": NOBODY,
        "BRIDGE_SLACK__MODE": mode,
        "BRIDGE_SLACK__API_URL": slack.url,
        "BRIDGE_SLACK__BOT_TOKEN": slack.bot_token,
        "BRIDGE_SLACK__APP_TOKEN": slack.app_token,
        "BRIDGE_SLACK__SIGNING_SECRET": "0123456789abcdef" * 2,
        **more,
    }


Lines = list[tuple[str, str, str]]


async def lines(folder: Path, given: dict[str, str], document: str = "") -> Lines:
    (folder / "bridge.yaml").write_text(document)
    findings = await examine(load_settings(given, folder), patience=1.5)
    return [(one.what, one.level, one.detail) for one in findings if one.area == "slack"]


def rules(*groups: str) -> str:
    who = ", ".join(f"'slack:group:{one}'" for one in groups)
    return f"access:\n  - {{who: [{who}], may: [plan]}}\n"


async def test_all_is_well_in_either_mode(tmp_path: Path, door: str) -> None:
    async with start() as slack:
        ada = slack.add_user("ada")
        ops, group = slack.add_channel("ops", ada), slack.add_usergroup("platform", ada)
        more = {"BRIDGE_SLACK__DEFAULT_CHANNEL": ops.id, "BRIDGE_PUBLIC_URL": door}
        socket = await lines(tmp_path, settings_for(slack, **more), rules(group.id))
        http = await lines(tmp_path, settings_for(slack, "http", **more), rules(group.id))
        slack.assert_no_surprises()
    team = slack.world.team
    both: Lines = [
        ("bot token", "ok", f"of {slack.bot.id} in Acme ({team})"),
        ("scopes", "ok", "all that the bridge asks for"),
        (f"group {group.id}", "ok", "Slack says who is in it"),
        ("default channel", "ok", f"the bridge is in {ops.id}"),
    ]
    secret = "is set; whether it is this app's only shows when Slack delivers"
    assert socket == [*both, ("app token", "ok", "Slack says where socket mode connects")]
    assert http == [
        *both,
        ("signing secret", "ok", secret),
        ("door", "ok", f"{door}/slack/events answers from here"),
    ]


async def test_what_is_wrong_is_a_line_each(tmp_path: Path) -> None:
    async with start(scopes=SCOPES - {"files:write", "chat:write.public"}) as slack:
        ops = slack.add_channel("ops", with_bot=False)
        slack.add_channel("secret", private=True, with_bot=False)
        more = {"BRIDGE_SLACK__DEFAULT_CHANNEL": ops.id, "BRIDGE_SLACK__APP_TOKEN": "xapp-wrong"}
        found = await lines(tmp_path, settings_for(slack, **more), rules("S9999"))
        slack.faults.limit("apps.connections.open", retry_after=30)
        resting = await lines(tmp_path, settings_for(slack))
        unreached = await lines(tmp_path, settings_for(slack, "http"))
    wrong = [(what, level) for what, level, _ in found if level != Level.OK]
    assert wrong == [
        ("scope chat:write.public", "warning"),
        ("scope files:write", "warning"),
        ("group S9999", "error"),
        ("default channel", "warning"),
        ("app token", "error"),
    ]
    assert resting[-1][:2] == ("app token", "warning")
    assert ("access", "ok", "there are no access rules, so nobody may more than read") in resting
    assert unreached[-1][:2] == ("door", "warning")
    assert "xapp-wrong" not in str(found)


async def test_a_token_slack_does_not_take_is_one_line_and_no_answer_two(tmp_path: Path) -> None:
    async with start() as slack:
        wrong = settings_for(slack, BRIDGE_SLACK__BOT_TOKEN="xoxb-wrong")
        refused = await lines(tmp_path, wrong, rules("S1"))
        away = settings_for(slack, BRIDGE_SLACK__API_URL=f"{NOBODY}/api/")
        silent = await lines(tmp_path, away)
        shut = await lines(tmp_path, settings_for(slack, BRIDGE_SLACK__BOT_TOKEN=""))
    assert [(what, level) for what, level, _ in refused] == [
        ("bot token", "error"),
        ("app token", "ok"),
    ]
    assert [(what, level) for what, level, _ in silent] == [
        ("bot token", "error"),
        ("scopes, groups, default channel, app token", "error"),
    ]
    assert shut == [("door", "warning", "it stays shut: slack.bot_token is missing")]


async def test_check_asks_slack_as_the_start_does(command_line: CommandLine) -> None:
    async with start(scopes=SCOPES - {"files:write"}) as slack:
        command_line.configure(**settings_for(slack))
        lacking = await asyncio.to_thread(command_line, "check", "--online", "--json")
        command_line.configure(**settings_for(slack, BRIDGE_SLACK__BOT_TOKEN="xoxb-wrong"))
        refused = await asyncio.to_thread(command_line, "check", "--online", "--json")
    assert "the app lacks the scope files:write" in str(lacking.row()["notes"])
    assert (lacking.code, refused.code) == (6, 2)  # nobody else is there
    assert refused.err[0].startswith(".env line")
    assert "BRIDGE_SLACK__BOT_TOKEN" in refused.err[0]
    assert "xoxb-wrong" not in str(refused)
