"""What the app is told when somebody does something.

Source of the keys: https://docs.slack.dev/interactivity and the fields slack-bolt reads.
"""

import re

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.documents import message_document, team_document, view_document
from bridge.sandbox.slack.model import Channel, Hook, Kind, Message, Trigger, User, View
from bridge.sandbox.slack.world import DOMAIN, World

_TOKEN = "legacy-verification-token"  # noqa: S105 - sent by Slack, and read by nobody any more
_NAMES = {Kind.PRIVATE: "privategroup", Kind.DIRECT: "directmessage", Kind.GROUP: "mpdm"}
_WORD = re.compile(r"(?<!\S)([@#])([a-z0-9._-]+)|(?<!\S)(https?://[^\s<>]+)")


def escape_typed(world: World, text: str, *, labels: bool) -> str:
    """Turn what people type into what an app gets: names become ids, ``&<>`` are escaped.

    Commands bring the names along as *labels*, messages do not.
    """
    users = {user.name: user for user in world.users.values()}
    channels = {channel.name: channel for channel in world.channels.values()}

    def replaced(match: re.Match[str]) -> str:
        sign, name, link = match.groups()
        label = f"|{name}" if labels else ""
        if link:
            return f"<{link}>"
        if sign == "@" and name in users:
            return f"<@{users[name].id}{label}>"
        if sign == "#" and name in channels:
            return f"<#{channels[name].id}{label}>"
        return match[0]

    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _WORD.sub(replaced, plain)


def command_payload(  # noqa: PLR0917 - positional as in the sentence: who said what where
    world: World, user: User, channel: Channel, command: str, text: str, hook: Hook
) -> Json:
    """Somebody used the slash command."""
    return {
        "token": _TOKEN,
        "team_id": user.team,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        # Of private channels Slack does not tell the name.
        "channel_name": _NAMES.get(channel.kind, channel.name),
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": world.app,
        "is_enterprise_install": "false",
        "response_url": f"{world.url}/hook/{hook.id}",
        "trigger_id": world.add_trigger(user).id,
    }


def action_payload(world: World, user: User, action: Json, where: Message | View) -> Json:
    """Somebody used an element of a message or a view."""
    view = where if isinstance(where, View) else None
    trigger = world.add_trigger(user, view)
    shown = {
        **_interaction(world, user, "block_actions", trigger),
        **_place(world, where),
        "actions": [{**action, "action_ts": world.next_ts()}],
        "state": {"values": view.state if view else {}},
    }
    if isinstance(where, Message):
        hook = world.add_hook(user, where.channel, where)
        shown["response_url"] = f"{world.url}/hook/{hook.id}"
    return shown


def submission_payload(world: World, user: User, view: View) -> Json:
    """Somebody sent a view."""
    return {
        **_interaction(world, user, "view_submission", world.add_trigger(user, view)),
        "view": view_document(world, view),
        "response_urls": [],
    }


def closing_payload(world: World, user: User, view: View) -> Json:
    """Somebody closed a view that wants to know."""
    return {
        **_interaction(world, user, "view_closed", None),
        "view": view_document(world, view),
        "is_cleared": False,
    }


def suggestion_payload(
    world: World, user: User, where: Message | View, *, element: Json, typed: str
) -> Json:
    """Somebody typed into a menu whose options the app knows."""
    return {
        **_interaction(world, user, "block_suggestion", None),
        **_place(world, where),
        "action_id": element["action_id"],
        "block_id": element["block_id"],
        "value": typed,
    }


def mention_event(world: World, message: Message) -> Json:
    """Somebody wrote to the app."""
    author = world.users[message.author]
    event: Json = {
        "type": "app_mention",
        "user": author.id,
        "text": message.text,
        "ts": message.ts,
        "channel": message.channel.id,
        "event_ts": message.ts,
        "team": world.team,
    }
    if author.team != world.team:
        # Seen by slack-bolt's authors: their own workspace stands beside the app's.
        event |= {"user_team": author.team, "source_team": author.team}
    return event | ({"thread_ts": message.thread} if message.thread else {})


def event_payload(world: World, event: Json) -> Json:
    """Something happened."""
    channel = world.channels.get(str(event.get("channel")))
    return {
        "token": _TOKEN,
        "team_id": world.team,
        "api_app_id": world.app,
        "event": event,
        "type": "event_callback",
        "event_id": world.next_id("Ev"),
        "event_time": int(world.now()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": world.team,
                "user_id": world.bot.id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": channel is not None and channel.shared,
    }


def verification_payload(world: World) -> Json:
    """Slack asks whether the address is the app's."""
    return {"token": _TOKEN, "challenge": world.next_id("challenge"), "type": "url_verification"}


def _interaction(world: World, user: User, kind: str, trigger: Trigger | None) -> Json:
    shown: Json = {
        "type": kind,
        "token": _TOKEN,
        "api_app_id": world.app,
        "user": {
            "id": user.id,
            "username": user.name,
            "name": user.name,
            "team_id": user.team,
        },
        # Also for people of other workspaces, in a channel both share.
        "team": team_document(world),
        "enterprise": None,
        "is_enterprise_install": False,
    }
    return shown if trigger is None else {**shown, "trigger_id": trigger.id}


def _place(world: World, where: Message | View) -> Json:
    if isinstance(where, View):
        container: Json = {"type": "view", "view_id": where.id}
        return {"container": container, "view": view_document(world, where)}
    channel = where.channel
    container = {
        "type": "message",
        "message_ts": where.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(where.audience),
    }
    if where.thread:
        container["thread_ts"] = where.thread
    shown: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": _NAMES.get(channel.kind, channel.name)},
    }
    # Of a message that only one person sees nothing but the address is told.
    return shown if where.audience else {**shown, "message": message_document(world, where)}
