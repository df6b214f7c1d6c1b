"""Flags of commands: an allow-list, and what goes together.

Behind ``--`` stand Terraform's own options, as people know them from other tools. Those that a
job has a typed field for are taken; everything else is refused by name.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.decisions.flag_values import (
    Refused,
    check_folder,
    check_job,
    check_merge_method,
    check_resource,
    check_workspace,
)
from bridge.decisions.wording import code

_MOST_FLAGS = 50


class Flag(StrEnum):
    """What a flag sets."""

    WORKSPACE = "--workspace"
    FOLDER = "--dir"
    PROJECT = "--project"
    """What other tools call a workspace."""
    ALL = "--all"
    JOB = "--job"
    TARGET = "--target"
    REPLACE = "--replace"
    REFRESH_ONLY = "--refresh-only"
    NO_REFRESH = "--no-refresh"
    DESTROY = "-destroy"
    """Only behind ``--``: what ends everything is not said in passing."""
    VERBOSE = "--verbose"
    AUTO_MERGE_DISABLED = "--auto-merge-disabled"
    AUTO_MERGE_METHOD = "--auto-merge-method"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Flags of one line, with their values in the order written."""

    given: tuple[tuple[Flag, str], ...]

    def values(self, *flags: Flag) -> tuple[str, ...]:
        """Return the values of some flags, without repeats."""
        return tuple(dict.fromkeys(value for name, value in self.given if name in flags))

    def value(self, flag: Flag) -> str:
        """Return the value of a flag that is given once; empty when it is not given."""
        return next((value for name, value in self.given if name is flag), "")

    def has(self, flag: Flag) -> bool:
        """Tell whether a flag was given."""
        return any(name is flag for name, _ in self.given)


_NAMES: Mapping[str, Flag] = {
    **{flag.value: flag for flag in Flag if flag is not Flag.DESTROY},
    "-w": Flag.WORKSPACE,
    "-d": Flag.FOLDER,
    "-p": Flag.PROJECT,
}
_CHECKS: Mapping[Flag, Callable[[str], str]] = {
    Flag.WORKSPACE: check_workspace,
    Flag.FOLDER: check_folder,
    Flag.PROJECT: check_workspace,
    Flag.JOB: check_job,
    Flag.TARGET: check_resource,
    Flag.REPLACE: check_resource,
    Flag.AUTO_MERGE_METHOD: check_merge_method,
}
_ONCE = frozenset(Flag) - {
    Flag.WORKSPACE,
    Flag.FOLDER,
    Flag.PROJECT,
    Flag.TARGET,
    Flag.REPLACE,
}
_EXCLUSIVE: Sequence[tuple[Flag, Flag, str]] = (
    (Flag.PROJECT, Flag.WORKSPACE, "the two are one flag"),
    (Flag.PROJECT, Flag.FOLDER, "a workspace is named, or a folder"),
    *(
        (Flag.JOB, flag, "one job is named, or workspaces are")
        for flag in (Flag.WORKSPACE, Flag.FOLDER, Flag.PROJECT, Flag.ALL)
    ),
    (Flag.REFRESH_ONLY, Flag.NO_REFRESH, "nothing would be left to do"),
    (Flag.REFRESH_ONLY, Flag.REPLACE, "the one changes nothing, the other does"),
    (Flag.DESTROY, Flag.REFRESH_ONLY, "the one changes everything, the other nothing"),
    (Flag.DESTROY, Flag.REPLACE, "what is destroyed is not made anew"),
    (Flag.AUTO_MERGE_DISABLED, Flag.AUTO_MERGE_METHOD, "what is not merged needs no method"),
)
_DESTROY = frozenset({"-destroy", "--destroy"})
_TWO_DASHES = re.compile(r"--[^-]")
_TERRAFORM: Mapping[str, Flag] = {
    "-target": Flag.TARGET,
    "-replace": Flag.REPLACE,
    "-refresh=false": Flag.NO_REFRESH,
    "-refresh-only": Flag.REFRESH_ONLY,
    "-destroy": Flag.DESTROY,
}


def names_of(flag: Flag) -> tuple[str, ...]:
    """Return how a flag is written, the shortest way first."""
    names = [name for name, one in _NAMES.items() if one is flag]
    return tuple(sorted(names or [f"-- {flag.value}"], key=len))


def read_flags(tokens: Sequence[str], takes: frozenset[Flag]) -> Flags:
    """Read what follows a command's word.

    A bare ``organization/workspace`` is a ``-w``, a bare number a job, and ``key=value`` a long
    flag, as people write in chat.

    Args:
        tokens: As split by the rules of a shell.
        takes: The flags the command has.

    Raises:
        Refused: Something is not known, not complete, not well formed, or said in two ways.
    """
    waiting = list(tokens)
    given: list[tuple[Flag, str]] = []
    read = _read_flag
    while waiting:
        token = waiting.pop(0)
        if token == "--" and read is _read_flag:  # noqa: S105 - no password
            read = _read_terraform
        else:
            given.append(read(token, waiting, takes))
        if len(given) > _MOST_FLAGS:
            problem = f"it has more than {_MOST_FLAGS} flags"
            raise Refused(problem)
    _refuse_contradictions(given)
    return Flags(given=tuple(given))


def _read_flag(token: str, waiting: list[str], takes: frozenset[Flag]) -> tuple[Flag, str]:
    name, equals, value = token.partition("=")
    if not name.startswith("-"):
        if not name or not equals:
            return _read_bare(token, takes)
        name = f"--{name}"
    flag = _NAMES.get(name.lower() if name.startswith("--") else name)
    if flag is None and name.lower() in _DESTROY:
        raise _misplaced(name, takes)
    if flag is None:
        raise Refused(_unknown(name, takes))
    if flag not in takes:
        raise NotTaken(name, flag)
    return flag, _value(name, value if equals else None, waiting, flag)


def _read_bare(token: str, takes: frozenset[Flag]) -> tuple[Flag, str]:
    if token.count("/") == 1 and Flag.WORKSPACE in takes:
        return Flag.WORKSPACE, check_workspace(token)
    if token.isdecimal() and Flag.JOB in takes:
        return Flag.JOB, check_job(token)
    hint = "; a workspace's name stands behind `-w`" if Flag.WORKSPACE in takes else ""
    problem = f"{code(token)} is left over{hint}"
    raise Refused(problem)


def _read_terraform(token: str, waiting: list[str], takes: frozenset[Flag]) -> tuple[Flag, str]:
    name, equals, value = token.partition("=")
    name = name[1:] if _TWO_DASHES.match(name) else name
    if name == "-refresh":
        name, equals, value = f"{name}{equals}{value}", "", ""
    flag = _TERRAFORM.get(name)
    if flag is None:
        raise Refused(_unknown_terraform(name, token))
    if flag not in takes:
        raise NotTaken(name, flag)
    return flag, _value(name, value if equals else None, waiting, flag)


def _value(name: str, value: str | None, waiting: list[str], flag: Flag) -> str:
    if flag not in _CHECKS:
        if value is not None:
            problem = f"{code(name)} takes no value"
            raise Refused(problem)
        return ""
    if value is None:
        if not waiting or waiting[0] == "--":
            problem = f"{code(name)} needs a value"
            raise Refused(problem)
        value = waiting.pop(0)
    return _CHECKS[flag](value)


class NotTaken(Refused):
    """A flag that other commands have.

    Attributes:
        name: As written.
        flag: What it would have set.
    """

    def __init__(self, name: str, flag: Flag) -> None:
        super().__init__(f"it has no {code(name)}")
        self.name = name
        self.flag = flag


def _refuse_contradictions(given: Sequence[tuple[Flag, str]]) -> None:
    names = [flag for flag, _ in given]
    for flag in names:
        if flag in _ONCE and names.count(flag) > 1:
            problem = f"{_short(flag)} is given more than once"
            raise Refused(problem)
    for one, other, why in _EXCLUSIVE:
        if one in names and other in names:
            problem = f"{_short(one)} does not go together with {_short(other)}: {why}"
            raise Refused(problem)


def _short(flag: Flag) -> str:
    return code(names_of(flag)[0])


def _misplaced(name: str, takes: frozenset[Flag]) -> Refused:
    if Flag.DESTROY not in takes:
        return NotTaken(name, Flag.DESTROY)
    return Refused(f"{code(name)} stands behind two dashes: {code('-- -destroy')}")


def _unknown(name: str, takes: frozenset[Flag]) -> str:
    near = _nearest(name.lower(), [one for one, flag in _NAMES.items() if flag in takes])
    return f"the flag {code(name)} is not known{near}"


def _unknown_terraform(name: str, token: str) -> str:
    if name.partition("=")[0] == "-refresh":
        return f"the option {code(name)} is not allowed behind `--`; only `-refresh=false` is"
    if token.partition("=")[0] in _NAMES:
        return f"the option {code(token.partition('=')[0])} is not allowed behind `--`, only before"
    near = _nearest(name, _TERRAFORM)
    return f"the option {code(name)} is not allowed behind `--`{near}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {code(near[0])}?" if near else ""
