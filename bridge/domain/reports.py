"""What is said about runs: the forge-neutral input of every renderer."""

from dataclasses import dataclass
from datetime import datetime

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.rules import Gate, Locks
from bridge.domain.runs import Output, Run
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import Verdict


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
