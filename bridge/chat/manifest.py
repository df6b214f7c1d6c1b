"""The manifest of the bridge's Slack app: from it Slack makes the app, whole, in one step.

It asks for what the bridge will use and nothing else. Source of the form and of its limits:
Slack's own schema, ``manifest.schema.2.0.0.json`` of github.com/slackapi/manifest-schema.
"""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from bridge.domain.errors import UserError

Manifest: TypeAlias = dict[str, Any]

DOOR = "/slack/events"
"""Where everything that Slack sends comes to, in http mode."""

SCOPES: Mapping[str, str] = {
    "commands": "the slash command",
    "chat:write": "messages, kept up to date",
    "chat:write.public": "messages in public channels the bridge was not invited to",
    "app_mentions:read": "commands in threads, where there are no slash commands",
    "users:read": "who asks: guests, bots and people of other workspaces are told no",
    "usergroups:read": "user groups in access rules",
    "channels:read": "whether a channel is archived, and whether the bridge is in it",
    "groups:read": "the same for private channels",
    "channels:join": "joining a public channel before a file is put there",
    "files:write": "complete plans as files, in channels that want them",
}
"""What the app may do, and what for. Slack grants scopes when the app is installed."""

EVENTS: Mapping[str, str] = {
    "app_mention": "commands in threads",
    "subteam_members_changed": "who is in a user group",
    "subteam_updated": "the same",
    "channel_archive": "subscriptions of a channel that is archived",
    "channel_deleted": "subscriptions of a channel that is deleted",
    "channel_left": "subscriptions of a channel that the bridge was removed from",
    "group_archive": "the same for private channels",
    "group_deleted": "the same for private channels",
    "group_left": "the same for private channels",
    "channel_unarchive": "subscriptions of a channel that is back",
    "group_unarchive": "the same for private channels",
    "member_joined_channel": "subscriptions of a channel the bridge was invited to again",
    "app_uninstalled": "the end of everything",
    "tokens_revoked": "the same",
}
"""What the app is told of, and what for."""

LONGEST_NAME = 35
_LONGEST_URL = 3000
_COMMAND = re.compile(r"/[a-z0-9_-]{1,31}")
_DESCRIPTION = "Plan, approve and follow Terrakube runs"
_HINT = "plan|apply|status|approve|reject|cancel|logs|why|workspaces|templates|subscribe|help"


def build_manifest(*, name: str, command: str, url: str | None) -> Manifest:
    """Make the manifest of an app.

    Args:
        name: What Slack calls the app, up to 35 characters.
        command: The slash command; its word is the name people mention the app by.
        url: The bridge's public address, https; None for socket mode, which has none.

    Raises:
        UserError: Slack would not take it; the text says what.
    """
    _check(name, command, url)
    door = None if url is None else url.rstrip("/") + DOOR
    return {
        "_metadata": {"major_version": 2, "minor_version": 1},
        "display_information": {"name": name, "description": _DESCRIPTION},
        "features": {
            "bot_user": {"display_name": command.removeprefix("/"), "always_online": True},
            "slash_commands": [_slash_command(command, door)],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": _addressed(door, "request_url") | {"bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True}
            | _addressed(door, "request_url", "message_menu_options_url"),
            "org_deploy_enabled": False,
            "socket_mode_enabled": door is None,
            "token_rotation_enabled": False,
        },
    }


def _check(name: str, command: str, url: str | None) -> None:
    if not name.strip() or len(name) > LONGEST_NAME:
        msg = f"an app's name has 1 to {LONGEST_NAME} characters: {name!r} has {len(name)}"
        raise UserError(msg)
    if not _COMMAND.fullmatch(command):
        msg = f"a slash command is / and 1 to 31 of a-z, 0-9, - and _: not {command!r}"
        raise UserError(msg)
    if url is not None and not url.startswith("https://"):
        msg = f"Slack only delivers to https: {url!r} will not do, but socket mode needs no address"
        raise UserError(msg)
    if url is not None and len(url) + len(DOOR) > _LONGEST_URL:
        msg = f"the public address may have {_LONGEST_URL - len(DOOR)} characters"
        raise UserError(msg)


def _slash_command(command: str, door: str | None) -> Manifest:
    return {
        "command": command,
        **_addressed(door, "url"),
        "description": "Terrakube runs from Slack",
        "usage_hint": _HINT,
        # People and channels arrive by their ids: names change, and are not unique.
        "should_escape": True,
    }


def _addressed(door: str | None, *keys: str) -> Manifest:
    return {} if door is None else dict.fromkeys(keys, door)
