"""What differs from one run to the next, masked: the rest is compared with a golden file."""

import re
from collections.abc import Sequence
from typing import Final

_MASKS: Final = (
    (re.compile(r"<!-- bridge:[0-9A-Z]{26}(:[0-9]+)? [0-9a-f]{32} -->"), r"<!-- bridge:POST\1 -->"),
    (re.compile(r"\b[0-9A-HJKMNP-TV-Z]{26}\b"), "RUN"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "UUID"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "SHA"),
    (re.compile(r"`[0-9a-f]{8}([0-9a-f]{4})?`"), "`SHORT`"),
    (re.compile(r"(\b[0-9]{4}-[0-9]{2}-[0-9]{2} )?\b[0-9]{2}:[0-9]{2} UTC"), "WHEN"),
    (re.compile(r"http://127\.0\.0\.1:[0-9]+"), "http://HOST"),
    (re.compile(r"\| (<1|[0-9]+) s \|"), "| TOOK |"),
    (re.compile(r"@[0-9a-f]{8}`"), "@SHORT`"),
    (re.compile(r"\btook (<1 s|[0-9]+ (s|min|h)( [0-9]+ (s|min))?)"), "took TOOK"),
    (re.compile(r"\bterrakube \(edited\):"), "terrakube:"),
    (re.compile(r"\bterrakube \(edited, "), "terrakube ("),
)


def masked(text: str) -> str:
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def together(texts: Sequence[str]) -> str:
    """Put several comments into one file."""
    return "\n=== comment ===\n".join(masked(text) for text in texts) + "\n"
