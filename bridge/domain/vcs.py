"""Repositories, pull requests and what a forge says about them, in no forge's own words."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryRef:
    """A repository on a configured forge.

    Attributes:
        forge: Name of the configured instance, as in the settings.
        id: The forge's own numeric id, as text; stays when the repository is renamed.
        slug: ``owner/name`` as last seen; for API paths and for people, never for identity.
    """

    forge: str
    id: str
    slug: str

    @property
    def key(self) -> str:
        """``<forge>:<repository id>``: what rows are keyed on."""
        return f"{self.forge}:{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestRef:
    """A pull request, by the number people see."""

    repository: RepositoryRef
    number: int

    @property
    def key(self) -> str:
        """``pr:<forge>:<repository id>:<number>``: its subject and its report."""
        return f"pr:{self.repository.key}:{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What a forge says about a repository.

    Attributes:
        clone_urls: Every URL the forge clones it under (https and ssh), as the forge spells them.
        web_url: Page for people.
        default_branch: Without ``refs/heads/``; None for an empty repository.
    """

    ref: RepositoryRef
    clone_urls: tuple[str, ...]
    web_url: str
    default_branch: str | None


class PullRequestState(StrEnum):
    """Open, closed without merging, or merged."""

    OPEN = "open"
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    """A pull request as the forge's API shows it now.

    Attributes:
        head_sha: Full commit id of the head; 40 hexadecimal digits (64 for SHA-256 repositories).
        head_branch: Branch name without ``refs/heads/``.
        base_branch: Branch it would be merged into.
        base_sha: Commit the base branch is at, as the forge reports it; None when it does not say.
        from_fork: Whether the head lives in another repository than the base, or none any more.
        merge_commit: Commit that the merge made; None until merged.
        author: Login; empty for a deleted account.
        updated_at: Aware, UTC; None when the forge does not say.
    """

    ref: PullRequestRef
    state: PullRequestState
    draft: bool
    title: str
    author: str
    web_url: str
    head_sha: str
    head_branch: str
    base_branch: str
    base_sha: str | None
    from_fork: bool
    merge_commit: str | None
    updated_at: datetime | None
    repository: Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFiles:
    """Paths a pull request or a push changes, relative to the repository's root, ``/``-separated.

    Attributes:
        paths: Sorted, without repeats; a rename brings both its names.
        complete: False when the forge could not list them all: then anything may have changed.
        reason: Why the list is incomplete, for people; empty when it is complete.
    """

    paths: tuple[str, ...]
    complete: bool = True
    reason: str = ""


class Permission(StrEnum):
    """What somebody may do in a repository; ordered from least to most."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def allows_writing(self) -> bool:
        """Tell whether this is write permission or more."""
        return self in (Permission.WRITE, Permission.ADMIN)


class StatusState(StrEnum):
    """Commit status: ``error`` is the bridge's or Terrakube's fault, ``failure`` terraform's."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """One commit status as it should read.

    Attributes:
        context: Exact name that branch rules refer to; the driver shortens it to the forge's limit.
        description: One line for people; the driver shortens it to the forge's limit.
        target_url: Where a click leads; empty for nowhere.
    """

    context: str
    state: StatusState
    description: str
    target_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """A comment of a pull request.

    Attributes:
        id: The forge's id, as text.
        author: Login; empty for a deleted account.
        author_id: The forge's numeric id of the author, as text; empty when unknown.
        by_bot: Whether the forge marks the author as a program.
        number: Of the pull request (or issue) it stands in; None when the forge does not say.
    """

    id: str
    body: str
    author: str
    author_id: str = ""
    by_bot: bool = False
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch and the commit it points to now."""

    name: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviews:
    """What reviewers said about a pull request as it is now.

    Attributes:
        approved: Whether the forge's own rules for the base branch are content, and somebody
            other than the author approved the head as it is now.
        approved_by: Logins whose newest review approves and counts: those who may write, the
            author left out, sorted.
        rejected_by: Logins whose newest review asks for changes, of those who may write, sorted.
        required: Approvals the base branch's rules ask for; None when the forge does not say.
        problem: Why it does not count as approved, a sentence for people; empty when it does.
    """

    approved: bool
    approved_by: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = ()
    required: int | None = None
    problem: str = ""


IS_DRAFT = "It is a draft."
"""The problem of a draft, which is told once where drafts have a gate of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mergeability:
    """Whether the forge would merge a pull request now, the bridge's own statuses left out.

    Attributes:
        mergeable: None while the forge has not made up its mind.
        problems: What is in the way, a sentence each; empty when nothing is.
    """

    mergeable: bool | None
    problems: tuple[str, ...] = ()


class MergeMethod(StrEnum):
    """How a pull request is merged."""

    MERGE = "merge"
    SQUASH = "squash"
    REBASE = "rebase"
