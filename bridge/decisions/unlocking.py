"""Unlocking: which workspaces are freed, and which cannot be just now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.decisions.asking import Refuse
from bridge.decisions.choosing import is_named, named_text
from bridge.decisions.wording import code, listed
from bridge.domain.commands import UnlockCommand
from bridge.domain.holds import Hold
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """Which workspaces are locked, as far as it matters.

    Attributes:
        own: What the pull request itself has locked, sorted by name.
        named: The workspaces that were named, with their lock; None for none.
        in_folders: Ids of the workspaces in the folders that were named; None when none were.
    """

    pull_request: PullRequestRef
    own: Sequence[Hold]
    named: Mapping[WorkspaceRef, Hold | None]
    in_folders: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """These workspaces are freed.

    Attributes:
        holds: Sorted by workspace; never empty.
        text: What is said, in Markdown.
    """

    holds: tuple[Hold, ...]
    text: str


def holds_meant(command: UnlockCommand, locks: Locks) -> tuple[Hold, ...]:
    """List the locks a command is about: the pull request's own, or those that are named."""
    if not command.selection.names_something:
        return tuple(locks.own)
    found = {
        one.workspace.id: one
        for one in locks.own
        if is_named(command.selection, one.workspace)
        and (locks.in_folders is None or one.workspace.id in locks.in_folders)
    }
    found |= {one.workspace.id: one for one in locks.named.values() if one}
    return tuple(sorted(found.values(), key=lambda one: str(one.workspace)))


def is_own(hold: Hold, pull_request: PullRequestRef) -> bool:
    """Tell whether a lock is a pull request's own."""
    return hold.pull_request.key == pull_request.key


def decide_unlock(command: UnlockCommand, locks: Locks) -> Refuse | Free:
    """Free what is locked and where nothing may be at work."""
    meant = holds_meant(command, locks)
    free = tuple(one for one in meant if not one.busy)
    notes = [_busy_text(one) for one in meant if one.busy]
    unlocked = sorted(str(ref) for ref, hold in locks.named.items() if hold is None)
    if unlocked and command.selection.names_something:
        notes.append(f"Not locked by any pull request: {listed(unlocked)}.")
    if free:
        names = listed([str(one.workspace) for one in free])
        said = f"Unlocked: {names}. Whoever waits for it goes on."
        return Free(holds=free, text="\n\n".join([said, *notes]))
    return Refuse(text="\n\n".join(["Nothing was unlocked.", *(notes or [_nothing(command)])]))


def told_holder(holds: Sequence[Hold], actor: str, pull_request: PullRequestRef) -> str:
    """Tell another pull request that its locks are gone."""
    names = listed([str(one.workspace) for one in holds])
    return (
        f"{code(actor)} unlocked {names} from pull request #{pull_request.number} of "
        f"{code(pull_request.repository.slug)}: this one has it for itself no more. Whatever it "
        "had waiting there was dropped."
    )


def holder_text(hold: Hold) -> str:
    """Name who has a workspace locked, since when and where, the end of a sentence."""
    return (
        f"locked by pull request #{hold.pull_request.number} of "
        f"{code(hold.pull_request.repository.slug)} ({code(hold.actor)}, since "
        f"{hold.since:%Y-%m-%d %H:%M} UTC)"
    )


def _busy_text(hold: Hold) -> str:
    name = code(str(hold.workspace))
    if hold.busy_until is not None:
        return (
            f"{name} stays {holder_text(hold)}: something was cancelled there, and Terraform may "
            f"still be at work. It is freed when its end is seen, at {hold.busy_until:%H:%M} UTC "
            "at the latest."
        )
    return (
        f"{name} stays {holder_text(hold)}: something is being applied there. Wait until that has "
        f"ended, or say {code('cancel')} first."
    )


def _nothing(command: UnlockCommand) -> str:
    if not command.selection.names_something:
        return "This pull request has locked no workspace."
    return f"Nothing that matches {named_text(command.selection)} is locked."
