"""What deliveries mean, in no forge's own words.

An event only wakes a handler: what authorizes or decides is read from the forge again
(design: "reading again"), so an event carries what is needed to find things, and what only
the delivery knows.
"""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.vcs import PullRequestRef, RepositoryRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something happened somewhere.

    Attributes:
        delivery_id: The sender's id of the delivery.
        received_at: When we accepted it; aware, UTC.
        actor: Who did it: a login, which is empty for a deleted account; in a chat a user's id.
    """

    delivery_id: str
    received_at: datetime
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Event(Happening):
    """Something happened on a forge.

    Attributes:
        repository: Where.
    """

    repository: RepositoryRef


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchPushed(Event):
    """A branch points to another commit: new commits, a new branch, or a forced move.

    Attributes:
        branch: Without ``refs/heads/``.
        before: Commit it pointed to; None for a new branch.
        after: Commit it points to.
        forced: Whether history was rewritten; None when the forge does not say.
    """

    branch: str
    before: str | None
    after: str
    forced: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchNoticed(Event):
    """A followed branch was looked at for the first time; it is remembered, nothing starts."""

    branch: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TagPushed(Event):
    """A tag was made or moved.

    Attributes:
        tag: Bare name, without ``refs/tags/``.
        before: What it pointed to; None for a new tag (some forges do not say).
        after: What it points to: the commit, or the tag object of an annotated tag.
        commit: The peeled commit; None when the delivery does not say: ask the forge.
    """

    tag: str
    before: str | None
    after: str
    commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefDeleted(Event):
    """A branch or a tag is gone.

    Attributes:
        ref: Bare name.
        is_tag: Whether it was a tag.
    """

    ref: str
    is_tag: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestEvent(Event):
    """Something happened to a pull request.

    Attributes:
        head_sha: Full commit id of the head as the delivery says; empty when it does not.
        head_branch: Branch name without ``refs/heads/``; empty when the delivery does not say.
        base_branch: Branch it would be merged into; empty when the delivery does not say.
        from_fork: Whether the head lives in another repository than the base.
        updated_at: When the forge last touched it; aware, UTC; None when the delivery does not say.
    """

    pull_request: PullRequestRef
    head_sha: str
    head_branch: str
    base_branch: str
    from_fork: bool
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestOpened(PullRequestEvent):
    """A new pull request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestUpdated(PullRequestEvent):
    """The head moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestReopened(PullRequestEvent):
    """A closed pull request is open again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestReady(PullRequestEvent):
    """A draft is ready for review (Gitea and Forgejo: its title changed)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestDrafted(PullRequestEvent):
    """It became a draft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestRetargeted(PullRequestEvent):
    """The base branch changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestClosed(PullRequestEvent):
    """Closed, merged or not.

    Attributes:
        merged: Whether the delivery says it was merged.
        merge_commit: Commit the merge made; None when not merged or not said.
    """

    merged: bool
    merge_commit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestReviewed(PullRequestEvent):
    """A review was given; what it says is read from the forge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentEvent(Event):
    """Something happened to a comment of a pull request.

    Attributes:
        comment_id: The forge's id, as text.
        body: Text as delivered.
        author: Login of who wrote the comment; empty for a deleted account. On an edit the
            *actor* may be somebody else.
        author_id: Numeric id of the author, as text; empty when unknown.
        by_bot: Whether the forge marks the author as a program.
    """

    pull_request: PullRequestRef
    comment_id: str
    body: str
    author: str
    author_id: str
    by_bot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentCreated(CommentEvent):
    """Somebody wrote a comment: the only event whose text may be a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentEdited(CommentEvent):
    """A comment's text was changed, perhaps ours, perhaps by somebody else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDeleted(CommentEvent):
    """A comment is gone, perhaps ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeQueueChecked(Event):
    """A merge queue asks for the required statuses on a commit of its own.

    Attributes:
        head_sha: The queue's commit.
        base_branch: Branch the queue merges into.
        base_sha: What it is merged upon: the branch's tip, or the commit of who is before it in
            the queue; empty when the delivery does not say.
        pull_request: That it would merge; None when the delivery does not say.
    """

    head_sha: str
    base_branch: str
    base_sha: str = ""
    pull_request: PullRequestRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeQueueLeft(Event):
    """A merge queue needs the statuses of one of its commits no longer.

    Attributes:
        head_sha: The queue's commit.
        merged: Whether it is on the base branch now.
    """

    head_sha: str
    merged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRerequested(Event):
    """Somebody asked for a check again.

    Attributes:
        head_sha: Commit it was for.
        external_id: Our id on the check; empty when there is none.
    """

    head_sha: str
    external_id: str
