"""What each command takes, and how that is written in one line."""

from collections.abc import Mapping, Sequence

from bridge.decisions.flags import Flag
from bridge.domain.commands import Word
from bridge.domain.vcs import MergeMethod

_SELECTION = frozenset({Flag.WORKSPACE, Flag.FOLDER, Flag.PROJECT, Flag.ALL})
_JOB = _SELECTION | {Flag.JOB}
_DESTROY = _SELECTION | {Flag.TARGET, Flag.NO_REFRESH, Flag.VERBOSE}
_APPLY = (
    _SELECTION
    | {Flag.TARGET, Flag.REPLACE, Flag.REFRESH_ONLY, Flag.NO_REFRESH, Flag.VERBOSE}
    | {Flag.AUTO_MERGE_DISABLED, Flag.AUTO_MERGE_METHOD}
)
_PLAN = (_APPLY - {Flag.AUTO_MERGE_DISABLED, Flag.AUTO_MERGE_METHOD}) | {Flag.DESTROY}

TAKES: Mapping[Word, frozenset[Flag]] = {
    Word.PLAN: _PLAN,
    Word.APPLY: _APPLY,
    Word.DESTROY: _DESTROY,
    Word.APPROVE: _JOB,
    Word.REJECT: _JOB,
    Word.CANCEL: _JOB,
    Word.UNLOCK: _SELECTION,
    Word.STATUS: _SELECTION,
    Word.WHY: _SELECTION,
    Word.RETRY: _SELECTION,
    Word.VERSION: frozenset(),
}
"""Flags of each command that is read by its flags."""

_SPELT: Sequence[tuple[Flag, str]] = (
    (Flag.JOB, "[JOB]"),
    (Flag.WORKSPACE, "[-w ORGANIZATION/WORKSPACE]..."),
    (Flag.FOLDER, "[-d FOLDER]..."),
    (Flag.ALL, "[--all]"),
    (Flag.TARGET, "[--target ADDRESS]..."),
    (Flag.REPLACE, "[--replace ADDRESS]..."),
    (Flag.REFRESH_ONLY, "[--refresh-only]"),
    (Flag.NO_REFRESH, "[--no-refresh]"),
    (Flag.VERBOSE, "[--verbose]"),
    (Flag.AUTO_MERGE_DISABLED, "[--auto-merge-disabled]"),
    (Flag.AUTO_MERGE_METHOD, f"[--auto-merge-method {'|'.join(MergeMethod)}]"),
    (Flag.DESTROY, "[-- -destroy]"),
)
_OTHERS: Mapping[Word, str] = {Word.OK_TO_PLAN: "ok-to-plan SHA", Word.HELP: "help [COMMAND]"}


def usage(word: Word) -> str:
    """Write a command in one line, without the name people address the bridge by."""
    takes = TAKES.get(word, frozenset())
    flags = [text for flag, text in _SPELT if flag in takes]
    return _OTHERS.get(word) or " ".join([word.value, *flags])


def takers(flag: Flag) -> tuple[Word, ...]:
    """Return the commands that have a flag."""
    return tuple(word for word in Word if flag in TAKES.get(word, frozenset()))
