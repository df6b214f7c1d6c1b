"""A small reader of Markdown that knows nothing of the renderer: what takes effect, and where.

It follows CommonMark where it matters: a fence ends with a line of at least as many back-ticks
and nothing else; what is inside is text. Outside, code spans are text and the rest must be free
of anything that links, pings, embeds or runs, except what a report is meant to have.
"""

import re
from dataclasses import dataclass

_FENCE = re.compile(r" {0,3}(`{3,})([^`]*)$")
_TAG = re.compile(r"</?[A-Za-z!?][^>]*>?")
_ALLOWED_TAGS = {"<details>", "<details open>", "</details>", "<summary>", "</summary>"}
_CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)")
_LINK = re.compile(r"\[[^\[\]]*\]\(https://(?:terrakube|code)\.example\.com/[^\s()]*\)")
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


@dataclass(frozen=True, slots=True)
class Fenced:
    """A fenced text and the last line before it that says something."""

    title: str
    language: str
    body: str


def read(part: str) -> list[Fenced]:
    """Check one comment and return its fenced texts; AssertionError when something takes effect."""
    assert not _INVISIBLE.search(part)
    found: list[Fenced] = []
    outside: list[str] = []
    fence, language, body = "", "", [""]
    depth = 0
    for line in part.split("\n"):
        match = _FENCE.fullmatch(line)
        if fence:
            if match and len(match[1]) >= len(fence) and not match[2].strip():
                title = next((one for one in reversed(outside) if one.strip()), "")
                found.append(Fenced(title, language, "".join(body)))
                fence = ""
            else:
                body.append(f"{line}\n")
            continue
        if match:
            fence, language, body = match[1], match[2], []
            continue
        depth += line.count("<details") - line.count("</details>")
        assert 0 <= depth <= 1, f"details do not balance at {line!r}"
        check_line(line)
        outside.append(line)
    assert not fence, "a fence is left open"
    assert depth == 0, "details are left open"
    return found


def check_line(line: str) -> None:
    """Check a line outside fences."""
    for tag in _TAG.findall(line):
        assert tag in _ALLOWED_TAGS, f"HTML: {tag!r} in {line!r}"
    text = _LINK.sub("", _CODE.sub("", line))
    for tag in _ALLOWED_TAGS:
        text = text.replace(tag, "")
    assert "<" not in text, f"raw < in {line!r}"
    assert not re.search(r"@\w", text), f"mention in {line!r}"
    assert not re.search(r"(?<!&)#\d", text), f"issue number in {line!r}"
    assert not re.search(r"https?://|www\.|\]\(|!\[", text, re.IGNORECASE), f"link in {line!r}"
    assert not re.match(r"\s*/", text), f"quick action in {line!r}"
    assert "`" not in text, f"open code span in {line!r}"


def texts(parts: list[str]) -> dict[str, str]:
    """Join what each title's fences hold over all comments."""
    joined: dict[str, str] = {}
    for part in parts:
        for fenced in read(part):
            title = fenced.title.replace(" (continued)", "")
            joined[title] = joined.get(title, "") + fenced.body
    return joined
