"""From a comment to commands: the grammar people know, and nothing beyond it.

A comment is for the bridge when its every line is a command; any other line, and it is prose that
runs nothing. Tokens follow the rules of a shell, but no shell is anywhere: each flag is one this
module knows, checked and put into a typed field, and everything else is refused by name.
"""

from collections.abc import Sequence

from bridge.decisions.building import Telling, build
from bridge.decisions.chat_lines import as_said, count_lines
from bridge.decisions.comment_lines import Line, counting_lines
from bridge.decisions.flag_values import Refused
from bridge.decisions.splitting import split, without_reason
from bridge.decisions.verbs import CHAT, COMMENT, usage
from bridge.decisions.wording import code
from bridge.domain.commands import Command, Conversation, HelpCommand, Misunderstood, Prose, Word

MOST_COMMANDS = 10
"""Commands in one comment; more are refused together."""

_LONGEST = 2_000
_LONGEST_SAID = 10_000  # escapes and addresses are longer than what they stand for
_LONGEST_COMMENT = 65_536  # what GitHub takes, quotes and all; on others anybody may write more
_FOREIGN = frozenset({"terraform", "tofu"})
_SHARED = frozenset({Word.PLAN, Word.APPLY, Word.DESTROY})


def parse_comment(body: str, names: Sequence[str]) -> Prose | Conversation:
    """Read a comment; never raises, whatever it holds.

    Args:
        body: As written.
        names: Words a command begins with, in any case: the executable's names and ``@bot``.
    """
    lines = counting_lines(body) if len(body) <= _LONGEST_COMMENT else ()
    if not lines:
        long = f"longer than {_LONGEST_COMMENT:,} characters"
        nothing = "empty, a quote or a code block"
        return Prose(reason=f"the comment is {long if body[_LONGEST_COMMENT:] else nothing}")
    known = frozenset(name.casefold() for name in names)
    if len(lines) == 1 and (hint := _foreign_hint(lines[0], known, names[0])):
        return Conversation(commands=(hint,))
    if not _is_command(lines[0], known):
        return Prose(reason="the comment is no command")
    strange = next((line for line in lines if not _is_command(line, known)), None)
    if strange is not None:
        return Prose(reason=f"line {strange.number} of the comment is no command, so none is")
    if len(lines) > MOST_COMMANDS:
        return Conversation(commands=(_too_many(lines),))
    return Conversation(commands=tuple(_parse_line(line, names[0]) for line in lines))


def parse_command(text: str, name: str) -> Command:
    """Read one command without a name in front, as a chat hands it over; never raises.

    Nothing at all is a HelpCommand without a text, which a chat may answer by a form.

    Args:
        text: As written, with what Slack escapes in it.
        name: How people are told to say it.
    """
    if len(text) > _LONGEST_SAID:
        # Only the beginning of it would be something else than what was said.
        line = Line(number=1, text=as_said(text[:_LONGEST]))
        problem = f"it is longer than {_LONGEST} characters"
        return Misunderstood(line=line.number, text=line.text, problem=problem)
    line = Line(number=1, text=as_said(text))
    if (lines := count_lines(text)) > 1:
        problem = f"it has {lines} lines, and one command is read at a time"
        return Misunderstood(line=line.number, text=line.text, problem=problem)
    return _parse(line, _unticked(line.text), Telling(name=name, door=CHAT))


def _parse_line(line: Line, name: str) -> Command:
    text = _unticked(line.text)
    if text.startswith("`"):
        problem = "a back-tick in it has no partner"
        return Misunderstood(line=line.number, text=line.text, problem=problem)
    return _parse(line, text.partition(" ")[2], Telling(name=name, door=COMMENT))


def _parse(line: Line, text: str, telling: Telling) -> Command:
    door = telling.door
    word = _word(text.split(maxsplit=1))
    starts: Sequence[int] = ()
    try:
        found = split(without_reason(_short(text)) if word in door.reasoned else _short(text))
        tokens, starts = [token for token, _ in found], [start for _, start in found]
        word = _word(tokens)
        if not tokens:
            return HelpCommand(line=line.number, text=line.text)
        return build(line, word, tokens, telling)
    except Refused as refused:
        place = refused.place if refused.token is None else starts[refused.token]
        if place is not None:
            place = line.text.index(text) + place if door.shows_place else None
        how = "" if word is None or word in door.elsewhere else usage(word, door)
        return Misunderstood(
            line=line.number,
            text=line.text,
            problem=refused.problem,
            usage=how and f"{telling.name} {how}",
            place=place,
        )


def _short(text: str) -> str:
    if len(text) > _LONGEST:
        problem = f"it is longer than {_LONGEST} characters"
        raise Refused(problem)
    return text


def _is_command(line: Line, known: frozenset[str]) -> bool:
    first, *_ = line.text.strip(" `").split(" ", maxsplit=1)
    return first.casefold() in known


def _unticked(text: str) -> str:
    """Take a pair of back-ticks, or of runs of them, off a line."""
    inner = text.strip("`")
    ticks = text[: len(text) - len(text.lstrip("`"))]
    is_pair = ticks and inner and text == f"{ticks}{inner}{ticks}"
    return inner.strip() if is_pair else text


def _word(tokens: Sequence[str]) -> Word | None:
    try:
        return Word(tokens[0].casefold().replace("_", "-")) if tokens else None
    except ValueError:
        return None


def _foreign_hint(line: Line, known: frozenset[str], name: str) -> Misunderstood | None:
    """Answer somebody who typed the tool's own name; a sentence about the tool is left alone."""
    executable, *words = _unticked(line.text).split() or [""]
    is_command = executable.casefold() in _FOREIGN - known and _word(words) in _SHARED
    if not is_command or any(not word.startswith("-") for word in words[1:]):
        return None
    problem = f"did you mean {code(f'{name} {words[0].lower()}')}?"
    return Misunderstood(line=line.number, text=line.text, problem=problem)


def _too_many(lines: Sequence[Line]) -> Misunderstood:
    problem = f"{len(lines)} commands in one comment; {MOST_COMMANDS} are the most"
    return Misunderstood(line=lines[0].number, text=lines[0].text, problem=problem)
