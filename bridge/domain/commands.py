"""What people may ask for, as values: the same whether they wrote a comment or a chat message."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.domain.runs import RunOptions
from bridge.domain.vcs import MergeMethod


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
    LOGS = "logs"
    WORKSPACES = "workspaces"
    TEMPLATES = "templates"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIPTIONS = "subscriptions"
    LINK = "link"
    UNLINK = "unlink"
    WHOAMI = "whoami"
    SETTINGS = "settings"
    OK_TO_PLAN = "ok-to-plan"
    VERSION = "version"
    HELP = "help"


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
class Selection:
    """Which workspaces a command is about.

    Attributes:
        workspaces: Globs of ``organization/workspace``, or of ``workspace`` in any organization.
        folders: Globs of folders, cleaned; the root is the empty text.
        everything: Whether more may be meant than are taken without asking.
        pull_request: In a chat, the one it is about: ``owner/name#12`` or its address; empty for
            the one whose thread it is said in, or none.
    """

    workspaces: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    everything: bool = False
    pull_request: str = ""

    @property
    def names_something(self) -> bool:
        """Tell whether workspaces or folders were named; otherwise the command says which."""
        return bool(self.workspaces or self.folders)


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """In a chat, what a run without a pull request takes its code and its flow from.

    Attributes:
        branch: Empty for the workspace's own.
        template: Name or id; empty for what the rules say.
        message: Why, in the words of whoever asks; for the record.
        again: Whether it is started although the same was started a moment ago.
    """

    branch: str = ""
    template: str = ""
    message: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanCommand(Command):
    """Plan workspaces: the affected ones, or those that are named.

    Attributes:
        verbose: Whether the whole output is shown.
        source: Of a run without a pull request.
    """

    selection: Selection = field(default_factory=Selection)
    options: RunOptions = field(default_factory=RunOptions)
    verbose: bool = False
    source: Source = field(default_factory=Source)

    @property
    def destroy(self) -> bool:
        """Tell whether the destruction of everything is planned."""
        return self.options.destroy


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyCommand(Command):
    """Apply what was reviewed: all that is planned at this head, or what is named.

    Attributes:
        options: That the reviewed plan must have been made with; None when the line says none.
        auto_merge: Whether the pull request is merged afterwards; None: as configured.
        merge_method: None: as configured.
        verbose: Whether the whole output is shown.
    """

    selection: Selection = field(default_factory=Selection)
    options: RunOptions | None = None
    auto_merge: bool | None = None
    merge_method: MergeMethod | None = None
    verbose: bool = False
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, slots=True, kw_only=True)
class DestroyCommand(Command):
    """Destroy what a reviewed plan of a destruction (``plan -- -destroy``) shows.

    Attributes:
        options: That the reviewed plan must have been made with, with ``destroy`` set; None when
            the line says none.
        verbose: Whether the whole output is shown.
    """

    selection: Selection = field(default_factory=Selection)
    options: RunOptions | None = None
    verbose: bool = False
    source: Source = field(default_factory=Source)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveCommand(Command):
    """Let jobs go on that wait for an approval.

    Attributes:
        job: Number of the one job that is meant, as text; empty when workspaces are, or all.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCommand(Command):
    """End jobs that wait for an approval.

    Attributes:
        job: Number of the one job that is meant, as text; empty when workspaces are, or all.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelCommand(Command):
    """Drop what waits and cancel what runs.

    Attributes:
        job: Number of the one job that is meant, as text; empty when workspaces are, or all.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlockCommand(Command):
    """Free workspaces the pull request has locked."""

    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusCommand(Command):
    """Show how every workspace stands.

    Attributes:
        job: In a chat, number of the one job that is meant; empty for workspaces, or all.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyCommand(Command):
    """Say why something was planned or not, what an apply waits for, and who can help.

    Attributes:
        job: In a chat, number of the one job that is meant; empty for workspaces, or all.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryCommand(Command):
    """Run again what did not succeed at this head."""

    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsCommand(Command):
    """Show what a job wrote.

    Attributes:
        job: Its number; empty for the newest of a workspace.
        step: Number of one step; empty for the last that wrote something.
        tail: Lines from the end.
    """

    selection: Selection = field(default_factory=Selection)
    job: str = ""
    step: str = ""
    tail: int = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspacesCommand(Command):
    """List workspaces.

    Attributes:
        containing: A part of ``organization/workspace``, in any case; empty for all.
        organization: Its name; empty for all.
    """

    containing: str = ""
    organization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatesCommand(Command):
    """List templates.

    Attributes:
        organization: Its name; empty for all.
    """

    organization: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeCommand(Command):
    """Tell a channel of some workspaces from now on.

    Attributes:
        patterns: Globs of ``organization/workspace``; never empty.
        interests: Names of what it wants to be told; empty for all.
        quiet: Whether nothing is broadcast, and no result said beside the live message.
    """

    patterns: tuple[str, ...]
    interests: tuple[str, ...] = ()
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsubscribeCommand(Command):
    """Tell a channel of some workspaces no more.

    Attributes:
        patterns: As they were subscribed to; empty for all.
    """

    patterns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionsCommand(Command):
    """List what a channel is told of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCommand(Command):
    """Make a person of the chat and an account of a forge one.

    Attributes:
        code: As the chat told it, said on the forge; empty to ask for one, in the chat.
    """

    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnlinkCommand(Command):
    """Make them two again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhoamiCommand(Command):
    """Say who the bridge takes somebody for, and what they may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsCommand(Command):
    """Show what holds in a channel, or change it.

    Attributes:
        organization: Name of the one that is meant where none is named; None leaves it, empty
            takes it away.
        files: Whether complete plans are put there as files; None leaves it.
    """

    organization: str | None = None
    files: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionCommand(Command):
    """Say which version of the bridge answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowCommand(Command):
    """Allow one commit of a fork to be planned.

    Attributes:
        sha: Full commit id, lower case: a shortened one can be made to fit another commit.
    """

    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpCommand(Command):
    """Show what can be said.

    Attributes:
        word: Of the one command that is asked about; None for all.
    """

    word: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterCommand(Command):
    """A command that has no fields yet, as nothing carries it out."""

    word: Word


WORDS: Mapping[type[Command], Word] = {
    PlanCommand: Word.PLAN,
    ApplyCommand: Word.APPLY,
    DestroyCommand: Word.DESTROY,
    ApproveCommand: Word.APPROVE,
    RejectCommand: Word.REJECT,
    CancelCommand: Word.CANCEL,
    UnlockCommand: Word.UNLOCK,
    StatusCommand: Word.STATUS,
    WhyCommand: Word.WHY,
    RetryCommand: Word.RETRY,
    LogsCommand: Word.LOGS,
    WorkspacesCommand: Word.WORKSPACES,
    TemplatesCommand: Word.TEMPLATES,
    SubscribeCommand: Word.SUBSCRIBE,
    UnsubscribeCommand: Word.UNSUBSCRIBE,
    SubscriptionsCommand: Word.SUBSCRIPTIONS,
    LinkCommand: Word.LINK,
    UnlinkCommand: Word.UNLINK,
    WhoamiCommand: Word.WHOAMI,
    SettingsCommand: Word.SETTINGS,
    AllowCommand: Word.OK_TO_PLAN,
    VersionCommand: Word.VERSION,
    HelpCommand: Word.HELP,
}
"""The word that gives each kind of command."""


def word_of(command: Command) -> Word:
    """Return the word a command was given by; KeyError for a line that is none."""
    return command.word if isinstance(command, LaterCommand) else WORDS[type(command)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Misunderstood(Command):
    """A line that is meant for the bridge and says nothing it knows.

    Attributes:
        problem: What is wrong, in Markdown; quotes of the line are inert.
        usage: Of the command it begins with; empty when that is not known either.
        place: Index in *text* of what is wrong; None when no single place is, or none is shown.
    """

    problem: str
    usage: str = ""
    place: int | None = None


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
