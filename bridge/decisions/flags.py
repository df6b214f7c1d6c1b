"""Flags of commands: an allow-list, every value checked before it goes into a field.

Behind ``--`` stand Terraform's own options, as people know them from other tools. Those that a
job has a typed field for are taken; everything else is refused by name.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.decisions.paths import check_glob, clean_folder
from bridge.decisions.wording import code

_MOST_VALUES = 50
_MOST_ALTERNATIVES = 16  # of one glob; whoever can comment makes the bridge spell them out


class Flag(StrEnum):
    """What a flag sets."""

    WORKSPACE = "--workspace"
    FOLDER = "--dir"
    ALL = "--all"
    TARGET = "--target"
    REPLACE = "--replace"
    REFRESH_ONLY = "--refresh-only"
    NO_REFRESH = "--no-refresh"


class Refused(Exception):  # noqa: N818 - never leaves the parser
    """A flag or a value that is not taken.

    Attributes:
        problem: What is wrong, in Markdown; what was written is inert in it.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """Flags of one line, with their values in the order written."""

    given: tuple[tuple[Flag, str], ...]

    def values(self, flag: Flag) -> tuple[str, ...]:
        """Return a flag's values, without repeats."""
        return tuple(dict.fromkeys(value for name, value in self.given if name is flag))

    def has(self, flag: Flag) -> bool:
        """Tell whether a flag was given."""
        return any(name is flag for name, _ in self.given)


_NAMES: Mapping[str, Flag] = {
    **{flag.value: flag for flag in Flag},
    "-w": Flag.WORKSPACE,
    "-p": Flag.WORKSPACE,  # other tools call it a project
    "--project": Flag.WORKSPACE,
    "-d": Flag.FOLDER,
}
_BARE = frozenset({Flag.ALL, Flag.REFRESH_ONLY, Flag.NO_REFRESH})


def read_flags(tokens: Sequence[str]) -> Flags:
    """Read what follows a command's word.

    A bare ``organization/workspace`` is a ``-w``, and ``key=value`` a long flag, as people write
    in chat.

    Raises:
        Refused: Something is not known, not complete or not well formed.
    """
    waiting = list(tokens)
    given: list[tuple[Flag, str]] = []
    while waiting:
        token = waiting.pop(0)
        if token == "--":  # noqa: S105 - no password
            given += _read_terraform(waiting)
        else:
            given.append(_read_flag(token, waiting))
        if len(given) > _MOST_VALUES:
            problem = f"it has more than {_MOST_VALUES} flags"
            raise Refused(problem)
    return Flags(given=tuple(given))


def _read_flag(token: str, waiting: list[str]) -> tuple[Flag, str]:
    name, equals, value = token.partition("=")
    if not name.startswith("-"):
        if not equals:
            return _read_bare(token)
        name = f"--{name}"
    flag = _NAMES.get(name.lower() if name.startswith("--") else name)
    if flag is None:
        raise Refused(_unknown(name, _NAMES))
    if flag in _BARE:
        if equals:
            problem = f"{code(name)} takes no value"
            raise Refused(problem)
        return flag, ""
    return flag, _CHECKS[flag](value if equals else _next(name, waiting))


def _read_bare(token: str) -> tuple[Flag, str]:
    if token.count("/") != 1:
        problem = f"{code(token)} is left over"
        raise Refused(problem)
    return Flag.WORKSPACE, check_workspace(token)


def _read_terraform(waiting: list[str]) -> list[tuple[Flag, str]]:
    given: list[tuple[Flag, str]] = []
    while waiting:
        token = waiting.pop(0)
        name, equals, value = token.partition("=")
        name = f"-{name.lstrip('-')}" if name.startswith("--") else name
        match name, value if equals else None:
            case (("-target" | "-replace"), _):
                flag = Flag.TARGET if name == "-target" else Flag.REPLACE
                given.append((flag, check_resource(value if equals else _next(name, waiting))))
            case "-refresh", "false":
                given.append((Flag.NO_REFRESH, ""))
            case "-refresh", ("true" | None):
                pass  # as it is without saying
            case "-refresh-only", ("true" | None):
                given.append((Flag.REFRESH_ONLY, ""))
            case "-destroy", _:
                problem = f"{code('-destroy')} is not available yet"
                raise Refused(problem)
            case _:
                raise Refused(_unknown_terraform(name))
    return given


def _next(name: str, waiting: list[str]) -> str:
    if not waiting or waiting[0] == "--":
        problem = f"{code(name)} needs a value"
        raise Refused(problem)
    return waiting.pop(0)


_WORKSPACE_REFUSED = re.compile(r"[\s\x00-\x1f\x7f\\$`]|\.\.|^[~-]|/.*/|^/|/$")


def check_workspace(value: str) -> str:
    """Return a workspace's name or glob as it is; Refused when it cannot be one."""
    problem = check_glob(value, most=_MOST_ALTERNATIVES)
    if not problem and (value.startswith("!") or _WORKSPACE_REFUSED.search(value)):
        problem = "is not a workspace, or organization/workspace"
    if problem:
        problem = f"{code(value)} {problem}"
        raise Refused(problem)
    return value


def check_folder(value: str) -> str:
    """Return a folder or a glob of folders, cleaned; Refused when it leaves the repository."""
    if value.startswith(("/", "~")):
        problem = (
            f"{code(value)} is absolute; folders are relative to the repository, its root is `.`"
        )
        raise Refused(problem)
    cleaned = clean_folder(value)
    if cleaned is None:
        problem = f"{code(value)} leaves the repository"
        raise Refused(problem)
    problem = (cleaned and check_glob(cleaned, most=_MOST_ALTERNATIVES)) or ""
    if not value.strip() or value.startswith(("!", "-")):
        problem = "is no folder"
    if problem:
        problem = f"{code(value)} {problem}"
        raise Refused(problem)
    return cleaned


_NAME = r"[A-Za-z_][A-Za-z0-9_-]*"
_RESOURCE = re.compile(rf'{_NAME}(?:\.{_NAME}|\[\d{{1,9}}\]|\["[^"\\$`\x00-\x1f\x7f]{{1,200}}"\])+')
_UNQUOTED = re.compile(r"\[[^\]\"\d]")


def check_resource(value: str) -> str:
    """Return a resource address as it is; Refused when it is none."""
    if len(value) <= 500 and _RESOURCE.fullmatch(value):  # noqa: PLR2004 - longest address taken
        return value
    hint = (
        "; put it into single quotes, or its own quotes are lost" if _UNQUOTED.search(value) else ""
    )
    problem = f"{code(value)} is no resource address{hint}"
    raise Refused(problem)


_CHECKS: Mapping[Flag, Callable[[str], str]] = {
    Flag.WORKSPACE: check_workspace,
    Flag.FOLDER: check_folder,
    Flag.TARGET: check_resource,
    Flag.REPLACE: check_resource,
}
_TERRAFORM = ("-target", "-replace", "-refresh", "-refresh-only")


def _unknown(name: str, known: Mapping[str, Flag]) -> str:
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {code(near[0])}?" if near else ""
    return f"the flag {code(name)} is not known{hint}"


def _unknown_terraform(name: str) -> str:
    near = difflib.get_close_matches(name, _TERRAFORM, n=1)
    hint = f"; did you mean {code(near[0])}?" if near else ""
    return f"the option {code(name)} is not allowed behind `--`{hint}"
