"""``views.*``: modals and homes."""

import json
from collections.abc import Mapping
from typing import cast

from bridge.sandbox.slack.calls import Call, Method
from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.documents import view_document
from bridge.sandbox.slack.model import Trigger, View
from bridge.sandbox.slack.refusals import No, Refusal, refuse_problems
from bridge.sandbox.slack.surfaces import HOME, MODAL, find_view_problems
from bridge.sandbox.slack.world import World

_LARGEST = 250_000
_HIGHEST_STACK = 3


def check_view(world: World, view: object, kind: str, *, own: View | None = None) -> Json:
    """Look at a view that is to be shown; *own* is the one it replaces.

    Raises:
        Refusal: Slack would not take it.
    """
    refuse_problems(No.INVALID_ARGUMENTS, find_view_problems(view))
    given = cast("Json", view)
    if given["type"] != kind:
        raise Refusal(No.INVALID_ARGUMENTS, why=f"this is no place for {kind}", surprise=True)
    if len(json.dumps(given)) > _LARGEST:
        raise Refusal(No.VIEW_TOO_LARGE, surprise=True)
    name = given.get("external_id")
    taken = [one for one in world.views.values() if one.given.get("external_id") == name]
    if name and any(one is not own for one in taken):
        raise Refusal(No.DUPLICATE_EXTERNAL_ID)
    return given


def open_(call: Call) -> Json:
    """Show somebody a modal."""
    given = check_view(call.world, call.arguments.json("view"), MODAL)
    trigger = _spend(call)
    return _shown(call, call.world.add_view(trigger.user, given))


def push(call: Call) -> Json:
    """Show somebody a modal on top of the one they acted in."""
    given = check_view(call.world, call.arguments.json("view"), MODAL)
    trigger = _spend(call)
    below = call.world.views.get(trigger.view)
    if below is None or not below.is_open:
        raise Refusal(No.INVALID_TRIGGER_ID, why="it is of no open modal")
    return _shown(call, push_view(call.world, below, given))


def push_view(world: World, below: View, given: Json) -> View:
    """Put a view on top of a stack.

    Raises:
        Refusal: The stack is as high as it may be.
    """
    stack = [one for one in world.views.values() if one.root == below.root and one.is_open]
    if len(stack) >= _HIGHEST_STACK:
        raise Refusal(No.PUSH_LIMIT_REACHED)
    return world.add_view(below.user, given, below=below)


def update(call: Call) -> Json:
    """Show something else in an open modal."""
    view = _find(call)
    given = check_view(call.world, call.arguments.json("view"), MODAL, own=view)
    _check_hash(call, view)
    call.world.change_view(view, given)
    return _shown(call, view)


def publish(call: Call) -> Json:
    """Show somebody their home."""
    user = call.world.user(call.arguments.text("user_id"))
    view = call.world.homes.get(user.id)
    given = check_view(call.world, call.arguments.json("view"), HOME, own=view)
    if view is None:
        view = call.world.homes[user.id] = call.world.add_view(user.id, given)
    else:
        _check_hash(call, view)
        call.world.change_view(view, given)
    return _shown(call, view)


def _spend(call: Call) -> Trigger:
    trigger = call.world.triggers.get(call.arguments.text("trigger_id"))
    if trigger is None:
        raise Refusal(No.INVALID_TRIGGER_ID, surprise=True)
    if trigger.used:
        raise Refusal(No.EXCHANGED_TRIGGER_ID)
    if call.world.now() - trigger.at > call.limits.trigger:
        raise Refusal(No.EXPIRED_TRIGGER_ID)
    trigger.used = True
    return trigger


def _find(call: Call) -> View:
    id_, name = call.arguments.text("view_id"), call.arguments.text("external_id")
    for view in call.world.views.values():
        if view.is_open and (view.id == id_ or (name and view.given.get("external_id") == name)):
            return view
    raise Refusal(No.NOT_FOUND)


def _check_hash(call: Call, view: View) -> None:
    if call.arguments.text("hash", view.hash) != view.hash:
        raise Refusal(No.HASH_CONFLICT)


def _shown(call: Call, view: View) -> Json:
    return {"view": view_document(call.world, view)}


METHODS: Mapping[str, Method] = {
    "views.open": Method(handler=open_, tier="tier4", needed=("trigger_id", "view")),
    "views.push": Method(handler=push, tier="tier4", needed=("trigger_id", "view")),
    "views.update": Method(
        handler=update, tier="tier4", needed=("view",), more=("view_id", "external_id", "hash")
    ),
    "views.publish": Method(
        handler=publish, tier="tier4", needed=("user_id", "view"), more=("hash",)
    ),
}
