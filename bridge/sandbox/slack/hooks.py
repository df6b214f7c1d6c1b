"""``response_url``: answers to what somebody did, a few times and not for long."""

from bridge.sandbox.slack.arguments import Arguments
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.methods.chat import check_content
from bridge.sandbox.slack.model import Hook, Message
from bridge.sandbox.slack.refusals import No, Refusal
from bridge.sandbox.slack.world import World

_FLAGS = ("replace_original", "delete_original", "unfurl_links", "unfurl_media", "mrkdwn")
_KEYS = ("text", "blocks", "attachments", "response_type", "thread_ts", *_FLAGS)


def use_hook(world: World, id_: str, arguments: Arguments) -> Json:
    """Do what was posted to a ``response_url``.

    Raises:
        Refusal: It is used up or too old, or what was posted is not right.
    """
    hook = world.hooks.get(id_)
    if hook is None:
        raise Refusal(No.INVALID_TOKEN, why="there is no such response_url", surprise=True)
    if world.now() - hook.at > world.limits.hook:
        raise Refusal(No.EXPIRED_URL)
    if hook.uses >= world.limits.hook_uses:
        raise Refusal(No.USED_URL)
    arguments.check((), _KEYS)
    hook.uses += 1
    answer(world, hook, arguments)
    return {"ok": True}


def answer(world: World, hook: Hook, arguments: Arguments) -> None:
    """Show an answer, in place of the message that was acted on or beside it.

    An answer to an action that does not say ``replace_original: false`` replaces the message: Slack
    was seen to do so, and whoever relies on the opposite loses a message that all could read.

    Raises:
        Refusal: Slack would not take it.
    """
    original = hook.message
    if original is not None and arguments.flag("delete_original"):
        original.gone = True
        return
    content = check_content(arguments, world.limits, in_all=False)
    if original is not None and arguments.flag("replace_original", default=True):
        _replace(world, original, arguments.text("text"), content["blocks"] or [])
        original.attachments = world.attached(content["attachments"] or [])
        return
    kind = arguments.text("response_type", "ephemeral")
    if kind not in {"ephemeral", "in_channel"}:
        raise Refusal(No.INVALID_ARGUMENTS, why=f"response_type {kind}", surprise=True)
    world.add_message(
        hook.channel,
        world.bot,
        arguments.text("text"),
        thread=arguments.text("thread_ts"),
        audience=hook.user if kind == "ephemeral" else "",
        **content,
    )


def _replace(world: World, message: Message, text: str, blocks: list[Json]) -> None:
    message.text, message.blocks = text, world.with_ids(blocks)
    message.edits += 1
