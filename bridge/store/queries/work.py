"""Writing down what handling a delivery led to: runs, posts, what was seen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import (
    Connection,
    and_,
    case,
    func,
    or_,
    select,
    update,
)
from ulid import ULID

from bridge.domain.errors import OverloadedError
from bridge.domain.posts import PostUpsert, RemotePart
from bridge.domain.runs import Review, RunPhase, RunRequest, RunState, Verb
from bridge.domain.terrakube import JobStatus
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import (
    Allowance,
    BranchSeen,
    LinkRuns,
    PullRequestSeen,
    Work,
)
from bridge.store import hints
from bridge.store.codecs import PARTS, RUN_REQUEST, VERDICT, dump_target, to_ms
from bridge.store.queries import holds
from bridge.store.queries.answers import decide
from bridge.store.queries.superseding import end_queued, supersede_commit, supersede_runs
from bridge.store.queries.told import at_latest, record_audits, touch_reports
from bridge.store.queries.upserts import upsert
from bridge.store.schema import (
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
    _see(connection, work, now)
    changed: set[str] = set()
    for supersede in work.supersedes:
        changed |= supersede_runs(connection, supersede, now)
    for commit in work.superseded_commits:
        changed |= supersede_commit(connection, commit, now)
    for answer in work.decides:
        changed |= decide(connection, answer, now)
    for wanted in work.frees:
        if wanted.ends_queued:
            changed |= end_queued(connection, wanted, now)
        holds.free(connection, wanted, now)
    created, reports = _request_runs(connection, work.runs, now)
    changed |= reports
    for link in work.links:
        changed |= _link_runs(connection, link)
    touch_reports(connection, changed, now)
    for text in work.posts:
        _upsert_post(connection, text, now)
    record_audits(connection, work.audits, now)
    return created


def _see(connection: Connection, work: Work, now: int) -> None:
    """Write down what was seen and allowed, before anything follows from it."""
    _see_repositories(connection, work, now)
    for seen in work.pull_requests:
        _see_pull_request(connection, seen, now)
    for branch in work.branches:
        _see_branch(connection, branch, now)
    for allowance in work.allowances:
        _allow(connection, allowance)


def share_key(request: RunRequest) -> str | None:
    """Name what equal requests have in common; None for one that has a job of its own.

    An apply or a destroy is never shared, and nothing stands in for a template or a commit that
    is not known.
    """
    template = request.template
    is_known = request.commit_id and (template.id or template.tcl)
    if request.verb not in _SHAREABLE or not is_known:
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
        options.destroy,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _see_repositories(connection: Connection, work: Work, now: int) -> None:
    seen: dict[str, RepositoryRef] = {}
    for ref in (
        *(request.repository for request in work.runs),
        *(branch.repository for branch in work.branches),
        *(seen.pull_request.ref.repository for seen in work.pull_requests),
    ):
        seen[ref.key] = ref
    for key, ref in sorted(seen.items()):
        if not ref.forge:
            continue  # code that is on no configured forge
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
        "review": (Review.DUE if request.reviewed else Review.NONE).value,
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
        "target": dump_target(wanted.target),
        "report": wanted.report,
        "content": wanted.content,
    }
    key = wanted.target.key(wanted.kind)
    statement = upsert(connection, post).values(
        id=_new_id(now),
        key=key,
        kind=wanted.kind.value,
        forge=wanted.target.service,
        repository_id=wanted.target.where,
        created_at=now,
        due_at=now,
        **desired,
    )
    again = {
        **desired,
        "revision": post.c.revision + 1,
        "due_at": at_latest(now),
        "dead": 0,
        "failures": case((post.c.dead == 1, 0), else_=post.c.failures),
    }
    connection.execute(statement.on_conflict_do_update(index_elements=["key"], set_=again))
    if wanted.resend:
        forget_sent(connection, key)
    hints.hint(connection, hints.POST)


def forget_sent(connection: Connection, key: str) -> None:
    """Blank the hashes of what was sent, so that all of it is sent again."""
    stored = connection.execute(
        select(post.c.parts).where(post.c.key == key).with_for_update()
    ).scalar_one()
    parts = tuple(RemotePart(id=part.id, hash="") for part in PARTS.load(stored))
    connection.execute(update(post).where(post.c.key == key).values(parts=PARTS.dump(parts)))
