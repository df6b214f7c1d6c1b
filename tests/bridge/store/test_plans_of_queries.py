"""What is asked all the time finds its rows by an index: the bridge keeps months of runs."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, event

from bridge.domain.chat import ChannelSettings, ChatReportKey
from bridge.domain.work import FreeHolds, Supersede
from bridge.store.database import Database
from bridge.store.queries import adopting_jobs, asked, chat_messages, holders, superseding
from bridge.store.queries.chat import park
from bridge.store.queries.chat_messages import parent
from bridge.store.queries.fan_out import count_new, waiting
from tests.bridge.store.rows import HEAD, PULL_REQUEST

_GONE = FreeHolds(pull_request=PULL_REQUEST, ends_queued="It was closed.")
_MOVED = Supersede(pull_request=PULL_REQUEST, keep_head=HEAD, reason="A newer commit came.")
_WORKSPACE = "USING INDEX ix_run_workspace (workspace_id=? AND phase=?)"
_CHAT = "USING INDEX ix_post_chat (repository_id=? AND kind=?"
_GONE_CHANNEL = ChannelSettings(team="T1", channel="C1", parked="It was archived.")
_KEY = ChatReportKey(team="T1", channel="C1", group="push:1")
_JOB = "INDEX ix_run_job (job_id=?)"
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
        pytest.param(waiting, "USING INDEX ix_run_followed (organization_id=?", id="who waits now"),
        pytest.param(lambda c: chat_messages.run_of_job(c, "7"), _JOB, id="whose job it is"),
        pytest.param(lambda c: adopting_jobs.known_jobs(c, ["7"]), _JOB, id="which jobs are known"),
        pytest.param(
            lambda c: chat_messages.runs_under_way(c, "T1", "C1"),
            "USING INDEX ix_run_followed (organization_id=? AND phase=?)",
            id="what is under way in a channel",
        ),
        pytest.param(
            lambda c: chat_messages.planned_pull_requests(c, "w"), _WORKSPACE, id="who planned it"
        ),
    ],
)
async def test_runs_are_found_by_an_index(
    sqlite_url: str, query: Callable[[Connection], object], index: str
) -> None:
    async with await Database.open(sqlite_url) as database:
        plans = await database.read(_plans, query)
    assert plans
    assert [index in plan for plan in plans] == [True] * len(plans), plans


def _plans(
    connection: Connection, query: Callable[[Connection], object], table: str = "run"
) -> list[str]:
    """Say how SQLite finds rows of a table for what a query asks."""
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
    return [plan for plan in found if plan.split()[1:2] == [table]]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        pytest.param(
            lambda c: chat_messages.runs_of(c, "T1", "C1", "1700.1"), _CHAT, id="by a message"
        ),
        pytest.param(lambda c: count_new(c, "C1", 1), f"{_CHAT} AND created_at>?)", id="how many"),
        pytest.param(lambda c: park(c, _GONE_CHANNEL, 1), _CHAT, id="what is stopped"),
        pytest.param(lambda c: parent(c, _KEY), "USING INDEX", id="by its group"),
    ],
)
async def test_posts_of_a_channel_are_found_by_an_index(
    sqlite_url: str, query: Callable[[Connection], object], index: str
) -> None:
    async with await Database.open(sqlite_url) as database:
        plans = await database.write(_plans, query, "post")
    assert plans
    assert [index in plan for plan in plans] == [True] * len(plans), plans
