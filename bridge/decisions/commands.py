"""From a comment to commands: the grammar people know, and nothing beyond it.

A comment is for the bridge when its every line is a command; any other line, and it is prose that
runs nothing. Tokens follow the rules of a shell, but no shell is anywhere: each flag is one this
module knows, checked and put into a typed field, and everything else is refused by name.
"""

import difflib
import shlex
from collections.abc import Callable, Mapping, Sequence

from bridge.decisions.comment_lines import Line, counting_lines
from bridge.decisions.flags import Flag, Refused, read_flags
from bridge.decisions.wording import code
from bridge.domain.commands import (
    AllowCommand,
    Command,
    Conversation,
    HelpCommand,
    LaterCommand,
    Misunderstood,
    PlanCommand,
    Prose,
    Selection,
    Word,
)
from bridge.domain.runs import RunOptions

MOST_COMMANDS = 10
"""Commands in one comment; more are refused together."""

_LONGEST = 2_000
_LONGEST_COMMENT = 200_000  # characters, quotes and all: anybody may write many more
_FOREIGN = frozenset({"terraform", "tofu"})
_SHARED = frozenset({Word.PLAN, Word.APPLY, Word.DESTROY})
_HELP = frozenset({"help", "?"})
_HELP_FLAGS = frozenset({"-h", "--help", "-help"})

USAGE: Mapping[Word, str] = {
    Word.PLAN: "plan [-w ORGANIZATION/WORKSPACE]... [-d FOLDER]... [--all] [--target ADDRESS]... "
    "[--replace ADDRESS]... [--refresh-only] [--no-refresh]",
    Word.OK_TO_PLAN: "ok-to-plan SHA",
    Word.HELP: "help",
}


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
    return Conversation(commands=tuple(parse_line(line, names[0]) for line in lines))


def parse_line(line: Line, name: str) -> Command:
    """Read one line that begins with a command name; *name* is how people are told to say it."""
    text = _unticked(line.text)
    word = _word(text.split()[1:])
    try:
        tokens = _tokens(text)
        if not tokens or _asks_for_help(tokens):
            return HelpCommand(line=line.number, text=line.text)
        word = _word(tokens)
        return _read(line, word, tokens, name)
    except Refused as refused:
        usage = f"{name} {USAGE[word]}" if word and word in USAGE else ""
        return Misunderstood(line=line.number, text=line.text, problem=refused.problem, usage=usage)


def _tokens(text: str) -> Sequence[str]:
    if len(text) > _LONGEST:
        problem = f"it is longer than {_LONGEST} characters"
        raise Refused(problem)
    try:
        return shlex.split(text)[1:]
    except ValueError as error:
        problem = "a quote in it is not closed"
        raise Refused(problem) from error


def _read(line: Line, word: Word | None, tokens: Sequence[str], name: str) -> Command:
    if word is None:
        raise Refused(_unknown(tokens[0], name))
    if word not in _READERS:
        return LaterCommand(line=line.number, text=line.text, word=word)
    return _READERS[word](line, tokens[1:])


def _read_plan(line: Line, tokens: Sequence[str]) -> Command:
    found = read_flags(tokens)
    return PlanCommand(
        line=line.number,
        text=line.text,
        selection=Selection(
            workspaces=found.values(Flag.WORKSPACE),
            folders=found.values(Flag.FOLDER),
            everything=found.has(Flag.ALL),
        ),
        options=RunOptions(
            refresh=not found.has(Flag.NO_REFRESH),
            refresh_only=found.has(Flag.REFRESH_ONLY),
            targets=found.values(Flag.TARGET),
            replaces=found.values(Flag.REPLACE),
        ),
    )


def _read_ok_to_plan(line: Line, tokens: Sequence[str]) -> Command:
    if len(tokens) != 1:
        problem = "it takes exactly one commit id"
        raise Refused(problem)
    sha = tokens[0].lower()
    if set(sha) - set("0123456789abcdef"):
        problem = f"{code(tokens[0])} is no commit id"
        raise Refused(problem)
    if len(sha) not in {40, 64}:
        problem = (
            f"{code(tokens[0])} is a shortened commit id, which another commit can be made to "
            "fit; the full one has 40 characters"
        )
        raise Refused(problem)
    return AllowCommand(line=line.number, text=line.text, sha=sha)


_READERS: Mapping[Word, Callable[[Line, Sequence[str]], Command]] = {
    Word.PLAN: _read_plan,
    Word.OK_TO_PLAN: _read_ok_to_plan,
}


def _asks_for_help(tokens: Sequence[str]) -> bool:
    return tokens[0].casefold() in _HELP or bool(_HELP_FLAGS.intersection(tokens))


def _is_command(line: Line, known: frozenset[str]) -> bool:
    first, *_ = line.text.strip(" `").split(" ", maxsplit=1)
    return first.casefold() in known


def _unticked(text: str) -> str:
    """Take one pair of back-ticks off a line."""
    pair = len(text) > 1 and text[0] == text[-1] == "`"
    return text[1:-1].strip() if pair else text


def _word(tokens: Sequence[str]) -> Word | None:
    try:
        return Word(tokens[0].casefold().replace("_", "-")) if tokens else None
    except ValueError:
        return None


def _unknown(token: str, name: str) -> str:
    near = difflib.get_close_matches(token.casefold(), [word.value for word in Word], n=1)
    help_ = f"{code(f'{name} help')} lists them"
    hint = f"did you mean {code(f'{name} {near[0]}')}?" if near else help_
    return f"{code(token)} is no command; {hint}"


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
