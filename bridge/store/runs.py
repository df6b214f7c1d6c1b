"""What handlers, services and renderers read: ports.RunStore over the database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, desc, func, select

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.posts import PostKind, PostTarget, RemotePart, StatusPost, merge_refusal
from bridge.domain.reports import CommitReport, PullRequestReport, RunReport
from bridge.domain.runs import RETARGETED, Output, OutputKind, Run, RunPhase
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef, PullRequestState, RepositoryRef
from bridge.domain.work import Decision, Verdict, Vote
from bridge.ports import Clock, PullRequestRecord
from bridge.store.codecs import PARTS, POST_TARGET, STRINGS, VERDICT, output_from_row, run_from_row
from bridge.store.database import Database, SystemClock
from bridge.store.queries import answers, asked, holders, resending, votes
from bridge.store.queries import runs as run_queries
from bridge.store.queries.audits import count_wrong_codes
from bridge.store.queries.work import branch_key
from bridge.store.schema import (
    branch_head,
    output,
    post,
    pull_request,
    repository,
    run,
    run_link,
)

_SHOWN: Final = (OutputKind.PLAN, OutputKind.APPLY, OutputKind.ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlRunStore:
    """See ports.RunStore.

    Attributes:
        job_url: Builds Terrakube's page for people from workspace and job id.
        command: How people address the bridge.
    """

    database: Database
    job_url: Callable[[WorkspaceRef, str], str]
    command: str = "terrakube"
    clock: Clock = field(default_factory=SystemClock)

    async def pull_request(self, ref: PullRequestRef) -> PullRequestRecord | None:
        """See ports.RunStore."""
        return await self.database.read(_pull_request, ref)

    async def pull_request_by_merge_commit(
        self, repository: RepositoryRef, sha: str
    ) -> PullRequestRef | None:
        """See ports.RunStore."""
        return await self.database.read(_by_merge_commit, repository, sha)

    async def known_open_pull_requests(
        self, repository: RepositoryRef
    ) -> Sequence[PullRequestRecord]:
        """See ports.RunStore."""
        return await self.database.read(_open_pull_requests, repository)

    async def known_repositories(self, forge: str) -> Sequence[RepositoryRef]:
        """See ports.RunStore."""
        return await self.database.read(_repositories, forge)

    async def branch_head(self, repository: RepositoryRef, branch: str) -> str | None:
        """See ports.RunStore."""
        return await self.database.read(_branch_head, repository, branch)

    async def pull_request_report(self, ref: PullRequestRef) -> PullRequestReport | None:
        """See ports.RunStore."""
        gathered = await self.database.read(_gather_pull_request, ref)
        if gathered is None:
            return None
        record, entries, holds, tries = gathered
        shown = _sort_out(record, entries)
        return PullRequestReport(
            pull_request=record.ref,
            head_sha=record.head_sha,
            verdict=record.verdict,
            runs=self._reports(shown.runs),
            stale=self._reports(shown.stale),
            pushes=self._reports(shown.pushes),
            command=self.command,
            now=self.clock.now(),
            holds=tuple(holds),
            can_apply=record.state == PullRequestState.OPEN and not record.from_fork,
            merging=merge_refusal(tries),
        )

    async def commit_report(self, repository: RepositoryRef, sha: str) -> CommitReport:
        """See ports.RunStore."""
        verdicts, entries = await self.database.read(_gather_commit, repository, sha)
        return CommitReport(
            repository=repository, sha=sha, verdicts=verdicts, runs=self._reports(entries)
        )

    async def run(self, run_id: str) -> Run | None:
        """See ports.RunStore."""
        return await self.database.read(run_queries.read, run_id)

    async def votes(self, run_id: str) -> Sequence[Vote]:
        """See ports.RunStore."""
        return await self.database.read(votes.read_waiting, run_id)

    async def fixed_text(self, post_key: str) -> str | None:
        """See ports.RunStore."""
        return await self.database.read(_fixed_text, post_key)

    async def status_posts(self, repository: RepositoryRef, sha: str) -> Sequence[StatusPost]:
        """See ports.RunStore."""
        return await self.database.read(resending.read_status_posts, repository, sha)

    async def holders(self, forge: str) -> Sequence[PullRequestRef]:
        """See ports.RunStore."""
        return await self.database.read(holders.read_holders, forge)

    async def wrong_codes(
        self, ref: PullRequestRef, login: str, *, since: datetime, most: int
    ) -> int:
        """See ports.RunStore."""
        return await self.database.read(count_wrong_codes, ref, login, since, most)

    async def outputs(self, run_id: str) -> Sequence[Output]:
        """Read every stored text of a run, structured plan included."""
        return await self.database.read(_outputs_of_run, run_id)

    async def holds(self, ref: PullRequestRef) -> Sequence[Hold]:
        """See ports.RunStore."""
        return await self.database.read(holders.read_holds, ref.key)

    async def hold_of(self, workspace_id: str) -> Hold | None:
        """See ports.RunStore."""
        return await self.database.read(holders.read_hold, workspace_id)

    async def queue(self, workspace_id: str) -> Sequence[Run]:
        """See ports.RunStore."""
        return await self.database.read(asked.queue, workspace_id)

    async def open_runs(self, ref: PullRequestRef) -> Sequence[Run]:
        """See ports.RunStore."""
        return await self.database.read(asked.open_runs, ref)

    async def runs_waiting(self, ref: PullRequestRef) -> Sequence[Run]:
        """See ports.RunStore."""
        return await self.database.read(asked.runs_waiting, ref)

    async def shown_runs(self, ref: PullRequestRef, head_sha: str) -> Sequence[Run]:
        """See ports.RunStore."""
        return await self.database.read(asked.shown_runs, ref, head_sha)

    async def latest_plans(self, ref: PullRequestRef, head_sha: str) -> Mapping[str, Run]:
        """See ports.RunStore."""
        return await self.database.read(asked.latest_plans, ref, head_sha)

    async def decision(self, run_id: str) -> Decision | None:
        """See ports.RunStore."""
        return await self.database.read(answers.newest, run_id)

    async def own_comment_owner(
        self, repository: RepositoryRef, comment_id: str
    ) -> tuple[PullRequestRef, str] | None:
        """See ports.RunStore."""
        return await self.database.read(_comment_owner, repository, comment_id)

    def _reports(self, entries: Sequence["_Entry"]) -> tuple[RunReport, ...]:
        return tuple(
            RunReport(
                run=entry.run,
                job_url=self._url(entry.run),
                destroyed=entry.destroyed,
                outputs=entry.outputs,
                queue=entry.queue,
                applied=entry.applied,
                not_applied=entry.not_applied,
            )
            for entry in sorted(entries, key=_by_workspace)
        )

    def _url(self, run: Run) -> str:
        return self.job_url(run.request.workspace, run.job_id) if run.job_id else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    run: Run
    destroyed: tuple[str, ...]
    outputs: tuple[Output, ...]
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]
    queue: QueuePlace | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    runs: Sequence[_Entry]
    stale: Sequence[_Entry]
    pushes: Sequence[_Entry]


def _by_workspace(entry: _Entry) -> tuple[str, str, str]:
    request = entry.run.request
    return str(request.workspace), request.verb.value, entry.run.id


def _sort_out(record: PullRequestRecord, entries: Sequence[_Entry]) -> _Shown:
    pushes = [entry for entry in entries if _is_merge_push(entry.run, record)]
    others = [entry for entry in entries if not _is_merge_push(entry.run, record)]
    runs = [entry for entry in others if entry.run.request.commit_id == record.head_sha]
    planned = {entry.run.request.workspace.id for entry in runs}
    applied = {entry.run.request.workspace.id for entry in runs if _applies(entry.run)}
    stale = [
        entry
        for entry in others
        if entry.run.request.commit_id != record.head_sha
        # What an older head is applying, or has, no newer plan makes undone.
        and entry.run.request.workspace.id not in (applied if _applies(entry.run) else planned)
    ]
    return _Shown(runs=runs, stale=_newest_by_workspace(stale), pushes=pushes)


def _applies(run: Run) -> bool:
    return run.request.verb in holders.APPLYING


def _is_merge_push(run: Run, record: PullRequestRecord) -> bool:
    # A push of the head itself, before the merge, is a run the pull request shares.
    if run.request.pull_request is not None:
        return False
    return record.state == PullRequestState.MERGED or run.request.commit_id != record.head_sha


def _newest_by_workspace(entries: Sequence[_Entry]) -> Sequence[_Entry]:
    newest: dict[tuple[str, bool], _Entry] = {}
    for entry in sorted(entries, key=lambda entry: (entry.run.created_at, entry.run.id)):
        newest[entry.run.request.workspace.id, _applies(entry.run)] = entry
    return list(newest.values())


def _record(row: RowMapping) -> PullRequestRecord:
    return PullRequestRecord(
        ref=_reference(row),
        state=row["state"],
        head_sha=row["head_sha"],
        base_branch=row["base_branch"],
        draft=bool(row["draft"]),
        from_fork=bool(row["from_fork"]),
        merge_commit=row["merge_commit"],
        verdict=None if row["verdict"] is None else VERDICT.load(row["verdict"]),
        allowed_head=row["allowed_head"],
    )


def _reference(row: RowMapping) -> PullRequestRef:
    return PullRequestRef(
        repository=RepositoryRef(
            forge=row["forge"], id=row["repository_id"], slug=row["repository_slug"]
        ),
        number=row["number"],
    )


def _pull_request(connection: Connection, ref: PullRequestRef) -> PullRequestRecord | None:
    row = (
        connection.execute(select(pull_request).where(pull_request.c.id == ref.key))
        .mappings()
        .first()
    )
    return None if row is None else _record(row)


def _by_merge_commit(connection: Connection, ref: RepositoryRef, sha: str) -> PullRequestRef | None:
    row = (
        connection.execute(
            select(pull_request)
            .where(
                pull_request.c.forge == ref.forge,
                pull_request.c.repository_id == ref.id,
                pull_request.c.merge_commit == sha,
                pull_request.c.state == PullRequestState.MERGED.value,
            )
            .order_by(pull_request.c.number.desc())
            .limit(1)
        )
        .mappings()
        .first()
    )
    return None if row is None else _reference(row)


def _open_pull_requests(connection: Connection, ref: RepositoryRef) -> Sequence[PullRequestRecord]:
    rows = connection.execute(
        select(pull_request)
        .where(
            pull_request.c.forge == ref.forge,
            pull_request.c.repository_id == ref.id,
            pull_request.c.state == PullRequestState.OPEN.value,
        )
        .order_by(pull_request.c.number)
    ).mappings()
    return [_record(row) for row in rows]


def _repositories(connection: Connection, forge: str) -> Sequence[RepositoryRef]:
    rows = connection.execute(
        select(repository).where(repository.c.forge == forge).order_by(repository.c.id)
    )
    return [RepositoryRef(forge=row.forge, id=row.repository_id, slug=row.slug) for row in rows]


def _branch_head(connection: Connection, ref: RepositoryRef, branch: str) -> str | None:
    found: str | None = connection.scalar(
        select(branch_head.c.sha).where(branch_head.c.id == branch_key(ref, branch))
    )
    return found


def _fixed_text(connection: Connection, post_key: str) -> str | None:
    found: str | None = connection.scalar(select(post.c.content).where(post.c.key == post_key))
    return found


def _gather_pull_request(
    connection: Connection, ref: PullRequestRef
) -> tuple[PullRequestRecord, Sequence[_Entry], Sequence[Hold], Sequence[RemotePart]] | None:
    record = _pull_request(connection, ref)
    if record is None:
        return None
    linked = select(run.c.id).join(run_link, run_link.c.run_id == run.c.id)
    newest = _newest(linked.where(run_link.c.report == ref.key), record.head_sha)
    held = holders.read_holds(connection, ref.key)
    return record, _entries(connection, newest), held, _tries_to_merge(connection, record)


def _tries_to_merge(connection: Connection, record: PullRequestRecord) -> Sequence[RemotePart]:
    target = PostTarget(
        repository=record.ref.repository, number=record.ref.number, sha=record.head_sha
    )
    key = target.key(PostKind.MERGE)
    parts = connection.scalar(select(post.c.parts).where(post.c.key == key))
    return () if parts is None else PARTS.load(parts)


def _gather_commit(
    connection: Connection, ref: RepositoryRef, sha: str
) -> tuple[tuple[Verdict, ...], Sequence[_Entry]]:
    verdicts = connection.scalars(
        select(pull_request.c.verdict)
        .where(
            pull_request.c.forge == ref.forge,
            pull_request.c.repository_id == ref.id,
            pull_request.c.head_sha == sha,
            pull_request.c.state == PullRequestState.OPEN.value,
            pull_request.c.verdict.is_not(None),
        )
        .order_by(pull_request.c.number)
    ).all()
    at_commit = select(run.c.id).where(
        run.c.forge == ref.forge, run.c.repository_id == ref.id, run.c.commit_id == sha
    )
    found = tuple(VERDICT.load(text) for text in verdicts)
    return found, _entries(connection, _newest(at_commit, sha))


def _newest(runs: Select[tuple[str]], head_sha: str) -> Select[tuple[str]]:
    """Of each workspace and verb, the newest run at the head and the newest at another commit."""
    place = func.row_number().over(
        partition_by=[
            run.c.workspace_id,
            run.c.verb,
            run.c.pull_request.is_(None),
            run.c.commit_id == head_sha,
        ],
        # What a pull request has left must not hide what another one with that head says; nor
        # does a run that waits for its workspace hide the one that is at work in it.
        order_by=[
            run.c.superseded_by == RETARGETED,
            ~_is_at_work(),
            desc(run.c.created_at),
            desc(run.c.id),
        ],
    )
    ranked = runs.add_columns(place.label("place")).subquery()
    return select(ranked.c.id).where(ranked.c.place == 1)


def _is_at_work() -> ColumnElement[bool]:
    return and_(
        run.c.verb.in_(sorted(holders.APPLYING)),
        run.c.phase.not_in([RunPhase.PLANNED.value, RunPhase.FINISHED.value]),
    )


def _entries(connection: Connection, chosen: Select[tuple[str]]) -> Sequence[_Entry]:
    rows = connection.execute(select(run).where(run.c.id.in_(chosen))).mappings().all()
    texts = _outputs(connection, [row["id"] for row in rows])
    return [
        _Entry(
            run=run_from_row(row),
            destroyed=STRINGS.load(row["destroyed"]),
            outputs=texts.get(row["id"], ()),
            applied=STRINGS.load(row["applied"]),
            not_applied=STRINGS.load(row["not_applied"]),
            queue=_place(connection, row),
        )
        for row in rows
    ]


def _place(connection: Connection, row: RowMapping) -> QueuePlace | None:
    if row["phase"] != RunPhase.PLANNED or row["pull_request"] is None:
        return None
    return holders.read_place(connection, row["id"], row["workspace_id"])


def _outputs(connection: Connection, ids: Sequence[str]) -> Mapping[str, tuple[Output, ...]]:
    found: dict[str, tuple[Output, ...]] = {}
    rows = connection.execute(
        select(output)
        .where(output.c.run_id.in_(ids), output.c.kind.in_([kind.value for kind in _SHOWN]))
        .order_by(output.c.run_id, output.c.kind)
    ).mappings()
    for row in rows:
        found[row["run_id"]] = (*found.get(row["run_id"], ()), output_from_row(row))
    return found


def _outputs_of_run(connection: Connection, run_id: str) -> Sequence[Output]:
    rows = connection.execute(
        select(output).where(output.c.run_id == run_id).order_by(output.c.kind)
    ).mappings()
    return [output_from_row(row) for row in rows]


def read_outputs(connection: Connection, run_id: str) -> Sequence[Output] | None:
    """Read every stored text of a run; None when there is no such run."""
    return (
        None
        if run_queries.read(connection, run_id) is None
        else _outputs_of_run(connection, run_id)
    )


def _comment_owner(
    connection: Connection, ref: RepositoryRef, comment_id: str
) -> tuple[PullRequestRef, str] | None:
    rows = connection.execute(
        select(post.c.target, post.c.parts).where(
            and_(
                post.c.forge == ref.forge,
                post.c.repository_id == ref.id,
                post.c.kind == PostKind.REPORT.value,
                post.c.parts.contains(f'"{comment_id}"', autoescape=True),
            )
        )
    )
    for row in rows:
        for part in PARTS.load(row.parts):
            if part.id == comment_id:
                target = POST_TARGET.load(row.target)
                return PullRequestRef(repository=ref, number=target.number or 0), part.hash
    return None
