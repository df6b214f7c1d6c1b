"""From what was said in a chat back to what it is about; and what commands ask about runs there."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, and_, exists, or_, select

from bridge.decisions.paths import matched
from bridge.domain.chat import CHAT_REPORT, ChatReportKey
from bridge.domain.posts import CHAT_KINDS, PostKind
from bridge.domain.runs import Run, RunPhase, RunState, Verb
from bridge.domain.vcs import PullRequestRef, PullRequestState, RepositoryRef
from bridge.store.codecs import CHAT_TARGET, PARTS, from_ms, run_from_row
from bridge.store.queries import chat, chat_reports
from bridge.store.queries.chat import in_channel
from bridge.store.queries.fan_out import message_target
from bridge.store.schema import organization, post, pull_request, run, run_link

_OPEN = [phase.value for phase in RunPhase if phase is not RunPhase.FINISHED]
_MESSAGES = sorted(kind.value for kind in CHAT_KINDS - {PostKind.CHAT_WHISPER, PostKind.CHAT_VIEW})


def parent(connection: Connection, key: ChatReportKey) -> str | None:
    """Return the ``ts`` of a live message; None while there is none."""
    stored = connection.scalar(
        select(post.c.parts).where(post.c.key == message_target(key).key(PostKind.CHAT_MESSAGE))
    )
    parts = () if stored is None else PARTS.load(stored)
    return next((part.id for part in parts if part.id), None)


def awaits_parent(connection: Connection, key: ChatReportKey) -> datetime | None:
    """Say when a live message is due that is not there yet; None for one that is not awaited.

    Not so when that failed: what is said below it must not wait for somebody to mend it.
    """
    row = connection.execute(
        select(post.c.parts, post.c.due_at).where(
            post.c.key == message_target(key).key(PostKind.CHAT_MESSAGE),
            post.c.dead == 0,
            post.c.failures == 0,
            post.c.due_at.is_not(None),
        )
    ).first()
    if row is None or any(part.id or part.hash for part in PARTS.load(row.parts)):
        return None
    return from_ms(row.due_at)


def pull_request_of(
    connection: Connection, team: str, channel_id: str, ts: str
) -> PullRequestRef | None:
    """Find the pull request that a message, or the thread below it, is about."""
    for key in _reports(connection, team, channel_id, ts):
        found = chat_reports.read_pull_request(connection, key)
        if found is not None:
            return found
    return None


def runs_of(connection: Connection, team: str, channel_id: str, ts: str) -> Sequence[Run]:
    """List the runs that a message, or the thread below it, is about, oldest first."""
    found = {
        row["id"]: run_from_row(row)
        for key in _reports(connection, team, channel_id, ts)
        for row in chat_reports.shown(connection, key)
    }
    return sorted(found.values(), key=lambda one: (one.created_at, one.id))


def run_of_job(connection: Connection, job_id: str) -> Run | None:
    """Find the run that has a job, the newest of several."""
    query = select(run).where(run.c.job_id == job_id).order_by(run.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return None if row is None else run_from_row(row)


def runs_of_workspace(connection: Connection, workspace_id: str, limit: int) -> Sequence[Run]:
    """List the newest runs of a workspace, and whichever have not ended, the newest first.

    What waits for somebody is not lost behind plans that came after it.
    """
    newest = (
        select(run.c.id)
        .where(run.c.workspace_id == workspace_id)
        .order_by(run.c.id.desc())
        .limit(limit)
        .scalar_subquery()
    )
    is_open = and_(run.c.workspace_id == workspace_id, run.c.phase.in_(_OPEN))
    query = select(run).where(or_(run.c.id.in_(newest), is_open)).order_by(run.c.id.desc())
    rows = connection.execute(query)
    return [run_from_row(row) for row in rows.mappings()]


def runs_under_way(connection: Connection, team: str, channel_id: str) -> Sequence[Run]:
    """List the runs that have not ended and that a channel shows or hears of, oldest first."""
    if not channel_id:
        return []
    heard = [one.pattern for one in chat.read_subscriptions(connection, team, channel_id)]
    here = f"{CHAT_REPORT}{team}:{channel_id}:"
    is_shown = exists().where(
        run_link.c.run_id == run.c.id, run_link.c.report.startswith(here, autoescape=True)
    )
    rows = connection.execute(
        select(*run.c, is_shown.label("is_shown"))
        .where(
            run.c.organization_id.in_(select(organization.c.id)),
            run.c.phase.in_(_OPEN),
        )
        .order_by(run.c.created_at, run.c.id)
    ).mappings()
    runs = [(run_from_row(row), row["is_shown"]) for row in rows]
    names = matched({str(one.request.workspace) for one, _ in runs}, heard).values()
    named = {name for each in names for name in each}
    return [one for one, is_shown in runs if is_shown or str(one.request.workspace) in named]


def planned_pull_requests(connection: Connection, workspace_id: str) -> Sequence[PullRequestRef]:
    """List the open pull requests whose present head has a plan with changes of a workspace."""
    rows = connection.execute(
        select(pull_request, run.c.plan_changes, run.c.applied)
        .join(run_link, run_link.c.report == pull_request.c.id)
        .join(run, and_(run.c.id == run_link.c.run_id, run.c.commit_id == pull_request.c.head_sha))
        .where(
            run.c.workspace_id == workspace_id,
            run.c.phase == RunPhase.FINISHED.value,
            run.c.verb == Verb.PLAN.value,
            run.c.state == RunState.SUCCEEDED.value,
            run.c.superseded_by == "",
            pull_request.c.state == PullRequestState.OPEN.value,
        )
        .order_by(pull_request.c.id, run.c.id)
    ).mappings()
    newest = {row["id"]: row for row in rows}
    found = [
        PullRequestRef(
            repository=RepositoryRef(
                forge=row["forge"], id=row["repository_id"], slug=row["repository_slug"]
            ),
            number=row["number"],
        )
        for row in newest.values()
        if row["plan_changes"]
    ]
    return sorted(found, key=lambda ref: (ref.repository.key, ref.number))


def _reports(
    connection: Connection, team: str, channel_id: str, ts: str
) -> Sequence[ChatReportKey]:
    """Return the live messages that *ts* is one of, or that are kept in its thread."""
    if not ts:
        return []
    rows = connection.execute(
        select(post.c.report, post.c.target, post.c.parts)
        .where(
            in_channel(channel_id),
            post.c.kind.in_(_MESSAGES),
            or_(
                post.c.parts.contains(f'"{ts}"', autoescape=True),
                post.c.target.contains(f'"{ts}"', autoescape=True),
            ),
        )
        .order_by(post.c.created_at, post.c.id)
    )
    keys = [
        key
        for row in rows
        if _is_at(row.target, row.parts, team, ts)
        and (key := ChatReportKey.parse(row.report)) is not None
    ]
    return list(dict.fromkeys(keys))


def _is_at(target: str, parts: str, team: str, ts: str) -> bool:
    place = CHAT_TARGET.load(target)
    sent = (part.id for part in PARTS.load(parts))
    return place.team == team and ts in {place.thread, *sent}
