"""``chat.*`` and ``reactions.add``: messages."""

import re
from collections.abc import Mapping

from bridge.sandbox.slack.arguments import Arguments
from bridge.sandbox.slack.calls import Call, Method
from bridge.sandbox.slack.checks import Json, record, text
from bridge.sandbox.slack.documents import message_document
from bridge.sandbox.slack.limits import Limits
from bridge.sandbox.slack.model import Channel, Kind, Message
from bridge.sandbox.slack.refusals import No, Refusal, refuse_problems
from bridge.sandbox.slack.surfaces import count_text, find_attachment_problems, find_block_problems
from bridge.sandbox.slack.world import DOMAIN

_METADATA = record({"event_type": text(255), "event_payload": lambda value, at: iter(())})


def check_content(arguments: Arguments, limits: Limits, *, in_all: bool = True) -> Json:
    """Look at text, blocks and attachments that are to be shown; *in_all* also at their sum.

    Raises:
        Refusal: Slack would not take them.
    """
    blocks, attachments = arguments.json("blocks"), arguments.json("attachments")
    if "blocks" in arguments.values:
        refuse_problems(No.INVALID_BLOCKS, find_block_problems(blocks))
    if "attachments" in arguments.values:
        refuse_problems(No.INVALID_ATTACHMENTS, find_attachment_problems(attachments))
    said = arguments.text("text")
    if not said:
        # Slack takes blocks alone, but then notifications show nothing.
        raise Refusal(No.NO_TEXT, why="text is what notifications show", surprise=True)
    if len(said) > limits.text:
        raise Refusal(No.MSG_TOO_LONG, why=f"{len(said)} characters", surprise=True)
    size = count_text(blocks) + count_text(attachments)
    if in_all and size > limits.block_text:
        raise Refusal(No.MSG_BLOCKS_TOO_LONG, why=f"{size} characters", surprise=True)
    metadata = arguments.json("metadata")
    if metadata is not None:
        refuse_problems(No.INVALID_METADATA_FORMAT, list(_METADATA(metadata, "/metadata")))
    return {"blocks": blocks, "attachments": attachments, "metadata": metadata}


def writable(call: Call, *, joined: bool = False) -> Channel:
    """Find the channel that is written to.

    Raises:
        Refusal: The app may not write there; *joined* means that it must be in the channel.
    """
    world, name = call.world, call.arguments.text("channel")
    if name.startswith("U") and not joined:
        return world.direct(world.user(name))
    channel = world.channel(name)
    if channel.archived:
        raise Refusal(No.IS_ARCHIVED)
    is_open = not joined and channel.kind is Kind.PUBLIC and "chat:write.public" in call.scopes
    if not world.is_in(channel) and not is_open:
        raise Refusal(No.NOT_IN_CHANNEL)
    return channel


def check_thread(channel: Channel, thread: str) -> str:
    """Look whether there is such a message to answer.

    Raises:
        Refusal: There is none, or it is an answer itself.
    """
    if not thread:
        return ""
    root = channel.messages.get(thread)
    if root is None or root.gone:
        raise Refusal(No.THREAD_NOT_FOUND)
    if root.thread:
        raise Refusal(No.THREAD_NOT_FOUND, why="the message is an answer itself", surprise=True)
    return thread


def post_message(call: Call) -> Json:
    """Write a message."""
    arguments, world = call.arguments, call.world
    channel = writable(call)
    content = check_content(call.arguments, call.limits)
    _hold_to_rate(call, channel)
    thread = check_thread(channel, arguments.text("thread_ts"))
    broadcast = arguments.flag("reply_broadcast")
    if broadcast and not thread:
        raise Refusal(No.INVALID_ARGUMENTS, why="reply_broadcast without a thread", surprise=True)
    said = arguments.text("text")
    made = world.add_message(
        channel, world.bot, said, thread=thread, broadcast=broadcast, **content
    )
    return {"channel": channel.id, "ts": made.ts, "message": message_document(world, made)}


def post_ephemeral(call: Call) -> Json:
    """Write something only one person sees, if that person is there."""
    arguments, world = call.arguments, call.world
    channel = writable(call, joined=True)
    user = world.user(arguments.text("user"))
    if user.id not in channel.members:
        raise Refusal(No.USER_NOT_IN_CHANNEL)
    content = check_content(call.arguments, call.limits)
    thread = check_thread(channel, arguments.text("thread_ts"))
    said = arguments.text("text")
    made = world.add_message(channel, world.bot, said, thread=thread, audience=user.id, **content)
    return {"message_ts": made.ts}


def update(call: Call) -> Json:
    """Change a message; blocks and attachments that are not given stay."""
    message = _own(call, No.CANT_UPDATE_MESSAGE)
    content = check_content(call.arguments, call.limits)
    message.text = call.arguments.text("text")
    if content["blocks"] is not None:
        message.blocks = call.world.with_ids(content["blocks"])
    if content["attachments"] is not None:
        message.attachments = call.world.attached(content["attachments"])
    message.metadata = content["metadata"] or message.metadata
    message.edits += 1
    shown = message_document(call.world, message)
    return {
        "channel": message.channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": shown,
    }


def delete(call: Call) -> Json:
    """Delete a message."""
    message = _own(call, No.CANT_DELETE_MESSAGE)
    message.gone = True
    return {"channel": message.channel.id, "ts": message.ts}


def get_permalink(call: Call) -> Json:
    """Say where people find a message."""
    channel = call.world.channel(call.arguments.text("channel"))
    message = _find(channel, call.arguments.text("message_ts"))
    where = f"https://{DOMAIN}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": where}


def add_reaction(call: Call) -> Json:
    """Put an emoji under a message."""
    channel, name = call.world.channel(call.arguments.text("channel")), call.arguments.text("name")
    if not re.fullmatch(r"[a-z0-9_+-]+", name):
        raise Refusal(No.INVALID_NAME, why=name, surprise=True)
    message = _find(channel, call.arguments.text("timestamp"))
    if channel.archived:
        raise Refusal(No.IS_ARCHIVED)
    if not call.world.is_in(channel):
        raise Refusal(No.NOT_IN_CHANNEL)
    if (name, call.world.bot.id) in message.reactions:
        raise Refusal(No.ALREADY_REACTED)
    message.reactions.append((name, call.world.bot.id))
    return {}


def _hold_to_rate(call: Call, channel: Channel) -> None:
    key = f"chat.postMessage {channel.id}"
    wait = call.counters.take(key, call.limits.per_channel, call.world.now())
    if wait is not None:
        raise Refusal(No.RATELIMITED, retry_after=wait)


def _own(call: Call, error: No) -> Message:
    channel = writable(call)
    message = _find(channel, call.arguments.text("ts"))
    if message.author != call.world.bot.id:
        raise Refusal(error, why="somebody else wrote it", surprise=True)
    return message


def _find(channel: Channel, ts: str) -> Message:
    message = channel.messages.get(ts)
    if message is None or message.gone:
        raise Refusal(No.MESSAGE_NOT_FOUND)
    return message


_CONTENT = ("text", "blocks", "attachments")
METHODS: Mapping[str, Method] = {
    "chat.postMessage": Method(
        handler=post_message,
        tier="special",
        needed=("channel",),
        more=(
            *_CONTENT,
            "metadata",
            "thread_ts",
            "reply_broadcast",
            "unfurl_links",
            "unfurl_media",
            "mrkdwn",
        ),
        scope="chat:write",
    ),
    "chat.postEphemeral": Method(
        handler=post_ephemeral,
        tier="tier4",
        needed=("channel", "user"),
        more=(*_CONTENT, "thread_ts"),
        scope="chat:write",
    ),
    "chat.update": Method(
        handler=update,
        tier="tier3",
        needed=("channel", "ts"),
        more=(*_CONTENT, "metadata"),
        scope="chat:write",
    ),
    "chat.delete": Method(
        handler=delete, tier="tier3", needed=("channel", "ts"), scope="chat:write"
    ),
    "chat.getPermalink": Method(
        handler=get_permalink, tier="special", needed=("channel", "message_ts")
    ),
    "reactions.add": Method(
        handler=add_reaction,
        tier="tier3",
        needed=("channel", "name", "timestamp"),
        scope="reactions:write",
    ),
}
