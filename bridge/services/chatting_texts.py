"""What is sent to a chat, made ready: without secrets, within its limits, known by its hash."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias

from bridge.domain.chat import Blocks, ChatMessage, View
from bridge.domain.reports import ChatReport, ChatRun
from bridge.domain.runs import OutputKind
from bridge.rendering.slack import degrade, render_answer
from bridge.rendering.slack.pieces import context, section

Redact: TypeAlias = Callable[[str], str]

_TEXTS: Final = frozenset({"text", "url", "initial_value"})
_SHORT: Final = 1_500
_MARKUP: Final = {"<": "\ue000", ">": "\ue001"}
_PLAIN: Final = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_OPEN: Final = re.compile(r"<[^<>]*\Z|&[a-z]*\Z")


def said(content: str, redact: Redact) -> ChatMessage:
    """Read what is fixed: a message that is made already, or Markdown."""
    made = _message(content)
    if made is None:
        # A whole text: a secret in it cannot be cut in two.
        made = render_answer(redact(content))
    return masked(made, redact)


def masked(message: ChatMessage, redact: Redact) -> ChatMessage:
    """Mask secrets in a message, and let it be no longer than it may for that."""
    return degrade(
        ChatMessage(
            text=_masked_text(message.text, redact),
            blocks=tuple(_masked(block, redact) for block in message.blocks),
        )
    )


def masked_view(view: View, redact: Redact) -> View:
    """Mask secrets in a modal."""
    made: View = _masked(view, redact)
    return made


def masked_report(report: ChatReport, redact: Redact) -> ChatReport:
    """Mask secrets in what is shown in pieces only: half a secret is not recognised.

    Of many runs nobody is shown the plans, and they have megabytes.
    """
    kinds = frozenset(OutputKind) if len(report.runs) == 1 else frozenset({OutputKind.ERROR})
    return replace(report, runs=tuple(_masked_run(one, redact, kinds) for one in report.runs))


def hash_of(message: ChatMessage) -> str:
    """Tell a message from all others."""
    written = json.dumps([message.text, message.blocks], sort_keys=True)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def shorter(message: ChatMessage) -> Iterator[ChatMessage]:
    """Yield a message, then ever shorter ones, for a chat that finds it too long.

    What stays longest is its text, which has the link to where all of it stands.
    """
    yield message
    kept = tuple(block for block in message.blocks if block.get("type") != "rich_text")
    if len(kept) < len(message.blocks):
        yield replace(message, blocks=kept)
    ends = tuple(block for block in kept if block.get("type") == "actions")
    if 0 < len(ends) < len(kept):
        yield replace(message, blocks=(*kept[:1], *ends[:1]))
    if message.blocks:
        yield ChatMessage(text=message.text)
    if len(message.text) > _SHORT:
        yield ChatMessage(text=f"{_OPEN.sub('', message.text[: _SHORT - 1])}…")


def with_hint(message: ChatMessage, hint: str) -> ChatMessage:
    """Say something more below a message, in Slack's markup."""
    blocks = message.blocks or (section(message.text),)
    return degrade(ChatMessage(text=f"{message.text}\n{hint}", blocks=(*blocks, context([hint]))))


def has_buttons(message: ChatMessage) -> bool:
    """Tell whether there is something to press in a message."""
    return any(block.get("type") == "actions" for block in message.blocks)


def _message(content: str) -> ChatMessage | None:
    """Read a message that was written as JSON; None for a text."""
    try:
        read = json.loads(content) if content.startswith("{") else None
    except ValueError:
        return None
    if not isinstance(read, dict) or set(read) != {"text", "blocks"}:
        return None
    text, blocks = read["text"], read["blocks"]
    if not isinstance(text, str) or not isinstance(blocks, list):
        return None
    known: Blocks = tuple(block for block in blocks if isinstance(block, dict))
    return ChatMessage(text=text, blocks=known)


def _masked_run(one: ChatRun, redact: Redact, kinds: frozenset[OutputKind]) -> ChatRun:
    report = one.report
    run = report.run
    cleaned = replace(
        run, delta=redact(run.delta), trouble=redact(run.trouble), reason=redact(run.reason)
    )
    outputs = tuple(
        replace(output, text=redact(output.text)) if output.kind in kinds else output
        for output in report.outputs
    )
    return replace(one, report=replace(report, run=cleaned, outputs=outputs))


def _masked(value: Any, redact: Redact, key: str = "") -> Any:  # noqa: ANN401 - any JSON
    """Mask secrets in whatever people read of blocks."""
    if isinstance(value, str):
        return _masked_text(value, redact) if key in _TEXTS else value
    if isinstance(value, Mapping):
        return {name: _masked(inner, redact, name) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [_masked(inner, redact, key) for inner in value]
    return value


def _masked_text(text: str, redact: Redact) -> str:
    """Mask secrets, those as well that Slack's markup writes in another way."""
    found = redact(text)
    if "&" not in found:
        return found
    plain = _replaced(_replaced(found, _MARKUP), _PLAIN)
    if (again := redact(plain)) == plain:
        return found
    escaped = again.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _replaced(escaped, {private: sign for sign, private in _MARKUP.items()})


def _replaced(text: str, table: Mapping[str, str]) -> str:
    for found, written in table.items():
        text = text.replace(found, written)
    return text
