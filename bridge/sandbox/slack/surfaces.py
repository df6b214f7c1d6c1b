"""What may stand where, and how much of it: the rules for blocks in messages, modals and homes."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from bridge.sandbox.slack.blocks import BLOCKS, LARGEST_TABLE, MOST_MARKDOWN
from bridge.sandbox.slack.checks import (
    Check,
    Json,
    Problem,
    anything,
    array,
    flag,
    kinds,
    record,
    text,
)
from bridge.sandbox.slack.elements import plain

MESSAGE, MODAL, HOME = "message", "modal", "home"
_MOST_BLOCKS: Mapping[str, int] = {MESSAGE: 50, MODAL: 100, HOME: 100}

_MODAL = frozenset(
    {"actions", "alert", "card", "context", "divider", "header", "image", "input", "rich_text"}
    | {"section"}
)
_SURFACES: Mapping[str, frozenset[str]] = {
    MESSAGE: frozenset(BLOCKS) - {"alert"},
    MODAL: _MODAL,
    HOME: frozenset(BLOCKS) - {"alert", "markdown", "plan"},
}

_VIEW: Mapping[str, Check] = {
    "blocks": anything,  # looked at by find_block_problems
    "private_metadata": text(3000, shortest=0),
    "callback_id": text(255, shortest=0),
    "external_id": text(255, shortest=0),
    "clear_on_close": flag,
    "notify_on_close": flag,
}
_VIEWS = kinds(
    {
        MODAL: record(
            {"title": plain(24), "blocks": anything},
            {**_VIEW, "submit": plain(24), "close": plain(24), "submit_disabled": flag},
        ),
        HOME: record({"blocks": anything}, _VIEW),
    }
)


def find_block_problems(
    blocks: object, surface: str = MESSAGE, *, at: str = "/blocks"
) -> list[Problem]:
    """Find everything that is wrong with the blocks of a message or view."""
    found = list(array(kinds(BLOCKS), _MOST_BLOCKS[surface], least=0)(blocks, at))
    if found or not isinstance(blocks, Sequence):
        return found
    for number, block in enumerate(blocks):
        found += _of_block(block, surface, f"{at}/{number}")
    found += _repeated(blocks, at)
    found += _altogether(blocks, at)
    return found


def find_view_problems(view: object) -> list[Problem]:
    """Find everything that is wrong with a view."""
    found = list(_VIEWS(view, "/view"))
    if not isinstance(view, Mapping) or view.get("type") not in _MOST_BLOCKS:
        return found
    blocks = view.get("blocks", [])
    found += find_block_problems(blocks, str(view["type"]), at="/view/blocks")
    has_input = isinstance(blocks, Sequence) and any(
        isinstance(one, Mapping) and one.get("type") == "input" for one in blocks
    )
    if view["type"] == MODAL and has_input and "submit" not in view:
        found.append(Problem("missing required field: submit", "/view"))
    return found


def find_attachment_problems(attachments: object) -> list[Problem]:
    """Find everything that is wrong with attachments: a colour and blocks are all they may have."""
    each = record({}, {"color": text(20), "blocks": anything, "fallback": text(3000)})
    found = list(array(each, 100, least=0)(attachments, "/attachments"))
    if not found and isinstance(attachments, Sequence):
        for number, one in enumerate(attachments):
            at = f"/attachments/{number}/blocks"
            found += find_block_problems(one.get("blocks", []), at=at)
    return found


def active_elements(block: Json) -> list[Json]:
    """List the elements of a block that people may act on."""
    found = [*block.get("elements", ()), block.get("accessory"), block.get("element")]
    found += block.get("actions", ())
    nested = [*block.get("child_blocks", ())]
    nested += block.get("elements", ()) if block["type"] == "carousel" else ()
    for inner in nested:
        found += active_elements(inner)
    passive = {"image", "plain_text", "mrkdwn", "card", "raw_text"}
    return [
        one
        for one in found
        if one and one["type"] not in passive and not one["type"].startswith("rich_text_")
    ]


def count_text(value: object) -> int:
    """Count the characters of all texts in blocks."""
    if isinstance(value, Mapping):
        own = value.get("text")
        below = sum(count_text(one) for one in value.values())
        return below + (len(own) if isinstance(own, str) else 0)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return sum(count_text(one) for one in value)
    return 0


def _of_block(block: Json, surface: str, at: str) -> Iterator[Problem]:
    kind = block["type"]
    if kind not in _SURFACES[surface]:
        yield Problem(f"unsupported type for {surface}: {kind}", f"{at}/type")
    if kind == "section" and not block.keys() & {"text", "fields"}:
        yield Problem("missing required field: text", at)
    if kind == "table" and count_text(block) > LARGEST_TABLE:
        yield Problem(f"a table has at most {LARGEST_TABLE} characters", at)
    ids = Counter(one.get("action_id") for one in active_elements(block) if "action_id" in one)
    for name, times in ids.items():
        if times > 1:
            yield Problem(f"action_id {name!r} already exists in this block", at)


def _repeated(blocks: Sequence[Json], at: str) -> Iterator[Problem]:
    ids = Counter(block["block_id"] for block in blocks if "block_id" in block)
    for name, times in ids.items():
        if times > 1:
            yield Problem(f"block_id {name!r} already exists", at)


def _altogether(blocks: Sequence[Json], at: str) -> Iterator[Problem]:
    markdown = sum(len(one["text"]) for one in blocks if one["type"] == "markdown")
    if markdown > MOST_MARKDOWN:
        yield Problem(f"markdown blocks have at most {MOST_MARKDOWN} characters in all", at)
    if sum(one["type"] == "table" for one in blocks) > 1:
        yield Problem("only one table is allowed", at)
