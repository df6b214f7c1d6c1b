"""Values of flags that only a chat has: each is checked before it goes into a field."""

import re
from typing import Final

from bridge.decisions.flag_values import Refused
from bridge.decisions.wording import code, listed
from bridge.domain.chat import Interest

ALL: Final = "all"
"""Says that everything is wanted."""

NOBODY: Final = "none"
"""Says that no organization is meant any more."""

MOST_LINES: Final = 500
"""Lines of a log that can be asked for."""

_SWITCH: Final = ("on", "off")
_LONGEST_BRANCH: Final = 250
_LONGEST_NAME: Final = 200
_LONGEST_MESSAGE: Final = 300
_LONGEST_PART: Final = 100

_UNFIT_BRANCH: Final = re.compile(
    # As git checks the names of branches; and none that git would read as something else: what is
    # proposed from a fork can be fetched from the repository, too, and nobody allowed it.
    r"^refs/|[\s\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|^[-/.]|[/.]$|\.lock(?:/|$)|^@$"
)
_ORGANIZATION: Final = re.compile(r"\w[\w .-]{0,99}")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,5}")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")

_SHORT: Final = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}#[1-9][0-9]{0,8}")
_ADDRESS: Final = re.compile(
    r"(?:(?P<scheme>https?)://)?(?P<host>[a-z0-9.-]{1,250}(?::[0-9]{1,5})?)"
    r"(?P<path>(?:/[\w.-]{1,100}){2,6}/pulls?/[1-9][0-9]{0,8})(?:[/?#]\S*)?",
    re.IGNORECASE,
)


def names_pull_request(token: str) -> bool:
    """Tell whether a word is the name of a pull request, or its address."""
    return bool(_SHORT.fullmatch(token) or _ADDRESS.fullmatch(token))


def check_pull_request(value: str) -> str:
    """Return ``owner/name#12``, or the address without what stands behind the number.

    Raises:
        Refused: It is neither.
    """
    if _SHORT.fullmatch(value):
        return value
    if found := _ADDRESS.fullmatch(value):
        scheme = (found["scheme"] or "https").lower()
        return f"{scheme}://{found['host'].lower()}{found['path']}"
    number = value.removeprefix("#")
    owner = f"name the repository, too: {code(f'owner/name#{number}')}"
    hint = owner if number.isdecimal() else f"it is {code('owner/name#12')}, or its address"
    problem = f"{code(value)} is no pull request; {hint}"
    raise Refused(problem)


def check_branch(value: str) -> str:
    """Return a branch's name as it is; Refused when git would not have it."""
    if value and len(value) <= _LONGEST_BRANCH and not _UNFIT_BRANCH.search(value):
        return value
    problem = f"{code(value)} is no branch"
    raise Refused(problem)


def check_template(value: str) -> str:
    """Return a template's name or id as it is; Refused when it cannot be one."""
    _check_line(value, _LONGEST_NAME, "no template")
    if value.startswith("-"):
        problem = f"{code(value)} is no template"
        raise Refused(problem)
    return value


def check_message(value: str) -> str:
    """Return a message as it is; Refused when there is none, or too much of it."""
    if len(value) > _LONGEST_MESSAGE:
        problem = f"the message is longer than {_LONGEST_MESSAGE} characters"
        raise Refused(problem)
    _check_line(value, _LONGEST_MESSAGE, "no message")
    return value


def check_organization(value: str) -> str:
    """Return an organization's name as it is; Refused when it cannot be one."""
    if _ORGANIZATION.fullmatch(value):
        return value
    problem = f"{code(value)} is no organization"
    raise Refused(problem)


def check_part(value: str) -> str:
    """Return a part of ``organization/workspace``; stars around it say the same."""
    part = value.strip("*")
    _check_line(part, _LONGEST_PART, "no part of a name", shown=value)
    return part


def check_step(value: str) -> str:
    """Return a step's number as it is; Refused when it is none."""
    if _NUMBER.fullmatch(value):
        return value
    problem = f"{code(value)} is no number of a step"
    raise Refused(problem)


def check_tail(value: str) -> str:
    """Return how many lines are asked for; Refused when that is none, or too many."""
    if _NUMBER.fullmatch(value) and 1 <= int(value) <= MOST_LINES:
        return value
    problem = f"{code(value)} is no number of lines from 1 to {MOST_LINES}"
    raise Refused(problem)


def check_events(value: str) -> str:
    """Return names of what a channel wants to hear, in lower case, a comma between them."""
    names = value.lower().split(",")
    known = [ALL, *(one.value for one in Interest)]
    strange = next((name for name in names if name not in known), None)
    if strange is None:
        return ",".join(dict.fromkeys(names))
    what = "stands with a comma to no name" if not strange else "is nothing a channel can hear of"
    shown = code(strange or value)
    problem = f"{shown} {what}; there is {listed(known)}, commas between them and no blanks"
    raise Refused(problem)


def check_switch(value: str) -> str:
    """Return ``on`` or ``off``; Refused when it is neither."""
    if value.lower() in _SWITCH:
        return value.lower()
    problem = f"{code(value)} is neither {code('on')} nor {code('off')}"
    raise Refused(problem)


def check_code(value: str) -> str:
    """Return a code that links people, as it was written; Refused when it cannot be one."""
    if _CODE.fullmatch(value):
        return value
    problem = "that is no code that links people"  # which may be one mistyped: not repeated
    raise Refused(problem)


def _check_line(value: str, most: int, what: str, *, shown: str | None = None) -> None:
    if value.strip() and value.isprintable() and len(value) <= most:
        return
    problem = f"{code(value if shown is None else shown)} is {what}"
    raise Refused(problem)
