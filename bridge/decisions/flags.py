"""Flags of commands: an allow-list, how each is written and checked, and what goes together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bridge.decisions.chat_values import (
    check_branch,
    check_events,
    check_message,
    check_organization,
    check_part,
    check_pull_request,
    check_step,
    check_switch,
    check_tail,
    check_template,
)
from bridge.decisions.flag_values import (
    Refused,
    check_folder,
    check_job,
    check_merge_method,
    check_resource,
    check_workspace,
)
from bridge.decisions.wording import code


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
    PULL_REQUEST = "--pr"
    BRANCH = "--branch"
    TEMPLATE = "--template"
    MESSAGE = "--msg"
    AGAIN = "--again"
    STEP = "--step"
    TAIL = "--tail"
    CONTAINING = "--filter"
    ORGANIZATION = "--org"
    EVENTS = "--events"
    QUIET = "--quiet"
    FILES = "--files"


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


NAMES: Mapping[str, Flag] = {
    **{flag.value: flag for flag in Flag if flag is not Flag.DESTROY},
    "-w": Flag.WORKSPACE,
    "-d": Flag.FOLDER,
    "-p": Flag.PROJECT,
}
"""Every way a flag is written before ``--``."""

CHECKS: Mapping[Flag, Callable[[str], str]] = {
    Flag.WORKSPACE: check_workspace,
    Flag.FOLDER: check_folder,
    Flag.PROJECT: check_workspace,
    Flag.JOB: check_job,
    Flag.TARGET: check_resource,
    Flag.REPLACE: check_resource,
    Flag.AUTO_MERGE_METHOD: check_merge_method,
    Flag.PULL_REQUEST: check_pull_request,
    Flag.BRANCH: check_branch,
    Flag.TEMPLATE: check_template,
    Flag.MESSAGE: check_message,
    Flag.STEP: check_step,
    Flag.TAIL: check_tail,
    Flag.CONTAINING: check_part,
    Flag.ORGANIZATION: check_organization,
    Flag.EVENTS: check_events,
    Flag.FILES: check_switch,
}
"""What checks the values of the flags that have one."""

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
    (Flag.JOB, Flag.PULL_REQUEST, "one job is named, or a pull request is"),
    *(
        (Flag.PULL_REQUEST, flag, "what is planned for a pull request is its own head, as ruled")
        for flag in (Flag.BRANCH, Flag.TEMPLATE, Flag.MESSAGE)
    ),
    (Flag.REFRESH_ONLY, Flag.NO_REFRESH, "nothing would be left to do"),
    (Flag.REFRESH_ONLY, Flag.REPLACE, "the one changes nothing, the other does"),
    (Flag.DESTROY, Flag.REFRESH_ONLY, "the one changes everything, the other nothing"),
    (Flag.DESTROY, Flag.REPLACE, "what is destroyed is not made anew"),
    (Flag.AUTO_MERGE_DISABLED, Flag.AUTO_MERGE_METHOD, "what is not merged needs no method"),
)


def names_of(flag: Flag) -> tuple[str, ...]:
    """Return how a flag is written, the shortest way first."""
    names = [name for name, one in NAMES.items() if one is flag]
    return tuple(sorted(names or [f"-- {flag.value}"], key=len))


def refuse_contradictions(given: Sequence[tuple[Flag, str]]) -> None:
    """Raise Refused when flags are given twice, or do not go together."""
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
