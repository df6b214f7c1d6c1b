"""What handlers answer, in Markdown, as a message of Slack's.

Slack has a block for Markdown, but it is read by nobody's rules. So the Markdown is read here, as
forges read it, and written out with the few signs Slack has; whatever else it holds is plain text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from unicodedata import east_asian_width

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bridge.domain.chat import ChatMessage
from bridge.domain.chat_controls import Control
from bridge.rendering.durations import counted
from bridge.rendering.slack.degrading import degrade
from bridge.rendering.slack.escaping import (
    code,
    cut,
    escape_piece,
    link,
    one_line,
    split,
    without_ids,
)
from bridge.rendering.slack.excerpts import beginning
from bridge.rendering.slack.pieces import Block, actions, paragraphs, plain, preformatted

_READER: Final = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table")
_MOST: Final = 7_500
_MOST_TEXT: Final = 3_000
_MOST_PIECES: Final = 200
_LONGEST_INPUT: Final = 200_000
_LONGEST_LINE: Final = 2_500
_LONGEST_PARAGRAPH: Final = 8_000
_WIDEST_CELL: Final = 90
_MOST_LINKS: Final = 15
_MOST_BUTTONS: Final = 10
_LONGEST_LABEL: Final = 75
_LONGEST_COMMAND: Final = 500
_NOTHING: Final = "There is nothing to say."


@dataclass(frozen=True, slots=True)
class _Piece:
    """A paragraph in Slack's markup, or a text that stays as it is."""

    text: str
    is_log: bool = False


def render_answer(markdown: str, says: Sequence[tuple[str, str]] = ()) -> ChatMessage:
    """Write an answer in Markdown as a message; what finds no room is counted.

    Args:
        markdown: What is said.
        says: Buttons below it: a label, and the command it says for whoever presses it, without
            the name people address the bridge by.
    """
    pieces = [*_pieces(_READER.parse(markdown[:_LONGEST_INPUT]))]
    kept, left = _fitting(pieces)
    if left:
        kept.append(_Piece(f"_…and {counted(left, 'more line')}_"))
    text = "\n\n".join(piece.text for piece in kept if not piece.is_log) or _first(pieces)
    blocks = (*_blocks(kept), *_buttons(says))
    return degrade(ChatMessage(text=cut(text, _MOST_TEXT), blocks=blocks))


def _buttons(says: Sequence[tuple[str, str]]) -> Iterator[Block]:
    """Make a row of buttons, one for each command; a command that is cut would be another one."""
    labels: dict[str, str] = {}
    for label, command in says:
        if label.strip() and command.strip() and len(command) <= _LONGEST_COMMAND:
            labels.setdefault(command, one_line(label, _LONGEST_LABEL))
    made: list[Block] = [
        {
            "type": "button",
            "action_id": f"{Control.SAY}:{number}",
            "text": plain(label, _LONGEST_LABEL),
            "value": command,
        }
        for number, (command, label) in enumerate(labels.items(), start=1)
    ]
    if made:
        yield actions(made[:_MOST_BUTTONS])


def _first(pieces: Sequence[_Piece]) -> str:
    """Say in the fallback what a message says that has nothing but logs."""
    return code(pieces[0].text, 300) if pieces else _NOTHING


def _fitting(pieces: Sequence[_Piece]) -> tuple[list[_Piece], int]:
    """Keep so much as a message holds, and count the lines of what is left."""
    room, left = _MOST, 0
    kept: list[_Piece] = []
    for piece in pieces:
        is_full = left or len(kept) == _MOST_PIECES
        taken, rest = _taken(piece, 0 if is_full else room)
        room -= len(taken)
        left += rest
        if taken:
            kept.append(_Piece(taken, is_log=piece.is_log))
    return kept, left


def _taken(piece: _Piece, room: int) -> tuple[str, int]:
    if len(piece.text) <= room:
        return piece.text, 0
    lines = piece.text.split("\n")
    kept: list[str] = []
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join(kept), len(lines) - len(kept)


def _blocks(pieces: Sequence[_Piece]) -> Iterator[Block]:
    said: list[str] = []
    for piece in pieces:
        if not piece.is_log:
            said += [*([""] if said else []), *piece.text.split("\n")]
            continue
        yield from _said(said)
        said = []
        yield preformatted(piece.text)
    yield from _said(said)


def _said(lines: Sequence[str]) -> Sequence[Block]:
    wrapped = [part for line in lines for part in split(line, _LONGEST_LINE)]
    return paragraphs(wrapped) if any(lines) else []


def _pieces(tokens: Sequence[Token]) -> Iterator[_Piece]:
    """Read blocks one after another; lists keep their lines together."""
    index = 0
    while index < len(tokens):
        token = tokens[index]
        end = _end(tokens, index)
        inside = tokens[index + 1 : end]
        index = end + 1
        if piece := _piece(token, inside):
            yield piece
        if token.type == "table_open" and (links := _links(inside)):
            yield _Piece(" · ".join(links))  # nothing can be pressed inside of a table


def _piece(token: Token, inside: Sequence[Token]) -> _Piece | None:
    match token.type:
        case "fence" | "code_block":
            text = beginning(token.content, _MOST)
            return _Piece(text, is_log=True) if text.strip() else None
        case "table_open":
            return _Piece(_table(inside), is_log=True)
        case "bullet_list_open" | "ordered_list_open":
            text = "\n".join(_items(token, inside, depth=0))
        case "heading_open":
            text = "\n".join(f"*{line}*" for line in _texts(inside, styled=False))
        case "blockquote_open":
            text = "\n".join(f">{line}" for piece in _pieces(inside) for line in _lines(piece))
        case _:
            text = "\n".join(_texts(inside))
    return _Piece(text) if text.strip() else None


def _lines(piece: _Piece) -> Sequence[str]:
    """Write a piece inside of another one, where there are no blocks of text as it is."""
    lines = piece.text.split("\n")
    return [code(line, _LONGEST_LINE) for line in lines] if piece.is_log else lines


def _end(tokens: Sequence[Token], start: int) -> int:
    """Find where what begins there ends; the same place when it holds nothing."""
    if tokens[start].nesting != 1:
        return start
    level = tokens[start].level
    return next(
        index
        for index in range(start + 1, len(tokens))
        if tokens[index].level == level and tokens[index].nesting == -1
    )


def _items(opened: Token, tokens: Sequence[Token], *, depth: int) -> Iterator[str]:
    """Write the items of a list, each behind its mark."""
    number = int(opened.attrs.get("start") or 1)
    indent = "    " * depth
    index = 0
    while index < len(tokens):
        end = _end(tokens, index)
        mark = f"{number}." if opened.type == "ordered_list_open" else "•"
        lines = [*_item(tokens[index + 1 : end], depth=depth)]
        first = lines[0] if lines else ""
        yield f"{indent}{mark} {first}".rstrip()
        yield from lines[1:]
        number += 1
        index = end + 1


def _item(tokens: Sequence[Token], *, depth: int) -> Iterator[str]:
    indent = "    " * (depth + 1)
    index = 0
    first = True
    while index < len(tokens):
        token, end = tokens[index], _end(tokens, index)
        inside = tokens[index + 1 : end]
        index = end + 1
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            lines = [*_items(token, inside, depth=depth + 1)]
            yield from ["", *lines] if first else lines
        elif piece := _piece(token, inside):
            shown = _lines(piece)
            yield from shown[:1] if first else [f"{indent}{line}" for line in shown[:1]]
            yield from (f"{indent}{line}" for line in shown[1:])
        first = False


def _texts(tokens: Sequence[Token], *, styled: bool = True) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield _inline(token.children or [], styled=styled)


def _inline(tokens: Sequence[Token], *, styled: bool = True) -> str:
    """Write what is inside of a line: bold, code and links; the rest is plain."""
    found: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        match token.type:
            case "code_inline":
                found.append(code(without_ids(token.content), _LONGEST_PARAGRAPH))
            case "softbreak" | "hardbreak":
                found.append("\n")
            case "strong_open" | "strong_close":
                found.append("*" if styled else "")
            case "em_open" | "em_close":
                found.append("_" if styled else "")
            case "link_open":
                end = _end(tokens, index)
                label = _bare(tokens[index + 1 : end])
                found.append(link(label, str(token.attrs.get("href") or ""), _LONGEST_LINE))
                index = end
            case _:
                found.append(escape_piece(without_ids(token.content), _LONGEST_PARAGRAPH))
        index += 1
    return "".join(found).strip()


def _bare(tokens: Sequence[Token]) -> str:
    return "".join(token.content or " " * (token.type == "softbreak") for token in tokens)


def _links(tokens: Sequence[Token]) -> Sequence[str]:
    """Write the links of a table out, each once."""
    found: dict[str, None] = {}
    for token in tokens:
        children = token.children or []
        for index, inner in enumerate(children):
            if inner.type == "link_open":
                label = _bare(children[index + 1 : _end(children, index)])
                found[link(label, str(inner.attrs.get("href") or ""))] = None
    return [*found][:_MOST_LINKS]


def _width(text: str) -> int:
    """Count the columns a text takes where all letters are of one width."""
    return sum(2 if east_asian_width(sign) in "WF" else 1 for sign in text)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _table(tokens: Sequence[Token]) -> str:
    """Write a table in columns, for a block whose letters are all of one width."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(beginning(_bare(token.children or []), _WIDEST_CELL * 4)[:_WIDEST_CELL])
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(_padded, row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
