"""What each command takes at each door, and how that is written in one line.

Everything that differs between a comment and a chat stands in the two doors at the end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bridge.decisions.bare_words import Bare, bare_in_chat, bare_in_comment
from bridge.decisions.flags import Flag
from bridge.domain.chat import Interest
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

_TAKES_IN_COMMENTS: Mapping[Word, frozenset[Flag]] = {
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
    Word.UNLINK: frozenset(),
    Word.VERSION: frozenset(),
}

_SOURCE = frozenset({Flag.PULL_REQUEST, Flag.BRANCH, Flag.TEMPLATE, Flag.MESSAGE, Flag.AGAIN})
_DECIDING = _JOB | {Flag.PULL_REQUEST}
_TAKES_IN_CHAT: Mapping[Word, frozenset[Flag]] = {
    Word.PLAN: _PLAN | _SOURCE,
    Word.APPLY: _APPLY | _SOURCE,
    Word.DESTROY: _DESTROY | _SOURCE,
    Word.APPROVE: _DECIDING,
    Word.REJECT: _DECIDING,
    Word.CANCEL: _DECIDING,
    Word.UNLOCK: _SELECTION | {Flag.PULL_REQUEST},
    Word.STATUS: _DECIDING,
    Word.WHY: _DECIDING,
    Word.RETRY: _SELECTION | {Flag.PULL_REQUEST},
    Word.LOGS: frozenset({Flag.JOB, Flag.WORKSPACE, Flag.STEP, Flag.TAIL}),
    Word.WORKSPACES: frozenset({Flag.CONTAINING, Flag.ORGANIZATION}),
    Word.TEMPLATES: frozenset({Flag.ORGANIZATION}),
    Word.SUBSCRIBE: frozenset({Flag.WORKSPACE, Flag.EVENTS, Flag.QUIET}),
    Word.UNSUBSCRIBE: frozenset({Flag.WORKSPACE}),
    Word.SUBSCRIPTIONS: frozenset(),
    Word.UNLINK: frozenset(),
    Word.WHOAMI: frozenset(),
    Word.SETTINGS: frozenset({Flag.ORGANIZATION, Flag.FILES}),
    Word.VERSION: frozenset(),
}

_ALL: Sequence[tuple[Flag, str]] = (
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
_SPELT_IN_COMMENTS: Sequence[tuple[Flag, str]] = (
    (Flag.JOB, "[JOB]"),
    (Flag.WORKSPACE, "[-w ORGANIZATION/WORKSPACE]..."),
    *_ALL,
)
_SPELT_IN_CHAT: Sequence[tuple[Flag, str]] = (
    (Flag.JOB, "[JOB]"),
    (Flag.WORKSPACE, "[ORGANIZATION/WORKSPACE]..."),
    (Flag.STEP, "[STEP]"),
    (Flag.TAIL, "[tail=LINES]"),
    (Flag.PULL_REQUEST, "[OWNER/NAME#NUMBER]"),
    (Flag.BRANCH, "[branch=NAME]"),
    (Flag.TEMPLATE, "[template=NAME]"),
    (Flag.MESSAGE, '[msg="WHY"]'),
    (Flag.AGAIN, "[--again]"),
    (Flag.CONTAINING, "[PART]"),
    (Flag.ORGANIZATION, "[org=NAME]"),
    (Flag.EVENTS, f"[events={','.join(Interest)}|all]"),
    (Flag.QUIET, "[quiet]"),
    (Flag.FILES, "[files=on|off]"),
    *_ALL,
)

_OTHERS: Mapping[Word, str] = {Word.OK_TO_PLAN: "ok-to-plan SHA", Word.HELP: "help [COMMAND]"}
_REASON = "[JOB [REASON]] [ORGANIZATION/WORKSPACE]... [OWNER/NAME#NUMBER] [-d FOLDER]... [--all]"
_EVENTS = dict(_SPELT_IN_CHAT)[Flag.EVENTS]
_OTHERS_IN_CHAT: Mapping[Word, str] = {
    **_OTHERS,
    **{word: f"{word.value} {_REASON}" for word in (Word.APPROVE, Word.REJECT, Word.CANCEL)},
    Word.SUBSCRIBE: f"subscribe ORGANIZATION/WORKSPACE... {_EVENTS} [quiet]",
    Word.LINK: "link",
    Word.SETTINGS: "settings [org=NAME|none] [files=on|off]",
}

EXAMPLES: Final[Mapping[Word, str]] = {
    Word.PLAN: "plan acme/network branch=main",
    Word.APPLY: "apply acme/network",
    Word.DESTROY: "destroy acme/sandbox",
    Word.APPROVE: "approve 42",
    Word.REJECT: "reject 42 too wide",
    Word.CANCEL: "cancel 42",
    Word.LOCK: "lock acme/network",
    Word.UNLOCK: "unlock acme/infra#12",
    Word.STATUS: "status acme/network",
    Word.WHY: "why acme/infra#12",
    Word.RETRY: "retry acme/infra#12",
    Word.LOGS: "logs 42 tail=100",
    Word.WORKSPACES: "workspaces net",
    Word.TEMPLATES: "templates org=acme",
    Word.SUBSCRIBE: "subscribe acme/prod-* events=approval,failed",
    Word.UNSUBSCRIBE: "unsubscribe acme/prod-*",
    Word.SUBSCRIPTIONS: "subscriptions",
    Word.LINK: "link",
    Word.UNLINK: "unlink",
    Word.WHOAMI: "whoami",
    Word.SETTINGS: "settings org=acme files=on",
    Word.OK_TO_PLAN: f"ok-to-plan {'0123456789' * 4}",
    Word.VERSION: "version",
    Word.HELP: "help plan",
}
"""One thing that can be said with each command, in a chat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where commands are said, and what that changes.

    Attributes:
        takes: Flags of each command that is read by its flags.
        spelt: How each flag is written in a usage, in that order.
        others: Usages that are not made of flags.
        bare: Reads a word that is no flag.
        elsewhere: Commands that are said at the other door alone.
        not_here: Why flags of the other door are none here.
        reasoned: Commands that take a reason in free words behind the number of a job.
        shows_place: Whether people are shown where it goes wrong, and an example: only they see it.
    """

    takes: Mapping[Word, frozenset[Flag]]
    spelt: Sequence[tuple[Flag, str]]
    others: Mapping[Word, str]
    bare: Bare
    elsewhere: frozenset[Word] = frozenset()
    not_here: Mapping[Flag, str] = field(default_factory=dict)
    reasoned: frozenset[Word] = frozenset()
    shows_place: bool = False

    def takers(self, flag: Flag) -> tuple[Word, ...]:
        """Return the commands that have a flag."""
        return tuple(word for word in Word if flag in self.takes.get(word, frozenset()))


_OWN_HEAD = "what a pull request runs is its own head, as the rules say"

COMMENT: Final = Door(
    takes=_TAKES_IN_COMMENTS,
    spelt=_SPELT_IN_COMMENTS,
    others={**_OTHERS, Word.LINK: "link CODE"},
    bare=bare_in_comment,
    elsewhere=frozenset(_TAKES_IN_CHAT) - frozenset(_TAKES_IN_COMMENTS),
    not_here={
        Flag.PULL_REQUEST: "here it is always this pull request",
        Flag.BRANCH: _OWN_HEAD,
        Flag.TEMPLATE: _OWN_HEAD,
        Flag.MESSAGE: "the conversation says why",
        Flag.AGAIN: "a comment starts what it says each time",
    },
)
"""The conversation of a pull request."""

CHAT: Final = Door(
    takes=_TAKES_IN_CHAT,
    spelt=_SPELT_IN_CHAT,
    others=_OTHERS_IN_CHAT,
    bare=bare_in_chat,
    reasoned=frozenset({Word.APPROVE, Word.REJECT, Word.CANCEL}),
    shows_place=True,
)
"""Slack: its command, and what is said to the bridge in a message."""


def usage(word: Word, door: Door = COMMENT) -> str:
    """Write a command in one line, without the name people address the bridge by."""
    takes = door.takes.get(word, frozenset())
    flags = [text for flag, text in door.spelt if flag in takes]
    return door.others.get(word) or " ".join([word.value, *flags])
