"""From the words of one line to the command they mean: typed fields, or a refusal by name."""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bridge.decisions.building_chat import CHAT_BUILDERS, source_of
from bridge.decisions.chat_values import check_code
from bridge.decisions.comment_lines import Line
from bridge.decisions.flag_reading import NotTaken, read_flags
from bridge.decisions.flag_values import Refused
from bridge.decisions.flags import Flag, Flags
from bridge.decisions.verbs import CHAT, EXAMPLES, Door
from bridge.decisions.wording import code, listed
from bridge.domain.commands import (
    AllowCommand,
    ApplyCommand,
    ApproveCommand,
    CancelCommand,
    Command,
    DestroyCommand,
    HelpCommand,
    LaterCommand,
    LinkCommand,
    PlanCommand,
    RejectCommand,
    RetryCommand,
    Selection,
    StatusCommand,
    UnlinkCommand,
    UnlockCommand,
    VersionCommand,
    WhyCommand,
    Word,
)
from bridge.domain.runs import RunOptions
from bridge.domain.vcs import MergeMethod

_HELP_FLAGS = frozenset({"-h", "--help", "-help"})
_HELP = _HELP_FLAGS | {"help", "?"}
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BEGINNING = re.compile(r"[0-9a-f]{1,39}")
_ELSEWHERE: Mapping[str, str] = {
    "approve-policies": "Terrakube knows no approval of policies: its templates check them, and a "
    "job that is to ask somebody waits for {approve}",
    "import": "a job of Terrakube has no field for it: write an {import} block into the code, "
    "which is planned and reviewed like any other change",
    "state": "a job of Terrakube has no field for it: write a {removed} or {moved} block into the "
    "code, which is planned and reviewed like any other change",
}
"""Commands of other tools, and what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How people say commands.

    Attributes:
        name: How they are told to address the bridge.
        door: Where they are.
    """

    name: str
    door: Door


def build(line: Line, word: Word | None, tokens: Sequence[str], telling: Telling) -> Command:
    """Make the command that a line gives.

    Args:
        line: Where it stands.
        word: Of the command it begins with; None when there is no such command.
        tokens: The line without the bridge's name; at least one.
        telling: How it is said.

    Raises:
        Refused: The line is not understood, or not all of it.
    """
    door = telling.door
    if word is Word.HELP or tokens[0] in _HELP:
        return _help(line, tokens[1:], telling)
    if word in door.elsewhere:
        raise Refused(_elsewhere(word))
    if _HELP_FLAGS.intersection(_before_dashes(tokens)):
        return HelpCommand(line=line.number, text=line.text, word=word)
    if word is None:
        raise Refused(_unknown(tokens[0], telling))
    if by_position := _BY_POSITION.get(word):
        return by_position(line, tokens[1:])
    if word not in door.takes:
        return LaterCommand(line=line.number, text=line.text, word=word)
    try:
        found = read_flags(tokens[1:], door.takes[word], door.bare)
        return _BUILDERS[word](line, found)
    except NotTaken as error:
        raise Refused(_not_taken(error, word, door), token=_behind(error)) from error
    except Refused as refused:
        refused.token = _behind(refused)
        raise


def _behind(refused: Refused) -> int | None:
    return None if refused.token is None else refused.token + 1


def _help(line: Line, tokens: Sequence[str], telling: Telling) -> Command:
    if len(tokens) > 1:
        problem = f"{code(tokens[1])} is left over"
        raise Refused(problem, token=2)
    try:
        word = Word(tokens[0].casefold().replace("_", "-")) if tokens else None
    except ValueError as error:
        raise Refused(_unknown(tokens[0], telling)) from error
    if word in telling.door.elsewhere:
        raise Refused(_elsewhere(word))
    return HelpCommand(line=line.number, text=line.text, word=word)


def _allow(line: Line, tokens: Sequence[str]) -> Command:
    if len(tokens) != 1:
        problem = "it takes exactly one commit id"
        raise Refused(problem)
    sha = tokens[0].lower()
    if not _COMMIT.fullmatch(sha):
        short = (
            "is a shortened commit id, which another commit can be made to fit; the full one has "
            "40 characters"
        )
        problem = f"{code(tokens[0])} {short if _BEGINNING.fullmatch(sha) else 'is no commit id'}"
        raise Refused(problem)
    return AllowCommand(line=line.number, text=line.text, sha=sha)


def _link(line: Line, tokens: Sequence[str]) -> Command:
    if len(tokens) > 1:
        problem = "it takes one code"
        raise Refused(problem)
    return LinkCommand(
        line=line.number, text=line.text, code=check_code(tokens[0]) if tokens else ""
    )


_BY_POSITION: Mapping[Word, Callable[[Line, Sequence[str]], Command]] = {
    Word.OK_TO_PLAN: _allow,
    Word.LINK: _link,
}
"""Commands that take no flags, but values in their places."""


def _plan(line: Line, found: Flags) -> Command:
    return PlanCommand(
        line=line.number,
        text=line.text,
        selection=_selection(found),
        options=_options(found),
        verbose=found.has(Flag.VERBOSE),
        source=source_of(found),
    )


def _apply(line: Line, found: Flags) -> Command:
    method = found.value(Flag.AUTO_MERGE_METHOD)
    options = _options(found)
    return ApplyCommand(
        line=line.number,
        text=line.text,
        selection=_selection(found),
        options=options if options != RunOptions() else None,
        auto_merge=False if found.has(Flag.AUTO_MERGE_DISABLED) else None,
        merge_method=MergeMethod(method) if method else None,
        verbose=found.has(Flag.VERBOSE),
        source=source_of(found),
    )


def _destroy(line: Line, found: Flags) -> Command:
    options = _options(found, destroy=True)
    return DestroyCommand(
        line=line.number,
        text=line.text,
        selection=_selection(found),
        options=options if options != RunOptions(destroy=True) else None,
        verbose=found.has(Flag.VERBOSE),
        source=source_of(found),
    )


def _deciding(
    kind: type[ApproveCommand | RejectCommand | CancelCommand | StatusCommand | WhyCommand],
) -> Callable[[Line, Flags], Command]:
    return lambda line, found: kind(
        line=line.number,
        text=line.text,
        selection=_selection(found),
        job=found.value(Flag.JOB),
    )


def _selecting(
    kind: type[UnlockCommand | RetryCommand],
) -> Callable[[Line, Flags], Command]:
    return lambda line, found: kind(line=line.number, text=line.text, selection=_selection(found))


def _bare(kind: type[UnlinkCommand | VersionCommand]) -> Callable[[Line, Flags], Command]:
    return lambda line, _found: kind(line=line.number, text=line.text)


_BUILDERS: Mapping[Word, Callable[[Line, Flags], Command]] = {
    Word.PLAN: _plan,
    Word.APPLY: _apply,
    Word.DESTROY: _destroy,
    Word.APPROVE: _deciding(ApproveCommand),
    Word.REJECT: _deciding(RejectCommand),
    Word.CANCEL: _deciding(CancelCommand),
    Word.UNLOCK: _selecting(UnlockCommand),
    Word.STATUS: _deciding(StatusCommand),
    Word.WHY: _deciding(WhyCommand),
    Word.RETRY: _selecting(RetryCommand),
    Word.UNLINK: _bare(UnlinkCommand),
    Word.VERSION: _bare(VersionCommand),
    **CHAT_BUILDERS,
}


def _selection(found: Flags) -> Selection:
    return Selection(
        workspaces=found.values(Flag.WORKSPACE, Flag.PROJECT),
        folders=found.values(Flag.FOLDER),
        everything=found.has(Flag.ALL),
        pull_request=found.value(Flag.PULL_REQUEST),
    )


def _options(found: Flags, *, destroy: bool = False) -> RunOptions:
    return RunOptions(
        refresh=not found.has(Flag.NO_REFRESH),
        refresh_only=found.has(Flag.REFRESH_ONLY),
        targets=found.values(Flag.TARGET),
        replaces=found.values(Flag.REPLACE),
        destroy=destroy or found.has(Flag.DESTROY),
    )


def _before_dashes(tokens: Sequence[str]) -> Sequence[str]:
    return tokens[: tokens.index("--")] if "--" in tokens else tokens


def _elsewhere(word: Word) -> str:
    return f"{code(word.value)} is not read here; say it in Slack"


def _not_taken(error: NotTaken, word: Word, door: Door) -> str:
    if error.flag is Flag.DESTROY and word is Word.APPLY:
        return f"{code('apply')} destroys nothing as a whole; {code('destroy')} does"
    if error.flag is Flag.DESTROY and word is Word.DESTROY:
        return f"{code('destroy')} destroys by itself; leave {code(error.name)} out"
    if not door.takes[word]:
        return f"{code(word.value)} takes no flags"
    if why := door.not_here.get(error.flag):
        return f"{code(error.name)} is only known in Slack: {why}"
    if others := door.takers(error.flag):
        names = listed([one.value for one in others])
        return f"{code(word.value)} has no {code(error.name)}; it is a flag of {names}"
    names = listed([one.value for one in CHAT.takers(error.flag)])
    return f"{code(word.value)} has no {code(error.name)}; it is a flag of {names} in Slack"


def _unknown(token: str, telling: Telling) -> str:
    name = telling.name
    said = token.casefold().replace("_", "-")
    if said in _ELSEWHERE:
        words = {"approve": f"{name} approve"}
        names = {
            one: code(words.get(one, one)) for one in ("approve", "import", "removed", "moved")
        }
        return f"{code(token)} is not available: {_ELSEWHERE[said].format(**names)}"
    known = [word.value for word in Word if word not in telling.door.elsewhere]
    near = difflib.get_close_matches(said, known, n=1)
    help_ = f"{code(f'{name} help')} lists them"
    hint = f"did you mean {code(f'{name} {near[0]}')}?" if near else help_
    unknown = f"{code(token)} is no command; {hint}"
    if not telling.door.shows_place:
        return unknown
    example = EXAMPLES[Word(near[0]) if near else Word.PLAN]
    return f"{unknown}{'' if near else '.'} For example {code(f'{name} {example}')}"
