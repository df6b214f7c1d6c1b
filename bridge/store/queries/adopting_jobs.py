"""Adopting jobs that somebody started in Terrakube itself: each becomes a run, once.

It is followed and answered to like any other, but the bridge did not ask for it: it is nobody's to
supersede, to sweep or to send again.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sqlalchemy import Connection, case, exists, select, update

from bridge.decisions.following import TICK, has_started, next_tick, state_of
from bridge.domain.chat import nobody_of_slack
from bridge.domain.runs import RunOptions, RunPhase, RunRequest, RunState, TemplateChoice, Verb
from bridge.domain.terrakube import TERMINAL, Job
from bridge.domain.vcs import RepositoryRef
from bridge.domain.work import AdoptJob
from bridge.store import hints
from bridge.store.codecs import RUN_REQUEST, STEPS, to_ms
from bridge.store.queries import organizations
from bridge.store.queries.fan_out import Shown
from bridge.store.queries.organizations import bring_forward, tick_offset
from bridge.store.queries.outbox import new_id
from bridge.store.queries.upserts import upsert
from bridge.store.schema import duty, organization, run, subscription

WATCH: Final = "job_watch"
"""The duty that looks for such jobs."""

INTERVAL: Final = 15_000
"""Milliseconds between two of its rounds."""

PAUSE: Final = 3_000
"""Least milliseconds between them, however many hints there are."""

SOMEBODY: Final = "somebody in Terrakube"
_KEY: Final = "bridge:"
_UNKNOWN: Final = RepositoryRef(forge="", id="", slug="")


def adopt(connection: Connection, wanted: AdoptJob, now: int) -> Shown | None:
    """Follow a job from now on; return its run, or None for one of the bridge's own, or ended."""
    job = wanted.job
    if job.status in TERMINAL or _is_own(connection, wanted):
        return None
    request = request_of(wanted)
    organizations.follow(connection, [wanted.workspace], now)
    statement = upsert(connection, run).values(**_values(wanted, request, now))
    inserted = connection.scalar(statement.on_conflict_do_nothing().returning(run.c.id))
    if inserted is None:
        # Found at the same time by a handler and the watch, or by two replicas.
        found = connection.execute(select(run.c.id).where(run.c.trigger == wanted.trigger)).first()
        return None if found is None else Shown(found.id, request)
    organization_id = wanted.workspace.organization_id
    soon = next_tick(TICK, now, offset=tick_offset(organization_id))
    bring_forward(connection, organization_id, soon)
    hints.hint(connection, hints.RUN)
    return Shown(inserted, request)


def request_of(wanted: AdoptJob) -> RunRequest:
    """Say what somebody asked Terrakube for, as far as the job tells."""
    job = wanted.job
    inline = not job.template_reference
    return RunRequest(
        trigger=wanted.trigger,
        # The names of Terrakube's tokens are chosen by whoever makes them.
        actor=nobody_of_slack(job.created_by) or SOMEBODY,
        verb=Verb.JOB,
        workspace=wanted.workspace,
        template=TemplateChoice(
            reference=wanted.template or job.template_reference,
            id=job.template_reference,
            name=wanted.template or ("its own" if inline else ""),
        ),
        commit_id=job.commit_id or "",
        repository=_UNKNOWN,
        reports=wanted.reports,
        branch=job.override_branch or "",
        options=RunOptions(destroy=wanted.destroys),
        why="Somebody started it in Terrakube.",
    )


def known_jobs(connection: Connection, job_ids: Sequence[str]) -> frozenset[str]:
    """Return which of these jobs are some run's already."""
    found = connection.scalars(select(run.c.job_id).where(run.c.job_id.in_(job_ids)))
    return frozenset(str(one) for one in found)


def resting(connection: Connection, now: int) -> frozenset[str]:
    """Return the ids of organizations that answer badly, and are left alone until later."""
    found = connection.scalars(select(organization.c.id).where(organization.c.not_before > now))
    return frozenset(found)


def rest(connection: Connection, organization_id: str, name: str, until: int) -> None:
    """Leave an organization alone until later, as it asked for that or does not answer."""
    statement = upsert(connection, organization).values(
        id=organization_id, name=name, not_before=until
    )
    later = case((organization.c.not_before > until, organization.c.not_before), else_=until)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_={"not_before": later})
    )


def hint(connection: Connection, names: Iterable[tuple[str, str]], now: int) -> None:
    """Look soon at the jobs of these (organization, workspace), or for new ones there."""
    if organizations.hint(connection, names, now):
        look_soon(connection, now)


def look_soon(connection: Connection, now: int) -> None:
    """Have somebody look for new jobs soon, unless that was done a moment ago, or nobody cares."""
    earliest = duty.c.due_at - (INTERVAL - PAUSE)
    hinted = connection.execute(
        update(duty)
        .where(
            duty.c.id == WATCH,
            duty.c.lease_until.is_(None),
            duty.c.due_at > now,
            exists(select(subscription.c.team)),
        )
        .values(due_at=case((earliest > now, earliest), else_=now))
    )
    if hinted.rowcount:
        hints.hint(connection, duty.name)


def _is_own(connection: Connection, wanted: AdoptJob) -> bool:
    """Tell whether another run has the job: one that made it, known to it by now or not."""
    word = wanted.job.comments.split(" ", 1)[0]
    if word.startswith(_KEY):
        run_id = word.removeprefix(_KEY)
        if connection.scalar(select(run.c.id).where(run.c.id == run_id)) is not None:
            return True
    theirs = select(run.c.id).where(
        run.c.job_id == wanted.job.id,
        run.c.organization_id == wanted.workspace.organization_id,
        run.c.trigger != wanted.trigger,
    )
    return connection.scalar(theirs.limit(1)) is not None


def _values(wanted: AdoptJob, request: RunRequest, now: int) -> dict[str, object]:
    job, workspace = wanted.job, wanted.workspace
    created_at = _created_at(job, now)
    state = state_of(job.status, job.steps, before=RunState.QUEUED)
    waits = state is RunState.WAITING
    return {
        "id": new_id(now),
        "trigger": request.trigger,
        "workspace_id": workspace.id,
        "workspace_name": workspace.name,
        "verb": Verb.JOB.value,
        "organization_id": workspace.organization_id,
        "commit_id": request.commit_id,
        "request": RUN_REQUEST.dump(request),
        # When it waits already, its plan is read for those who answer it.
        "phase": (RunPhase.REVIEWING if waits else RunPhase.CREATED).value,
        "due_at": now if waits else None,
        "state": state.value,
        "job_id": job.id,
        "job_status": job.status,
        "steps": STEPS.dump(job.steps),
        "created_at": created_at,
        "posted_at": created_at,
        "started_at": now if has_started(job.steps) else None,
        "changed_at": now,
        "look_interval": TICK,
        "next_look": now,
    }


def _created_at(job: Job, now: int) -> int:
    # Dates are cut to the minute, and clocks differ.
    return now if job.created_at is None else min(to_ms(job.created_at), now)
