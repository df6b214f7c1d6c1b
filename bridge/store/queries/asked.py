"""What commands ask about runs: what is open, what waits, which plans there are."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, or_, select

from bridge.domain.runs import Run, RunPhase, RunState, Verb
from bridge.domain.vcs import PullRequestRef
from bridge.store.codecs import run_from_row
from bridge.store.queries.holders import read_queue
from bridge.store.queries.holds import waits
from bridge.store.queries.superseding import of_pull_request
from bridge.store.schema import run, run_link


def queue(connection: Connection, workspace_id: str) -> Sequence[Run]:
    """Read the runs that wait for a workspace, the next one first."""
    return [run_from_row(row._mapping) for row in read_queue(connection, workspace_id)]  # noqa: SLF001 - its documented name


def open_runs(connection: Connection, ref: PullRequestRef) -> Sequence[Run]:
    """Read the runs of a pull request that have not ended, oldest first."""
    return _runs(connection, _of(ref).where(run.c.phase != RunPhase.FINISHED.value))


def runs_waiting(connection: Connection, ref: PullRequestRef) -> Sequence[Run]:
    """Read the runs of a pull request whose jobs wait for an approval, oldest first."""
    return _runs(connection, _of(ref).where(waits()))


def shown_runs(connection: Connection, ref: PullRequestRef, head_sha: str) -> Sequence[Run]:
    """Read what a pull request shows at a head, and what has not ended at others, oldest first."""
    shown = (
        select(run)
        .join(run_link, run_link.c.run_id == run.c.id)
        .where(
            run_link.c.report == ref.key,
            or_(run.c.commit_id == head_sha, run.c.phase != RunPhase.FINISHED.value),
        )
        .order_by(run.c.created_at, run.c.id)
    )
    return _runs(connection, shown)


def latest_plans(connection: Connection, ref: PullRequestRef, head_sha: str) -> Mapping[str, Run]:
    """Read the newest plan of each workspace that a pull request shows at a head.

    Plans that were cancelled or superseded are no newer ones.
    """
    shown = (
        select(run)
        .join(run_link, run_link.c.run_id == run.c.id)
        .where(
            run_link.c.report == ref.key,
            run.c.commit_id == head_sha,
            run.c.verb.in_([Verb.PLAN.value, Verb.PUSH.value]),
            run.c.state.not_in([RunState.CANCELLED.value, RunState.SUPERSEDED.value]),
            run.c.superseded_by == "",
        )
        .order_by(run.c.created_at, run.c.id)
    )
    return {
        one.request.workspace.id: one for one in _runs(connection, shown) if not one.request.applies
    }


def _of(ref: PullRequestRef) -> Select[Any]:
    return select(run).where(of_pull_request(ref)).order_by(run.c.id)


def _runs(connection: Connection, query: Select[Any]) -> Sequence[Run]:
    return [run_from_row(row) for row in connection.execute(query).mappings()]
