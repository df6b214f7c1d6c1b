"""Words without a flag: what they stand for, which is not the same at every door."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from bridge.decisions.chat_values import check_part, check_pull_request, names_pull_request
from bridge.decisions.flag_values import Refused, check_job, check_workspace
from bridge.decisions.flags import CHECKS, Flag
from bridge.decisions.wording import code
from bridge.domain.commands import Word

Given: TypeAlias = Sequence[tuple[Flag, str]]
Bare: TypeAlias = Callable[[str, frozenset[Flag], Given], tuple[Flag, str]]
"""Reads a word: what it is, the flags its command takes, and those that were given before it."""

_QUIET: Final = "quiet"
_NAME: Final = re.compile(r"[\w.*?{}\[\],-]+")  # or a glob: no piece of a sentence or a script


def bare_in_comment(token: str, takes: frozenset[Flag], _given: Given) -> tuple[Flag, str]:
    """Read a word of a comment: a workspace with its organization, or the number of a job.

    Raises:
        Refused: It is neither, or the command takes none.
    """
    if names_pull_request(token):
        problem = f"{code(token)} is a pull request; one is named only in Slack, here it is this"
        raise Refused(problem)
    if token.count("/") == 1 and Flag.WORKSPACE in takes:
        return Flag.WORKSPACE, check_workspace(token)
    if token.isdecimal() and Flag.JOB in takes:
        return Flag.JOB, check_job(token)
    hint = "; a workspace's name stands behind `-w`" if Flag.WORKSPACE in takes else ""
    problem = f"{code(token)} is left over{hint}"
    raise Refused(problem)


def bare_in_chat(token: str, takes: frozenset[Flag], given: Given) -> tuple[Flag, str]:
    """Read a word of a chat, where names stand alone.

    Raises:
        Refused: The command takes nothing of the kind, or the word may be meant otherwise.
    """
    if names_pull_request(token) or "://" in token or _is_numbered(token):
        return _pull_request(token, takes)
    if token.lower() == _QUIET and Flag.QUIET in takes:
        return Flag.QUIET, ""
    if token.isdecimal() and takes & {Flag.JOB, Flag.STEP}:
        flag = _numbered(takes, given)
        return flag, CHECKS[flag](token)
    if Flag.CONTAINING in takes:
        return Flag.CONTAINING, check_part(token)
    if Flag.WORKSPACE in takes:
        return Flag.WORKSPACE, _workspace(token, takes, given)
    hint = "; an organization stands behind `org=`" if Flag.ORGANIZATION in takes else ""
    problem = f"{code(token)} is left over{hint}"
    raise Refused(problem)


def _is_numbered(token: str) -> bool:
    return token.startswith("#") and token[1:].isdecimal()


def _pull_request(token: str, takes: frozenset[Flag]) -> tuple[Flag, str]:
    if _is_numbered(token) and Flag.JOB in takes:
        problem = (
            f"{code(token)} may be a job or a pull request; a job is its number alone, a pull "
            f"request {code(f'owner/name{token}')}"
        )
        raise Refused(problem)
    if Flag.PULL_REQUEST not in takes:
        problem = f"{code(token)} names a pull request or an address, and none is taken here"
        raise Refused(problem)
    return Flag.PULL_REQUEST, check_pull_request(token)


def _numbered(takes: frozenset[Flag], given: Given) -> Flag:
    """A second number, or one behind a workspace, is a step where there are steps."""
    is_known = any(flag in {Flag.JOB, Flag.WORKSPACE, Flag.PROJECT} for flag, _ in given)
    return Flag.STEP if is_known and Flag.STEP in takes else Flag.JOB


def _workspace(token: str, takes: frozenset[Flag], given: Given) -> str:
    problem = ""
    last, value = given[-1] if given else (None, "")
    if "/" in token:
        pass
    elif last is Flag.MESSAGE and " " not in value:
        shown = code('msg="…"')
        problem = f"{code(token)} is left over; a message of several words stands in {shown}"
    elif token.casefold().replace("_", "-") in list(Word):
        problem = f"{code(token)} is a command; a workspace of that name stands behind `-w`"
    elif token.isdecimal():
        shown = code("owner/name#12") if Flag.PULL_REQUEST in takes else ""
        pulls = f"; a pull request is {shown}" if shown else ""
        problem = f"{code(token)} is left over{pulls}; a workspace of that name stands behind `-w`"
    elif not _NAME.fullmatch(token):
        problem = f"{code(token)} is left over; a workspace of that name stands behind `-w`"
    if problem:
        raise Refused(problem)
    return check_workspace(token)
