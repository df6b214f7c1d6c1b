"""The JSON that Slack shows of things."""

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.model import Channel, File, Kind, Message, User, Usergroup, View
from bridge.sandbox.slack.world import DOMAIN, World


def user_document(world: World, user: User, *, with_email: bool) -> Json:
    """Somebody, as ``users.info`` shows them."""
    profile = {"real_name": user.real_name, "display_name": user.name, "team": user.team}
    if with_email and user.email and not user.is_bot:
        profile["email"] = user.email
    shown: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": user.deleted,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
    }
    if user.team != world.team:
        return {**shown, "is_stranger": True}
    if user.deleted:
        return shown  # Slack leaves out what somebody was who is gone
    return {
        **shown,
        "real_name": user.real_name,
        "tz": "Europe/Berlin",
        "tz_offset": 3600,
        "is_admin": False,
        "is_owner": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
    }


def channel_document(world: World, channel: Channel) -> Json:
    """A channel, as ``conversations.info`` shows it."""
    if channel.kind is Kind.DIRECT:
        other = next(one for one in channel.members if one != world.bot.id)
        return {"id": channel.id, "is_im": True, "is_archived": False, "user": other}
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind is Kind.PUBLIC,
        "is_group": channel.kind is Kind.PRIVATE,
        "is_im": False,
        "is_mpim": channel.kind is Kind.GROUP,
        "is_private": channel.kind is not Kind.PUBLIC,
        "is_archived": channel.archived,
        # ``is_shared`` also holds for channels of several workspaces of one organization.
        "is_shared": channel.shared,
        "is_ext_shared": channel.shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_member": world.is_in(channel),
        "num_members": len(channel.members),
    }


def usergroup_document(world: World, group: Usergroup, *, with_users: bool) -> Json:
    """A user group."""
    shown: Json = {
        "id": group.id,
        "team_id": world.team,
        "is_usergroup": True,
        "handle": group.handle,
        "name": group.handle,
        "date_delete": 1 if group.disabled else 0,
        "user_count": len(group.members),
    }
    return shown | ({"users": list(group.members)} if with_users else {})


def message_document(world: World, message: Message) -> Json:
    """A message, as events and interactions show it."""
    shown: Json = {
        "type": "message",
        "user": message.author,
        "ts": message.ts,
        "text": message.text,
        "team": world.team,
    }
    if message.author == world.bot.id:
        shown |= {"bot_id": world.bot_id, "app_id": world.app}
    for name in ("blocks", "attachments", "metadata"):
        if value := getattr(message, name):
            shown[name] = value
    if thread := message.thread or (message.ts if _is_answered(message) else ""):
        shown["thread_ts"] = thread  # of what was answered, too: its own
    if message.edits:
        shown["edited"] = {"user": message.author, "ts": message.ts}
    if message.files:
        shown["files"] = [file_document(one) for one in message.files]
    return shown


def _is_answered(message: Message) -> bool:
    return any(one.thread == message.ts for one in message.channel.messages.values())


def file_document(file: File) -> Json:
    """A file; where it was shared to is known only later, so that it is empty here."""
    shown = {"id": file.id, "name": file.name, "title": file.title, "size": file.length}
    return {**shown, "shares": {}, "channels": []}


def view_document(world: World, view: View) -> Json:
    """A view, as answers and interactions show it."""
    defaults = {"private_metadata": "", "callback_id": "", "external_id": "", "submit": None}
    return {
        **defaults,
        **view.given,
        "id": view.id,
        "team_id": world.team,
        "app_id": world.app,
        "app_installed_team_id": world.team,
        "bot_id": world.bot_id,
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.below or None,
        "state": {"values": view.state},
    }


def team_document(world: World) -> Json:
    """The workspace, as deliveries name it."""
    return {"id": world.team, "domain": DOMAIN}
