"""Messages: where they may be written, what they may hold, and what becomes of them."""

import pytest
from slack_sdk.errors import SlackApiError

from bridge.sandbox.slack import Limits, Rate
from tests.bridge.sandbox.slack.apps import Place, settled

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*Plan* of <https://x|it>"}}


async def test_a_message_is_kept_changed_and_deleted(place: Place) -> None:
    client, ops = place.client, place.ops
    posted = await client.chat_postMessage(channel=ops.id, text="Plan", blocks=[SECTION])
    ts = posted["ts"]
    (message,) = place.slack.messages(ops)
    assert (message.ts, message.text, message.author) == (ts, "Plan", place.slack.bot.id)
    await client.chat_update(channel=ops.id, ts=ts, text="Planned")
    assert (message.text, message.edits, message.blocks[0]["type"]) == ("Planned", 1, "section")
    await client.chat_update(channel=ops.id, ts=ts, text="Done", blocks=[])
    assert message.blocks == []
    link = await client.chat_getPermalink(channel=ops.id, message_ts=ts)
    assert link["permalink"].endswith(f"/archives/{ops.id}/p{ts.replace('.', '')}")
    await client.chat_delete(channel=ops.id, ts=ts)
    assert place.slack.messages(ops) == []
    assert await place.error("chat.update", channel=ops.id, ts=ts, text="x") == "message_not_found"
    place.slack.assert_no_surprises()


async def test_a_thread_has_answers_that_may_be_shown_in_the_channel(place: Place) -> None:
    root = await place.post()
    answer = await place.post("Failed", thread_ts=root, reply_broadcast=True)
    assert await place.error("chat.postMessage", channel=place.ops.id, text="x", thread_ts="1.2")
    place.slack.assert_no_surprises()
    with pytest.raises(SlackApiError, match="thread_not_found"):
        await place.post("no answers to answers", thread_ts=answer)
    assert place.slack.show_channel(place.ops) == (
        "#ops\nterrakube:\n  Hello\n    terrakube (also in the channel):\n      Failed\n"
    )


async def test_what_only_one_person_sees_cannot_be_changed(place: Place) -> None:
    told = await place.client.chat_postEphemeral(
        channel=place.ops.id, user=place.alice.id, text="Only you"
    )
    assert [one.text for one in place.slack.whispers(place.alice, place.ops)] == ["Only you"]
    assert place.slack.whispers(place.bob, place.ops) == place.slack.messages(place.ops) == []
    where = {"channel": place.ops.id, "ts": told["message_ts"]}
    assert await place.error("chat.update", **where, text="x") == "message_not_found"
    stranger = place.slack.add_user("carol")
    missing = {"channel": place.ops.id, "user": stranger.id, "text": "x"}
    assert await place.error("chat.postEphemeral", **missing) == "user_not_in_channel"
    foreign = place.slack.add_channel("random", place.alice, with_bot=False)
    outside = {"channel": foreign.id, "user": place.alice.id, "text": "x"}
    assert await place.error("chat.postEphemeral", **outside) == "not_in_channel"


async def test_membership_decides_where_the_app_may_write() -> None:
    async with settled(scopes=frozenset({"chat:write"})) as place:
        slack = place.slack
        foreign = slack.add_channel("random", place.alice, with_bot=False)
        secret = slack.add_channel("secret", place.alice, private=True, with_bot=False)
        errors = {
            name: await place.error("chat.postMessage", channel=name, text="x")
            for name in (foreign.id, secret.id, "C0UNKNOWN")
        }
        assert errors == {
            foreign.id: "not_in_channel",
            secret.id: "channel_not_found",
            "C0UNKNOWN": "channel_not_found",
        }
        ts = await place.post()
        await slack.remove_bot(place.ops)
        where = {"channel": place.ops.id, "ts": ts}
        assert await place.error("chat.update", **where, text="x") == "not_in_channel"
        await slack.archive(place.ops, place.alice)
        assert await place.error("chat.update", **where, text="x") == "is_archived"
        slack.assert_no_surprises()
        assert await place.error("chat.postMessage", channel="#ops", text="x")
        assert slack.surprises == ["chat.postMessage: channel_not_found: '#ops' is not an id"]


async def test_public_channels_are_open_with_the_scope_and_people_by_their_id(
    place: Place,
) -> None:
    foreign = place.slack.add_channel("random", place.alice, with_bot=False)
    await place.client.chat_postMessage(channel=foreign.id, text="Hello")
    direct = await place.client.chat_postMessage(channel=place.alice.id, text="Psst")
    assert direct["channel"].startswith("D")
    opened = await place.client.conversations_open(users=[place.alice.id])
    assert opened["channel"]["id"] == direct["channel"]


async def test_what_somebody_else_wrote_is_not_the_apps(place: Place) -> None:
    message = place.slack.say(place.alice, place.ops, "Mine")
    where = {"channel": place.ops.id, "ts": message.ts}
    assert await place.error("chat.update", **where, text="x") == "cant_update_message"
    assert await place.error("chat.delete", **where) == "cant_delete_message"
    assert len(place.slack.surprises) == 2


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"text": ""}, "no_text"),
        ({"text": "x" * 4001}, "msg_too_long"),
        ({"text": "x", "blocks": [SECTION] * 51}, "invalid_blocks"),
        (
            {
                "text": "x",
                "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 2800}}] * 4,
            },
            "msg_blocks_too_long",
        ),
        ({"text": "x", "colour": "red"}, "invalid_arguments"),
        ({"text": "x", "reply_broadcast": True}, "invalid_arguments"),
        ({"text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        ({"text": "x", "attachments": [{"text": "old"}]}, "invalid_attachments"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_slack_would_not_show_is_refused_and_a_surprise(
    place: Place, content: dict[str, object], error: str
) -> None:
    assert await place.error("chat.postMessage", channel=place.ops.id, **content) == error
    assert (place.slack.messages(place.ops), len(place.slack.surprises)) == ([], 1)


async def test_invalid_blocks_are_told_with_a_pointer(place: Place) -> None:
    empty = {"type": "section", "text": {"type": "mrkdwn", "text": ""}}
    with pytest.raises(SlackApiError) as caught:
        await place.post(blocks=[SECTION, empty])
    told = "must be more than 0 characters [json-pointer:/blocks/1/text/text]"
    assert caught.value.response["errors"] == [told]
    assert caught.value.response["response_metadata"] == {"messages": [f"[ERROR] {told}"]}


async def test_a_channel_takes_about_a_message_a_second(place: Place) -> None:
    for _ in range(4):
        await place.post()
    with pytest.raises(SlackApiError) as caught:
        await place.post()
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "4"
    other = place.slack.add_channel("other", place.alice)
    await place.client.chat_postMessage(channel=other.id, text="x")
    assert place.slack.hasty == []
    with pytest.raises(SlackApiError):
        await place.post()
    assert place.slack.hasty == [f"chat.postMessage {place.ops.id}"]
    place.clock.advance(4)
    await place.post()


async def test_edits_have_a_budget_in_the_whole_workspace() -> None:
    async with settled(limits=Limits(tier3=Rate(2, 60.0))) as place:
        ts = await place.post()
        where = {"channel": place.ops.id, "ts": ts, "text": "x"}
        answers = []
        for _ in range(3):
            answers.append(await place.error("chat.update", **where))
            place.clock.advance(10)
        assert answers == ["", "", "ratelimited"]
        assert place.slack.calls("chat.update")[-1].retry_after == 40
        place.clock.advance(30)
        assert await place.error("chat.update", **where) == ""
        assert (place.slack.busiest_minute("chat.update"), place.slack.hasty) == (3, [])


async def test_reactions_are_put_once(place: Place) -> None:
    ts = await place.post()
    where = {"channel": place.ops.id, "timestamp": ts, "name": "eyes"}
    await place.client.reactions_add(**where)
    assert await place.error("reactions.add", **where) == "already_reacted"
    assert place.slack.show(place.slack.messages(place.ops)[0]).endswith(":eyes:")
