"""What the database holds, in memory: implements the port and remembers what handlers write down.

``keep(work)`` does what the engine's commit does, as far as later questions depend on it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from bridge.domain.holds import Hold
from bridge.domain.posts import StatusPost
from bridge.domain.reports import CommitReport, PullRequestReport
from bridge.domain.runs import Output, Run, RunPhase, RunState, Verb
from bridge.domain.vcs import PullRequest, PullRequestRef, RepositoryRef
from bridge.domain.work import WRONG_CODE, Decision, Vote, Work
from bridge.ports import PullRequestRecord


def a_record(pull_request: PullRequest, **changes: object) -> PullRequestRecord:
    """Store a pull request as it is; *changes* are fields of the record."""
    record = PullRequestRecord(
        ref=pull_request.ref,
        state=pull_request.state.value,
        head_sha=pull_request.head_sha,
        base_branch=pull_request.base_branch,
        draft=pull_request.draft,
        from_fork=pull_request.from_fork,
        merge_commit=pull_request.merge_commit,
        verdict=None,
        allowed_head=None,
    )
    return replace(record, **changes)  # type: ignore[arg-type]  # named by each test


@dataclass(slots=True)
class FakeRunStore:
    """Set the fields to say what is stored.

    Attributes:
        records: By the pull request's key.
        heads: By (repository key, branch).
        repositories: Those deliveries came from.
        comments: Our reports' comments: (repository key, comment id) to pull request and hash.
        reports: What the living comments say, by the pull request's key.
        commit_reports: By (repository key, commit).
        runs: By id.
        statuses: Those wanted on a commit, by (repository key, commit).
        texts: Content of posts, by their key.
        kept_outputs: By run id.
        held: By workspace id.
        decisions: By run id.
        approvals: That are not enough alone, by run id.
    """

    records: dict[str, PullRequestRecord] = field(default_factory=dict)
    heads: dict[tuple[str, str], str] = field(default_factory=dict)
    repositories: list[RepositoryRef] = field(default_factory=list)
    comments: dict[tuple[str, str], tuple[PullRequestRef, str]] = field(default_factory=dict)
    reports: Mapping[str, PullRequestReport] = field(default_factory=dict)
    commit_reports: Mapping[tuple[str, str], CommitReport] = field(default_factory=dict)
    runs: Mapping[str, Run] = field(default_factory=dict)
    statuses: dict[tuple[str, str], Sequence[StatusPost]] = field(default_factory=dict)
    texts: dict[str, str | None] = field(default_factory=dict)
    kept_outputs: dict[str, Sequence[Output]] = field(default_factory=dict)
    held: dict[str, Hold] = field(default_factory=dict)
    decisions: dict[str, Decision] = field(default_factory=dict)
    approvals: dict[str, Sequence[Vote]] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    """Codes that were wrong: a pull request's key and a login each."""

    async def pull_request(self, ref: PullRequestRef) -> PullRequestRecord | None:
        return self.records.get(ref.key)

    async def pull_request_by_merge_commit(
        self, repository: RepositoryRef, sha: str
    ) -> PullRequestRef | None:
        found = [
            record.ref
            for record in self._of(repository)
            if record.state == "merged" and record.merge_commit == sha
        ]
        return max(found, key=lambda ref: ref.number, default=None)

    async def known_open_pull_requests(
        self, repository: RepositoryRef
    ) -> Sequence[PullRequestRecord]:
        return [record for record in self._of(repository) if record.state == "open"]

    async def known_repositories(self, forge: str) -> Sequence[RepositoryRef]:
        return [one for one in self.repositories if one.forge == forge]

    async def branch_head(self, repository: RepositoryRef, branch: str) -> str | None:
        return self.heads.get((repository.key, branch))

    async def pull_request_report(self, ref: PullRequestRef) -> PullRequestReport | None:
        return self.reports.get(ref.key)

    async def commit_report(self, repository: RepositoryRef, sha: str) -> CommitReport:
        nothing = CommitReport(repository=repository, sha=sha, verdicts=(), runs=())
        return self.commit_reports.get((repository.key, sha), nothing)

    async def run(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    async def outputs(self, run_id: str) -> Sequence[Output]:
        return self.kept_outputs.get(run_id, ())

    async def holds(self, ref: PullRequestRef) -> Sequence[Hold]:
        mine = [one for one in self.held.values() if one.pull_request.key == ref.key]
        return sorted(mine, key=lambda one: str(one.workspace))

    async def hold_of(self, workspace_id: str) -> Hold | None:
        return self.held.get(workspace_id)

    async def queue(self, workspace_id: str) -> Sequence[Run]:
        return [
            one
            for one in self._sorted()
            if one.phase is RunPhase.PLANNED
            and one.request.verb in {Verb.APPLY, Verb.DESTROY}
            and one.request.workspace.id == workspace_id
        ]

    async def open_runs(self, ref: PullRequestRef) -> Sequence[Run]:
        return [one for one in self._sorted(ref) if not one.concluded]

    async def runs_waiting(self, ref: PullRequestRef) -> Sequence[Run]:
        return [
            one
            for one in self._sorted(ref)
            if one.state is RunState.WAITING and one.phase in {RunPhase.CREATED, RunPhase.REVIEWING}
        ]

    async def shown_runs(self, ref: PullRequestRef, head_sha: str) -> Sequence[Run]:
        return [
            one
            for one in self._sorted()
            if ref.key in one.request.reports
            and (one.request.commit_id == head_sha or not one.concluded)
        ]

    async def latest_plans(self, ref: PullRequestRef, head_sha: str) -> Mapping[str, Run]:
        return {
            one.request.workspace.id: one
            for one in self._sorted()
            if ref.key in one.request.reports
            and one.request.commit_id == head_sha
            and one.request.verb in {Verb.PLAN, Verb.PUSH}
            and not one.request.applies
            and one.state not in {RunState.CANCELLED, RunState.SUPERSEDED}
            and not one.superseded_by
        }

    async def decision(self, run_id: str) -> Decision | None:
        return self.decisions.get(run_id)

    async def status_posts(self, repository: RepositoryRef, sha: str) -> Sequence[StatusPost]:
        return self.statuses.get((repository.key, sha), ())

    async def holders(self, forge: str) -> Sequence[PullRequestRef]:
        refs = {one.pull_request.key: one.pull_request for one in self.held.values()}
        return [ref for _, ref in sorted(refs.items()) if ref.repository.forge == forge]

    async def fixed_text(self, post_key: str) -> str | None:
        return self.texts.get(post_key)

    async def own_comment_owner(
        self, repository: RepositoryRef, comment_id: str
    ) -> tuple[PullRequestRef, str] | None:
        return self.comments.get((repository.key, comment_id))

    async def votes(self, run_id: str) -> Sequence[Vote]:
        return self.approvals.get(run_id, ())

    async def wrong_codes(
        self, ref: PullRequestRef, login: str, *, since: datetime, most: int
    ) -> int:
        found = [1 for key, actor in self.wrong if key == ref.key or actor == login]
        return min(len(found), most)

    def keep(self, work: Work) -> None:
        """Remember what was seen and allowed, as the engine's commit does."""
        for seen in work.pull_requests:
            before = self.records.get(seen.pull_request.ref.key)
            record = a_record(
                seen.pull_request,
                verdict=seen.verdict or (before.verdict if before else None),
                allowed_head=before.allowed_head
                if before
                and (before.base_branch, before.head_sha)
                == (seen.pull_request.base_branch, seen.pull_request.head_sha)
                else None,
            )
            self.records[record.ref.key] = record
        for post in work.posts:
            self.texts[post.target.key(post.kind)] = post.content
        for branch in work.branches:
            self.heads[branch.repository.key, branch.branch] = branch.sha
        self.wrong += [(one.subject, one.actor) for one in work.audits if one.result == WRONG_CODE]
        for allowance in work.allowances:
            key = allowance.pull_request.key
            self.records[key] = replace(self.records[key], allowed_head=allowance.head_sha)

    def _sorted(self, ref: PullRequestRef | None = None) -> Sequence[Run]:
        """The runs, oldest first; with *ref* those that were asked for in it."""
        found = sorted(self.runs.values(), key=lambda one: (one.created_at, one.id))
        return [
            one
            for one in found
            if ref is None
            or (one.request.repository.key, one.request.pull_request)
            == (ref.repository.key, ref.number)
        ]

    def _of(self, repository: RepositoryRef) -> Sequence[PullRequestRecord]:
        return [one for one in self.records.values() if one.ref.repository.key == repository.key]
