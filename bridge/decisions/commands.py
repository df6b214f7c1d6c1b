"""From a comment to commands: the grammar people know, and nothing beyond it.

A comment is for the bridge when its every line is a command; any other line, and it is prose that
runs nothing. Tokens follow the rules of a shell, but no shell is anywhere: each flag is one this
module knows, checked and put into a typed field, and everything else is refused by name.
"""

import shlex
from collections.abc import Sequence

from bridge.decisions.building import build
from bridge.decisions.comment_lines import Line, counting_lines, plain
from bridge.decisions.flag_values import Refused
from bridge.decisions.verbs import usage
from bridge.decisions.wording import code
from bridge.domain.commands import Command, Conversation, HelpCommand, Misunderstood, Prose, Word

MOST_COMMANDS = 10
"""Commands in one comment; more are refused together."""

_LONGEST = 2_000
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

    Args:
        text: As written.
        name: How people are told to say it.
    """
    line = Line(number=1, text=plain(text))
    return _parse(line, _unticked(line.text), name)


def _parse_line(line: Line, name: str) -> Command:
    text = _unticked(line.text)
    if text.startswith("`"):
        problem = "a back-tick in it has no partner"
        return Misunderstood(line=line.number, text=line.text, problem=problem)
    return _parse(line, text.partition(" ")[2], name)


def _parse(line: Line, text: str, name: str) -> Command:
    word = _word(text.split(maxsplit=1))
    try:
        tokens = _tokens(text)
        word = _word(tokens)
        if not tokens:
            return HelpCommand(line=line.number, text=line.text)
        return build(line, word, tokens, name)
    except Refused as refused:
        how = f"{name} {usage(word)}" if word else ""
        return Misunderstood(line=line.number, text=line.text, problem=refused.problem, usage=how)


def _tokens(text: str) -> Sequence[str]:
    if len(text) > _LONGEST:
        problem = f"it is longer than {_LONGEST} characters"
        raise Refused(problem)
    try:
        return shlex.split(text)
    except ValueError as error:
        problem = "a quote in it is not closed"
        raise Refused(problem) from error


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
