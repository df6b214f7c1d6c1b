"""What the bridge needs from outside, as protocols.

Implementations are safe for concurrent use and keep no state per request. A method that reaches
a remote service may raise TemporaryRemoteError or PermanentRemoteError; nothing of a library
(an HTTP client's exception, a native payload) comes out of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from bridge.domain.chat import ChannelSettings
from bridge.domain.deliveries import Delivery
from bridge.domain.events import Event
from bridge.domain.examining import Budget, Credentials, Health, SentDelivery, Wants
from bridge.domain.holds import Hold
from bridge.domain.posts import Post, RemotePart, StatusPost
from bridge.domain.reports import CommitReport, PullRequestReport
from bridge.domain.runs import Output, Run
from bridge.domain.terrakube import (
    Job,
    JobContext,
    JobRequest,
    Organization,
    Permissions,
    ServerFeatures,
    Template,
    Workspace,
    WorkspaceRef,
)
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
    Repository,
    RepositoryRef,
    Reviews,
)
from bridge.domain.work import AuditEntry, Decision, Verdict, Vote


class Clock(Protocol):
    """Time, so that tests need not wait."""

    def now(self) -> datetime:
        """Return the present moment; aware, UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A genuine delivery the bridge has no use for.

    Attributes:
        reason: One sentence for people.
        test: Whether it is a ping or a test delivery.
    """

    reason: str
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledHook:
    """A webhook as the forge reads it back.

    Attributes:
        events: The forge's own names, sorted.
        problems: What is not as it should be, a sentence each; empty when all is well.
    """

    id: str
    url: str
    active: bool
    events: tuple[str, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedDelivery:
    """A delivery the forge could not hand over, as its API lists it."""

    id: str
    key: str
    delivered_at: datetime


class Forge(Protocol):
    """One configured code hosting instance.

    Attributes:
        name: As in the settings.
        driver: ``github``, ``gitea`` or ``forgejo``.
        comment_limit: Longest comment, in the unit *measure* counts.
        folds: Whether comments may hold ``<details>``.
    """

    name: str
    driver: str
    comment_limit: int
    folds: bool

    def measure(self, text: str) -> int:
        """Count *text* as the forge's comment limit does (UTF-16 units, bytes...)."""
        ...

    def accept_delivery(
        self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes, now: datetime
    ) -> Delivery | Ignored:
        """Verify one delivery, without any I/O.

        The signature is checked over *body* exactly as received, before anything is decoded;
        *headers* have case-insensitive keys. ``query["hook"]``, a repository id, says that the
        hook has a secret of its own: then the delivery may speak for that repository only.

        Raises:
            SignatureError: The signature is absent or wrong, or the hook speaks for another
                repository than its own.
            PayloadError: The body is not what the forge sends.
        """
        ...

    def parse_delivery(self, delivery: Delivery) -> Event | Ignored:
        """Translate an accepted delivery, without any I/O.

        Raises:
            PayloadError: The body is not what the forge documents.
        """
        ...

    async def whoami(self) -> tuple[str, str]:
        """Return (login, numeric id as text) of the bridge's own account; cached."""
        ...

    async def repository(self, slug: str) -> Repository:
        """Read a repository by ``owner/name``; follows a rename. NotFoundError when absent."""
        ...

    async def repository_by_id(self, repository: RepositoryRef) -> Repository:
        """Read a repository by its id, with its present slug."""
        ...

    async def pull_request(self, ref: PullRequestRef) -> PullRequest:
        """Read a pull request as it is now."""
        ...

    async def open_pull_requests(self, repository: RepositoryRef) -> Sequence[PullRequest]:
        """List the open pull requests, all pages."""
        ...

    async def branches(self, repository: RepositoryRef) -> Sequence[Branch]:
        """List the branches and their heads, all pages."""
        ...

    async def branch(self, repository: RepositoryRef, name: str) -> Branch | None:
        """Read one branch's head; None when there is no such branch."""
        ...

    async def changed_files(self, ref: PullRequestRef) -> ChangedFiles:
        """List what a pull request changes: all pages, both names of a rename."""
        ...

    async def compared_files(
        self, repository: RepositoryRef, before: str, after: str
    ) -> ChangedFiles:
        """List what lies between two commits; incomplete when they have nothing in common."""
        ...

    async def is_ancestor(self, repository: RepositoryRef, older: str, newer: str) -> bool:
        """Tell whether *newer* is or holds *older*; no when that cannot be told."""
        ...

    async def tag_commit(self, repository: RepositoryRef, tag: str) -> str | None:
        """Peel a tag to its commit; None when there is no such tag."""
        ...

    async def pull_requests_of_commit(
        self, repository: RepositoryRef, sha: str
    ) -> Sequence[PullRequestRef]:
        """List merged pull requests whose merge brought *sha* to a branch; may be empty."""
        ...

    async def permission(self, repository: RepositoryRef, login: str) -> Permission:
        """Say what somebody may do now; NONE for strangers. A refused question raises."""
        ...

    async def in_team(self, login: str, team: str) -> bool:
        """Tell whether somebody is an active member of *team*, ``organization/team``.

        No for a stranger and where there is no such team. A refused question raises.
        """
        ...

    async def reviews(self, pull_request: PullRequest) -> Reviews:
        """Say what reviewers said, judged by the forge's own rules for the base branch.

        Rules that may not be read count as: somebody else than the author, who may write,
        approves the present head, and nobody who may write asks for changes.
        """
        ...

    async def mergeability(
        self, pull_request: PullRequest, *, ignoring: Sequence[str]
    ) -> Mergeability:
        """Say whether the forge would merge, but for the statuses named in *ignoring*.

        *ignoring* has exact contexts, and ``terrakube/apply: *`` for all that begin so: the
        bridge's own statuses, which may wait for the very apply that asks.
        """
        ...

    async def statuses(self, repository: RepositoryRef, sha: str) -> Sequence[CommitStatus]:
        """List the newest status of every context of a commit, checks too, all pages."""
        ...

    async def merge(self, pull_request: PullRequest, *, method: MergeMethod, sha: str) -> str:
        """Merge if the head still is *sha*; return the merge's commit, empty when not told.

        Never repeated inside: after a TemporaryRemoteError it may have happened.

        Raises:
            PermanentRemoteError: Refused; says the forge's reason.
        """
        ...

    async def comment(self, repository: RepositoryRef, comment_id: str) -> Comment:
        """Read one comment as it is now."""
        ...

    async def own_comments(
        self, ref: PullRequestRef, since: datetime | None = None
    ) -> Sequence[Comment]:
        """List the comments of the bridge's own account, oldest first, all pages.

        Those from before *since* may be left out; it helps where others wrote more than can be
        read at once.

        Raises:
            TooLargeError: They wrote so much that the bridge's own cannot be told.
        """
        ...

    async def create_comment(self, ref: PullRequestRef, body: str) -> str:
        """Write a comment and return its id. Never repeated inside: it may be stored on a 5xx."""
        ...

    async def edit_comment(self, repository: RepositoryRef, comment_id: str, body: str) -> None:
        """Replace a comment's text; NotFoundError when somebody deleted it."""
        ...

    async def delete_comment(self, repository: RepositoryRef, comment_id: str) -> None:
        """Delete a comment; one that is gone already is fine."""
        ...

    async def set_status(self, repository: RepositoryRef, sha: str, status: CommitStatus) -> None:
        """Set a commit status; context and description are shortened to the forge's limits."""
        ...

    async def react(self, repository: RepositoryRef, comment_id: str, content: str) -> None:
        """React to a comment; done twice it is there once."""
        ...

    async def install_hook(self, repository: Repository, url: str, secret: str) -> InstalledHook:
        """Create or renew the bridge's hook at *url* and read it back.

        A hook at the same URL is replaced (a forge may not let its secret be changed).
        """
        ...

    async def hooks(self, repository: Repository) -> Sequence[InstalledHook]:
        """List the repository's hooks."""
        ...

    async def failed_deliveries(
        self, since: datetime, repositories: Sequence[RepositoryRef] = ()
    ) -> Sequence[FailedDelivery] | None:
        """List deliveries that never succeeded; None when the forge has no such list.

        Where it has one for each repository's hook only, *repositories* are asked about.
        """
        ...

    async def redeliver(self, delivery: FailedDelivery) -> None:
        """Ask the forge to send a delivery again."""
        ...


class ExaminedForge(Forge, Protocol):
    """A forge that can be asked how well the bridge stands with it; nothing is changed."""

    async def credentials(self, wants: Wants) -> Credentials:
        """Say what the bridge's credential is and may do, as far as the forge tells.

        What it lacks is told when *wants* need it.
        """
        ...

    async def own_hook(self) -> InstalledHook | None:
        """Read the one hook that serves every repository; None where a repository has its own.

        Its URL is empty when nobody set it up.
        """
        ...

    async def own_permission(self, repository: Repository) -> Permission | None:
        """Say what the bridge's account may do in a repository; None where that is not told."""
        ...

    async def lacking_rights(self, repository: Repository) -> Sequence[str]:
        """Try in a repository what only reads, and say what was refused, a sentence each.

        Only where :meth:`credentials` cannot tell; empty when all went well.
        """
        ...

    async def last_deliveries(
        self, hook: InstalledHook, repository: Repository | None
    ) -> Sequence[SentDelivery] | None:
        """List what was sent to a hook last, newest first; None where the forge does not tell.

        *repository* None means the one of :meth:`own_hook`.
        """
        ...

    async def budget(self, repository: Repository | None) -> Budget | None:
        """Say how many requests are left; None where they are not counted.

        Where each owner of repositories has a budget of its own, it is *repository*'s.
        """
        ...


class JobServer(Protocol):
    """Terrakube, as far as runs need it. Errors name the request and what to do."""

    async def organizations(self) -> Sequence[Organization]:
        """List the configured organizations; NotFoundError names one that does not exist."""
        ...

    async def workspaces(self, organization: Organization) -> Sequence[Workspace]:
        """List every workspace (walks past the server's silent cut)."""
        ...

    async def workspace(self, ref: WorkspaceRef) -> Workspace:
        """Read one workspace now (its lock in particular)."""
        ...

    async def templates(self, organization_id: str) -> Sequence[Template]:
        """List the templates with their flows."""
        ...

    async def permissions(self, organization_id: str) -> Permissions:
        """Ask what the bridge's token may do."""
        ...

    async def features(self) -> ServerFeatures:
        """Say what this version of the server can; asked once."""
        ...

    async def create_job(self, request: JobRequest) -> Job:
        """Create a job with exactly one POST; after any error it may exist all the same.

        Raises:
            TemporaryRemoteError: No answer, or one (409, 423, 429, 5xx) after which the job may
                exist.
            PermanentRemoteError: Refused (400, 401, 403, 404...): no job exists.
        """
        ...

    async def jobs_with_key(self, organization_id: str, key: str) -> Sequence[Job]:
        """Find our own jobs whose ``comments`` begin with *key* as a word, oldest first.

        Jobs of another creator than the bridge's own token are left out when that is known.
        """
        ...

    async def jobs(self, organization_id: str, ids: Sequence[str]) -> Sequence[Job]:
        """Read many jobs with their steps in one request (at most 400 ids); absent are absent."""
        ...

    async def open_jobs(self, organization_id: str) -> Sequence[Job]:
        """List the organization's jobs that are not terminal, oldest first."""
        ...

    async def job(self, organization_id: str, job_id: str) -> Job:
        """Read one job with its steps."""
        ...

    async def cancel_job(self, organization_id: str, job_id: str) -> Job:
        """Cancel unless it already ended (read first) and return it as read afterwards.

        Terraform itself may go on.
        """
        ...

    async def approve_job(self, organization_id: str, job_id: str) -> Job:
        """Approve a job that waits for it (read first) and return it as read afterwards.

        Raises:
            JobStateError: It does not wait, or somebody ended it at the same moment.
        """
        ...

    async def reject_job(self, organization_id: str, job_id: str) -> Job:
        """Reject a job that waits for an approval; otherwise as approve_job."""
        ...

    async def step_log(self, organization_id: str, job_id: str, step_id: str) -> str:
        """Read a step's text with ANSI sequences as served; empty when there is none."""
        ...

    async def context(self, job_id: str) -> JobContext:
        """Read the structured output; empty maps when the server has none."""
        ...

    def job_url(self, workspace: WorkspaceRef, job_id: str) -> str:
        """Build the page for people."""
        ...


class ExaminedServer(JobServer, Protocol):
    """Terrakube, as far as it can be asked how well it is and what the bridge may do there."""

    async def health(self) -> Health:
        """Ask how it is, as anybody may; an answer of whatever kind is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestRecord:
    """What was last seen of a pull request, as stored."""

    ref: PullRequestRef
    state: str
    head_sha: str
    base_branch: str
    draft: bool
    from_fork: bool
    merge_commit: str | None
    verdict: Verdict | None
    allowed_head: str | None


class RunStore(Protocol):
    """What handlers and services read from the database; they write through Work only."""

    async def pull_request(self, ref: PullRequestRef) -> PullRequestRecord | None:
        """Read what is stored of a pull request."""
        ...

    async def pull_request_by_merge_commit(
        self, repository: RepositoryRef, sha: str
    ) -> PullRequestRef | None:
        """Find the merged pull request whose merge commit is *sha*."""
        ...

    async def known_open_pull_requests(
        self, repository: RepositoryRef
    ) -> Sequence[PullRequestRecord]:
        """List those stored as open."""
        ...

    async def known_repositories(self, forge: str) -> Sequence[RepositoryRef]:
        """List the repositories deliveries came from."""
        ...

    async def branch_head(self, repository: RepositoryRef, branch: str) -> str | None:
        """Return the head last seen of a branch (BranchSeen); None when it never was."""
        ...

    async def pull_request_report(self, ref: PullRequestRef) -> PullRequestReport | None:
        """Gather what the living comment says; None when nothing is stored."""
        ...

    async def commit_report(self, repository: RepositoryRef, sha: str) -> CommitReport:
        """Gather what a commit's statuses are made from."""
        ...

    async def run(self, run_id: str) -> Run | None:
        """Read one run."""
        ...

    async def outputs(self, run_id: str) -> Sequence[Output]:
        """Read every stored text of a run, structured plan included."""
        ...

    async def holds(self, ref: PullRequestRef) -> Sequence[Hold]:
        """List the workspaces a pull request has locked, sorted by name."""
        ...

    async def hold_of(self, workspace_id: str) -> Hold | None:
        """Read who has locked a workspace; None when nobody has."""
        ...

    async def queue(self, workspace_id: str) -> Sequence[Run]:
        """List the runs that wait for a workspace, the next one first."""
        ...

    async def open_runs(self, ref: PullRequestRef) -> Sequence[Run]:
        """List the runs of a pull request that have not ended, oldest first."""
        ...

    async def runs_waiting(self, ref: PullRequestRef) -> Sequence[Run]:
        """List the runs of a pull request whose jobs wait for an approval, oldest first."""
        ...

    async def shown_runs(self, ref: PullRequestRef, head_sha: str) -> Sequence[Run]:
        """List the runs a pull request shows, whoever asked for them, oldest first.

        All of them at *head_sha*, and those of other commits that have not ended.
        """
        ...

    async def latest_plans(self, ref: PullRequestRef, head_sha: str) -> Mapping[str, Run]:
        """Read the newest plan of each workspace at a head, by workspace id, open ones included.

        Plans that were cancelled or superseded count as none.
        """
        ...

    async def decision(self, run_id: str) -> Decision | None:
        """Read the newest answer to a run that counts; None when nobody answered."""
        ...

    async def votes(self, run_id: str) -> Sequence[Vote]:
        """List the approvals of the step a run waits at, oldest first, while more are needed."""
        ...

    async def status_posts(self, repository: RepositoryRef, sha: str) -> Sequence[StatusPost]:
        """List the statuses that were wanted on a commit, sorted by name."""
        ...

    async def holders(self, forge: str) -> Sequence[PullRequestRef]:
        """List the pull requests of a forge that have locked workspaces, sorted."""
        ...

    async def fixed_text(self, post_key: str) -> str | None:
        """Read what a post says for ever; None when it is composed, or there is none."""
        ...

    async def own_comment_owner(
        self, repository: RepositoryRef, comment_id: str
    ) -> tuple[PullRequestRef, str] | None:
        """Find the report a comment of ours belongs to, and the hash last sent for it."""
        ...

    async def wrong_codes(
        self, ref: PullRequestRef, login: str, *, since: datetime, most: int
    ) -> int:
        """Count the audited codes that were wrong (WRONG_CODE), at most so many.

        In a pull request, by whomever, or of a login anywhere on its forge.
        """
        ...


class Lease(Protocol):
    """The right to work on one row for a while."""

    def check(self) -> None:
        """Raise LeaseLostError when the deadline has passed.

        Call it right before what cannot be repeated.
        """
        ...


class PostLease(Lease, Protocol):
    """A lease on a post; remote ids are kept as soon as they are known."""

    async def save(self, parts: Sequence[RemotePart]) -> None:
        """Store what exists remotely now; LeaseLostError when another holder took over."""
        ...

    async def pay(self, purpose: str, place: str = "", *, gap: float = 0.0) -> None:
        """Take what one call of a chat costs, right before it is made.

        Args:
            purpose: Which method: ``post``, ``update``, ``whisper``, ``upload``, ``view``.
            place: The channel, where each has a budget of its own.
            gap: Seconds that must have passed since the post was sent last. With a gap, posts
                that were sent longer ago go first; without, it waits for no other one.

        Raises:
            BudgetSpentError: It may not be made yet.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What sending a post led to.

    Attributes:
        parts: What exists remotely now.
        writes: Content writes that were made; 0 when everything was up to date.
        again_at: When to look again although nothing changes (None: only on change).
        audits: What is recorded about it.
        parks: A channel nothing can be sent to any more, and why; None for none.
    """

    parts: tuple[RemotePart, ...]
    writes: int
    again_at: datetime | None = None
    audits: tuple[AuditEntry, ...] = ()
    parks: ChannelSettings | None = None


class Publisher(Protocol):
    """Brings a remote text to what its post says."""

    async def publish(self, post: Post, lease: PostLease) -> Published:
        """Compose, compare by hash, send what differs; adopt by marker what a crash left."""
        ...
