"""What a push starts: of a branch, or of a tag."""

from collections.abc import Container
from dataclasses import dataclass

from bridge.decisions.paths import Changes
from bridge.decisions.triggers import (
    Facts,
    Ignore,
    Start,
    Target,
    affected,
    follows,
    rule_for,
    target_of,
)
from bridge.domain.events import BranchPushed, TagPushed
from bridge.domain.rules import On
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import ChangedFiles

QUEUES = ("gh-readonly-queue/", "gitea-merge-queue/")
"""Branches that merge queues make for themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """The forge's API does not show yet what the delivery announced."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoOn:
    """The push is to be dealt with."""


def decide_followed(facts: Facts, *, branch: str) -> Ignore | GoOn:
    """Tell whether a branch is any workspace's business, before more is asked of the forge."""
    if branch.startswith(QUEUES):
        return Ignore(reason="the branch belongs to a merge queue, which asks by itself")
    if not facts.bindings:
        return Ignore(reason="no workspace in Terrakube takes its code from this repository")
    if not follows(facts.bindings, branch):
        return Ignore(reason=f"no workspace follows the branch {branch}")
    return GoOn()


def decide_moment(
    event: BranchPushed, *, head: str | None, seen: str | None, patient: bool
) -> Ignore | Wait | GoOn:
    """Compare a push with where the branch is now.

    A push that a newer one overtook is dealt with at its own commit, in order: the newer one
    speaks of its own files only. One that comes late, after the branch's present commit was
    dealt with, is not: it would run an older commit over a newer one.

    Args:
        event: The push.
        head: Where the branch is now; None when it is gone.
        seen: Where it was when a push was last dealt with; None when none was.
        patient: Whether it is worth looking again.
    """
    if head == event.after:
        return GoOn()
    older = head is None or head == event.before
    if older and patient:
        return Wait(reason=f"the API does not show {event.after[:12]} on {event.branch} yet")
    if head is None:
        return Ignore(reason=f"the branch {event.branch} is gone")
    if older:
        return Ignore(reason=f"the branch {event.branch} is back at {head[:12]}")
    if seen == head:
        return Ignore(reason=f"the branch went on to {head[:12]}, which was dealt with already")
    return GoOn()


def decide_overtaken(event: BranchPushed, *, head: str, held: bool) -> Ignore | GoOn:
    """Drop a push whose commit the branch does not hold: it was pushed over, or never there.

    The delivery alone says that it was, and what a branch starts may apply. The next push is
    compared with where the branch was last dealt with, so nothing is left out.

    Args:
        event: The push.
        head: Where the branch is now, another commit than was pushed.
        held: Whether *head* holds the push's commit.
    """
    if held:
        return GoOn()
    return Ignore(
        reason=f"{event.branch} is at {head[:12]}, which does not hold {event.after[:12]}"
    )


def may_be_late(event: BranchPushed, *, head: str | None, seen: str | None) -> bool:
    """Tell whether a push may have come after a newer one: then ``decide_late`` is asked, too.

    Deliveries come out of order: one that is sent again, or made up for, arrives behind others.
    """
    return seen is not None and event.after != head and seen not in {event.before, event.after}


def decide_late(event: BranchPushed, *, seen: str, held: bool) -> Ignore | GoOn:
    """Drop a push that a newer one made up for: it would run an older commit over a newer one.

    Args:
        event: The push.
        seen: Where the branch was when a push was last dealt with.
        held: Whether *seen* holds the push's commit.
    """
    if held:
        return Ignore(
            reason=f"{event.branch} was dealt with at {seen[:12]}, which holds {event.after[:12]}"
        )
    return GoOn()


def compared_from(event: BranchPushed, *, seen: str | None, default: str | None) -> str | None:
    """Choose what a push is compared with; None when there is nothing.

    It is where the branch was when a push was last dealt with: then a push that was never told
    about is made up for by the next one.

    Args:
        event: The push.
        seen: Where the branch was when a push was last dealt with; None when none was.
        default: The repository's default branch: what a new branch is compared with.
    """
    if seen is not None and seen != event.after:
        return seen
    if event.before is not None:
        return event.before
    return None if default == event.branch else default


def decide_push(
    facts: Facts,
    *,
    branch: str,
    changed: ChangedFiles,
    ran: Container[WorkspaceRef] = frozenset(),
) -> Ignore | Start:
    """Choose what a push to a branch starts.

    Args:
        facts: Workspaces, rules, templates.
        branch: Its name.
        changed: What the push changed.
        ran: Workspaces in which another delivery about the same move has started it already: one
            was told by the forge, the other made up for.
    """
    found = affected(facts, On.PUSH, branch=branch, changes=Changes.of(changed))
    if not found:
        return Ignore(
            reason=f"no workspace that follows {branch} has a rule for pushes and a changed file"
        )
    targets = tuple(target for _, target in found if target.workspace not in ran)
    return Start(targets=targets) if targets else Ignore(reason="the push was dealt with already")


def decide_tag(facts: Facts, *, tag: str) -> Ignore | Start:
    """Choose what a tag starts: in every workspace that a rule names, whatever the tag changed."""
    found: list[Target] = []
    for binding in facts.bindings:
        rule = rule_for(binding, On.TAG, facts.policy.rules, tag=tag)
        if rule is not None:
            why = f"{rule.name or 'A rule on tag'}: the tag {tag} was pushed."
            found.append(target_of(facts, binding, rule.template, On.TAG, why))
    if not found:
        return Ignore(reason=f"no rule is about the tag {tag}")
    return Start(targets=tuple(found))


def decide_tag_moment(
    event: TagPushed, *, commit: str | None, patient: bool
) -> Ignore | Wait | GoOn:
    """Compare a pushed tag with what it points to now: a moved one is the newer push's matter.

    Args:
        event: The push.
        commit: The commit the tag points to now; None when there is no such tag.
        patient: Whether it is worth looking again.
    """
    if commit is not None and event.commit in {None, commit}:
        return GoOn()
    if patient:
        return Wait(reason=f"the API does not show the tag {event.tag} as it was pushed yet")
    return Ignore(reason=f"the tag {event.tag} was moved or deleted since")
