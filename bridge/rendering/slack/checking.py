"""What Slack takes: looked at before anything is sent, since a refused message tells nobody.

Source of the numbers: section 7.1 of the project's papers on Slack. Only what the bridge makes is
known here: another kind of block is refused, as nobody has looked up what it may hold.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.domain.chat import ChatMessage, View
from bridge.rendering.slack.shapes import (
    Problem,
    Shape,
    address,
    array,
    flag,
    kinds,
    number,
    record,
    text,
    word,
)

MOST_TEXT: Final = 3_900
"""Longest fallback: Slack documents more, and was seen to refuse 4,000."""

MOST_IN_ALL: Final = 9_000
"""Characters of all blocks together: the limit is not documented, and was seen below 12,000."""

_MOST_BLOCKS: Final = {"message": 50, "modal": 100}
_MOST_IN_RICH_TEXT: Final = 10_000


def _plain(longest: int) -> Shape:
    return kinds({"plain_text": record({"text": text(longest)}, {"emoji": flag})})


def _either(longest: int) -> Shape:
    return kinds(
        {
            "plain_text": record({"text": text(longest)}, {"emoji": flag}),
            "mrkdwn": record({"text": text(longest)}, {"verbatim": flag}),
        }
    )


_NAMED: Final[Mapping[str, Shape]] = {"action_id": text(255)}
_STYLE: Final = word("primary", "danger")
_CONFIRM: Final = record(
    {"title": _plain(100), "text": _either(300), "confirm": _plain(30), "deny": _plain(30)},
    {"style": _STYLE},
)
_BUTTON: Final = record(
    {"text": _plain(75), **_NAMED},
    {
        "value": text(2_000, shortest=0),
        "url": address(3_000),
        "style": _STYLE,
        "confirm": _CONFIRM,
        "accessibility_label": text(75),
    },
)
_OPTION: Final = record({"text": _plain(75), "value": text(150)}, {"description": _plain(75)})
_OPTIONS: Final = array(_OPTION, 100)
_CHOSEN: Final[Mapping[str, Shape]] = {
    "placeholder": _plain(150),
    "initial_option": _OPTION,
    "confirm": _CONFIRM,
    "focus_on_load": flag,
}
_SELECTS: Final[Mapping[str, Shape]] = {
    "static_select": record({**_NAMED, "options": _OPTIONS}, _CHOSEN),
    "external_select": record(_NAMED, {**_CHOSEN, "min_query_length": number(0, 100)}),
}
_TYPED: Final = record(
    _NAMED,
    {
        "placeholder": _plain(150),
        "initial_value": text(3_000, shortest=0),
        "multiline": flag,
        "min_length": number(0, 3_000),
        "max_length": number(1, 3_000),
        "focus_on_load": flag,
    },
)
_ACTIVE: Final = kinds({"button": _BUTTON, **_SELECTS})
_RUNS: Final = array(
    kinds({"text": record({"text": text(_MOST_IN_RICH_TEXT)})}), _MOST_IN_RICH_TEXT
)
_RICH: Final = kinds({"rich_text_preformatted": record({"elements": _RUNS})})
_ID: Final[Mapping[str, Shape]] = {"block_id": text(255)}
_BLOCKS: Final[Mapping[str, Shape]] = {
    "section": record(
        {},
        {
            "text": _either(3_000),
            "fields": array(_either(2_000), 10),
            "accessory": _ACTIVE,
            **_ID,
        },
    ),
    "header": record({"text": _plain(150)}, _ID),
    "context": record({"elements": array(_either(3_000), 10)}, _ID),
    "actions": record({"elements": array(_ACTIVE, 25)}, _ID),
    "divider": record({}, _ID),
    "rich_text": record({"elements": array(_RICH, 100)}, _ID),
}
_INPUT: Final = record(
    {"label": _plain(2_000), "element": kinds({"plain_text_input": _TYPED, **_SELECTS})},
    {"hint": _plain(2_000), "optional": flag, **_ID},
)
_SURFACES: Final = {
    "message": kinds(_BLOCKS),
    "modal": kinds({**_BLOCKS, "input": _INPUT}),
}
_VIEW: Final = kinds(
    {
        "modal": record(
            {"title": _plain(24), "blocks": array(_SURFACES["modal"], _MOST_BLOCKS["modal"])},
            {
                "submit": _plain(24),
                "close": _plain(24),
                "private_metadata": text(3_000, shortest=0),
                "callback_id": text(255, shortest=0),
                "external_id": text(255, shortest=0),
                "clear_on_close": flag,
                "notify_on_close": flag,
            },
        )
    }
)


def check_message(message: ChatMessage) -> tuple[Problem, ...]:
    """Find everything for which Slack would refuse a message; nothing when it takes it."""
    found = [*text(MOST_TEXT)(message.text, "/text")]
    found += array(_SURFACES["message"], _MOST_BLOCKS["message"], least=0)(
        message.blocks, "/blocks"
    )
    found += _about(message.blocks, "/blocks")
    size = count_text(message.blocks)
    if size > MOST_IN_ALL:
        found.append(Problem("/blocks", f"has {size} characters, {MOST_IN_ALL} are allowed"))
    return tuple(found)


def check_view(view: View) -> tuple[Problem, ...]:
    """Find everything for which Slack would refuse a modal; nothing when it takes it."""
    found = [*_VIEW(view, "/view")]
    blocks = view.get("blocks", ())
    if isinstance(blocks, Sequence):
        found += _about(blocks, "/view/blocks")
        asks = any(isinstance(one, Mapping) and one.get("type") == "input" for one in blocks)
        if asks and "submit" not in view:
            found.append(Problem("/view", "lacks submit, and has something to fill in"))
    return tuple(found)


def count_text(value: object) -> int:
    """Count the characters of all texts in blocks, those of buttons and dialogs as well."""
    if isinstance(value, Mapping):
        own = value.get("text")
        below = sum(count_text(one) for one in value.values())
        return below + (len(own) if isinstance(own, str) else 0)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(count_text(one) for one in value)
    return 0


def _about(blocks: Sequence[Any], at: str) -> Iterator[Problem]:
    """Find what only shows in a block as a whole, or in all of them."""
    known = [(index, one) for index, one in enumerate(blocks) if isinstance(one, Mapping)]
    for index, block in known:
        if block.get("type") == "section" and not block.keys() & {"text", "fields"}:
            yield Problem(f"{at}/{index}", "lacks text")
        for name in _repeated(_action_ids(block)):
            yield Problem(f"{at}/{index}", f"has several action_id {name}")
        yield from _unlisted(block, f"{at}/{index}")
    for name in _repeated(block.get("block_id") for _, block in known):
        yield Problem(at, f"has several block_id {name}")


def _action_ids(block: Mapping[str, Any]) -> Iterator[object]:
    return (one.get("action_id") for one in _elements(block))


def _elements(block: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    inside = block.get("elements")
    several = inside if isinstance(inside, Sequence) else ()
    found = (*several, block.get("accessory"), block.get("element"))
    return (one for one in found if isinstance(one, Mapping))


def _unlisted(block: Mapping[str, Any], at: str) -> Iterator[Problem]:
    """Find menus that begin with a choice they do not offer."""
    for one in _elements(block):
        options = one.get("options")
        first = one.get("initial_option")
        if first is not None and isinstance(options, Sequence) and first not in options:
            yield Problem(at, "begins with an option that is not there")


def _repeated(names: Iterator[object]) -> Iterator[str]:
    counts = Counter(str(one) for one in names if one is not None)
    return (name for name, times in counts.items() if times > 1)
