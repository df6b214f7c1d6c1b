"""From the words behind a command to its flags.

Behind ``--`` stand Terraform's own options, as people know them from other tools. Those that a
job has a typed field for are taken; everything else is refused by name.
"""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

from bridge.decisions.bare_words import Bare
from bridge.decisions.flag_values import Refused
from bridge.decisions.flags import CHECKS, NAMES, Flag, Flags, refuse_contradictions
from bridge.decisions.wording import code

_MOST_FLAGS = 50
_DESTROY = frozenset({"-destroy", "--destroy"})
_TWO_DASHES = re.compile(r"--[^-]")
_TERRAFORM: Mapping[str, Flag] = {
    "-target": Flag.TARGET,
    "-replace": Flag.REPLACE,
    "-refresh=false": Flag.NO_REFRESH,
    "-refresh-only": Flag.REFRESH_ONLY,
    "-destroy": Flag.DESTROY,
}


def read_flags(tokens: Sequence[str], takes: frozenset[Flag], bare: Bare) -> Flags:
    """Read what follows a command's word; ``key=value`` is a long flag, as people write in chat.

    Args:
        tokens: As split by the rules of a shell.
        takes: The flags the command has.
        bare: What reads a word that is no flag.

    Raises:
        Refused: Something is not known, not complete, not well formed, or said in two ways.
    """
    waiting = list(tokens)
    given: list[tuple[Flag, str]] = []
    is_behind = False
    while waiting:
        token = waiting.pop(0)
        try:
            if token == "--" and not is_behind:  # noqa: S105 - no password
                is_behind = True
            elif is_behind:
                given.append(_read_terraform(token, waiting, takes))
            elif _is_flag(token):
                given.append(_read_flag(token, waiting, takes))
            else:
                given.append(bare(token, takes, given))
        except Refused as refused:
            refused.token = len(tokens) - len(waiting) - 1
            raise
        if len(given) > _MOST_FLAGS:
            problem = f"it has more than {_MOST_FLAGS} flags"
            raise Refused(problem)
    refuse_contradictions(given)
    return Flags(given=tuple(given))


def _is_flag(token: str) -> bool:
    name, equals, _ = token.partition("=")
    # An address may hold a sign of equality; it is no flag for that.
    return name.startswith("-") or bool(name and equals and "://" not in name)


def _read_flag(token: str, waiting: list[str], takes: frozenset[Flag]) -> tuple[Flag, str]:
    name, equals, value = token.partition("=")
    name = name if name.startswith("-") else f"--{name}"
    flag = NAMES.get(name.lower() if name.startswith("--") else name)
    if flag is None and name.lower() in _DESTROY:
        raise _misplaced(name, takes)
    if flag is None:
        raise Refused(_unknown(name, takes))
    if flag not in takes:
        raise NotTaken(name, flag)
    return flag, _value(name, value if equals else None, waiting, flag)


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
    if flag not in CHECKS:
        if value is not None:
            problem = f"{code(name)} takes no value"
            raise Refused(problem)
        return ""
    if value is None:
        if not waiting or waiting[0] == "--":
            problem = f"{code(name)} needs a value"
            raise Refused(problem)
        value = waiting.pop(0)
    return CHECKS[flag](value)


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


def _misplaced(name: str, takes: frozenset[Flag]) -> Refused:
    if Flag.DESTROY not in takes:
        return NotTaken(name, Flag.DESTROY)
    return Refused(f"{code(name)} stands behind two dashes: {code('-- -destroy')}")


def _unknown(name: str, takes: frozenset[Flag]) -> str:
    near = _nearest(name.lower(), [one for one, flag in NAMES.items() if flag in takes])
    return f"the flag {code(name)} is not known{near}"


def _unknown_terraform(name: str, token: str) -> str:
    if name.partition("=")[0] == "-refresh":
        return f"the option {code(name)} is not allowed behind `--`; only `-refresh=false` is"
    if token.partition("=")[0] in NAMES:
        return f"the option {code(token.partition('=')[0])} is not allowed behind `--`, only before"
    near = _nearest(name, _TERRAFORM)
    return f"the option {code(name)} is not allowed behind `--`{near}"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {code(near[0])}?" if near else ""
