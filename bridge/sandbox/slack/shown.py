"""How people see messages, as text: for stories, and for golden files."""

import html
import re
from collections.abc import Iterator, Mapping

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.model import Channel, Message
from bridge.sandbox.slack.world import World

_CONTROL = re.compile(r"<([^<>]*)>")
_PINGS = re.compile(r"<(@[UW][A-Z0-9]+|!(?:channel|here|everyone)|!subteam\^S[A-Z0-9]+)[^<>]*>")


def show_message(world: World, message: Message) -> str:
    """Show one message, without its answers."""
    author = world.users[message.author].name
    marks = [
        "only for " + world.users[message.audience].name if message.audience else "",
        "edited" if message.edits else "",
        "also in the channel" if message.broadcast else "",
    ]
    told = ", ".join(mark for mark in marks if mark)
    head = f"{author} ({told}):" if told else f"{author}:"
    if message.gone:
        return f"{head} deleted"
    body = [line for block in message.blocks for line in _block(world, block)]
    body = body or unescape(world, message.text).splitlines()
    for one in message.attachments:
        inner = [line for block in one.get("blocks", ()) for line in _block(world, block)]
        body += [f"▌ {line}" for line in inner]
    body += [f"[file {file.title}, {file.length} bytes]" for file in message.files]
    if message.reactions:
        body.append(" ".join(f":{name}:" for name, _ in message.reactions))
    return "\n".join([head, *(f"  {line}".rstrip() for line in body)])


def show_channel(world: World, channel: Channel, *, to: str = "") -> str:
    """Show a channel with its threads; *to* is who looks, for what only they see."""
    seen = [*channel.messages.values()]
    seen += [one for one in channel.ephemerals.values() if one.audience == to and not one.gone]
    seen.sort(key=lambda message: message.ts)
    told = []
    for message in [one for one in seen if not one.thread]:
        told.append(show_message(world, message))
        for answer in [one for one in seen if one.thread == message.ts]:
            lines = show_message(world, answer).splitlines()
            told.append("\n".join(f"    {line}" for line in lines))
    return "\n".join([f"#{channel.name}", *told, ""])


def pings(message: Message) -> list[str]:
    """List whom a message calls: ``@U...``, ``!channel``, ``!subteam^S...``, in order."""
    texts = [message.text, *_mrkdwn([*message.all_blocks])]
    return [ping for text in texts for ping in _PINGS.findall(text)]


def unescape(world: World, text: str) -> str:
    """Show mrkdwn as people see it."""

    def replaced(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        if target.startswith("@"):
            user = world.users.get(target[1:])
            return f"@{user.name if user else label or target[1:]}"
        if target.startswith("!subteam^"):
            group = world.usergroups.get(target.removeprefix("!subteam^"))
            return f"@{group.handle if group else label or target}"
        if target.startswith("!date^"):
            return label
        if target.startswith("!"):
            return f"@{target[1:]}"
        if target.startswith("#"):
            channel = world.channels.get(target[1:])
            return f"#{channel.name if channel else label or target[1:]}"
        return f"{label} ({target})" if label else target

    return html.unescape(_CONTROL.sub(replaced, text))


def _mrkdwn(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if value.get("type") in {"mrkdwn", "markdown"}:
            yield str(value["text"])
        if value.get("type") == "user":
            yield f"<@{value['user_id']}>"
        if value.get("type") == "usergroup":
            yield f"<!subteam^{value['usergroup_id']}>"
        if value.get("type") == "broadcast":
            yield f"<!{value['range']}>"
        for below in value.values():
            yield from _mrkdwn(below)
    elif isinstance(value, list):
        for below in value:
            yield from _mrkdwn(below)


def _text(world: World, value: Json) -> str:
    text = str(value["text"])
    return unescape(world, text) if value["type"] == "mrkdwn" else text


def _block(world: World, block: Json) -> list[str]:
    match block["type"]:
        case "divider":
            shown = "---"
        case "header":
            shown = f"# {_text(world, block['text'])}"
        case "section":
            shown = "\n".join(_section(world, block))
        case "context":
            parts = "  ".join(_element(world, one) for one in block["elements"])
            shown = "\n".join(f"| {line}" for line in parts.splitlines())
        case "actions":
            shown = " ".join(_element(world, one) for one in block["elements"])
        case "rich_text":
            shown = "\n".join(_rich(world, one) for one in block["elements"])
        case "markdown":
            shown = str(block["text"])
        case "table":
            shown = "\n".join(" | ".join(_cell(world, one) for one in row) for row in block["rows"])
        case kind:
            shown = f"[{kind}]"
    return shown.splitlines()


def _section(world: World, block: Json) -> Iterator[str]:
    for one in [block.get("text"), *block.get("fields", ()), block.get("accessory")]:
        if one:
            yield _element(world, one)


def _element(world: World, element: Json) -> str:
    match element["type"]:
        case "mrkdwn" | "plain_text":
            return _text(world, element)
        case "button":
            sign = {"primary": "+", "danger": "!"}.get(element.get("style", ""), "")
            asks = "?" if "confirm" in element else ""
            link = f" -> {element['url']}" if "url" in element else ""
            return f"[{sign}{_text(world, element['text'])}{asks}{link}]"
        case "image":
            return f"[image: {element['alt_text']}]"
        case kind:
            placeholder = element.get("placeholder")
            return f"[{kind}{': ' + _text(world, placeholder) if placeholder else ''}]"


def _rich(world: World, element: Json) -> str:
    inside = [_rich(world, one) for one in element.get("elements", ())]
    together = "".join(inside)
    match element["type"]:
        case "text":
            shown = str(element["text"])
        case "rich_text_list":
            shown = "\n".join(f"- {one}" for one in inside)
        case "rich_text_preformatted":
            shown = f"```\n{together}\n```"
        case "rich_text_quote":
            shown = "\n".join(f"> {line}" for line in together.splitlines())
        case "link":
            label = element.get("text")
            shown = f"{label} ({element['url']})" if label else str(element["url"])
        case "emoji":
            shown = f":{element['name']}:"
        case "user" | "usergroup" | "broadcast" | "channel":
            shown = unescape(world, next(_mrkdwn(element), f"<#{element.get('channel_id')}>"))
        case "date":
            shown = str(element.get("fallback", element["timestamp"]))
        case _:
            shown = together
    return shown


def _cell(world: World, cell: Json) -> str:
    return _rich(world, cell) if cell["type"] == "rich_text" else str(cell.get("text", ""))
