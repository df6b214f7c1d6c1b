"""The table of comments and what they mean, in a notation for people."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from pathlib import Path

from bridge.domain.commands import Command, Conversation, Misunderstood, Prose, word_of

TABLE = Path(__file__).with_name("comments.txt")
SAID = Path(__file__).with_name("said.txt")
NAMES = ("terrakube", "tk", "@bridge-bot")
SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass(frozen=True)
class Row:
    """A comment and what it means.

    Attributes:
        section: Heading it stands under.
    """

    section: str
    comment: str
    means: str


def rows(table: Path = TABLE) -> list[Row]:
    """Read a table: ``## heading`` lines and ``comment  =>  meaning`` lines."""
    found: list[Row] = []
    section = ""
    for line in table.read_text(encoding="ascii").splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif "  =>  " in line:
            comment, _, means = line.partition("  =>  ")
            found.append(Row(section, unescape(comment), unescape(means).replace("SHA", SHA)))
    return found


def unescape(text: str) -> str:
    r"""Read ``\n``, ``\u2014`` and the like."""
    return text.encode("ascii").decode("unicode_escape").replace("SHA", SHA)


def written(heard: Prose | Conversation) -> str:
    """Write what a comment means in the table's notation."""
    if isinstance(heard, Prose):
        return f"ignored: {heard.reason}"
    return "; ".join(written_command(command) for command in heard.commands)


def written_command(command: Command) -> str:
    """Write a command: its word, and every field that is not as it is by itself."""
    if isinstance(command, Misunderstood):
        usage = f" [{' '.join(command.usage.split()[:2])}]" if command.usage else ""
        return f"refused: {command.problem}{usage}"
    return " ".join([word_of(command).value, *_differing(command)])


def _differing(value: object) -> Iterator[str]:
    assert is_dataclass(value)
    for field in fields(value):
        held = getattr(value, field.name)
        if field.name in {"line", "text"} or (field.name == "word" and not held):
            continue
        if is_dataclass(held):
            yield from _differing(held)
        elif held != _default(field):
            yield f"{field.name}={_shown(held)}"


def _default(field: "Field[object]") -> object:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _shown(held: object) -> str:
    if isinstance(held, tuple):
        return f"[{', '.join(one or '.' for one in held)}]"
    return str(held)
