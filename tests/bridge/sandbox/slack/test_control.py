"""Acting as people over HTTP: what they do, what they see, and what they cannot do."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientSession, web

from bridge.sandbox.slack import controlled
from tests.bridge.sandbox.slack.apps import Json, Place
from tests.bridge.sandbox.slack.test_acting import APPROVE, MODAL, OPTION


@pytest.fixture
async def people(place: Place) -> AsyncIterator[ClientSession]:
    async with controlled(place.slack) as url, ClientSession(url) as session:
        yield session


async def do(people: ClientSession, what: str, **deed: Any) -> Json:  # noqa: ANN401 - JSON
    async with people.post(f"/people/{what}", json=deed) as answer:
        found: Json = await answer.json()
        return {"refused": answer.status, **found} if answer.status != 200 else found


async def see(people: ClientSession, what: str, **query: str) -> Json:
    async with people.get(f"/{what}", params=query) as answer:
        found: Json = await answer.json()
        return found


async def test_a_command_and_a_mention_reach_the_app(place: Place, people: ClientSession) -> None:
    place.app.answers = [web.json_response({"text": "Looking…"})]
    told = await do(people, "command", user="alice", channel="#ops", text="status")
    seconds = told.pop("seconds")
    assert told == {"told": True, "acked": True, "status": 200, "answer": {"text": "Looking…"}}
    assert 0 <= seconds < 30
    await do(people, "mention", user=place.bob.id, channel=place.ops.id, text="help")
    said = [one.payload.get("text") or one.payload["event"]["text"] for one in place.app.heard]
    assert said == ["status", f"<@{place.slack.bot.id}> help"]


async def test_a_channel_is_seen_as_text_and_as_messages_with_what_is_only_for_one(
    place: Place, people: ClientSession
) -> None:
    sent = await place.client.chat_postMessage(channel=place.ops.id, text="Wait", blocks=[APPROVE])
    await place.client.chat_postMessage(channel=place.ops.id, text="Done", thread_ts=sent["ts"])
    await place.client.chat_postEphemeral(channel=place.ops.id, user=place.bob.id, text="Psst")
    seen = await see(people, "people/channel", channel="ops")
    assert seen["text"] == "#ops\nterrakube:\n  [+Approve] [overflow]\n    terrakube:\n      Done\n"
    first, second = seen["messages"]
    assert (first["ts"], first["actions"]) == (sent["ts"], ["approve", "more"])
    assert (second["thread"], second["text"], second["author"]) == (sent["ts"], "Done", "terrakube")
    seen = await see(people, "people/channel", channel="ops", to="bob")
    assert [one["only_for"] for one in seen["messages"]] == ["", "", "bob"]
    path, plain = "/people/channel?channel=ops&to=bob", {"Accept": "text/plain"}
    async with people.get(path, headers=plain) as answer:
        assert await answer.text() == seen["text"]


async def test_a_button_is_pressed_once_it_is_there(place: Place, people: ClientSession) -> None:
    sent = await place.client.chat_postMessage(channel=place.ops.id, text="Wait", blocks=[APPROVE])
    where = {"user": "alice", "channel": "ops", "ts": sent["ts"]}
    told = await do(people, "press", **where, action_id="approve")
    assert (told["acked"], place.app.heard[-1].payload["actions"][0]["value"]) == (True, "job-1")
    await place.client.chat_update(channel=place.ops.id, ts=sent["ts"], text="Done", blocks=[])
    refused = await do(people, "press", **where, action_id="approve")
    assert refused == {
        "refused": 409,
        "error": "there is no 'approve', only nothing to act on",
    }


async def test_a_modal_is_seen_filled_in_and_sent(place: Place, people: ClientSession) -> None:
    assert await see(people, "people/view", user="alice") == {}
    assert (await do(people, "submit", user="alice"))["error"] == "alice sees no modal"
    await do(people, "command", user="alice", channel="ops")
    trigger = place.app.heard[-1].payload["trigger_id"]
    await place.client.views_open(trigger_id=trigger, view=MODAL)
    assert (await see(people, "people/view", user="alice"))["callback_id"] == "run"
    place.app.answers = [web.json_response({"options": [OPTION]})]
    found = await do(people, "type", user="alice", action_id="workspace", value="net")
    assert found == {"options": [OPTION]}
    told = await do(people, "submit", user="alice", values={"workspace": "net", "branch": "main"})
    assert (told["acked"], told["errors"]) == (True, {})
    assert await see(people, "people/view", user="alice") == {}


async def test_channels_go_and_come_back(place: Place, people: ClientSession) -> None:
    for what in ("archive", "restore", "remove", "invite"):
        assert (await do(people, what, user="alice", channel="ops"))["acked"]
    assert [one.payload["event"]["type"] for one in place.app.heard] == [
        "channel_archive",
        "channel_unarchive",
        "channel_left",
        "member_joined_channel",
    ]
    assert place.slack.world.is_in(place.ops)


async def test_a_conversation_with_the_app_goes_by_the_persons_name(
    place: Place, people: ClientSession
) -> None:
    told = await do(people, "command", user="alice", channel="@alice", text="help")
    assert told["acked"]
    assert place.app.heard[-1].payload["channel_name"] == "directmessage"


@pytest.mark.parametrize(
    ("what", "deed", "status", "says"),
    [
        ("command", {"user": "nobody", "channel": "ops"}, 409, "there is no user 'nobody'"),
        ("command", {"user": "alice", "channel": "nowhere"}, 409, "no channel 'nowhere'"),
        ("command", {"user": "alice"}, 400, "channel"),
        ("submit", {"user": "alice", "fields": {}}, 400, "fields"),
        ("press", {"user": "alice", "channel": "ops", "ts": "1.2", "action_id": "x"}, 409, "'1.2'"),
    ],
)
async def test_what_nobody_can_do_is_refused_with_the_reason(
    people: ClientSession, what: str, deed: Json, status: int, says: str
) -> None:
    refused = await do(people, what, **deed)
    assert refused["refused"] == status
    assert says in refused["error"]


async def test_a_page_in_a_browser_cannot_act_as_anybody(people: ClientSession) -> None:
    async with people.post("/people/command", data=b'{"user": "alice"}') as answer:
        assert answer.status == 415


async def test_surprises_and_complaints_are_shown(place: Place, people: ClientSession) -> None:
    place.app.answers = [web.Response(status=500)]
    await do(people, "command", user="alice", channel="ops")
    async with people.get(f"{place.slack.world.url}/nothing") as answer:
        assert answer.status == 404
    assert await see(people, "surprises") == {
        "surprises": ["GET /nothing: there is nothing"],
        "complaints": ["/terrakube failed with the error 'dispatch_failed'"],
        "hasty": [],
    }
