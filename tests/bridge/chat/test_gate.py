"""Only what Slack signed comes in, only in good shape, and only once."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from urllib.parse import urlencode

import aiohttp
import pytest
from structlog.testing import capture_logs

from bridge.chat.gate import Gate
from bridge.store.database import Database
from tests.bridge.chat.doors import Place, a_place, http_door
from tests.fakes.clock import FakeClock

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
COMMAND = {
    "team_id": "T1",
    "user_id": "U1",
    "channel_id": "C1",
    "command": "/terrakube",
    "text": "help",
    "trigger_id": "1.2",
    "token": "legacy",
}
HELP = urlencode(COMMAND).encode()


def signed_for(place: Place, body: bytes, *, type_: str = FORM, age: float = 0) -> dict[str, str]:
    stamp = str(int(place.clock() - age))
    return {
        "Content-Type": type_,
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": signature(place.slack.signing_secret, stamp, body),
    }


def signature(secret: str, stamp: str, body: bytes) -> str:
    base = b"v0:" + stamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


async def test_what_is_signed_comes_in_once_and_is_answered_at_once(sqlite: Database) -> None:
    async with a_place(sqlite) as place:
        told = await place.slack.command(place.ada, place.ops, "help")
        assert (told.status, told.answer) == (200, None)
        (kept,) = await place.kept()
    who = f"{place.slack.world.team}:{place.ops.id}:{place.ada.id}"
    assert kept.subject == f"slack:{who}:help"
    assert "token" not in json.loads(kept.body)
    assert place.slack.requests == []


@pytest.mark.parametrize(
    ("changes", "age", "status"),
    [
        ({}, 0, 200),
        ({}, 299, 200),
        ({}, -299, 200),
        ({}, 301, 401),
        ({}, -301, 401),
        ({"X-Slack-Signature": "v0=" + "0" * 64}, 0, 401),
        ({"X-Slack-Signature": ""}, 0, 401),
        ({"X-Slack-Signature": None}, 0, 401),
        ({"X-Slack-Signature": "v0=é"}, 0, 401),
        ({"X-Slack-Request-Timestamp": None}, 0, 401),
        *[
            ({"X-Slack-Request-Timestamp": stamp}, 0, 401)
            for stamp in ("abc", "", "-5", "²", "5" * 5000, "1.5", "1e9")
        ],
        ({"Content-Type": "text/plain"}, 0, 415),
    ],
)
async def test_signatures_are_taken_for_five_minutes(
    sqlite: Database, changes: Mapping[str, str | None], age: float, status: int
) -> None:
    async with a_place(sqlite) as place:
        given: dict[str, str | None] = {**signed_for(place, HELP, age=age), **changes}
        headers = {name: value for name, value in given.items() if value is not None}
        assert (await place.send(HELP, headers))[0] == status
        assert len(await place.kept()) == (status == 200)


@pytest.mark.parametrize(
    ("body", "type_", "status"),
    [
        (b'{"a":', JSON, 400),
        (b"[1]", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"payload=%5B1%5D", FORM, 400),
        (b"payload=nothing", FORM, 400),
        (b"\xff\xfe", JSON, 401),
        (b"ssl_check=1&token=x", FORM, 200),
        (b"{}", JSON, 404),
    ],
)
async def test_only_what_slack_would_send_goes_on(
    sqlite: Database, body: bytes, type_: str, status: int
) -> None:
    async with a_place(sqlite) as place:
        assert (await place.send(body, signed_for(place, body, type_=type_)))[0] == status
        assert (await place.send(body, {"Content-Type": type_}))[0] == 401
        assert await place.kept() == []


async def test_whoever_looks_is_answered_and_nothing_is_done(sqlite: Database) -> None:
    async with a_place(sqlite) as place, aiohttp.ClientSession() as session:
        async with session.get(place.url) as looked, session.put(place.url) as wrong:
            assert (looked.status, wrong.status) == (200, 405)
        assert await place.slack.verify_url()
        assert (await place.slack.check_ssl()).status == 200
        assert await place.kept() == []


async def test_a_body_has_a_megabyte(sqlite: Database) -> None:
    async with a_place(sqlite) as place:
        fits = urlencode(COMMAND | {"text": ""}).encode()
        fits += b"x" * (2**20 - len(fits))
        sizes = [
            (await place.send(body, signed_for(place, body)))[0] for body in (fits, fits + b"x")
        ]
        assert sizes == [200, 413]


async def test_the_same_again_is_done_once_also_after_a_restart_and_elsewhere(
    database: Database,
) -> None:
    async with a_place(database) as place:
        told = await place.slack.command(place.ada, place.ops, "plan acme/net")
        again = [await place.slack.replay(told)]
        async with http_door(place):  # another replica, or the same one after a restart
            again.append(await place.slack.replay(told))
        assert [one.status for one in again] == [200, 200]
        assert len(await place.kept()) == 1


async def test_nothing_a_stranger_sends_is_logged(
    sqlite: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    body = urlencode(COMMAND | {"text": "the-marker"}).encode()
    with capture_logs() as logs:
        async with a_place(sqlite) as place:
            headers = signed_for(place, body)
            for wrong in (
                {"X-Slack-Signature": "v0=marker"},
                {"X-Slack-Request-Timestamp": "marker"},
                {"X-Slack-Request-Timestamp": "5" * 5000},
                {"X-Slack-Signature": "v0=\xe9marker"},
            ):
                assert (await place.send(body, headers | wrong))[0] == 401
    assert [one for one in caplog.messages if "marker" in one or "Traceback" in one] == []
    assert {one["event"] for one in logs} == {"delivery.refused"}
    assert "marker" not in str(logs)


def test_without_a_secret_there_is_no_gate() -> None:
    with pytest.raises(ValueError, match="needs a signing secret"):
        Gate("", FakeClock())


async def test_many_at_once_are_all_kept(sqlite: Database) -> None:
    async with a_place(sqlite) as place:
        told = await asyncio.gather(
            *(place.slack.command(place.ada, place.ops, f"status {n}") for n in range(20))
        )
        assert {one.status for one in told} == {200}
        assert len(await place.kept()) == 20
