"""Writing down what handling a delivery led to: runs, posts, what was seen."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    case,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from ulid import ULID

from bridge.domain.errors import OverloadedError
from bridge.domain.posts import PostUpsert, RemotePart
from bridge.domain.runs import CLOSED, RETARGETED, RunPhase, RunRequest, RunState, Verb
from bridge.domain.terrakube import JobStatus
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.domain.work import (
    Allowance,
    AuditEntry,
    BranchSeen,
    LinkRuns,
    PullRequestSeen,
    Supersede,
    Work,
)
from bridge.store import hints
from bridge.store.codecs import PARTS, POST_TARGET, RUN_REQUEST, VERDICT, to_ms
from bridge.store.queries.posts import soonest
from bridge.store.queries.upserts import upsert
from bridge.store.schema import (
    audit,
    branch_head,
    organization,
    post,
    pull_request,
    repository,
    run,
    run_link,
)

_SHAREABLE: Final = frozenset({Verb.PLAN, Verb.PUSH})
_RACES: Final = 3
_NOT_RUNNING: Final = ("", JobStatus.PENDING, JobStatus.QUEUE)


def apply_work(connection: Connection, work: Work, now: int) -> Sequence[str]:
    """Write everything in *work*; done twice it changes nothing more than once.

    Returns:
        Ids of the runs that are new, in the order they were asked for.
    """
    _see_repositories(connection, work, now)
    for seen in work.pull_requests:
        _see_pull_request(connection, seen, now)
    for branch in work.branches:
        _see_branch(connection, branch, now)
    for allowance in work.allowances:
        _allow(connection, allowance)
    changed: set[str] = set()
    for supersede in work.supersedes:
        changed |= _supersede(connection, supersede, now)
    created, reports = _request_runs(connection, work.runs, now)
    changed |= reports
    for link in work.links:
        changed |= _link_runs(connection, link)
    touch_reports(connection, changed, now)
    for wanted in work.posts:
        _upsert_post(connection, wanted, now)
    record_audits(connection, work.audits, now)
    return created


def touch_reports(connection: Connection, reports: Iterable[str], now: int) -> None:
    """Make every composed post of these reports due; leases are left alone.

    One that was set aside gets another chance: what refused it then may be over, and a status
    that is never tried again never concludes.
    """
    names = sorted(set(reports))
    if not names:
        return
    # Locked in the order of ids, or two replicas wait for each other.
    chosen = (
        select(post.c.id)
        .where(post.c.report.in_(names), post.c.content.is_(None))
        .order_by(post.c.id)
        .with_for_update()
        .cte("chosen")
    )
    touched = connection.execute(
        update(post)
        .where(post.c.id == chosen.c.id)
        .values(
            revision=post.c.revision + 1,
            due_at=_at_latest(now),
            dead=0,
            failures=case((post.c.dead == 1, 0), else_=post.c.failures),
        )
    )
    if touched.rowcount:
        hints.hint(connection, hints.POST)


def reports_of(connection: Connection, run_ids: Iterable[str]) -> frozenset[str]:
    """Return the reports these runs show in."""
    ids = sorted(set(run_ids))
    found = connection.scalars(select(run_link.c.report).where(run_link.c.run_id.in_(ids)))
    return frozenset(found)


def record_audits(connection: Connection, entries: Sequence[AuditEntry], now: int) -> None:
    """Append to the record of who did what."""
    if entries:
        connection.execute(
            insert(audit),
            [
                {
                    "at": now,
                    "actor": entry.actor,
                    "action": entry.action,
                    "door": entry.door,
                    "subject": entry.subject,
                    "result": entry.result,
                    "detail": entry.detail,
                }
                for entry in entries
            ],
        )


def share_key(request: RunRequest) -> str | None:
    """Name what equal requests have in common; None for one that has a job of its own.

    An apply or a destroy is never shared, and nothing stands in for a template that is not known.
    """
    template = request.template
    if request.verb not in _SHAREABLE or not (template.id or template.tcl):
        return None
    flow = (
        f"tcl:{hashlib.sha256(template.tcl.encode()).hexdigest()}" if template.tcl else template.id
    )
    options = request.options
    facts = [
        request.workspace.id,
        request.commit_id,
        request.tag,
        flow,
        options.refresh,
        options.refresh_only,
        options.targets,
        options.replaces,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _at_latest(now: int) -> object:
    allowed = soonest(now)
    return case((post.c.due_at < allowed, post.c.due_at), else_=allowed)


def _see_repositories(connection: Connection, work: Work, now: int) -> None:
    seen: dict[str, RepositoryRef] = {}
    for ref in (
        *(request.repository for request in work.runs),
        *(branch.repository for branch in work.branches),
        *(seen.pull_request.ref.repository for seen in work.pull_requests),
    ):
        seen[ref.key] = ref
    for key, ref in sorted(seen.items()):
        statement = upsert(connection, repository).values(
            id=key, forge=ref.forge, repository_id=ref.id, slug=ref.slug, seen_at=now
        )
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={"slug": ref.slug, "seen_at": now},
                where=repository.c.slug != ref.slug,
            )
        )


def _see_pull_request(connection: Connection, seen: PullRequestSeen, now: int) -> None:
    found = seen.pull_request
    values: dict[str, object] = {
        "forge": found.ref.repository.forge,
        "repository_id": found.ref.repository.id,
        "repository_slug": found.ref.repository.slug,
        "number": found.ref.number,
        "state": found.state.value,
        "draft": int(found.draft),
        "from_fork": int(found.from_fork),
        "title": found.title,
        "web_url": found.web_url,
        "head_sha": found.head_sha,
        "base_branch": found.base_branch,
        "base_sha": found.base_sha,
        "merge_commit": found.merge_commit,
        "updated_at": now if found.updated_at is None else to_ms(found.updated_at),
    }
    if seen.verdict is not None:
        values["verdict"] = VERDICT.dump(seen.verdict)
    statement = upsert(connection, pull_request).values(id=found.ref.key, **values)
    # What somebody allowed was for the base and the head that they saw: else whoever made the
    # fork could go back and forth between an allowed head and another one, planned each time.
    moved = or_(
        pull_request.c.base_branch != found.base_branch,
        pull_request.c.head_sha != found.head_sha,
    )
    allowed = case((moved, None), else_=pull_request.c.allowed_head)
    again = {**values, "allowed_head": allowed}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=again))


def _see_branch(connection: Connection, seen: BranchSeen, now: int) -> None:
    values = {"sha": seen.sha, "seen_at": now}
    statement = upsert(connection, branch_head).values(
        id=branch_key(seen.repository, seen.branch), **values
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def branch_key(ref: RepositoryRef, branch: str) -> str:
    """Key of ``branch_head``."""
    return f"branch:{ref.key}:{branch}"


def _allow(connection: Connection, allowance: Allowance) -> None:
    connection.execute(
        update(pull_request)
        .where(pull_request.c.id == allowance.pull_request.key)
        .values(allowed_head=allowance.head_sha)
    )


def _supersede(connection: Connection, supersede: Supersede, now: int) -> set[str]:
    ended: list[str] = []
    left = _leave(connection, supersede)
    for row in _superseded(connection, supersede):
        planned = row["phase"] == RunPhase.PLANNED
        finished = row["phase"] == RunPhase.FINISHED
        values: dict[str, object] = {
            "superseded_by": supersede.keep_head or (RETARGETED if supersede.leaves else CLOSED),
            # A dying run is nothing to share, and the same head may come back (reopened).
            "share_key": None,
            "trigger": f"{row['trigger']}#{row['id']}",
        }
        if planned:
            values |= _ended_as_superseded(supersede.reason, now)
        elif not finished and row["job_status"] in _NOT_RUNNING:
            values |= {"cancel_requested": 1, "due_at": func.coalesce(run.c.due_at, now)}
        connection.execute(update(run).where(run.c.id == row["id"]).values(values))
        ended.append(row["id"])
    if ended:
        hints.hint(connection, hints.RUN)
    return left | set(reports_of(connection, ended))


def _leave(connection: Connection, supersede: Supersede) -> set[str]:
    """Let a pull request show no more what was planned in workspaces it has left."""
    if not supersede.leaves or supersede.workspaces is None:
        return set()
    report = supersede.pull_request.key
    plans = select(run.c.id).where(
        run.c.verb == Verb.PLAN.value, run.c.workspace_id.in_(sorted(supersede.workspaces))
    )
    gone = connection.execute(
        delete(run_link).where(run_link.c.report == report, run_link.c.run_id.in_(plans))
    )
    return {report} if gone.rowcount else set()


def _superseded(connection: Connection, supersede: Supersede) -> list[RowMapping]:
    ref = supersede.pull_request
    query = (
        select(run.c.id, run.c.trigger, run.c.phase, run.c.job_status, run.c.request)
        .where(
            _of_pull_request(ref),
            run.c.verb == Verb.PLAN.value,
            run.c.shared == 0,
            run.c.superseded_by == "",
        )
        .order_by(run.c.id)
        .with_for_update()
    )
    if not supersede.leaves:
        query = query.where(run.c.phase != RunPhase.FINISHED.value)
    if supersede.keep_head is not None:
        query = query.where(run.c.commit_id != supersede.keep_head)
    if supersede.workspaces is not None:
        query = query.where(run.c.workspace_id.in_(sorted(supersede.workspaces)))
    found = connection.execute(query).mappings().all()
    return [row for row in found if not RUN_REQUEST.load(row["request"]).applies]


def _ended_as_superseded(reason: str, now: int) -> dict[str, object]:
    return {
        "phase": RunPhase.FINISHED.value,
        "state": RunState.SUPERSEDED.value,
        "reason": reason,
        "trouble": "",
        "finished_at": now,
        "due_at": None,
        # Whoever holds it at this moment finds its fence refused.
        "fence": run.c.fence + 1,
        "owner": None,
        "lease_until": None,
    }


def _of_pull_request(ref: PullRequestRef) -> ColumnElement[bool]:
    return and_(
        run.c.forge == ref.repository.forge,
        run.c.repository_id == ref.repository.id,
        run.c.pull_request == ref.number,
    )


def _request_runs(
    connection: Connection, requests: Sequence[RunRequest], now: int
) -> tuple[list[str], set[str]]:
    if not requests:
        return [], set()
    _follow_organizations(connection, requests, now)
    rows = {_new_id(now): request for request in requests}
    inserted = _insert_runs(connection, rows, now)
    links: list[tuple[str, str]] = []
    for key, request in rows.items():
        shown = key if key in inserted else _find_or_insert(connection, key, request, now)
        if shown == key:
            inserted.add(key)
        links += [(shown, report) for report in request.reports]
    _link(connection, links)
    if inserted:
        hints.hint(connection, hints.RUN)
    return [key for key in rows if key in inserted], {report for _, report in links}


def _insert_runs(connection: Connection, rows: Mapping[str, RunRequest], now: int) -> set[str]:
    statement = upsert(connection, run).on_conflict_do_nothing().returning(run.c.id)
    values = [_run_values(key, request, now) for key, request in rows.items()]
    return set(connection.scalars(statement, values))


def _find_or_insert(connection: Connection, key: str, request: RunRequest, now: int) -> str:
    """Return the run that stands for *request*: an older one, or *key* itself."""
    for _ in range(_RACES):
        found = _existing(connection, request)
        if found is not None:
            return found
        # What was in the way has ended since, on another replica.
        if _insert_runs(connection, {key: request}, now):
            return key
    msg = f"the run for {request.trigger} in {request.workspace} keeps changing"
    raise OverloadedError(msg)


def _new_id(now: int) -> str:
    # By the database's clock, so that ids sort by time on every replica.
    return str(ULID.from_timestamp(now / 1000))


def _run_values(key: str, request: RunRequest, now: int) -> dict[str, object]:
    return {
        "id": key,
        "trigger": request.trigger,
        "workspace_id": request.workspace.id,
        "workspace_name": request.workspace.name,
        "verb": request.verb.value,
        "organization_id": request.workspace.organization_id,
        "forge": request.repository.forge,
        "repository_id": request.repository.id,
        "pull_request": request.pull_request,
        "commit_id": request.commit_id,
        "request": RUN_REQUEST.dump(request),
        "share_key": share_key(request),
        "phase": RunPhase.PLANNED.value,
        "state": RunState.QUEUED.value,
        "created_at": now,
        "due_at": now,
    }


def _existing(connection: Connection, request: RunRequest) -> str | None:
    same_trigger = and_(
        run.c.trigger == request.trigger,
        run.c.workspace_id == request.workspace.id,
        run.c.verb == request.verb.value,
    )
    wanted = [same_trigger]
    key = share_key(request)
    if key is not None:
        wanted.append(and_(run.c.share_key == key, run.c.phase != RunPhase.FINISHED.value))
    found = connection.execute(
        select(run.c.id, run.c.trigger)
        .where(or_(*wanted))
        .order_by(case((same_trigger, 0), else_=1))
        .limit(1)
    ).first()
    if found is None:
        return None
    if found.trigger != request.trigger:
        connection.execute(update(run).where(run.c.id == found.id).values(shared=1))
    return str(found.id)


def _follow_organizations(connection: Connection, requests: Sequence[RunRequest], now: int) -> None:
    names = {r.workspace.organization_id: r.workspace.organization for r in requests}
    for key, name in sorted(names.items()):
        statement = upsert(connection, organization).values(id=key, name=name, due_at=now)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["id"],
                set_={"name": name, "due_at": func.coalesce(organization.c.due_at, now)},
                where=or_(organization.c.name != name, organization.c.due_at.is_(None)),
            )
        )


def _link_runs(connection: Connection, link: LinkRuns) -> set[str]:
    ref = link.pull_request.repository
    found = connection.scalars(
        select(run.c.id).where(
            run.c.forge == ref.forge,
            run.c.repository_id == ref.id,
            run.c.commit_id == link.commit,
            run.c.pull_request.is_(None),
        )
    ).all()
    _link(connection, [(run_id, link.pull_request.key) for run_id in found])
    return {link.pull_request.key} if found else set()


def _link(connection: Connection, links: Sequence[tuple[str, str]]) -> None:
    if links:
        connection.execute(
            upsert(connection, run_link).on_conflict_do_nothing(),
            [{"run_id": run_id, "report": report} for run_id, report in sorted(set(links))],
        )


def _upsert_post(connection: Connection, wanted: PostUpsert, now: int) -> None:
    desired: dict[str, object] = {
        "target": POST_TARGET.dump(wanted.target),
        "report": wanted.report,
        "content": wanted.content,
    }
    key = wanted.target.key(wanted.kind)
    statement = upsert(connection, post).values(
        id=_new_id(now),
        key=key,
        kind=wanted.kind.value,
        forge=wanted.target.repository.forge,
        repository_id=wanted.target.repository.id,
        created_at=now,
        due_at=now,
        **desired,
    )
    again = {
        **desired,
        "revision": post.c.revision + 1,
        "due_at": _at_latest(now),
        "dead": 0,
        "failures": case((post.c.dead == 1, 0), else_=post.c.failures),
    }
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=again))
    if wanted.resend:
        _forget_sent(connection, key)
    hints.hint(connection, hints.POST)


def _forget_sent(connection: Connection, key: str) -> None:
    """Blank the hashes of what was sent, so that all of it is sent again."""
    stored = connection.execute(
        select(post.c.parts).where(post.c.key == key).with_for_update()
    ).scalar_one()
    parts = tuple(RemotePart(id=part.id, hash="") for part in PARTS.load(stored))
    connection.execute(update(post).where(post.c.key == key).values(parts=PARTS.dump(parts)))
