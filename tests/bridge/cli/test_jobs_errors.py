"""What goes wrong between the command line and Terrakube: a line, an exit code, no traceback."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bridge.cli.jobs.ordering import Order, place
from bridge.domain.errors import TemporaryRemoteError
from bridge.terrakube import connect
from tests.bridge.cli.conftest import Desk, dotenv

COMMANDS = (
    ("workspaces",),
    ("templates",),
    ("jobs", "list"),
    ("jobs", "get", "1"),
    ("jobs", "create", "acme/network", "--template", "Plan"),
    ("jobs", "update", "1", "--comment", "x"),
    ("jobs", "approve", "1", "--yes"),
    ("jobs", "reject", "1"),
    ("jobs", "cancel", "1", "--yes"),
    ("jobs", "follow", "1"),
    ("jobs", "logs", "1"),
    ("jobs", "delete", "1", "--yes"),
)
NO_TOKEN = (
    "terrakube.token: is missing: set BRIDGE_TERRAKUBE__TOKEN or BRIDGE_TERRAKUBE__TOKEN_FILE"
)
MISSPELT = (
    ".env line 2: BRIDGE_TERRAKUBE__TOKN: there is no such setting; did you mean "
    "BRIDGE_TERRAKUBE__TOKEN?"
)


def expired(desk: Desk) -> str:
    ended = int((datetime.now(UTC) - timedelta(hours=1)).timestamp())
    return desk.terrakube.mint("bridge@example.com", "DEVELOPERS", exp=ended)


def reader(desk: Desk) -> str:
    return desk.terrakube.mint("eve@example.com", "READERS")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_an_expired_token_ends_every_command(desk: Desk, command: tuple[str, ...]) -> None:
    desk.configure(BRIDGE_TERRAKUBE__TOKEN=expired(desk))
    said = await desk(*command)
    assert (said.code, said.out, len(said.err)) == (7, "", 1)
    assert "the token expired at " in said.err[0]
    assert said.err[0].endswith("make a new one in Terrakube and set BRIDGE_TERRAKUBE__TOKEN")


async def test_a_token_that_is_none_is_suspected(desk: Desk) -> None:
    """Terrakube answers it with 500, as it answers much else."""
    desk.configure(BRIDGE_TERRAKUBE__TOKEN="nonsense")
    said = await desk("jobs", "list")
    assert (said.code, said.out, len(said.err)) == (6, "", 1)
    assert "this is how Terrakube answers a token it cannot read" in said.err[0]


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (
            ("jobs", "create", "acme/network", "--template", "Plan"),
            "none of the token's teams may start jobs here; give one of them the role plan",
        ),
        (
            ("jobs", "update", "1", "--comment", "x"),
            "none of the token's teams may change jobs here",
        ),
    ],
)
async def test_what_the_token_may_not_do_is_said(
    desk: Desk, command: tuple[str, ...], text: str
) -> None:
    desk.terrakube.age(
        desk.terrakube.add_job(desk.network, status="completed"), timedelta(minutes=10)
    )
    desk.configure(BRIDGE_TERRAKUBE__TOKEN=reader(desk))
    said = await desk(*command)
    assert (said.code, said.out, len(said.err)) == (7, "", 1)
    assert text in said.err[0]


async def test_a_terrakube_that_is_away_is_unreachable(desk: Desk) -> None:
    await desk.terrakube.down()
    said = await desk("jobs", "list")
    assert (said.code, said.out, len(said.err)) == (6, "", 1)
    where = f"no connection to {desk.terrakube.url}"
    assert said.err[0].startswith(f"GET /api/v1/organization: {where}: ")


@pytest.fixture
async def pages() -> AsyncIterator[str]:
    """The address of something that answers everything with a web page."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>Sign in</title>", content_type="text/html")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
async def test_a_web_page_instead_of_json_is_told_as_a_wrong_address(
    desk: Desk, pages: str, command: tuple[str, ...]
) -> None:
    desk.configure(BRIDGE_TERRAKUBE__URL=pages)
    said = await desk(*command)
    assert (said.code, said.out, len(said.err)) == (6, "", 1)
    assert said.err[0].endswith(
        "answered with a web page instead of JSON: is the address right, or does a proxy or a "
        "sign-in page stand in front?"
    )


async def test_a_server_that_fails_for_good_leaves_open_whether_the_job_exists(desk: Desk) -> None:
    async def nap(_: float) -> None:
        pass

    desk.terrakube.faults.answer(f"/workspace/{desk.network.id}/job", 500, times=2)
    order = Order(workspace="acme/network", template="Plan", key="k")
    async with connect(
        url=desk.terrakube.url, token=desk.terrakube.token, organizations=[]
    ) as server:
        server.sleep = nap
        with pytest.raises(TemporaryRemoteError) as raised:
            await place(server, order)
    assert str(raised.value).splitlines()[1:] == [
        (
            "whether the job exists is not known: say the same again with --idempotency-key k, "
            "which creates it only if it does not; or look for it with jobs list --key k"
        )
    ]
    assert desk.terrakube.jobs() == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, [NO_TOKEN]),
        ({"BRIDGE_TERRAKUBE__TOKN": "x"}, [NO_TOKEN, MISSPELT]),
    ],
)
async def test_what_is_missing_in_the_settings_is_named(
    desk: Desk, settings: dict[str, str], said: list[str]
) -> None:
    (desk.command_line.folder / ".env").write_text(
        dotenv({"BRIDGE_TERRAKUBE__URL": "http://127.0.0.1:1"} | settings)
    )
    ended = await desk("jobs", "list")
    assert (ended.code, ended.out, ended.err) == (2, "", said)


async def test_settings_of_other_sections_need_not_be_right(desk: Desk) -> None:
    desk.configure(
        BRIDGE_FORGES__GITHUB__TOKEN_FILE="/nowhere",
        BRIDGE_SECRET_KEY="short",
        BRIDGE_TERRAKUBE__ORGANIZATIONS="acme",
    )
    assert (await desk("jobs", "list")).code == 0


async def test_secrets_in_what_terrakube_says_are_masked(desk: Desk) -> None:
    desk.network.source = "https://robot:hunter22@git.example.com/infra.git"
    desk.terrakube.add_job(desk.network, comments=f"with {desk.terrakube.token}")
    said = await desk("workspaces")
    assert said.rows()[0]["source"] == "https://[redacted]@git.example.com/infra.git"
    for command in (("jobs", "list"), ("jobs", "get", "1")):
        shown = await desk(*command)
        assert (shown.code, desk.terrakube.token in shown.out) == (0, False)
