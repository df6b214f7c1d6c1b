"""What happened in a forge, in no flavour's words; each flavour tells it to hooks in its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from bridge.sandbox.forge.git import NOTHING
from bridge.sandbox.forge.model import Account, Comment, Hook, PullRequest, Repository, Review


class Change(Enum):
    """What can happen to a pull request."""

    OPENED = auto()
    EDITED = auto()
    MOVED = auto()  # the head branch has new commits, or others
    READY = auto()
    DRAFTED = auto()
    LABELED = auto()
    UNLABELED = auto()
    CLOSED = auto()  # merged or not
    REOPENED = auto()


class Writing(Enum):
    """What can happen to a comment; the values are every flavour's words."""

    CREATED = "created"
    EDITED = "edited"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something happened in *repository*, done by *actor*."""

    repository: Repository
    actor: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class RefUpdate:
    """A branch or tag moved.

    Attributes:
        name: In full, such as ``refs/heads/main``.
        before: `NOTHING` when it is new.
        after: `NOTHING` when it is gone; of an annotated tag the tag object.
        forced: Whether *before* is no ancestor of *after*.
    """

    name: str
    before: str
    after: str
    forced: bool = False

    @property
    def is_tag(self) -> bool:
        """Whether it is a tag and not a branch."""
        return self.name.startswith("refs/tags/")

    @property
    def short(self) -> str:
        """The name without ``refs/heads/`` or ``refs/tags/``."""
        return self.name.split("/", 2)[2]

    @property
    def created(self) -> bool:
        """Whether it was not there before."""
        return self.before == NOTHING

    @property
    def deleted(self) -> bool:
        """Whether it is not there any more."""
        return self.after == NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed(Happening):
    """Refs moved, all of one push."""

    updates: tuple[RefUpdate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestChanged(Happening):
    """A pull request changed; *repository* is the base.

    Attributes:
        before: The old head when it moved.
        changes: Old values of what was edited: title, body, base, base_sha.
        label: The label that came or went.
    """

    pull_request: PullRequest
    change: Change
    before: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentChanged(Happening):
    """A comment was written, changed or removed; *before* is the old text of an edit."""

    comment: Comment
    writing: Writing
    before: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed(Happening):
    """Somebody reviewed a pull request."""

    pull_request: PullRequest
    review: Review


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueAsked(Happening):
    """A merge queue asks for statuses of a commit; with a *reason* it does no more."""

    head_ref: str
    head_sha: str
    base_ref: str
    base_sha: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTested(Happening):
    """Somebody made a hook, or asked for a test; *hook* alone is told."""

    hook: Hook
