"""What GitHub's API answers, and the neutral values made of it. Source: its OpenAPI description."""

from datetime import UTC, datetime

from pydantic import Field

from bridge.domain.vcs import (
    Branch,
    Comment,
    Permission,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
)
from bridge.forges.wire import Answer, number_in


class UserAnswer(Answer):
    """A user, or the App itself (``slug``)."""

    login: str = ""
    id: int = 0
    type: str = ""


class AppAnswer(Answer):
    """``GET /app``."""

    slug: str


class RepositoryAnswer(Answer):
    """A repository."""

    id: int
    full_name: str
    clone_url: str = ""
    ssh_url: str = ""
    html_url: str = ""
    default_branch: str | None = None

    def value(self, forge: str) -> Repository:
        """Make the neutral value."""
        return Repository(
            ref=RepositoryRef(forge=forge, id=str(self.id), slug=self.full_name),
            clone_urls=tuple(url for url in (self.clone_url, self.ssh_url) if url),
            web_url=self.html_url,
            default_branch=self.default_branch or None,
        )


class _HeadRepository(Answer):
    id: int


class _Head(Answer):
    ref: str
    sha: str
    repo: _HeadRepository | None = None


class _Base(Answer):
    ref: str
    sha: str
    repo: RepositoryAnswer


class PullRequestAnswer(Answer):
    """A pull request; in lists ``merged`` is missing, ``merged_at`` is not."""

    number: int
    state: str
    draft: bool | None = None
    merged_at: datetime | None = None
    merge_commit_sha: str | None = None
    title: str
    html_url: str = ""
    user: UserAnswer | None = None
    head: _Head
    base: _Base
    updated_at: datetime | None = None

    def value(self, forge: str) -> PullRequest:
        """Make the neutral value."""
        repository = self.base.repo.value(forge)
        merged = self.merged_at is not None
        return PullRequest(
            ref=PullRequestRef(repository=repository.ref, number=self.number),
            state=self._state(),
            draft=self.draft is True,
            title=self.title,
            author=self.user.login if self.user else "",
            web_url=self.html_url,
            head_sha=self.head.sha,
            head_branch=self.head.ref,
            base_branch=self.base.ref,
            base_sha=self.base.sha or None,
            # Not head.repo.fork: true for a pull request inside a forked repository, too.
            from_fork=self.head.repo is None or self.head.repo.id != self.base.repo.id,
            # Before merging the field holds a test merge that is on no branch.
            merge_commit=self.merge_commit_sha if merged else None,
            updated_at=self.updated_at.astimezone(UTC) if self.updated_at else None,
            repository=repository,
        )

    def _state(self) -> PullRequestState:
        if self.merged_at is not None:
            return PullRequestState.MERGED
        return PullRequestState.OPEN if self.state == "open" else PullRequestState.CLOSED


class _Commit(Answer):
    sha: str


class BranchAnswer(Answer):
    """A branch."""

    name: str
    commit: _Commit

    def value(self) -> Branch:
        """Make the neutral value."""
        return Branch(name=self.name, sha=self.commit.sha)


class FileAnswer(Answer):
    """A changed file."""

    filename: str
    previous_filename: str | None = None


class ComparisonAnswer(Answer):
    """``GET .../compare/{before}...{after}``: what *after* has beyond the merge base."""

    status: str
    files: list[FileAnswer] = Field(default_factory=list)


class _Object(Answer):
    type: str
    sha: str


class ReferenceAnswer(Answer):
    """``GET .../git/ref/{ref}``."""

    object: _Object


class CommitAnswer(Answer):
    """A commit."""

    sha: str


class PermissionAnswer(Answer):
    """``GET .../collaborators/{login}/permission``."""

    permission: str
    role_name: str = ""

    def value(self) -> Permission:
        """Make the neutral value; a word of next year's means nothing is allowed."""
        return _PERMISSIONS.get(self.permission, Permission.NONE)


# The legacy words: maintain is reported as write, triage as read.
_PERMISSIONS = {
    "admin": Permission.ADMIN,
    "write": Permission.WRITE,
    "read": Permission.READ,
}


class CommentAnswer(Answer):
    """A comment of a pull request."""

    id: int
    body: str | None = None
    user: UserAnswer | None = None
    issue_url: str = ""

    def value(self) -> Comment:
        """Make the neutral value."""
        author = self.user or UserAnswer()
        return Comment(
            id=str(self.id),
            body=self.body or "",
            author=author.login,
            author_id=str(author.id) if author.id > 0 else "",
            by_bot=author.type == "Bot" or author.login.endswith("[bot]"),
            number=number_in(self.issue_url),
        )


class _HookConfig(Answer):
    url: str = ""
    content_type: str = ""
    insecure_ssl: str | int = "0"
    secret: str | None = None


class _LastResponse(Answer):
    code: int | None = None


class HookAnswer(Answer):
    """A repository's webhook; the secret is read back as asterisks."""

    id: int
    active: bool
    events: list[str]
    config: _HookConfig
    last_response: _LastResponse | None = None


class HookDeliveryAnswer(Answer):
    """One attempt to deliver; a redelivery keeps the ``guid`` and gets an ``id`` of its own."""

    id: int
    guid: str
    delivered_at: datetime
    status_code: int
