"""``python -m bridge.sandbox`` as a process."""

import asyncio
import json
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from bridge.sandbox.__main__ import main

SEED = {
    "organizations": [
        {
            "name": "acme",
            "workspaces": [
                {"name": "app", "source": "{forge}/acme/infra.git", "folder": "/app"},
            ],
        }
    ],
    "forge": {
        "accounts": ["alice"],
        "repositories": [
            {
                "name": "acme/infra",
                "private": True,
                "files": {"app/main.tf": 'resource "terraform_data" "one" { input = 1 }\n'},
                "access": {"alice": "write"},
            }
        ],
        "tokens": {"bridge": {"account": "alice"}},
    },
}


@asynccontextmanager
async def sandbox(*arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, Any]]:
    """The process and what it says when it is ready."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bridge.sandbox",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            yield process, json.loads(await process.stdout.readline())
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def read(url: str, token: str) -> Any:  # noqa: ANN401 - JSON
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - loopback
        return json.load(response)


async def test_one_line_says_where_everything_is(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(json.dumps(SEED), encoding="utf-8")
    arguments = ("--seed", str(seed), "--executor", "recorded", "--folder", str(tmp_path))
    async with sandbox(*arguments) as (process, ready):
        terrakube, forge = ready["terrakube"], ready["forge"]
        url = f"{terrakube['url']}/api/v1/workspace?fields[workspace]=name,source"
        body = await asyncio.to_thread(read, url, terrakube["token"])
        url = f"{forge['url']}/repos/acme/infra"
        repository = await asyncio.to_thread(read, url, forge["tokens"]["bridge"])
        process.terminate()
        assert await process.wait() == 0
    assert [row["attributes"] for row in body["data"]] == [
        {"name": "app", "source": f"{forge['web_url']}/acme/infra.git"}
    ]
    assert repository["full_name"] == "acme/infra"
    assert (terrakube["executor"], terrakube["version"]) == ("recorded", "beta")


SLACK = {
    "people": [{"name": "ada", "real_name": "Ada Lovelace"}],
    "groups": {"platform": ["ada"]},
    "channels": [{"name": "ops"}],
}


def act(url: str, deed: object) -> Any:  # noqa: ANN401 - JSON
    body = json.dumps(deed).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - loopback
        return json.load(response)


async def test_a_seed_with_slack_starts_one_and_others_act_as_its_people(tmp_path: Path) -> None:
    seed = tmp_path / "seed.json"
    heard: list[str] = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(str((await request.post())["text"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/slack/events", hear)
    async with TestServer(app) as server:
        url = str(server.make_url("/slack/events"))
        seed.write_text(json.dumps({"slack": SLACK | {"mode": "http", "url": url}}))
        arguments = ("--flavour", "none", "--executor", "instant", "--seed", str(seed))
        async with sandbox(*arguments) as (process, ready):
            place = ready["slack"]
            deed = {"user": "ada", "channel": "ops", "text": "status"}
            told = await asyncio.to_thread(act, f"{place['control_url']}/people/command", deed)
            with pytest.raises(urllib.error.HTTPError, match="404"):
                await asyncio.to_thread(read, f"{place['url']}../nothing", place["bot_token"])
            process.terminate()
            _, errors = await process.communicate()
    assert heard == ["status"]
    assert (told["acked"], told["status"]) == (True, 200)
    assert place.keys() >= {"url", "team", "signing_secret", "bot_token", "app_token", "mode"}
    assert (list(place["people"]), list(place["groups"])) == (["ada"], ["platform"])
    assert "slack: surprises: 1\n" in errors.decode()
    assert "nothing: there is nothing" in errors.decode()


async def test_it_ends_when_its_input_closes() -> None:
    arguments = ("--flavour", "none", "--version", "stable", "--until-eof")
    async with sandbox(*arguments, "--executor", "instant") as (process, ready):
        assert ready.keys() == {"terrakube"}
        assert process.stdin is not None
        process.stdin.close()
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "Invalid JSON"), ('{"organisations": []}', "organisations")],
    ids=["no JSON", "unknown key"],
)
def test_a_bad_seed_is_refused_by_name(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = tmp_path / "seed.json"
    seed.write_text(text, encoding="utf-8")
    assert main(["--seed", str(seed)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert str(seed) in captured.err
    assert says in captured.err
