"""``conversations.*``: channels."""

from collections.abc import Mapping

from bridge.sandbox.slack.calls import READS, Call, Method, one_page
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.documents import channel_document
from bridge.sandbox.slack.model import Kind
from bridge.sandbox.slack.refusals import No, Refusal


def info(call: Call) -> Json:
    """Show a channel."""
    shown = channel_document(call.world, call.channel())
    if not call.arguments.flag("include_num_members"):
        shown.pop("num_members", None)
    return {"channel": shown}


def list_(call: Call) -> Json:
    """Show the channels the app may see."""
    world = call.world
    asked = call.arguments.text("types", Kind.PUBLIC.value).split(",")
    strange = [name for name in asked if name not in set(Kind)]
    if strange:
        raise Refusal(No.INVALID_TYPES, why=", ".join(strange), surprise=True)
    for name in asked:
        call.need(READS[Kind(name)])
    hide_archived = call.arguments.flag("exclude_archived")
    rows = [
        channel_document(world, one)
        for one in world.channels.values()
        if one.kind in asked
        and (one.kind is Kind.PUBLIC or world.is_in(one))
        and not (hide_archived and one.archived)
    ]
    return one_page(call, rows, "channels")


def members(call: Call) -> Json:
    """Show who is in a channel."""
    rows = list(call.channel().members)
    page = one_page(call, [{"id": one} for one in rows], "members")
    return page | {"members": [one["id"] for one in page["members"]]}


def join(call: Call) -> Json:
    """Go into a public channel."""
    channel = call.world.channel(call.arguments.text("channel"))
    if channel.kind is not Kind.PUBLIC:
        raise Refusal(No.METHOD_NOT_SUPPORTED_FOR_CHANNEL_TYPE)
    if channel.archived:
        raise Refusal(No.IS_ARCHIVED)
    more: Json = {}
    if call.world.is_in(channel):
        more = {"warning": "already_in_channel"}
    else:
        channel.members.append(call.world.bot.id)
    return {"channel": channel_document(call.world, channel), **more}


def open_(call: Call) -> Json:
    """Find or begin a conversation with some people."""
    world = call.world
    users = [world.user(one) for one in call.arguments.text("users").split(",")]
    call.need("im:write" if len(users) == 1 else "mpim:write")
    if any(one.is_bot for one in users):
        raise Refusal(No.CANNOT_DM_BOT)
    if any(one.deleted for one in users):
        raise Refusal(No.USER_DISABLED)
    channel = world.direct(*users)
    full = call.arguments.flag("return_im")
    return {"channel": channel_document(world, channel) if full else {"id": channel.id}}


METHODS: Mapping[str, Method] = {
    "conversations.info": Method(
        handler=info,
        tier="tier3",
        needed=("channel",),
        more=("include_num_members", "include_locale"),
    ),
    "conversations.list": Method(
        handler=list_, tier="tier2", more=("cursor", "limit", "types", "exclude_archived")
    ),
    "conversations.members": Method(
        handler=members, tier="tier4", needed=("channel",), more=("cursor", "limit")
    ),
    "conversations.join": Method(
        handler=join, tier="tier3", needed=("channel",), scope="channels:join"
    ),
    "conversations.open": Method(
        handler=open_, tier="tier3", needed=("users",), more=("return_im",)
    ),
}
