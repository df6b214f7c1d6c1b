"""What is said about runs: the forge-neutral input of every renderer."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.chat import ALL_INTERESTS, ChatReportKey, Interest
from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.rules import Gate, Locks
from bridge.domain.runs import Output, Run
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import Decision, Verdict, Vote


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One run with what it left behind.

    Attributes:
        job_url: Terrakube's page for people; empty before the job exists.
        destroyed: Addresses that are deleted or replaced, sorted.
        applied: Addresses an apply that did not come to its end has changed, sorted.
        not_applied: Those it was to change and did not, sorted.
        outputs: Redacted texts, plan and apply and errors; empty before the run ended.
        queue: What it waits for before its job is created; None when it does not wait.
    """

    run: Run
    job_url: str
    destroyed: tuple[str, ...] = ()
    outputs: tuple[Output, ...] = ()
    queue: QueuePlace | None = None
    applied: tuple[str, ...] = ()
    not_applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequestReport:
    """Everything the living comment of a pull request says.

    Attributes:
        head_sha: The head the verdict and the plans are for.
        runs: Newest run per workspace and verb for the current head, sorted by workspace.
        stale: Newest plans of an older head in workspaces the current head has no run in, and
            newest applies of one where the current head has none.
        pushes: Runs that merging it started.
        command: How people address the bridge (``terrakube``).
        now: When it is rendered; aware, UTC; only for what expires.
        holds: Workspaces the pull request has locked, sorted by name.
        merging: Why the bridge could not merge it although everything is applied; empty when it
            did, or was not to.
        can_apply: Whether what is planned may be applied here: it is open, and not from a fork.
        gates: What an apply asks for besides a plan.
        locks: From when on, and so until when, a pull request has a workspace for itself.
    """

    pull_request: PullRequestRef
    head_sha: str
    verdict: Verdict | None
    runs: tuple[RunReport, ...]
    stale: tuple[RunReport, ...]
    pushes: tuple[RunReport, ...]
    command: str
    now: datetime
    holds: tuple[Hold, ...] = ()
    merging: str = ""
    can_apply: bool = False
    gates: tuple[Gate, ...] = ()
    locks: Locks = Locks.APPLY


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitReport:
    """What the statuses of one commit are made from.

    Attributes:
        verdicts: Of every open pull request with that head: one must not unlock another.
        runs: Newest run per workspace and verb at that commit.
    """

    repository: RepositoryRef
    sha: str
    verdicts: tuple[Verdict, ...]
    runs: tuple[RunReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRun:
    """One run in a chat, with what people said to it.

    Attributes:
        decisions: Answers that count, oldest first; one for each step, at most.
        votes: Approvals of the step it waits at, oldest first, while more are needed.
    """

    report: RunReport
    decisions: tuple[Decision, ...] = ()
    votes: tuple[Vote, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatReport:
    """Everything a live message in a chat says, and what is said in its thread.

    Attributes:
        key: Which one.
        runs: Oldest first. Of a pull request: the newest of each workspace and verb at its head,
            and those that have not ended; otherwise all of the group.
        pull_request: That they are of; None when they are of none.
        title: Of the pull request; empty without one.
        web_url: Of the pull request; empty without one.
        interests: What the channel wants to be told. Whoever asked there is told all.
        quiet: Whether nothing is broadcast, and no result said in the thread.
        asked: Whether somebody asked for it in this very channel.
        command: How people address the bridge there (``/terrakube``).
    """

    key: ChatReportKey
    runs: tuple[ChatRun, ...]
    command: str
    now: datetime
    pull_request: PullRequestRef | None = None
    title: str = ""
    web_url: str = ""
    interests: frozenset[Interest] = ALL_INTERESTS
    quiet: bool = False
    asked: bool = False
