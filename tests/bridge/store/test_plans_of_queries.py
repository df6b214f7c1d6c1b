"""What is asked all the time finds its rows by an index: the bridge keeps months of runs."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bridge.domain.work import FreeHolds, Supersede
from bridge.store.database import Database
from bridge.store.queries import asked, holders, superseding
from tests.bridge.store.rows import HEAD, PULL_REQUEST

_GONE = FreeHolds(pull_request=PULL_REQUEST, ends_queued="It was closed.")
_MOVED = Supersede(pull_request=PULL_REQUEST, keep_head=HEAD, reason="A newer commit came.")
_WORKSPACE = "USING INDEX ix_run_workspace (workspace_id=? AND phase=?)"
_PULL_REQUEST = "USING INDEX ix_run_pull_request (forge=? AND repository_id=? AND pull_request=?)"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        pytest.param(lambda c: holders.read_queue(c, "w"), _WORKSPACE, id="who waits"),
        pytest.param(
            lambda c: superseding.end_queued(c, _GONE, 1), _PULL_REQUEST, id="what is closed"
        ),
        pytest.param(
            lambda c: superseding.supersede_runs(c, _MOVED, 1), _PULL_REQUEST, id="what is older"
        ),
        pytest.param(lambda c: asked.open_runs(c, PULL_REQUEST), _PULL_REQUEST, id="what is open"),
    ],
)
async def test_runs_are_found_by_an_index(
    sqlite_url: str, query: Callable[[Connection], object], index: str
) -> None:
    async with await Database.open(sqlite_url) as database:
        plans = await database.read(_plans, query)
    assert plans
    assert [index in plan for plan in plans] == [True] * len(plans), plans


def _plans(connection: Connection, query: Callable[[Connection], object]) -> list[str]:
    """Say how SQLite finds runs for what a query asks."""
    asked_for: list[tuple[str, Any]] = []

    def note(_: object, __: object, statement: str, parameters: Any, *___: object) -> None:  # noqa: ANN401 - as the driver takes them
        asked_for.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    query(connection)
    event.remove(connection, "before_cursor_execute", note)
    found = [
        row.detail
        for statement, parameters in asked_for
        for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    ]
    return [plan for plan in found if plan.split()[1:2] == ["run"]]
