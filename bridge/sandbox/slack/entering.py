"""What people enter: which element they mean, and what an app gets of it."""

from collections.abc import Iterator, Sequence

from bridge.sandbox.slack.checks import Json
from bridge.sandbox.slack.model import Message, View
from bridge.sandbox.slack.surfaces import active_elements

_TYPED = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})
_NAMED = {
    "users_select": "selected_user",
    "channels_select": "selected_channel",
    "conversations_select": "selected_conversation",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "multi_users_select": "selected_users",
}
_INITIAL = {
    "users_select": "initial_user",
    "channels_select": "initial_channel",
    "conversations_select": "initial_conversation",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
    "multi_users_select": "initial_users",
}


def find_element(where: Message | View, name: str) -> Json:
    """Find what has this ``action_id`` in a message or view as it is now.

    Returns:
        The element, with the id of its block.

    Raises:
        LookupError: It is not there, or no longer.
    """
    if isinstance(where, Message) and where.gone:
        msg = "the message is gone"
        raise LookupError(msg)
    if isinstance(where, View) and not where.is_open:
        msg = "the view is closed"
        raise LookupError(msg)
    blocks = where.all_blocks if isinstance(where, Message) else where.given["blocks"]
    there = []
    for block in blocks:
        for element in active_elements(block):
            if element["action_id"] == name:
                return {**element, "block_id": block["block_id"]}
            there.append(element["action_id"])
    msg = f"there is no {name!r}, only {', '.join(there) or 'nothing to act on'}"
    raise LookupError(msg)


def entered(element: Json, given: object, suggested: Sequence[Json] = ()) -> Json:
    """Make the state of an element in which somebody entered something.

    Args:
        element: What it is entered in.
        given: A text; of menus the value of an option, or a list of them.
        suggested: The options that were offered, for a menu whose options the app knows.

    Raises:
        LookupError: There is no such option.
    """
    kind = element["type"]
    if kind in _TYPED:
        text = str(given)
        shortest, longest = element.get("min_length", 0), element.get("max_length", 3000)
        if not shortest <= len(text) <= longest:
            msg = f"{len(text)} characters where {shortest} to {longest} may be"
            raise LookupError(msg)
        return {"type": kind, "value": text}
    if kind in _NAMED:
        return {"type": kind, _NAMED[kind]: given}
    options = [*_options(element), *suggested]
    if kind == "checkboxes" or kind.startswith("multi_"):
        names = given if isinstance(given, list) else [given]
        return {"type": kind, "selected_options": [_chosen(options, name) for name in names]}
    return {"type": kind, "selected_option": _chosen(options, given)}


def untouched(element: Json) -> Json:
    """Make the state of an element that nobody touched."""
    kind = element["type"]
    if kind in _TYPED:
        return {"type": kind, "value": element.get("initial_value")}
    if kind in _NAMED:
        return {"type": kind, _NAMED[kind]: element.get(_INITIAL[kind])}
    if kind == "checkboxes" or kind.startswith("multi_"):
        return {"type": kind, "selected_options": element.get("initial_options", [])}
    return {"type": kind, "selected_option": element.get("initial_option")}


def is_empty(state: Json) -> bool:
    """Whether nothing was entered."""
    return not any(value for name, value in state.items() if name != "type")


def check_filled(view: View) -> None:
    """Note what was left empty in a modal that is sent.

    Raises:
        LookupError: Something that is needed was.
    """
    for block in view.given["blocks"]:
        if block["type"] != "input":
            continue
        element = block["element"]
        states = view.state.setdefault(block["block_id"], {})
        state = states.setdefault(element["action_id"], untouched(element))
        if is_empty(state) and not block.get("optional"):
            msg = f"{element['action_id']} is needed"
            raise LookupError(msg)


def _options(element: Json) -> Iterator[Json]:
    yield from element.get("options", ())
    for group in element.get("option_groups", ()):
        yield from group["options"]
    first = element.get("initial_option")
    yield from element.get("initial_options", [first] if first else ())


def _chosen(options: Sequence[Json], name: object) -> Json:
    for option in options:
        if option["value"] == name:
            return option
    msg = f"there is no option {name!r}, only {', '.join(one['value'] for one in options)}"
    raise LookupError(msg)
