"""Writing down what handling a delivery led to: runs, posts, what was seen."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import (
    Connection,
    and_,
    case,
    or_,
    select,
    update,
)

from bridge.domain.errors import OverloadedError
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
from bridge.store.codecs import RUN_REQUEST, VERDICT, to_ms
from bridge.store.queries import holds, organizations
from bridge.store.queries.adopting_jobs import adopt
from bridge.store.queries.answers import decide, look_again
from bridge.store.queries.chat_work import change_chat
from bridge.store.queries.fan_out import Shown, fan_out, is_chat, make_posts, waiting
from bridge.store.queries.outbox import new_id, upsert_post
from bridge.store.queries.superseding import end_queued, supersede_commit, supersede_runs
from bridge.store.queries.told import record_audits, touch_reports
from bridge.store.queries.upserts import upsert
from bridge.store.schema import (
    branch_head,
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
    change_chat(connection, work, now)
    adopted = [one for each in work.adopts if (one := adopt(connection, each, now)) is not None]
    changed: set[str] = set()
    for supersede in work.supersedes:
        changed |= supersede_runs(connection, supersede, now)
    for commit in work.superseded_commits:
        changed |= supersede_commit(connection, commit, now)
    heard = [decide(connection, one, now) for one in work.decides]
    changed |= {report for one in heard for report in one.reports}
    for run_id in work.looks:
        changed |= look_again(connection, run_id, now)
    for wanted in work.frees:
        if wanted.ends_queued:
            changed |= end_queued(connection, wanted, now)
        holds.free(connection, wanted, now)
    created, wanted_runs = _request_runs(connection, work.runs, now)
    linked = [one for link in work.links for one in _linked(connection, link)]
    changed |= _link(connection, [*adopted, *wanted_runs], linked)
    late = waiting(connection) if work.subscribes else ()
    shown = [*adopted, *wanted_runs, *(one for one, _ in linked), *late]
    told = fan_out(connection, shown, now)
    changed |= {str(one.key) for one in told}
    touch_reports(connection, changed, now)
    for text in [*work.posts, *(one.told for one in heard if one.told)]:
        upsert_post(connection, text, now)
    make_posts(connection, told, now)
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
) -> tuple[list[str], list[Shown]]:
    """Write intents down; return those that are new, and which run stands for each request."""
    if not requests:
        return [], []
    organizations.follow(connection, [one.workspace for one in requests], now)
    rows = {new_id(now): request for request in requests}
    inserted = _insert_runs(connection, rows, now)
    shown: list[Shown] = []
    for key, request in rows.items():
        found = key if key in inserted else _find_or_insert(connection, key, request, now)
        if found == key:
            inserted.add(key)
        shown.append(Shown(found, request))
    if inserted:
        hints.hint(connection, hints.RUN)
    return [key for key in rows if key in inserted], shown


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


def _linked(connection: Connection, link: LinkRuns) -> Sequence[tuple[Shown, str]]:
    """Find the runs a pull request shows from now on, too, with its report."""
    ref = link.pull_request.repository
    found = connection.execute(
        select(run.c.id, run.c.request)
        .where(
            run.c.forge == ref.forge,
            run.c.repository_id == ref.id,
            run.c.commit_id == link.commit,
            run.c.pull_request.is_(None),
        )
        .order_by(run.c.id)
    )
    report = link.pull_request.key
    return [(Shown(row.id, RUN_REQUEST.load(row.request)), report) for row in found]


def _link(
    connection: Connection, wanted: Sequence[Shown], linked: Sequence[tuple[Shown, str]]
) -> set[str]:
    """Let runs be shown on forges where that was asked for; return those reports."""
    links = {(one.run_id, report) for one, report in linked}
    links |= {
        (one.run_id, report)
        for one in wanted
        for report in one.request.reports
        if not is_chat(report)
    }
    if links:
        connection.execute(
            upsert(connection, run_link).on_conflict_do_nothing(),
            [{"run_id": run_id, "report": report} for run_id, report in sorted(links)],
        )
    return {report for _, report in links}
