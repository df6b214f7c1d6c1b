"""Saying less rather than nothing: a message that Slack would refuse is made shorter.

What is rendered is bounded from the start. This is for what nobody thought of, so it trusts
nothing, and it never raises: what is left in the end is a sentence.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bridge.domain.chat import Blocks, ChatMessage
from bridge.rendering.slack.checking import MOST_IN_ALL, MOST_TEXT, check_message, count_text
from bridge.rendering.slack.escaping import cut
from bridge.rendering.slack.pieces import preformatted, section

_UNSAID: Final = "There is something to say here that Slack would not take."
_LONGEST: Final = 2_900
_MOST_BLOCKS: Final = 49
_SHORT: Final = 200
_LEFT_OUT: Final = "_Some of it is left out here, as it is too long for Slack._"


def degrade(message: ChatMessage) -> ChatMessage:
    """Return a message that Slack takes: the same when it does, else a shorter one."""
    if not check_message(message):
        return message
    text = _text(message)
    for blocks in (_tidied(message.blocks), _bare(message.blocks), ()):
        shorter = ChatMessage(text=text, blocks=_fitting(blocks))
        if not check_message(shorter):
            return shorter
    return ChatMessage(text=_UNSAID)


def _text(message: ChatMessage) -> str:
    return cut(message.text, MOST_TEXT) if message.text.strip() else _UNSAID


def _tidied(blocks: Sequence[object]) -> Blocks:
    """Shorten what is too long, and leave out what is wrong in another way."""
    shorter = (_shortened(one) for one in blocks if isinstance(one, Mapping))
    return tuple(_named_once([one for one in shorter if _is_sound(one)]))


def _named_once(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Take the names of blocks away that another one has."""
    seen: set[str] = set()
    for block in blocks:
        name = block.get("block_id", "")
        yield {key: block[key] for key in block if key != "block_id" or name not in seen}
        seen.add(name)


def _bare(blocks: Sequence[object]) -> Blocks:
    """Leave out all that is preformatted: it is read in full elsewhere."""
    return tuple(one for one in _tidied(blocks) if one.get("type") != "rich_text")


def _fitting(blocks: Blocks) -> Blocks:
    """Keep buttons and the beginning; halve the longest texts, then leave blocks out."""
    kept = [*blocks]
    told = False
    while kept and (len(kept) > _MOST_BLOCKS or count_text(kept) > MOST_IN_ALL - len(_LEFT_OUT)):
        told = True
        _lessen(kept)
    return (*kept, section(_LEFT_OUT)) if told and kept else tuple(kept)


def _lessen(blocks: list[Mapping[str, Any]]) -> None:
    longest = max(range(len(blocks)), key=lambda index: _size_of_log(blocks[index]))
    log = _log_of(blocks[longest])
    if len(log) > _SHORT and len(blocks) <= _MOST_BLOCKS:
        blocks[longest] = preformatted(f"{log[: len(log) // 2]}…")
        return
    passive = [index for index, one in enumerate(blocks) if one.get("type") != "actions"]
    del blocks[passive[-1] if len(passive) > 1 else -1]


def _shortened(block: Mapping[str, Any]) -> Mapping[str, Any]:
    text = block.get("text")
    if not isinstance(text, Mapping) or block.get("type") != "section":
        return block
    said = text.get("text")
    if not isinstance(said, str) or len(said) <= _LONGEST:
        return block
    return {**block, "text": {**text, "text": cut(said, _LONGEST)}}


def _is_sound(block: Mapping[str, Any]) -> bool:
    alone = ChatMessage(text=_UNSAID, blocks=(block,))
    return all(problem.pointer == "/blocks" for problem in check_message(alone))


def _size_of_log(block: Mapping[str, Any]) -> int:
    return len(_log_of(block))


def _log_of(block: Mapping[str, Any]) -> str:
    """Return the text of a preformatted block; empty for another one."""
    if block.get("type") != "rich_text":
        return ""
    elements = (one for inner in block["elements"] for one in inner["elements"])
    return "".join(str(one["text"]) for one in elements)
