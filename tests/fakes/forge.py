"""A forge in memory: implements the port, keeps what was written, refuses what it does not know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bridge.domain.deliveries import Delivery
from bridge.domain.errors import NotFoundError, PermanentRemoteError, RemoteError, TooLargeError
from bridge.domain.events import Event
from bridge.domain.vcs import (
    Branch,
    ChangedFiles,
    Comment,
    CommitStatus,
    Mergeability,
    MergeMethod,
    Permission,
    PullRequest,
    PullRequestRef,
    PullRequestState,
    Repository,
    RepositoryRef,
    Reviews,
)
from bridge.ports import FailedDelivery, Ignored, InstalledHook

INFRA = RepositoryRef(forge="code", id="7", slug="acme/infra")
HEAD = "a" * 40
BASE = "b" * 40
MERGE = "c" * 40


def a_repository(ref: RepositoryRef = INFRA) -> Repository:
    return Repository(
        ref=ref,
        clone_urls=(f"https://git.example.com/{ref.slug}.git", f"git@git.example.com:{ref.slug}"),
        web_url=f"https://git.example.com/{ref.slug}",
        default_branch="main",
    )


def a_pull_request(number: int = 1, **changes: object) -> PullRequest:
    repository = a_repository()
    pull_request = PullRequest(
        ref=PullRequestRef(repository=repository.ref, number=number),
        state=PullRequestState.OPEN,
        draft=False,
        title="Change the network",
        author="alice",
        web_url=f"{repository.web_url}/pulls/{number}",
        head_sha=HEAD,
        head_branch="feature",
        base_branch="main",
        base_sha=BASE,
        from_fork=False,
        merge_commit=None,
        updated_at=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
        repository=repository,
    )
    return replace(pull_request, **changes)  # type: ignore[arg-type]  # each test names a field and its value


@dataclass(slots=True)
class FakeForge:
    """Set the fields to say what the forge holds; read them to see what was written."""

    name: str = "code"
    driver: str = "forgejo"
    comment_limit: int = 65_535
    folds: bool = True
    login: str = "bridge-bot"
    pulls: dict[int, PullRequest] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=lambda: {"main": BASE})
    ancestors: set[tuple[str, str]] = field(default_factory=set)
    tags: dict[str, str] = field(default_factory=dict)
    files: ChangedFiles = field(default_factory=lambda: ChangedFiles(paths=("network/main.tf",)))
    permissions: dict[str, Permission] = field(default_factory=lambda: {"alice": Permission.WRITE})
    merged_by: dict[str, list[int]] = field(default_factory=dict)
    comments: dict[str, tuple[int, Comment]] = field(default_factory=dict)
    set_statuses: list[tuple[str, CommitStatus]] = field(default_factory=list)
    """What was written, in order: commit and status."""
    reactions: list[tuple[str, str]] = field(default_factory=list)
    failures: list[RemoteError] = field(default_factory=list)
    """Raised by the next calls that write, in order."""
    failed: list[FailedDelivery] | None = None
    redelivered: list[str] = field(default_factory=list)
    fail_after: list[RemoteError] = field(default_factory=list)
    """Raised by the next comment creations, after the comment is stored."""
    buried: bool = False
    """Whether others wrote so much that our own comments cannot be listed."""
    reviewed: dict[int, Reviews] = field(default_factory=dict)
    """What reviewers said, by pull request; nobody said anything where it is absent."""
    mergeable: dict[int, Mergeability] = field(default_factory=dict)
    """Whether it can be merged, by pull request; it can where it is absent."""
    ignored: list[tuple[str, ...]] = field(default_factory=list)
    """The contexts each question for mergeability left out, in order."""
    teams: dict[str, set[str]] = field(default_factory=dict)
    """Logins, by ``organization/team``."""
    merges: list[tuple[int, MergeMethod]] = field(default_factory=list)
    writes: int = 0

    def measure(self, text: str) -> int:
        return len(text.encode("utf-16-le")) // 2

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        raise AssertionError

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        raise AssertionError

    async def whoami(self) -> tuple[str, str]:
        return self.login, "99"

    async def repository(self, slug: str) -> Repository:
        return a_repository(replace(INFRA, slug=slug))

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        return a_repository(repository)

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        if ref.number not in self.pulls:
            msg = f"pull request {ref.number}: answered 404"
            raise NotFoundError(msg, service=self.name, status=404)
        return self.pulls[ref.number]

    async def open_pull_requests(self, repository: RepositoryRef) -> Sequence[PullRequest]:
        return [one for one in self.pulls.values() if one.state is PullRequestState.OPEN]

    async def branches(self, repository: RepositoryRef) -> Sequence[Branch]:
        return [Branch(name=name, sha=sha) for name, sha in self.heads.items()]

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        return Branch(name=name, sha=self.heads[name]) if name in self.heads else None

    async def changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        return self.files

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        return self.files

    async def is_ancestor(self, repository: RepositoryRef, older: str, newer: str) -> bool:
        return (older, newer) in self.ancestors

    async def tag_commit(self, repository: RepositoryRef, tag: str) -> str | None:
        return self.tags.get(tag)

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        return [
            PullRequestRef(repository=repository, number=number)
            for number in self.merged_by.get(sha, [])
        ]

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        self._fail()
        return self.permissions.get(login, Permission.NONE)

    async def in_team(self, login: str, team: str) -> bool:
        self._fail()
        return login in self.teams.get(team, set())

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        nobody = Reviews(approved=False, problem="Nobody approved it yet.")
        return self.reviewed.get(pull_request.ref.number, nobody)

    async def mergeability(
        self, pull_request: PullRequest, *, ignoring: Sequence[str]
    ) -> Mergeability:
        self.ignored.append(tuple(ignoring))
        return self.mergeable.get(pull_request.ref.number, Mergeability(mergeable=True))

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        newest = {one.context: one for at, one in self.set_statuses if at == sha}
        return list(newest.values())

    async def merge(self, pull_request: PullRequest, *, method: MergeMethod, sha: str) -> str:
        self._fail()
        number = pull_request.ref.number
        if self.pulls[number].head_sha != sha:
            msg = f"merging pull request {number}: its head moved"
            raise PermanentRemoteError(msg, service=self.name, status=409)
        self.pulls[number] = replace(
            self.pulls[number], state=PullRequestState.MERGED, merge_commit=MERGE
        )
        self.merges.append((number, method))
        return MERGE

    async def comment(self, repository: RepositoryRef, comment_id: str) -> Comment:
        if comment_id not in self.comments:
            msg = f"comment {comment_id}: answered 404"
            raise NotFoundError(msg, service=self.name, status=404)
        return self.comments[comment_id][1]

    async def own_comments(
        self, ref: PullRequestRef, since: datetime | None = None
    ) -> Sequence[Comment]:
        if self.buried:
            msg = "GET comments: the answer is larger than 64 MiB"
            raise TooLargeError(msg, service=self.name, status=200)
        return [
            comment
            for number, comment in self.comments.values()
            if number == ref.number and comment.author == self.login
        ]

    async def create_comment(self, ref: PullRequestRef, body: str) -> str:
        self._fail()
        comment_id = self.say(ref.number, body, author=self.login)
        self.writes += 1
        if self.fail_after:
            raise self.fail_after.pop(0)
        return comment_id

    async def edit_comment(self, repository: RepositoryRef, comment_id: str, body: str) -> None:
        self._fail()
        number, comment = self.comments.get(comment_id, (0, None))
        if comment is None:
            msg = f"comment {comment_id}: answered 404"
            raise NotFoundError(msg, service=self.name, status=404)
        self.comments[comment_id] = (number, replace(comment, body=body))
        self.writes += 1

    async def delete_comment(self, repository: RepositoryRef, comment_id: str) -> None:
        self.comments.pop(comment_id, None)
        self.writes += 1

    async def set_status(self, repository: RepositoryRef, sha: str, status: CommitStatus) -> None:
        self._fail()
        self.set_statuses.append((sha, status))
        self.writes += 1

    async def react(self, repository: RepositoryRef, comment_id: str, content: str) -> None:
        self._fail()
        self.reactions.append((comment_id, content))

    async def install_hook(self, repository: Repository, url: str, secret: str) -> InstalledHook:
        raise AssertionError

    async def hooks(self, repository: Repository) -> Sequence[InstalledHook]:
        raise AssertionError

    async def failed_deliveries(
        self, since: datetime, repositories: Sequence[RepositoryRef] = ()
    ) -> Sequence[FailedDelivery] | None:
        return self.failed

    async def redeliver(self, delivery: FailedDelivery) -> None:
        self.redelivered.append(delivery.id)

    def say(self, number: int, body: str, *, author: str) -> str:
        """Let somebody write a comment; returns its id."""
        comment_id = str(100 + len(self.comments))
        self.comments[comment_id] = (number, Comment(id=comment_id, body=body, author=author))
        return comment_id

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
