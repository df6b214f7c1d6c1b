"""What carrying out a decision writes down.

A handler fills a Work; the engine commits it in one transaction together with the outcome of
the delivery. Nothing in it has happened yet.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from bridge.domain.chat import ChannelSettings, Identity, LinkOffer, Subscription
from bridge.domain.posts import PostUpsert
from bridge.domain.runs import RunRequest
from bridge.domain.terrakube import Job, WorkspaceRef
from bridge.domain.vcs import PullRequest, PullRequestRef, RepositoryRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about a pull request as a whole, for its comment and its aggregate status.

    Attributes:
        head_sha: For which head.
        kind: ``planning`` (runs say the rest), ``nothing`` (no workspace affected), ``fork``,
            ``draft``, ``too_many``, ``error``.
        text: A sentence or two of Markdown of our own making, for the comment; may be empty.
        workspaces: How many workspaces are affected.
    """

    head_sha: str
    kind: str
    text: str
    workspaces: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestSeen:
    """The newest look at a pull request; *verdict* None keeps the stored one."""

    pull_request: PullRequest
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supersede:
    """Plans of a pull request that no longer matter.

    Planned runs end as superseded; runs whose job has not started are cancelled in Terrakube;
    running ones end by themselves and are shown as of an older head.

    Attributes:
        keep_head: Runs for this commit stay; None supersedes every open plan (closed).
        workspaces: Only these workspace ids; None for all. They are none of its business any more
            (it has another base), so it does not show what was planned in them, either.
    """

    pull_request: PullRequestRef
    keep_head: str | None
    reason: str
    workspaces: frozenset[str] | None = None

    @property
    def leaves(self) -> bool:
        """Whether the pull request is about other workspaces than before."""
        return self.keep_head is None and self.workspaces is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupersedeCommit:
    """Plans of a commit that is no pull request's, and that nobody waits for any more."""

    repository: RepositoryRef
    sha: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRuns:
    """Show push runs of a commit in a pull request too (whichever event came first)."""

    pull_request: PullRequestRef
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BranchSeen:
    """Where a followed branch was last seen, so that a push nobody told us about is noticed."""

    repository: RepositoryRef
    branch: str
    sha: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Somebody with write permission allowed one commit of a fork to be planned."""

    pull_request: PullRequestRef
    head_sha: str
    actor: str


class Answer(StrEnum):
    """What somebody says to a job."""

    APPROVE = "approve"
    REJECT = "reject"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decide:
    """Somebody's answer to a run; the first one counts, whatever door it came through.

    Approving and rejecting are for a job that waits. Cancelling ends a run without a job at once,
    and asks Terrakube to cancel the job of another one.

    Attributes:
        run_id: Or the trigger of an AdoptJob: its run may have no id yet.
        digest: Of the plan they were shown; empty when there was none.
        door: ``comment`` or ``slack``.
        quorum: How many different people must approve; the last of them decides.
        step: At which the job must wait; empty for whichever it waits at.
        told: Tells whoever answers when theirs did not decide: somebody was first, or more are
            needed. What it says is made when it is written; None tells nobody.
        done: What *told* says when theirs did decide, although it did not look like that when they
            gave it; empty where they are told elsewhere.
    """

    run_id: str
    answer: Answer
    actor: str
    door: str
    digest: str = ""
    quorum: int = 1
    step: str = ""
    told: PostUpsert | None = None
    done: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """An approval that counts, but is not enough alone.

    Attributes:
        at: Aware, UTC.
    """

    actor: str
    at: datetime


class DecisionPhase(StrEnum):
    """How far the bridge is with an answer."""

    CLAIMED = "claimed"
    """It is the first one and counts; Terrakube was not told yet."""
    SENT = "sent"
    """Terrakube may have been told."""
    CONFIRMED = "confirmed"
    """The job went on, or ended, as it says."""
    VOID = "void"
    """Somebody in Terrakube was faster."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer to a job that counts.

    Attributes:
        actor: Who gave it; who asked for the apply where the bridge itself compared the plans.
        door: ``comment``, ``slack``, or ``bridge`` for its own.
        at: Aware, UTC.
        step: Number of the one that waited; empty for a cancel, and where it is not told.
        earlier: Who approved the same step before, oldest first; only where a chat shows it.
    """

    run_id: str
    answer: Answer
    actor: str
    door: str
    digest: str
    at: datetime
    phase: DecisionPhase
    step: str = ""
    earlier: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeHolds:
    """Workspaces a pull request needs no longer; a busy one is freed when its job has ended.

    Attributes:
        workspaces: Workspace ids; None for all that the pull request holds.
        ends_queued: Why its applies that wait are ended; empty: they go on waiting.
    """

    pull_request: PullRequestRef
    workspaces: frozenset[str] | None = None
    ends_queued: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptJob:
    """A job that somebody started in Terrakube itself is followed from now on, as a run.

    It is adopted once, whoever finds it how often; one of the bridge's own stays what it is.

    Attributes:
        job: As it was read just now.
        template: Its name, for people; empty when it is not known.
        destroys: Whether it may destroy everything, as far as is known.
        reports: Report keys the run shows in, besides those of channels that subscribed.
    """

    workspace: WorkspaceRef
    job: Job
    template: str = ""
    destroys: bool = False
    reports: tuple[str, ...] = ()

    @property
    def trigger(self) -> str:
        """``terrakube:<organization id>:<job id>``: what the run is known by before it has an id.

        A Decide may name it instead of the run.
        """
        return f"terrakube:{self.workspace.organization_id}:{self.job.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsubscribe:
    """A channel wants to hear no more of what a pattern names; None: of anything."""

    team: str
    channel: str
    pattern: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkUse:
    """A code was said on a forge: the offer is used up, and the two are one person.

    Attributes:
        identity: Takes the place of what the person was linked to on that forge before.
    """

    code_hash: str
    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """A person of the chat and an account of a forge are two again.

    Attributes:
        user: In the chat; empty for whoever is linked to *login*.
        login: On *forge*; empty for whatever *user* is linked to there.
        forge: Empty for all of them.
    """

    team: str
    user: str = ""
    forge: str = ""
    login: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what through which door with which result.

    Attributes:
        action: ``plan.requested``, ``comment.repaired``...; a constant.
        door: ``webhook``, ``comment``, ``cli``, ``slack``, ``bridge``.
        subject: What it was about: a subject key, a run id.
        detail: One sentence; never a secret.
    """

    actor: str
    action: str
    door: str
    subject: str
    result: str
    detail: str = ""


LINKING: Final = "account.linked"
"""What is recorded of a code that somebody says on a forge."""

WRONG_CODE: Final = "wrong code"
"""What became of it, when there is no such code: counted, so that nobody can try them all."""


@dataclass(slots=True, kw_only=True)
class Work:
    """Rows to write; mutable while a handler fills it, then handed to the engine."""

    attempt: int = 1
    """How often handling this delivery was begun, this time included."""

    runs: list[RunRequest] = field(default_factory=list)
    posts: list[PostUpsert] = field(default_factory=list)
    pull_requests: list[PullRequestSeen] = field(default_factory=list)
    supersedes: list[Supersede] = field(default_factory=list)
    superseded_commits: list[SupersedeCommit] = field(default_factory=list)
    links: list[LinkRuns] = field(default_factory=list)
    branches: list[BranchSeen] = field(default_factory=list)
    allowances: list[Allowance] = field(default_factory=list)
    decides: list[Decide] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    """Ids of runs whose jobs are not as they were seen last: looked at at once."""

    frees: list[FreeHolds] = field(default_factory=list)
    adopts: list[AdoptJob] = field(default_factory=list)
    subscribes: list[Subscription] = field(default_factory=list)
    unsubscribes: list[Unsubscribe] = field(default_factory=list)
    channels: list[ChannelSettings] = field(default_factory=list)
    offers: list[LinkOffer] = field(default_factory=list)
    links_used: list[LinkUse] = field(default_factory=list)
    unlinks: list[Unlink] = field(default_factory=list)
    audits: list[AuditEntry] = field(default_factory=list)
    ignored: str | None = None
    """Why nothing was done; None when something was."""

    def redact(self, redact: Callable[[str], str]) -> None:
        """Mask secrets in what people wrote: somebody may have pasted one into a comment."""
        self.runs = [replace(one, why=redact(one.why)) for one in self.runs]
        self.posts = [
            replace(one, content=redact(one.content)) if one.content else one for one in self.posts
        ]
        self.audits = [replace(one, detail=redact(one.detail)) for one in self.audits]
        self.channels = [replace(one, parked=redact(one.parked)) for one in self.channels]
        self.pull_requests = [
            _titled(one, redact(one.pull_request.title)) for one in self.pull_requests
        ]


def _titled(seen: PullRequestSeen, title: str) -> PullRequestSeen:
    return replace(seen, pull_request=replace(seen.pull_request, title=title))
