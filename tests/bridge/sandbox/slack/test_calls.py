"""Calls in general: who may make them, how, and what goes wrong on order."""

import asyncio

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.bridge.sandbox.slack.apps import Place, settled
from tests.waiting import until


async def test_the_token_says_whose_it_is_and_what_it_may(place: Place) -> None:
    answer = await place.client.auth_test()
    assert (answer["user_id"], answer["team_id"]) == (place.slack.bot.id, place.slack.world.team)
    assert "chat:write" in answer.headers["x-oauth-scopes"].split(",")


@pytest.mark.parametrize(
    ("token", "error"),
    [
        ("xoxb-wrong", "invalid_auth"),
        ("", "not_authed"),
        ("xapp-sandbox", "not_allowed_token_type"),
    ],
)
async def test_a_wrong_token_is_refused(place: Place, token: str, error: str) -> None:
    client = AsyncWebClient(token, base_url=place.slack.url)
    with pytest.raises(SlackApiError, match=error):
        await client.auth_test()


async def test_a_missing_scope_is_named() -> None:
    async with settled(scopes=frozenset({"chat:write", "commands"})) as place:
        with pytest.raises(SlackApiError) as caught:
            await place.client.users_info(user=place.alice.id)
        wanted = {
            "ok": False,
            "error": "missing_scope",
            "needed": "users:read",
            "provided": "chat:write,commands",
        }
        assert caught.value.response.data == wanted
        assert await place.error("conversations.info", channel=place.ops.id) == "missing_scope"
        place.slack.assert_no_surprises()


async def test_unknown_methods_arguments_and_addresses_are_surprises(place: Place) -> None:
    assert await place.error("files.upload") == "unknown_method"
    assert await place.error("users.info", user=place.alice.id, x=1) == "invalid_arguments"
    assert await place.error("users.info") == "invalid_arguments"
    async with aiohttp.ClientSession() as session:
        await session.get(f"{place.slack.url}../elsewhere")
        await session.post(f"{place.slack.url}auth.test", json={"token": "xoxb-sandbox"})
        await session.post(f"{place.slack.url}auth.test", json=[])
        await session.post(f"{place.slack.url}auth.test", data=b"{", headers=JSON)
        await session.post(f"{place.slack.url}auth.test", data=b"x")
    assert place.slack.surprises == [
        "files.upload: unknown_method",
        "users.info: invalid_arguments: there is no argument x",
        "users.info: invalid_arguments: missing required field: user",
        "GET /elsewhere: there is nothing",
        "auth.test: invalid_auth: the token is in the arguments",
        "auth.test: json_not_object",
        "auth.test: invalid_json",
        "auth.test: invalid_post_type: application/octet-stream",
    ]
    with pytest.raises(AssertionError, match="unknown_method"):
        place.slack.assert_no_surprises()


JSON = {"Content-Type": "application/json"}


async def test_arguments_come_in_any_form(place: Place) -> None:
    blocks = '[{"type": "divider"}]'
    given = {"channel": place.ops.id, "text": "x", "blocks": blocks, "unfurl_links": "false"}
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer xoxb-sandbox"}) as session:
        url = f"{place.slack.url}chat.postMessage"
        await session.post(url, params=given)
        await session.post(url, data=given)
        await session.post(url, json=given | {"blocks": [{"type": "divider"}]})
    kinds = [[block["type"] for block in one.blocks] for one in place.slack.messages(place.ops)]
    assert kinds == [["divider"]] * 3
    assert await place.error("chat.postMessage", channel=3, text="x") == "invalid_arguments"
    assert await place.error("conversations.members", channel=place.ops.id, limit="x")
    broken = {"channel": place.ops.id, "text": "x", "blocks": "["}
    assert await place.error("chat.postMessage", **broken) == "invalid_arguments"


async def test_a_fault_before_and_one_after_the_message_is_stored(place: Place) -> None:
    place.slack.faults.fail("chat.*")
    place.slack.faults.store_then_fail("chat.postMessage")
    for _ in range(2):
        with pytest.raises(SlackApiError):
            await place.post()
    assert [one.text for one in place.slack.messages(place.ops)] == ["Hello"]
    assert [one.status for one in place.slack.requests] == [500, 500]


async def test_connections_are_cut_before_and_after(place: Place) -> None:
    place.slack.faults.reset("chat.postMessage")
    place.slack.faults.store_then_reset("chat.postMessage")
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await place.post()
    assert len(place.slack.messages(place.ops)) == 1


async def test_an_answer_may_not_come(place: Place) -> None:
    place.slack.faults.hang("users.info")
    place.slack.faults.store_then_hang("chat.postMessage")
    for call in (place.client.users_info(user=place.alice.id), place.post()):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.5)
    # Both were taken in, however late.
    await until(lambda: len(place.slack.requests) == 2)
    assert len(place.slack.messages(place.ops)) == 1


async def test_a_pause_on_order_lasts_for_the_method_only(place: Place) -> None:
    ts = await place.post()
    place.slack.faults.limit("chat.update", retry_after=2)
    where = {"channel": place.ops.id, "ts": ts, "text": "x"}
    assert [await place.error("chat.update", **where) for _ in range(2)] == ["ratelimited"] * 2
    assert place.slack.hasty == ["chat.update"]
    await place.post()
    place.clock.advance(2)
    assert await place.error("chat.update", **where) == ""
    place.slack.faults.refuse("chat.update", error="fatal_error")
    assert await place.error("chat.update", **where) == "fatal_error"
    place.slack.assert_no_surprises()
