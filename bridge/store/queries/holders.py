"""Who has a workspace, and who waits for it, as it is read."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, RowMapping, select

from bridge.domain.holds import Hold, QueuePlace
from bridge.domain.rules import Locks
from bridge.domain.runs import RunPhase, RunState, Verb
from bridge.domain.terrakube import WorkspaceRef
from bridge.domain.vcs import PullRequestRef, RepositoryRef
from bridge.store.codecs import from_ms, from_ms_or_none
from bridge.store.schema import hold, run

APPLYING: Final = frozenset({Verb.APPLY.value, Verb.DESTROY.value})
"""Verbs of runs that need a workspace for themselves."""


def read_hold(connection: Connection, workspace_id: str) -> Hold | None:
    """Read who has a workspace; None when nobody has."""
    return _holds(connection, hold.c.workspace_id == workspace_id).get(workspace_id)


def read_holds(connection: Connection, pull_request_key: str) -> Sequence[Hold]:
    """Read what a pull request holds, sorted by name."""
    found = _holds(connection, hold.c.pull_request == pull_request_key)
    return sorted(found.values(), key=lambda one: str(one.workspace))


def read_holders(connection: Connection, forge: str) -> Sequence[PullRequestRef]:
    """Read which pull requests of a forge hold workspaces, sorted."""
    rows = connection.execute(
        select(hold.c.repository_id, hold.c.repository_slug, hold.c.number)
        .where(hold.c.forge == forge)
        .order_by(hold.c.repository_id, hold.c.number, hold.c.repository_slug)
    )
    found = {
        (row.repository_id, row.number): PullRequestRef(
            repository=RepositoryRef(forge=forge, id=row.repository_id, slug=row.repository_slug),
            number=row.number,
        )
        for row in rows
    }
    return list(found.values())


def read_queue(connection: Connection, workspace_id: str) -> Sequence[Row[Any]]:
    """Read the runs that wait for a workspace, the next one first."""
    found = (
        connection.execute(select(hold).where(hold.c.workspace_id == workspace_id))
        .mappings()
        .first()
    )
    verbs = set(APPLYING)
    if found is not None and found["locks"] == Locks.PLAN.value:
        verbs.add(Verb.PLAN.value)
    rows = connection.execute(
        select(run)
        .where(
            run.c.workspace_id == workspace_id,
            run.c.phase == RunPhase.PLANNED.value,
            run.c.pull_request.is_not(None),
            run.c.verb.in_(sorted(verbs)),
        )
        .order_by(run.c.id)
    ).all()
    holder = "" if found is None else found["pull_request"]
    return sorted(rows, key=lambda row: (pull_request_key(row) != holder, row.id))


def read_place(connection: Connection, run_id: str, workspace_id: str) -> QueuePlace | None:
    """Say what a run waits for and who comes before it; None when it waits for no workspace."""
    found = read_hold(connection, workspace_id)
    if found is None:
        return None
    queue = read_queue(connection, workspace_id)
    for at, row in enumerate(queue, start=1):
        if row.id == run_id:
            its_turn = pull_request_key(row) == found.pull_request.key and not found.busy
            return None if its_turn and at == 1 else QueuePlace(hold=found, position=at)
    return None


def _holds(connection: Connection, condition: ColumnElement[bool]) -> Mapping[str, Hold]:
    rows = connection.execute(
        select(hold, run.c.state.label("run_state"), run.c.phase.label("run_phase"))
        .join(run, run.c.id == hold.c.busy_run, isouter=True)
        .where(condition)
    ).mappings()
    return {row["workspace_id"]: _hold(row) for row in rows}


def _hold(row: RowMapping) -> Hold:
    at_work = (
        row["run_phase"] not in {None, RunPhase.FINISHED.value}
        and row["run_state"] != RunState.WAITING.value
    )
    return Hold(
        workspace=WorkspaceRef(
            organization_id=row["organization_id"],
            organization=row["organization_name"],
            id=row["workspace_id"],
            name=row["workspace_name"],
        ),
        pull_request=PullRequestRef(
            repository=RepositoryRef(
                forge=row["forge"], id=row["repository_id"], slug=row["repository_slug"]
            ),
            number=row["number"],
        ),
        actor=row["actor"],
        web_url=row["web_url"],
        since=from_ms(row["since"]),
        busy=at_work or row["busy_until"] is not None,
        busy_until=from_ms_or_none(row["busy_until"]),
    )


def pull_request_key(row: Any) -> str:  # noqa: ANN401 - a whole row, or these columns of one
    """Name the pull request a run was asked for in, as holds do."""
    return f"pr:{row.forge}:{row.repository_id}:{row.pull_request}"
