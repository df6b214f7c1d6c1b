"""What people may ask for, as values: the same whether they wrote a comment or a chat message."""

from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.runs import RunOptions


class Word(StrEnum):
    """A command's first word."""

    PLAN = "plan"
    APPLY = "apply"
    DESTROY = "destroy"
    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"
    LOCK = "lock"
    UNLOCK = "unlock"
    STATUS = "status"
    WHY = "why"
    RETRY = "retry"
    SUBSCRIBE = "subscribe"
    OK_TO_PLAN = "ok-to-plan"
    VERSION = "version"
    HELP = "help"


AVAILABLE = (Word.PLAN, Word.OK_TO_PLAN, Word.HELP)
"""Those that do something in a pull request; the others are answered "not available yet"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One line that asks for something.

    Attributes:
        line: Its number among the lines of the comment, from 1.
        text: As written, trimmed.
    """

    line: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCommand(Command):
    """Plan workspaces: the affected ones, or those that are named.

    Attributes:
        workspaces: Globs of ``organization/workspace``, or of ``workspace`` in any organization.
        folders: Globs of folders, cleaned; the root is the empty text.
        everything: Whether more may be planned than are planned without asking.
    """

    workspaces: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    everything: bool = False
    options: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowCommand(Command):
    """Allow one commit of a fork to be planned.

    Attributes:
        sha: Full commit id, lower case: a shortened one can be made to fit another commit.
    """

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCommand(Command):
    """Show what can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterCommand(Command):
    """A command that exists, but not here yet."""

    word: Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Misunderstood(Command):
    """A line that is meant for the bridge and says nothing it knows.

    Attributes:
        problem: What is wrong, in Markdown; quotes of the line are inert.
        usage: Of the command it begins with; empty when that is not known either.
    """

    problem: str
    usage: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prose:
    """A comment that is not for the bridge.

    Attributes:
        reason: One sentence for ``explain`` and the log.
    """

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A comment every line of which is meant for the bridge.

    Attributes:
        commands: In order; never empty.
    """

    commands: tuple[Command, ...]
