"""What a forge knows: accounts, repositories, pull requests, comments, statuses and hooks.

State, and nothing else: who may change it is the business of the API, what a change sets off that
of the world. Everything lives in memory; the commits live in real repositories on disk.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from pathlib import Path

from bridge.sandbox.forge.git import Git


class Flavour(StrEnum):
    """Whose API is spoken."""

    GITHUB = "github"
    FORGEJO = "forgejo"


class Access(IntEnum):
    """What an account may do in a repository; each step includes those below."""

    NONE = 0
    READ = 1
    WRITE = 2
    ADMIN = 3


class Kind(StrEnum):
    """What an account is, in GitHub's words."""

    USER = "User"
    ORGANIZATION = "Organization"
    BOT = "Bot"


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A person, an organization or an App's bot.

    Attributes:
        teams: Of an organization, by the team's slug.
    """

    id: int
    login: str
    email: str
    kind: Kind
    created_at: datetime
    site_admin: bool = False
    teams: "dict[str, Team]" = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Team:
    """A team of an organization.

    Attributes:
        members: Logins in lower case.
        invited: Those who have not accepted yet.
    """

    id: int
    slug: str
    organization: Account
    members: set[str] = field(default_factory=set)
    invited: set[str] = field(default_factory=set)


@dataclass(slots=True, kw_only=True, eq=False)
class Token:
    """A secret that stands for an account.

    Attributes:
        scopes: Forgejo's scopes (``write:issue``), None means all; what a classic token of
            GitHub says it has, None for a fine-grained one.
        installation: The installation that a GitHub App's token belongs to.
        permissions: What such a token may do, by name; None means whatever the account may.
        expires_at: None for tokens that live until they are taken away.
        repositories: Ids the token is limited to; None means all.
    """

    text: str
    account: Account
    scopes: frozenset[str] | None = None
    installation: int | None = None
    permissions: dict[str, str] | None = None
    expires_at: datetime | None = None
    repositories: frozenset[int] | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    """A GitHub App.

    Attributes:
        bot: Whose comments its comments are.
        private_key: PEM, as GitHub lets one download it.
        public_key: PEM, for checking what the App signs.
        permissions: Levels by name, as in the App's settings.
        installations: Installation ids by the account it is installed for, in lower case.
    """

    id: int
    client_id: str
    slug: str
    owner: Account
    bot: Account
    private_key: str
    public_key: str
    permissions: dict[str, str]
    created_at: datetime
    hook: "Hook | None" = None
    installations: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True, eq=False)
class Label:
    """A label of a repository."""

    id: int
    name: str
    color: str = "ededed"


@dataclass(slots=True, kw_only=True, eq=False)
class Reaction:
    """Somebody's reaction to a comment."""

    id: int
    account: Account
    content: str
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Comment:
    """A comment.

    Attributes:
        account: Who wrote it; None when the account is gone.
        by_app: Whether a GitHub App wrote it.
    """

    id: int
    issue: "Issue"
    account: Account | None
    body: str
    created_at: datetime
    updated_at: datetime
    by_app: bool = False
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class Review:
    """A review of a pull request; *state* in GitHub's words (``APPROVED``, ...)."""

    id: int
    account: Account
    state: str
    body: str
    commit: str
    submitted_at: datetime
    dismissed: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class Issue:
    """An issue, or what a pull request has in common with one; *state* is open or closed."""

    id: int
    number: int
    repository: "Repository"
    account: Account | None
    title: str
    body: str
    created_at: datetime
    updated_at: datetime
    state: str = "open"
    closed_at: datetime | None = None
    labels: list[Label] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)


@dataclass(slots=True, kw_only=True, eq=False)
class PullRequest(Issue):
    """A pull request.

    Attributes:
        head_repository: Where the branch lives; None after the fork was deleted.
        head_sha: The head as announced; kept in ``refs/pull/<number>/head`` of the base.
        base_sha: Tip of the base branch when the head last moved.
        head_deleted: Whether the head branch is gone.
        queued: While it is in the merge queue: the base's tip and the queue's own commit.
    """

    head_repository: "Repository | None"
    head_branch: str
    head_sha: str
    base_branch: str
    base_sha: str
    draft: bool = False
    head_deleted: bool = False
    merged_at: datetime | None = None
    merged_by: Account | None = None
    merge_commit: str | None = None
    reviews: list[Review] = field(default_factory=list)
    queued: tuple[str, str] | None = None

    @property
    def from_fork(self) -> bool:
        """Whether the head lives in another repository than the base, or in none any more."""
        return self.head_repository is not self.repository


@dataclass(slots=True, kw_only=True, eq=False)
class Status:
    """One report of a commit status.

    Attributes:
        key: What tells one context from another; GitHub's do not differ in case alone.
    """

    id: int
    sha: str
    context: str
    key: str
    state: str
    description: str | None
    target_url: str | None
    creator: Account
    created_at: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class Protection:
    """The rule of one branch: contexts that must succeed, approvals that must be there.

    Attributes:
        dismiss_stale: Whether a push dismisses the approvals of earlier heads.
        block_rejected: Whether somebody who asks for changes keeps it from being merged (GitHub:
            always where approvals are asked for).
        code_owners: Logins of which one must approve (GitHub).
        up_to_date: Whether the head must hold all of the base.
        ruleset: Whether GitHub tells it as a ruleset; otherwise as a rule of the branch itself.
    """

    contexts: tuple[str, ...] = ()
    approvals: int = 0
    dismiss_stale: bool = False
    block_rejected: bool = True
    code_owners: tuple[str, ...] = ()
    up_to_date: bool = False
    ruleset: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class CheckRun:
    """What a check came to (GitHub); *conclusion* is None until *status* is ``completed``."""

    id: int
    name: str
    status: str
    conclusion: str | None


@dataclass(slots=True, kw_only=True, eq=False)
class Hook:
    """Where deliveries go.

    Attributes:
        kind: ``repository`` or ``integration`` (a GitHub App's); on Forgejo the hook's type.
        repository: None for an App's hook.
        events: Names in the flavour's own words; ``*`` for all (GitHub).
        content_type: ``json`` or ``form``.
        secret: None or empty: deliveries are not signed.
        last_code: Status of the latest answer; None before the first.
    """

    id: int
    kind: str
    repository: "Repository | None"
    url: str
    secret: str | None
    events: list[str]
    content_type: str
    active: bool
    created_at: datetime
    updated_at: datetime
    branch_filter: str = ""
    authorization: str = ""
    insecure_ssl: str = "0"
    last_code: int | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Repository:
    """A repository: its settings here, its commits in *git*."""

    id: int
    owner: Account
    name: str
    git: Git
    private: bool
    default_branch: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    parent: "Repository | None" = None
    archived: bool = False
    access: dict[str, Access] = field(default_factory=dict)
    hooks: list[Hook] = field(default_factory=list)
    issues: dict[int, Issue] = field(default_factory=dict)
    labels: dict[str, Label] = field(default_factory=dict)
    statuses: dict[str, list[Status]] = field(default_factory=dict)
    protection: dict[str, Protection] = field(default_factory=dict)
    checks: dict[str, list[CheckRun]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def take_number(self) -> int:
        """Return the number of the next issue or pull request."""
        return next(self._numbers)

    @property
    def slug(self) -> str:
        """``owner/name``."""
        return f"{self.owner.login}/{self.name}"

    @property
    def pull_requests(self) -> Iterator[PullRequest]:
        """All of them, oldest first."""
        # A list: whoever walks through it may wait, and others open more meanwhile.
        known = list(self.issues.values())
        return (issue for issue in known if isinstance(issue, PullRequest))

    def access_of(self, account: Account | None) -> Access:
        """Tell what *account* may do; None is somebody who did not log in."""
        public = Access.NONE if self.private else Access.READ
        if account is None:
            return public
        if account.site_admin or account is self.owner:
            return Access.ADMIN
        return max(public, self.access.get(account.login.lower(), Access.NONE))

    def latest_statuses(self, sha: str) -> list[Status]:
        """List the newest status of each context, in the order the contexts first came."""
        latest: dict[str, Status] = {}
        for status in self.statuses.get(sha, []):
            latest[status.key] = status
        return list(latest.values())


@dataclass(slots=True, kw_only=True, eq=False)
class Places:
    """Where things are: addresses of the server, folders of the repositories.

    Attributes:
        url: ``http://127.0.0.1:<port>``, where people and git go.
        api_url: Where programs go.
    """

    url: str
    api_url: str
    folder: Path
