"""What Slack really sends, as its own libraries' tests and papers have it, is read rightly.

The stand-in was written by the same people as the bridge: these payloads were not. Each case says
where it is from; ``bolt`` stands for github.com/slackapi/bolt-python, ``java`` for
github.com/slackapi/java-slack-sdk, ``docs`` for https://docs.slack.dev.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from bridge.chat.deliveries import parse, to_delivery
from bridge.chat.options import options_for
from bridge.domain.chat import ChatPlace
from bridge.domain.chat_controls import FormPlace
from bridge.domain.chat_events import (
    AppRemoved,
    ButtonPressed,
    ChannelBack,
    ChannelGone,
    CommandSaid,
    FormSent,
)
from bridge.domain.terrakube import Workspace, WorkspaceRef
from bridge.ports import Ignored
from bridge.rendering.slack.views import render_start_view
from bridge.store.database import Database
from tests.bridge.chat.doors import Json, KnownPlaces, a_button, a_place

NOW = datetime(2026, 11, 25, tzinfo=UTC)
OURS, THEIRS, BOT = "T111", "T222", "W111"
GRID = {"enterprise_id": "E111", "enterprise_name": "Sandbox Org"}
TEAM = {"id": OURS, "domain": "workspace-domain"}
OWNER = {"id": "W9", "username": "primary-owner", "name": "primary-owner", "team_id": OURS}
HOOK = "https://hooks.slack.com/actions/T111/111/random-value"
TRIGGER = "111.222.valid"


def read(kind: str, payload: Json) -> dict[str, Any]:
    """What is made of it, without what is the same everywhere."""
    found = parse(to_delivery(kind, payload, NOW))
    if isinstance(found, Ignored):
        return {"ignored": found.reason}
    shown = {name: getattr(found, name) for name in found.__slots__ if name != "received_at"}
    shown |= {name: getattr(found, name) for name in ("actor", "place", "user_team")}
    for name in ("trigger", "trigger_id", "response_url"):
        if hasattr(found, name):
            shown[name] = getattr(found, name)
    return {"is": type(found), **shown}


# docs/interactivity/implementing-slash-commands; Grid's two keys: java, SlashCommandPayload.json
COMMAND: Json = {
    "token": "gIkuvaNzQIHg97ATvDxqgjtO",
    "team_id": OURS,
    "team_domain": "example",
    "channel_id": "C2147483705",
    "channel_name": "test",
    "user_id": "U2147483697",
    "user_name": "Steve",
    "command": "/terrakube",
    "text": "status acme/network",
    "api_app_id": "A123456",
    "is_enterprise_install": "false",
    "response_url": "https://hooks.slack.com/commands/1234/5678",
    "trigger_id": "13345224609.738474920.8088930838d88f008e0",
}


def said(**more: str) -> Mapping[str, object]:
    return {
        "is": CommandSaid,
        "actor": "U2147483697",
        "user_team": OURS,
        "place": ChatPlace(team=OURS, channel=more.get("channel_id", "C2147483705")),
        "trigger": f"slack:{OURS}:{COMMAND['trigger_id']}",
        "trigger_id": COMMAND["trigger_id"],
        "response_url": COMMAND["response_url"],
        "text": more.get("text", "status acme/network"),
        "mention": False,
    }


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"enterprise_id": "E111", "enterprise_name": "Sandbox Org"},
        {"channel_id": "D0123456789", "channel_name": "directmessage"},
        {"channel_id": "G0123456789", "channel_name": "privategroup"},
        {"channel_id": "C0123456789", "channel_name": "mpdm-ada--bob--terrakube-1"},
        {"text": ""},
    ],
)
def test_a_command_is_the_same_wherever_it_is_said(more: dict[str, str]) -> None:
    assert read("command", COMMAND | more) == said(**more)


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_a_command_may_say_what_bolt_looks_for(sqlite: Database, mode: str) -> None:
    """bolt, slack_bolt/request/internals.py, parse_body: ``if "payload" in body``."""
    async with a_place(sqlite, mode=mode) as place:
        told = await place.slack.command(place.ada, place.ops, "plan acme/payload-api")
        (found,) = await place.meant()
    assert isinstance(found, CommandSaid)
    assert (told.acked, found.text) == (True, "plan acme/payload-api")


# bolt, tests/scenario_tests/test_block_actions.py (of an ephemeral message: it has no message)
CLICK: Json = {
    "type": "block_actions",
    "user": OWNER,
    "api_app_id": "A111",
    "token": "verification_token",
    "container": {
        "type": "message",
        "message_ts": "111.222",
        "channel_id": "C111",
        "is_ephemeral": True,
    },
    "trigger_id": TRIGGER,
    "team": TEAM | GRID,
    "channel": {"id": "C111", "name": "test-channel"},
    "response_url": HOOK,
    "actions": [
        {
            "action_id": "run.approve",
            "block_id": "b",
            "text": {"type": "plain_text", "text": "Button", "emoji": True},
            "value": "01A.1.m",
            "type": "button",
            "action_ts": "1596530385.194939",
        }
    ],
}
SHOWN: Json = {"bot_id": "B1", "type": "message", "text": "x", "user": BOT, "ts": "111.222"}


def stands(thread: str = "", **more: object) -> Json:
    """Let the message be one that all see."""
    container = CLICK["container"] | {"is_ephemeral": False}
    in_thread = {"thread_ts": thread} if thread else {}
    return {"container": container | in_thread, "message": SHOWN | in_thread | more}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, {}),
        # java, BlockActionPayload.json; Socket Mode gives null (bolt, test_internals.py)
        ({"enterprise": {"id": "E111", "name": "Sandbox Org"}, "is_enterprise_install": False}, {}),
        ({"enterprise": None, "team": TEAM}, {}),
        # an organization that stands for the workspaces of its people: Slack is asked
        ({"user": OWNER | {"team_id": "E111"}}, {"user_team": ""}),
        ({"user": OWNER | {"team_id": "E222"}}, {"user_team": "E222"}),
        ({"user": OWNER | {"team_id": THEIRS}}, {"user_team": THEIRS}),
        # bolt, extract_team_id: the team is null where the app is an organization's
        ({"team": None, "enterprise": {"id": "E111", "name": "x"}}, {}),
        (stands(), {}),
        # a real one, github.com/TotoroSyd/heybot, payload.py
        (
            {**stands(), "channel": {"id": "D01ACC2E8S3", "name": "directmessage"}},
            {"place": ChatPlace(team=OURS, channel="D01ACC2E8S3")},
        ),
        # slack-go pull request 888: ``container.thread_ts`` of what was pressed in a thread
        (stands("100.000"), {"place": ChatPlace(team=OURS, channel="C111", thread="100.000")}),
        (
            stands("100.000", subtype="thread_broadcast", root={"ts": "100.000"}),
            {"place": ChatPlace(team=OURS, channel="C111", thread="100.000")},
        ),
        # docs/messaging/retrieving-messages: a message with answers bears its own ts as thread_ts
        ({**stands(), "message": SHOWN | {"thread_ts": "111.222", "reply_count": 2}}, {}),
        (stands("111.222", reply_count=2, latest_reply="112.000"), {}),
    ],
)
def test_a_click_is_where_its_message_stands(more: Json, expected: Json) -> None:
    assert read("block_actions", CLICK | more) == {
        "is": ButtonPressed,
        "actor": "W9",
        "user_team": OURS,
        "place": ChatPlace(team=OURS, channel="C111"),
        "trigger": f"slack:{OURS}:{TRIGGER}",
        "trigger_id": TRIGGER,
        "response_url": HOOK,
        "action": "run.approve",
        "value": "01A.1.m",
        "message": "111.222",
        **expected,
    }


# bolt, tests/scenario_tests/test_view_submission.py and test_block_suggestion.py
VIEW: Json = {
    "id": "V111",
    "team_id": OURS,
    "type": "modal",
    "blocks": [],
    "private_metadata": "C111|100.000|",
    "callback_id": "run_start",
    "state": {"values": {}},
    "hash": "1596530361.3wRYuk3R",
    "title": {"type": "plain_text", "text": "My App"},
    "clear_on_close": False,
    "notify_on_close": False,
    "close": {"type": "plain_text", "text": "Cancel"},
    "submit": {"type": "plain_text", "text": "Submit"},
    "previous_view_id": None,
    "root_view_id": "V111",
    "app_id": "A111",
    "external_id": "",
    "app_installed_team_id": OURS,
    "bot_id": "B111",
}
FORM: Json = {
    "type": "view_submission",
    "team": TEAM | GRID,
    "user": OWNER,
    "api_app_id": "A111",
    "token": "verification_token",
    "trigger_id": TRIGGER,
    "view": VIEW,
    "response_urls": [],
}
PICKED = {"type": "external_select"}
CHOSEN = {"text": {"type": "plain_text", "text": "network", "emoji": True}, "value": "acme/network"}


@pytest.mark.parametrize(
    ("more", "view", "expected"),
    [
        ({}, {}, {}),
        ({}, {"state": {}}, {}),
        (
            # docs/reference/interaction-payloads/view-interactions-payload
            {},
            {
                "state": {
                    "values": {
                        "a": {"start.workspace": PICKED | {"selected_option": CHOSEN}},
                        "b": {"start.template": PICKED | {"selected_option": None}},
                        "c": {
                            "start.verb": {
                                "type": "static_select",
                                "selected_option": CHOSEN | {"value": "plan"},
                            }
                        },
                        "d": {"start.branch": {"type": "plain_text_input", "value": None}},
                    }
                }
            },
            {"values": {"start.workspace": "acme/network", "start.verb": "plan"}},
        ),
        (
            {
                "response_urls": [
                    {"block_id": "b", "action_id": "a", "channel_id": "C1", "response_url": HOOK}
                ]
            },
            {},
            {"response_url": HOOK},
        ),
        # bolt, extract_team_id: opened out of a channel that is somebody else's
        ({"team": {"id": THEIRS, "domain": "theirs"}}, {}, {}),
        ({"user": OWNER | {"team_id": THEIRS}}, {}, {"user_team": THEIRS}),
        ({"team": None}, {}, {}),
    ],
)
def test_a_form_comes_from_where_it_was_opened(more: Json, view: Json, expected: Json) -> None:
    assert read("view_submission", FORM | more | {"view": VIEW | view}) == {
        "is": FormSent,
        "actor": "W9",
        "user_team": OURS,
        "place": ChatPlace(team=OURS, channel="C111", thread="100.000"),
        "trigger": f"slack:{OURS}:{TRIGGER}",
        "trigger_id": TRIGGER,
        "response_url": "",
        "form": "run_start",
        "values": {},
        "metadata": "C111|100.000|",
        **expected,
    }


REF = WorkspaceRef(organization_id="o", organization="acme", id="w", name="network")
KNOWN = KnownPlaces(there=[Workspace(ref=REF, source="", branch="main", folder="/")])
SEARCH: Json = {
    "type": "block_suggestion",
    "user": OWNER,
    "api_app_id": "A111",
    "token": "verification_token",
    "action_id": "start.workspace",
    "block_id": "es_b",
    "value": "net",
    "team": TEAM | GRID,
}
IN_VIEW: Json = {"container": {"type": "view", "view_id": "V111"}, "view": VIEW}


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        (IN_VIEW, 1),
        (stands() | {"channel": {"id": "C111", "name": "test-channel"}}, 1),
        (IN_VIEW | {"team": None}, 1),
        (IN_VIEW | {"team": {"id": THEIRS, "domain": "theirs"}}, 1),
        (IN_VIEW | {"user": OWNER | {"team_id": "E111"}}, 1),
        (IN_VIEW | {"user": OWNER | {"team_id": THEIRS}}, 0),
    ],
)
def test_what_is_searched_is_offered_to_our_own(more: Json, offered: int) -> None:
    assert len(options_for(SEARCH | more, KNOWN).get("option_groups", [])) == offered


def an_event(
    event: Json, more: Json | None = None, *, outer: str = OURS, enterprise: str | None = None
) -> Json:
    """bolt, tests/scenario_tests/test_events_shared_channels.py."""
    return {
        "token": "verification_token",
        "team_id": outer,
        "api_app_id": "A111",
        "event": event,
        "type": "event_callback",
        "event_id": "Ev111",
        "event_time": 1595926230,
        "authorizations": [
            {
                "enterprise_id": enterprise,
                "team_id": OURS,
                "user_id": BOT,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        **(more or {}),
    }


MENTION: Json = {
    "client_msg_id": "9cbd4c5b-7ddf-4ede-b479-ad21fca66d63",
    "type": "app_mention",
    "text": "<@W111> status",
    "user": "W222",
    "ts": "1595926230.009600",
    "team": OURS,
    "channel": "C111",
    "event_ts": "1595926230.009600",
}
EXTERNAL: Json = {"is_ext_shared_channel": True}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (an_event(MENTION), {}),
        (an_event(MENTION, {"enterprise_id": "E111"}, enterprise="E111"), {}),
        (an_event(MENTION | {"files": [{"id": "F1"}], "upload": False, "blocks": []}), {}),
        (
            an_event(MENTION | {"thread_ts": "100.000", "parent_user_id": "W3"}),
            {"place": ChatPlace(team=OURS, channel="C111", thread="100.000")},
        ),
        # bolt, tests/slack_bolt/request/test_internals.py: who is of another workspace
        (
            an_event(MENTION | {"user_team": THEIRS, "source_team": THEIRS}, EXTERNAL),
            {"user_team": THEIRS},
        ),
        (
            an_event(MENTION | {"user_team": "E222", "source_team": "E222"}, EXTERNAL),
            {"user_team": "E222"},
        ),
        # the same: they are ours, and the channel is another workspace's
        (
            an_event(
                MENTION | {"team": THEIRS, "user_team": OURS, "source_team": OURS},
                EXTERNAL | {"enterprise_id": "E222"},
                outer=THEIRS,
            ),
            {},
        ),
        (
            an_event(
                MENTION | {"team": THEIRS},
                EXTERNAL | {"context_team_id": OURS},
                outer=THEIRS,
            ),
            {"user_team": THEIRS},
        ),
        # ours, whose organization is named for the workspace: Slack is asked
        (
            an_event(MENTION | {"user_team": "E111"}, EXTERNAL, enterprise="E111"),
            {"user_team": ""},
        ),
    ],
)
def test_a_mention_is_of_the_workspace_the_app_is_in(payload: Json, expected: Json) -> None:
    assert read("app_mention", payload) == {
        "is": CommandSaid,
        "actor": "W222",
        "user_team": OURS,
        "place": ChatPlace(team=OURS, channel="C111"),
        "trigger": f"slack:{OURS}:Ev111",
        "trigger_id": "",
        "response_url": "",
        "text": "status",
        "mention": True,
        **expected,
    }


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        # java, AppMentionPayload.json
        ({"bot_id": "B9", "bot_profile": {"id": "B9", "team_id": OURS}}, "a program said it"),
        ({"edited": {"user": "W222", "ts": "1595926231.000000"}}, "a message was edited"),
        ({"user": BOT}, "the bridge said it itself"),
    ],
)
def test_what_nobody_said_anew_is_left_alone(more: Json, reason: str) -> None:
    assert read("app_mention", an_event(MENTION | more)) == {"ignored": reason}


HERE = {"place": ChatPlace(team=OURS, channel="C111"), "user_team": ""}
JOINED = {"type": "member_joined_channel", "channel": "C111", "channel_type": "C", "team": OURS}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        # java, json-logs/samples/events/Channel*Payload.json and Group*Payload.json
        (
            an_event({"type": "channel_archive", "channel": "C111", "user": "U1", "is_moved": 0}),
            {**HERE, "is": ChannelGone, "actor": "U1", "why": "it was archived"},
        ),
        (
            an_event({"type": "group_left", "channel": "C111", "actor_id": "U1"}),
            {**HERE, "is": ChannelGone, "actor": "U1", "why": "the bridge was removed from it"},
        ),
        (
            an_event({"type": "channel_deleted", "channel": "C111"}),
            {**HERE, "is": ChannelGone, "actor": "", "why": "it was deleted"},
        ),
        (
            an_event({"type": "channel_unarchive", "channel": "C111", "user": "U1"}),
            {**HERE, "is": ChannelBack, "actor": "U1"},
        ),
        # bolt, test_events_shared_channels.py: T_SOURCE invites the app of T_INSTALLED
        (
            an_event(JOINED | {"user": BOT, "inviter": "U2"}, outer="T_SOURCE"),
            {**HERE, "is": ChannelBack, "actor": BOT, "user_team": OURS},
        ),
        (
            an_event(JOINED | {"user": "U999", "inviter": "U2"}, outer="T_SOURCE"),
            {"ignored": "nothing follows from this member_joined_channel"},
        ),
        (
            an_event({"type": "channel_archive", "channel": "C111", "user": "U2"}, outer=THEIRS),
            {**HERE, "is": ChannelGone, "actor": "U2", "why": "it was archived"},
        ),
        # java, AppUninstalledPayload.json: without authorizations
        (
            an_event({"type": "app_uninstalled"}, {"authorizations": None}),
            {
                "is": AppRemoved,
                "actor": "",
                "user_team": "",
                "place": ChatPlace(team=OURS, channel=""),
                "why": "it was uninstalled",
            },
        ),
        (
            an_event({"type": "tokens_revoked", "tokens": {"oauth": ["W1"], "bot": []}}),
            {"ignored": "nothing follows from this tokens_revoked"},
        ),
    ],
)
def test_what_happens_is_of_the_workspace_the_app_is_in(payload: Json, expected: Json) -> None:
    assert read(payload["event"]["type"], payload) == expected


async def test_the_stand_in_sends_the_same(sqlite: Database) -> None:
    """What was found above was wrong in it, too."""
    async with a_place(sqlite) as place:
        slack, ada, ops = place.slack, place.ada, place.ops
        eve = slack.add_user("eve", team=THEIRS)
        shared = slack.add_channel("shared", ada, eve)
        ts = await place.show(a_button("run.approve"))
        slack.say(ada, ops, "an answer", thread=ts)
        await slack.press(ada, ops.messages[ts], "run.approve")
        await slack.mention(eve, shared, "status")
        form = place.open(render_start_view(FormPlace(channel=ops.id)))
        await slack.suggest(ada, form, "start.workspace", "")
        assert await slack.mention(ada, slack.world.direct(ada), "status") is None
        pressed, mentioned, searched = (one.payload for one in slack.office.deliveries)
        click, _ = await place.meant()
        team = slack.world.team
    assert isinstance(click, ButtonPressed)
    assert (pressed["message"]["thread_ts"], click.message, click.place.thread) == (ts, ts, "")
    event = mentioned["event"]
    assert (event["team"], event["user_team"], event["source_team"]) == (team, THEIRS, THEIRS)
    assert mentioned["is_ext_shared_channel"] is True
    assert searched["view"]["app_installed_team_id"] == team
