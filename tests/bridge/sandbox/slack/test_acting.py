"""What people do reaches the app: signed, complete, and only when they can do it."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bridge.sandbox.slack import Limits, start
from tests.bridge.sandbox.slack.apps import Json, Place, settled

APPROVE: Json = {
    "type": "actions",
    "block_id": "decide",
    "elements": [
        {
            "type": "button",
            "action_id": "approve",
            "text": {"type": "plain_text", "text": "Approve"},
            "value": "job-1",
            "style": "primary",
        },
        {
            "type": "overflow",
            "action_id": "more",
            "options": [{"text": {"type": "plain_text", "text": "Logs"}, "value": "logs"}],
        },
    ],
}
MODAL: Json = {
    "type": "modal",
    "callback_id": "run",
    "private_metadata": "C1",
    "notify_on_close": True,
    "title": {"type": "plain_text", "text": "Run"},
    "submit": {"type": "plain_text", "text": "Start"},
    "blocks": [
        {
            "type": "input",
            "block_id": "where",
            "label": {"type": "plain_text", "text": "Workspace"},
            "element": {"type": "external_select", "action_id": "workspace", "min_query_length": 1},
        },
        {
            "type": "input",
            "block_id": "what",
            "optional": True,
            "label": {"type": "plain_text", "text": "Branch"},
            "element": {"type": "plain_text_input", "action_id": "branch", "max_length": 10},
        },
    ],
}
OPTION: Json = {"text": {"type": "plain_text", "text": "acme/net"}, "value": "net"}


async def test_a_command_is_signed_and_escaped_and_its_answer_is_shown(place: Place) -> None:
    place.app.answers = [web.json_response({"text": "Looking…"})]
    told = await place.slack.command(
        place.alice, place.ops, "status @bob #ops <!channel> a&b https://x.example"
    )
    (heard,) = place.app.heard
    assert (told.acked, heard.is_genuine) == (True, True)
    payload = heard.payload
    trigger, url = payload.pop("trigger_id"), payload.pop("response_url")
    assert (trigger.count("."), url.startswith(place.slack.world.url)) == (2, True)
    assert payload == {
        "token": "legacy-verification-token",
        "team_id": "T00000001",
        "team_domain": "acme",
        "channel_id": place.ops.id,
        "channel_name": "ops",
        "user_id": place.alice.id,
        "user_name": "alice",
        "command": "/terrakube",
        "text": f"status <@{place.bob.id}|bob> <#{place.ops.id}|ops> &lt;!channel&gt; a&amp;b "
        "<https://x.example>",
        "api_app_id": "A00000001",
        "is_enterprise_install": "false",
    }
    assert [one.text for one in place.slack.whispers(place.alice, place.ops)] == ["Looking…"]


@pytest.mark.parametrize(
    ("status", "delay", "ack", "error"),
    [(500, 0.0, 30.0, "dispatch_failed"), (200, 0.5, 0.1, "operation_timeout")],
)
async def test_a_command_nobody_acknowledges_is_complained_about(
    status: int, delay: float, ack: float, error: str
) -> None:
    async with settled(limits=Limits(ack=ack)) as place:
        place.app.answers, place.app.delay = [web.Response(status=status)], delay
        assert not (await place.slack.command(place.alice, place.ops, "help")).acked
        assert place.slack.complaints == [f"/terrakube failed with the error '{error}'"]


async def test_a_response_url_is_good_for_five_uses_in_half_an_hour(place: Place) -> None:
    await place.slack.command(place.alice, place.ops, "help")
    await place.slack.command(place.alice, place.ops, "help")
    first, second = (AsyncWebhookClient(one.payload["response_url"]) for one in place.app.heard)
    codes = [(await first.send(text=f"{number}")).status_code for number in range(6)]
    assert codes == [200] * 5 + [404]
    assert len(place.slack.whispers(place.alice, place.ops)) == 5
    await second.send(text="All", response_type="in_channel")
    assert [one.text for one in place.slack.messages(place.ops)] == ["All"]
    place.clock.advance(1801)
    late = await second.send(text="late")
    assert (late.status_code, "expired_url" in late.body) == (404, True)
    place.slack.faults.fail("response_url", status=503)
    assert (await second.send(text="x")).status_code == 503
    errors = [one.error for one in place.slack.calls("response_url")]
    assert errors == [""] * 5 + ["used_url", "", "expired_url", ""]
    place.slack.assert_no_surprises()


async def test_a_button_is_pressed_in_the_message_as_it_is_now(place: Place) -> None:
    ts = await place.post(blocks=[APPROVE])
    (message,) = place.slack.messages(place.ops)
    await place.slack.press(place.alice, message, "approve")
    (heard,) = place.app.heard
    payload = heard.payload
    (action,) = payload["actions"]
    assert heard.is_genuine
    assert {**action, "action_ts": ""} == {
        "type": "button",
        "action_id": "approve",
        "block_id": "decide",
        "text": {"type": "plain_text", "text": "Approve"},
        "value": "job-1",
        "style": "primary",
        "action_ts": "",
    }
    assert payload["container"]["message_ts"] == payload["message"]["ts"] == ts
    assert (payload["user"]["id"], payload["user"]["team_id"]) == (place.alice.id, "T00000001")
    await place.client.chat_update(channel=place.ops.id, ts=ts, text="Approved", blocks=[])
    with pytest.raises(LookupError, match="there is no 'approve'"):
        await place.slack.press(place.bob, message, "approve")
    await place.client.chat_delete(channel=place.ops.id, ts=ts)
    with pytest.raises(LookupError, match="the message is gone"):
        await place.slack.press(place.bob, message, "approve")


async def test_menus_take_one_of_their_options(place: Place) -> None:
    await place.post(blocks=[APPROVE])
    (message,) = place.slack.messages(place.ops)
    await place.slack.press(place.alice, message, "more", value="logs")
    assert place.app.heard[0].payload["actions"][0]["selected_option"]["value"] == "logs"
    with pytest.raises(LookupError, match="there is no option 'x', only logs"):
        await place.slack.press(place.alice, message, "more", value="x")


async def test_only_those_who_see_it_can_press(place: Place) -> None:
    await place.client.chat_postEphemeral(
        channel=place.ops.id, user=place.alice.id, text="You", blocks=[APPROVE]
    )
    (message,) = place.slack.whispers(place.alice, place.ops)
    with pytest.raises(LookupError, match="bob does not see what is for alice"):
        await place.slack.press(place.bob, message, "approve")
    with pytest.raises(LookupError, match="carol is not in ops"):
        await place.slack.press(place.slack.add_user("carol"), message, "approve")
    await place.slack.press(place.alice, message, "approve")
    assert "message" not in place.app.heard[0].payload


@pytest.mark.parametrize(
    ("given", "kept"), [({"replace_original": False}, "Plan"), ({}, "No"), (None, "")]
)
async def test_an_answer_to_a_button_replaces_unless_it_says_not_to(
    place: Place, given: Json | None, kept: str
) -> None:
    await place.post("Plan", blocks=[APPROVE])
    (message,) = place.slack.messages(place.ops)
    await place.slack.press(place.alice, message, "approve")
    hook = AsyncWebhookClient(place.app.heard[0].payload["response_url"])
    await hook.send(text="No", **({"delete_original": True} if given is None else given))
    assert [one.text for one in place.slack.messages(place.ops)] == ([kept] if kept else [])


async def opened(place: Place) -> Any:  # noqa: ANN401 - a view
    await place.slack.command(place.alice, place.ops, "")
    trigger = place.app.heard[-1].payload["trigger_id"]
    await place.client.views_open(trigger_id=trigger, view=MODAL)
    return place.slack.open_view(place.alice)


async def test_a_modal_is_opened_filled_in_and_sent(place: Place) -> None:
    view = await opened(place)
    with pytest.raises(LookupError, match="workspace is needed"):
        await place.slack.submit(place.alice, view)
    place.app.answers = [web.json_response({"options": [OPTION]})]
    assert await place.slack.suggest(place.alice, view, "workspace", "n") == [OPTION]
    assert place.app.heard[-1].payload["value"] == "n"
    with pytest.raises(LookupError, match="does not ask the app about ''"):
        await place.slack.suggest(place.alice, view, "workspace", "")
    await place.slack.submit(place.alice, view, {"workspace": "net", "branch": "main"})
    sent = place.app.heard[-1].payload
    assert (sent["type"], sent["view"]["private_metadata"]) == ("view_submission", "C1")
    assert sent["view"]["state"]["values"] == {
        "where": {"workspace": {"type": "external_select", "selected_option": OPTION}},
        "what": {"branch": {"type": "plain_text_input", "value": "main"}},
    }
    assert place.slack.open_view(place.alice) is None
    with pytest.raises(LookupError, match="the view is closed"):
        await place.slack.submit(place.alice, view, {"workspace": "net"})
    place.slack.assert_no_surprises()


async def test_what_a_sent_modal_is_answered_with_is_done(place: Place) -> None:
    view = await opened(place)
    place.app.answers = [web.json_response({"options": [OPTION]})]
    await place.slack.suggest(place.alice, view, "workspace", "n")

    async def answered(**answer: object) -> None:
        place.app.answers = [web.json_response(answer)]
        await place.slack.submit(place.alice, view, {"workspace": "net"})

    await answered(response_action="errors", errors={"what": "there is no such branch"})
    assert (view.is_open, view.errors) == (True, {"what": "there is no such branch"})
    await answered(response_action="push", view=MODAL)
    top = place.slack.open_view(place.alice)
    assert top is not None
    assert (top.root, top.below, view.errors) == (view.id, view.id, {})
    assert await place.slack.dismiss(place.alice, top) is not None
    assert place.app.heard[-1].payload["type"] == "view_closed"
    shown = {**MODAL, "title": {"type": "plain_text", "text": "Started"}}
    await answered(response_action="update", view=shown)
    assert view.given["title"]["text"] == "Started"
    assert view.state["where"]["workspace"]["selected_option"] == OPTION
    await place.client.views_update(view_id=view.id, view={**shown, "blocks": MODAL["blocks"][1:]})
    assert list(view.state) == ["what"]
    await place.client.views_update(view_id=view.id, view=shown)
    place.slack.assert_no_surprises()
    await answered(response_action="errors", errors={"nowhere": "x"})
    await answered(response_action="update", view={**MODAL, "title": {}})
    assert len(place.slack.surprises) == 2
    await answered(response_action="clear")
    assert not view.is_open


async def test_a_trigger_opens_one_view_within_three_seconds(place: Place) -> None:
    view = await opened(place)
    trigger = place.app.heard[-1].payload["trigger_id"]
    again = {"trigger_id": trigger, "view": MODAL}
    assert await place.error("views.open", **again) == "exchanged_trigger_id"
    await place.slack.command(place.alice, place.ops, "")
    late = {**again, "trigger_id": place.app.heard[-1].payload["trigger_id"]}
    place.clock.advance(3.1)
    assert await place.error("views.open", **late) == "expired_trigger_id"
    assert await place.error("views.open", **{**late, "trigger_id": "1.2.3"})
    update = {"view_id": view.id, "view": MODAL, "hash": view.hash}
    assert await place.error("views.update", **update) == ""
    assert await place.error("views.update", **update) == "hash_conflict"
    view.is_open = False
    assert await place.error("views.update", **update) == "not_found"


async def test_three_views_may_lie_on_each_other(place: Place) -> None:
    view = await opened(place)
    change = {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "more",
                "text": {"type": "plain_text", "text": "More"},
            }
        ],
    }
    shown = {**MODAL, "blocks": [change]}
    await place.client.views_update(view_id=view.id, view=shown)
    for error in ("", "", "push_limit_reached"):
        top = place.slack.open_view(place.alice)
        assert top is not None
        await place.slack.press(place.alice, top, "more")
        trigger = place.app.heard[-1].payload["trigger_id"]
        assert await place.error("views.push", trigger_id=trigger, view=shown) == error
    with pytest.raises(LookupError, match="another view lies on this one"):
        await place.slack.press(place.alice, view, "more")
    place.slack.assert_no_surprises()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"external_id": "mine"}, "duplicate_external_id"),
        ({"external_id": "other"}, ""),
        ({"title": {"type": "plain_text", "text": "x" * 25}}, "invalid_arguments"),
        ({"type": "home"}, "invalid_arguments"),
    ],
)
async def test_a_view_that_slack_would_not_show_is_refused(
    place: Place, change: Json, error: str
) -> None:
    view = await opened(place)
    named: Json = {"external_id": "mine", "view": {**MODAL, "external_id": "mine"}}
    await place.client.views_update(view_id=view.id, view=named["view"])
    assert await place.error("views.update", **named) == ""
    await place.slack.command(place.alice, place.ops, "")
    trigger = place.app.heard[-1].payload["trigger_id"]
    given = {"trigger_id": trigger, "view": {**MODAL, **change}}
    assert await place.error("views.open", **given) == error


async def test_a_home_is_published_and_changed(place: Place) -> None:
    home = {"type": "home", "blocks": [{"type": "divider"}]}
    first = await place.client.views_publish(user_id=place.alice.id, view=home)
    await place.client.views_publish(user_id=place.alice.id, view=home, hash=first["view"]["hash"])
    stale = {"user_id": place.alice.id, "view": home, "hash": first["view"]["hash"]}
    assert await place.error("views.publish", **stale) == "hash_conflict"
    assert place.slack.open_view(place.alice) is None


async def test_a_mention_is_an_event_where_the_app_is(place: Place) -> None:
    root = await place.post()
    told = await place.slack.mention(place.alice, place.ops, "status 12", thread=root)
    assert told is not None
    event = place.app.heard[0].payload["event"]
    assert (event["type"], event["thread_ts"]) == ("app_mention", root)
    assert event["text"] == f"<@{place.slack.bot.id}> status 12"
    foreign = place.slack.add_channel("random", place.alice, with_bot=False)
    assert await place.slack.mention(place.alice, foreign, "status") is None


async def test_an_event_is_told_again_until_it_is_acknowledged() -> None:
    async with settled(limits=Limits(retries=(0.0, 0.0, 0.0))) as place:
        place.app.answers = [web.Response(status=500), web.Response(status=500), web.Response()]
        await place.slack.archive(place.ops, place.alice)
        await place.slack.settled()
        numbers = [one.headers.get("X-Slack-Retry-Num") for one in place.app.heard]
        assert numbers == [None, "1", "2"]
        assert len({one.payload["event_id"] for one in place.app.heard}) == 1
        assert all(one.is_genuine for one in place.app.heard)
        place.app.answers = [web.Response(status=500, headers={"X-Slack-No-Retry": "1"})]
        await place.slack.event({"type": "tokens_revoked"})
        await place.slack.settled()
        assert len(place.app.heard) == 4


async def test_only_events_the_app_wants_are_told() -> None:
    async with start(events=["subteam_members_changed"]) as slack:
        alice, bob = slack.add_user("alice"), slack.add_user("bob")
        group = slack.add_usergroup("platform", alice)
        told = await slack.change_group(group, bob)
        assert told is not None
        event = told.payload["event"]
        assert (event["added_users"], event["removed_users"]) == ([bob.id], [alice.id])
        assert (told.acked, group.members) == (False, [bob.id])
        assert await slack.event({"type": "user_change"}) is None


async def test_a_delivery_is_replayed_to_the_byte_and_retold_anew(place: Place) -> None:
    told = await place.slack.event({"type": "app_uninstalled"})
    assert told is not None
    place.clock.advance(5)
    await place.slack.replay(told)
    await place.slack.retell(told)
    first, same, retold = place.app.heard
    assert (first.body, first.headers["X-Slack-Signature"]) == (
        same.body,
        same.headers["X-Slack-Signature"],
    )
    assert retold.body == first.body
    assert retold.headers["X-Slack-Signature"] != first.headers["X-Slack-Signature"]


async def test_the_address_is_verified(place: Place) -> None:
    assert not await place.slack.verify_url()
    place.app.answers = [web.json_response({"challenge": "another"})]
    assert not await place.slack.verify_url()
    assert place.app.heard[0].payload["type"] == "url_verification"
    assert (await place.slack.check_ssl()).acked
    assert place.app.heard[-1].payload["ssl_check"] == "1"


async def test_people_act_at_the_same_time(place: Place) -> None:
    await place.post(blocks=[APPROVE])
    (message,) = place.slack.messages(place.ops)
    people = (place.alice, place.bob)
    await asyncio.gather(*(place.slack.press(one, message, "approve") for one in people))
    payloads = [one.payload for one in place.app.heard]
    assert {one["user"]["name"] for one in payloads} == {"alice", "bob"}
    assert len({one["trigger_id"] for one in payloads}) == 2
