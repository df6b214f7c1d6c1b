"""What is said in a chat: what it is about, and what whoever says it is told when it fails."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeAlias

from bridge.decisions.asking import Refuse
from bridge.decisions.replies import explain_misunderstood
from bridge.decisions.verbs import EXAMPLES
from bridge.decisions.waiting import cause_of
from bridge.decisions.wording import code
from bridge.domain.commands import (
    AllowCommand,
    ApplyCommand,
    ApproveCommand,
    CancelCommand,
    Command,
    DestroyCommand,
    Misunderstood,
    PlanCommand,
    RejectCommand,
    RetryCommand,
    Selection,
    Source,
    StatusCommand,
    UnlockCommand,
    WhyCommand,
    Word,
    word_of,
)

PATIENCE: Final = timedelta(minutes=24)
"""How long a command waits for somebody who does not answer: for half an hour whoever said it can
be told what became of it, and the next try is five minutes away at most."""

APPROVED_WITHIN: Final = timedelta(minutes=2)
"""How old an approval by words may be: what waits by then may be something else."""

TOO_LATE: Final = (
    "Nothing was approved: the bridge was away when that was said, and something else may wait by "
    "now. Please look at it, and say it again."
)

Selecting: TypeAlias = (
    PlanCommand
    | ApplyCommand
    | DestroyCommand
    | ApproveCommand
    | RejectCommand
    | CancelCommand
    | StatusCommand
    | WhyCommand
    | UnlockCommand
    | RetryCommand
)
"""Commands about workspaces that may be said about a pull request as well."""

_NEEDS: Final[Mapping[Word, str]] = {
    Word.UNLOCK: "unlock owner/name#12",
    Word.RETRY: "retry owner/name#12",
}
"""Commands that mean nothing without a pull request, with one named."""


_EXAMPLE: Final = "For example"


def misunderstood_text(command: Misunderstood, name: str) -> str:
    """Say what is wrong with a command, and show one that is right.

    Args:
        command: As it was read.
        name: How people address the bridge.
    """
    said = explain_misunderstood([command])
    word = command.usage.removeprefix(name).strip().partition(" ")[0]
    if not word:
        return said
    if _EXAMPLE in said:
        return said
    return f"{said}\n\n{_EXAMPLE} `{name} {EXAMPLES[Word(word)]}`."


def selection_of(command: Command) -> Selection | None:
    """Return what a command is about; None for one that is about no workspaces."""
    return command.selection if isinstance(command, Selecting) else None


def may_be_about(command: Command) -> bool:
    """Tell whether a command said in the thread of a pull request's message is about that.

    A job that is named by its number is itself, and so are workspaces that somebody answers for.
    """
    match command:
        case AllowCommand():
            return True
        case ApproveCommand() | RejectCommand() | CancelCommand():
            return not command.job and not command.selection.workspaces
        case StatusCommand() | WhyCommand():
            return not command.job
        case _:
            return isinstance(command, Selecting)


def refuse_source(command: Command) -> Refuse | None:
    """Refuse what chooses another code than a pull request's own head, as the rules say."""
    if not isinstance(command, PlanCommand | ApplyCommand | DestroyCommand):
        return None
    source = replace(command.source, again=False)
    if source == Source():
        return None
    given = {"branch=": source.branch, "template=": source.template, "msg=": source.message}
    name = next(name for name, value in given.items() if value)
    return Refuse(
        text=f"Nothing was started: what runs for a pull request is its own head, as the rules "
        f"say, so {code(name)} is not taken here. Outside of this thread, and with a workspace "
        "named, it is."
    )


def refuse_without_pull_request(command: Command, name: str) -> Refuse | None:
    """Refuse what means nothing without a pull request; None for what does."""
    word = word_of(command)
    if word is Word.OK_TO_PLAN:
        how = "in the thread of its message"
    elif example := _NEEDS.get(word):
        how = f"in the thread of its message, or name it: {code(f'{name} {example}')}"
    else:
        return None
    text = f"Nothing was done: {code(word)} is about a pull request. Say it {how}."
    more = " What was started without one is started by its own command again."
    return Refuse(text=f"{text}{more if word is Word.RETRY else ''}")


def failed_text(error: Exception) -> str:
    """Say that a command failed for good."""
    return (
        f"Nothing was done: {cause_of(error)}. If it stays so, ask whoever runs the bridge: its "
        "log says more."
    )


def dropped_text(error: Exception) -> str:
    """Say that a command is not waited for any longer."""
    minutes = int(PATIENCE.total_seconds() // 60)
    return f"Nothing was done: {cause_of(error)}, for {minutes} minutes now. Please say it again."
