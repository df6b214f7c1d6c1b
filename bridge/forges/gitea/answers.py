"""What the API of Gitea and Forgejo answers, and the neutral values made of it.

Source: Forgejo's ``modules/structs`` and a running Forgejo 10; versions differ in what they fill.
"""

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
from bridge.forges.gitea.deliveries import PULLS, is_draft_title
from bridge.forges.wire import Answer, number_in


class UserAnswer(Answer):
    """A user."""

    login: str = ""
    id: int = 0


class RepositoryAnswer(Answer):
    """A repository."""

    id: int
    full_name: str
    clone_url: str = ""
    ssh_url: str = ""
    html_url: str = ""
    default_branch: str = ""
    empty: bool = False

    def value(self, forge: str) -> Repository:
        """Make the neutral value."""
        return Repository(
            ref=RepositoryRef(forge=forge, id=str(self.id), slug=self.full_name),
            clone_urls=tuple(url for url in (self.clone_url, self.ssh_url) if url),
            web_url=self.html_url,
            default_branch=None if self.empty else self.default_branch or None,
        )


class _SideRepository(Answer):
    id: int = 0


class _Head(Answer):
    ref: str = ""
    sha: str = ""
    repo_id: int = 0
    repo: _SideRepository | None = None

    def home(self) -> int:
        """Return the id of the repository the branch is in; 0 or less when that is gone."""
        return (self.repo_id or self.repo.id) if self.repo else 0


class _Base(Answer):
    ref: str
    sha: str = ""
    repo: RepositoryAnswer


class PullRequestAnswer(Answer):
    """A pull request."""

    number: int
    state: str
    draft: bool | None = None
    merged: bool = False
    merge_commit_sha: str | None = None
    title: str
    html_url: str = ""
    user: UserAnswer | None = None
    head: _Head
    base: _Base
    updated_at: datetime | None = None

    def value(self, forge: str, draft_prefixes: tuple[str, ...]) -> PullRequest:
        """Make the neutral value; *draft_prefixes* tell drafts where the API does not."""
        repository = self.base.repo.value(forge)
        titled = is_draft_title(self.title, draft_prefixes)
        branch = self.head.ref.removeprefix("refs/heads/")
        return PullRequest(
            ref=PullRequestRef(repository=repository.ref, number=self.number),
            state=self._state(),
            draft=titled if self.draft is None else self.draft,
            title=self.title,
            author=self.user.login if self.user else "",
            web_url=self.html_url,
            head_sha=self.head.sha,
            # A deleted branch is given as refs/pull/<n>/head.
            head_branch="" if branch.startswith(PULLS) else branch,
            base_branch=self.base.ref,
            base_sha=self.base.sha or None,
            # One that was pushed to refs/for/<branch> (AGit) has no branch and claims the base
            # repository, while whoever may read there may push it.
            from_fork=branch.startswith(PULLS) or self.head.home() != self.base.repo.id,
            merge_commit=(self.merge_commit_sha or None) if self.merged else None,
            updated_at=self.updated_at.astimezone(UTC) if self.updated_at else None,
            repository=repository,
        )

    def _state(self) -> PullRequestState:
        if self.merged:
            return PullRequestState.MERGED
        return PullRequestState.OPEN if self.state == "open" else PullRequestState.CLOSED


class _BranchCommit(Answer):
    id: str


class BranchAnswer(Answer):
    """A branch."""

    name: str
    commit: _BranchCommit

    def value(self) -> Branch:
        """Make the neutral value."""
        return Branch(name=self.name, sha=self.commit.id)


class FileAnswer(Answer):
    """A changed file."""

    filename: str
    previous_filename: str | None = None


class _ComparedCommit(Answer):
    files: list[FileAnswer] | None = None


class ComparisonAnswer(Answer):
    """``GET .../compare/{before}...{after}``: the commits *after* has beyond the merge base."""

    total_commits: int = 0
    commits: list[_ComparedCommit] | None = None
    files: list[FileAnswer] | None = None


class _TagCommit(Answer):
    sha: str


class TagAnswer(Answer):
    """A tag; *commit* is the peeled one."""

    commit: _TagCommit


class PermissionAnswer(Answer):
    """``GET .../collaborators/{login}/permission``."""

    permission: str

    def value(self) -> Permission:
        """Make the neutral value; a word of next year's means nothing is allowed."""
        return _PERMISSIONS.get(self.permission, Permission.NONE)


# A site administrator is called owner, too.
_PERMISSIONS = {
    "owner": Permission.ADMIN,
    "admin": Permission.ADMIN,
    "write": Permission.WRITE,
    "read": Permission.READ,
}


class CommentAnswer(Answer):
    """A comment of a pull request."""

    id: int
    body: str = ""
    user: UserAnswer | None = None
    issue_url: str = ""
    pull_request_url: str = ""

    def value(self) -> Comment:
        """Make the neutral value."""
        author = self.user or UserAnswer()
        return Comment(
            id=str(self.id),
            body=self.body,
            author=author.login,
            author_id=str(author.id) if author.id > 0 else "",
            by_bot=author.id < 0,
            number=number_in(self.pull_request_url or self.issue_url),
        )


class HookAnswer(Answer):
    """A repository's webhook; the secret is not read back."""

    id: int
    type: str = ""
    active: bool = False
    events: list[str] | None = None
    config: dict[str, str] = Field(default_factory=dict)
    branch_filter: str = ""
